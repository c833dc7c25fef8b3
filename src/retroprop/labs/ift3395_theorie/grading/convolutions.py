"""Question 3 of the sheet: sizes, weights, and layers from 3×32×32 to (28, 4, 4).

The sheet asks for one layer, and there are many: each that is given has to fit. What is compared is
what the given layers make, so that any choice is right.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retroprop.calculus.convolution_arithmetic import solve_convolution
from retroprop.grading.checks import Check, Mistake, Question, Remark, Values
from retroprop.grading.comparison import numbers_of
from retroprop.labs.ift3395_theorie.grading.results import check_of
from retroprop.languages import say_later

INPUT, OUTPUT = 32, 4
"""Pixels along an axis before and after the layers of (c) to (e)."""

Layer = tuple[int, ...]
"""Kernel, stride, padding and dilation."""

SIZES: dict[str, Callable[[int, int, int, int], int]] = {
    "right": lambda k, s, p, d: (INPUT + 2 * p - d * (k - 1) - 1) // s + 1,
    "dilation ignored": lambda k, s, p, d: (INPUT + 2 * p - k) // s + 1,
    "padding ignored": lambda k, s, p, d: (INPUT - d * (k - 1) - 1) // s + 1,
    "padding on one side": lambda k, s, p, d: (INPUT + p - d * (k - 1) - 1) // s + 1,
    "1 missing": lambda k, s, p, d: (INPUT + 2 * p - d * (k - 1) - 1) // s,
    "rounded up": lambda k, s, p, d: -((d * (k - 1) + 1 - INPUT - 2 * p) // s) + 1,
}
"""The output size along an axis, and with mistakes."""

FORMULAS = {
    mistake.name: mistake
    for mistake in (
        Mistake(
            name="dilation ignored",
            sentence=say_later("the dilation is ignored: the kernel reaches over d (k − 1) + 1"),
            switches={"formula": "dilation ignored"},
        ),
        Mistake(
            name="padding ignored",
            sentence=say_later("the padding is ignored: it adds 2 p to the size"),
            switches={"formula": "padding ignored"},
        ),
        Mistake(
            name="padding on one side",
            sentence=say_later("the padding is added on one side: it adds 2 p to the size"),
            switches={"formula": "padding on one side"},
        ),
        Mistake(
            name="1 missing",
            sentence=say_later("the 1 that is added after the division by the stride is missing"),
            switches={"formula": "1 missing"},
        ),
        Mistake(
            name="rounded up",
            sentence=say_later("the division by the stride is rounded up: it is rounded down"),
            switches={"formula": "rounded up"},
        ),
    )
}


def layers_given(answer: Any) -> list[Layer]:
    """The layers of an answer; a single one need not be in a list.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(answer, list | tuple):
        raise ValueError("a list of layers is expected")
    rows = answer if any(isinstance(row, list | tuple) for row in answer) else [answer]
    layers = [tuple(_whole(number) for number in row) for row in rows]
    if any(len(layer) != 4 or layer[0] < 1 or layer[1] < 1 for layer in layers):
        raise ValueError("a layer is (k, s, p, d)")
    return layers


def _whole(number: Any) -> int:
    value = numbers_of(number)
    if value is None or value.numel() != 1 or float(value) != int(value):
        raise ValueError("a whole number is expected")
    return int(value)


def outcome(layers: Sequence[Layer], fixed: Mapping[str, int]) -> list[list[int]]:
    """What each layer makes, and those of its numbers that the question fixes."""
    return [
        [SIZES["right"](*layer), *(layer["kspd".index(name)] for name in fixed)] for layer in layers
    ]


def outcome_of(values: Values, answer: Any) -> Any:
    """What is compared; of what is no list of layers, itself."""
    try:
        return outcome(layers_given(answer), values["fixed"])
    except (TypeError, ValueError):
        return answer


def right_outcome(values: Values, answer: Any, *, formula: str = "right") -> Any:
    """The right sizes for as many layers as are given.

    With a wrong formula: what they make, if the formula makes all of them right.

    Raises:
        ValueError: If it does not.
    """
    fixed = values["fixed"]
    right = [OUTPUT, *fixed.values()]
    if formula == "right":
        given = outcome_of(values, answer)
        return [right] * max(1, len(given) if isinstance(given, list) else 1)
    layers = layers_given(answer)
    made = outcome(layers, fixed)
    found = [[SIZES[formula](*layer), *rest[1:]] for layer, rest in zip(layers, made, strict=True)]
    if any(one != right for one in found):
        raise ValueError("the formula does not explain the answer")
    return made


def all_layers(fixed: Mapping[str, int]) -> set[Layer]:
    """Every layer that fits."""
    names = {"k": "kernel", "s": "stride", "p": "padding", "d": "dilation"}
    found = solve_convolution(INPUT, OUTPUT, **{names[name]: fixed[name] for name in fixed})
    return {(one.kernel, one.stride, one.padding, one.dilation) for one in found}


NOT_ALL = Remark(
    name="not all layers",
    sentence=say_later("there are other layers that fit"),
    applies=lambda values, answer: set(layers_given(answer)) < all_layers(values["fixed"]),
)


def layers_check(function: str, fixed: Mapping[str, int], *formulas: str) -> Check:
    """A check of layers.

    Args:
        function: Its name in the template.
        fixed: Those of k, s, p and d that the question gives.
        *formulas: Mistakes.
    """
    return Check(
        name=say_later("the layers"),
        share=1.0,
        probe="result",
        inputs=lambda generator: {"function": function, "arguments": [], "fixed": dict(fixed)},
        reference=right_outcome,
        measure=outcome_of,
        mistakes=[FORMULAS[name] for name in formulas],
        pairs=False,
        remarks=[NOT_ALL],
    )


def number_check(function: str, right: int, *wrong: tuple[str, str, Any]) -> Check:
    """A check of a number that has no arguments, hidden: a public one could be tried out."""
    return check_of(
        function,
        lambda generator: [],
        lambda: right,
        [(name, sentence, lambda value=value: value) for name, sentence, value in wrong],
        public=False,
    )


QUESTIONS = [
    Question(
        number="3a",
        name=say_later("The number of outputs"),
        points=3,
        checks=[
            number_check(
                "output_values",
                128 * 11 * 11,
                (
                    "pixels of one map",
                    say_later("it is the size of one map: there are 128 of them"),
                    11 * 11,
                ),
                ("pixels along an axis", say_later("it is the size along one axis"), 11),
                (
                    "shape instead of number",
                    say_later("it is the shape: the number of values is its product"),
                    [128, 11, 11],
                ),
                (
                    "last padding left out",
                    say_later("the padding of the last layer is left out"),
                    128 * 9 * 9,
                ),
                (
                    "last padding on one side",
                    say_later("the padding of the last layer is counted on one side only"),
                    128 * 10 * 10,
                ),
                (
                    "pooling rounded up",
                    say_later("the size after the max-pooling is rounded up: 61 / 5 gives 12"),
                    128 * 12 * 12,
                ),
                (
                    "overlapping windows",
                    say_later("the windows of the max-pooling overlap: their stride is 5"),
                    128 * 56 * 56,
                ),
                (
                    "channels of the first layer",
                    say_later("the maps are those of the first layer: the last one has 128"),
                    32 * 11 * 11,
                ),
            )
        ],
    ),
    Question(
        number="3b",
        name=say_later("The weights of the last layer"),
        points=2,
        checks=[
            number_check(
                "last_layer_weights",
                128 * 32 * 4 * 4,
                (
                    "biases of the last layer counted",
                    say_later("the 128 biases are counted: they are left out here"),
                    128 * 32 * 4 * 4 + 128,
                ),
                (
                    "input channels left out",
                    say_later("each kernel reaches over all 32 maps that come in"),
                    128 * 4 * 4,
                ),
                (
                    "channels of the image",
                    say_later("the 3 channels are the image's: 32 maps come into the last layer"),
                    128 * 3 * 4 * 4,
                ),
                (
                    "kernels of the first layer",
                    say_later("the kernels are 8 × 8 as in the first layer: here, they are 4 × 4"),
                    128 * 32 * 8 * 8,
                ),
                (
                    "weights for each position",
                    say_later("the weights are counted for each position, and all share them"),
                    128 * 32 * 4 * 4 * 11 * 11,
                ),
            )
        ],
    ),
    Question(
        number="3c",
        name=say_later("Layers without padding and dilation"),
        points=2,
        checks=[
            layers_check("layers_without_padding", {"p": 0, "d": 1}, "1 missing", "rounded up")
        ],
    ),
    Question(
        number="3d",
        name=say_later("Layers with dilation 2 and padding 2"),
        points=2,
        checks=[layers_check("layers_with_dilation", {"p": 2, "d": 2}, *FORMULAS)],
    ),
    Question(
        number="3e",
        name=say_later("Layers with padding 1 and stride 2"),
        points=2,
        checks=[
            layers_check(
                "layers_with_stride",
                {"s": 2, "p": 1, "d": 1},
                "padding ignored",  # for stride 2 and padding 1, as without the 1 of the formula
                "padding on one side",
                "rounded up",
            )
        ],
    ),
]
