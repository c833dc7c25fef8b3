"""Questions 6 and 7: normalized sets, and one-hot labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from retroprop.grading.checks import Check, Mistake, Question, Remark, Values
from retroprop.labs.ift3395_devoir3.grading.common import all_but
from retroprop.languages import say_later

CONSTANT = (0, 1, 2)
"""Channel, row and column of a pixel that is constant in the training set."""


# --- question 6 -----------------------------------------------------------------------------------


def normalized(
    values: Values,
    answer: Any,
    *,
    axes: tuple[int, ...] = (0,),
    of: str = "train",
    centre: str = "mean",
    scale: str = "deviation",
    correction: int = 1,
    labels: bool = True,
) -> list[Any]:
    """The three sets as (images, labels), without the constant pixel.

    Args:
        values: With the sets.
        answer: Ignored.
        axes: Over which the statistics are taken.
        of: Whose statistics: "train", "itself", "all" together, or "normalized" where the training
            set is normalized before the others' statistics are taken.
        centre: "mean", "minimum" or "zero".
        scale: "deviation", "variance", "range", "one" or "255".
        correction: The variance divides by n minus this.
        labels: Whether they are kept.
    """
    names = ("train", "valid", "test")
    sets = {name: values[name] for name in names}
    found = []
    for name in names:
        source = {
            "train": sets["train"],
            "itself": sets[name],
            "all": torch.cat([*sets.values()]),
            "normalized": sets["train"],
        }[of]
        images = sets[name]
        if of != "normalized" or name == "train":
            images = (images - _centre(source, centre, axes)) / _scale(
                source, scale, axes, correction
            )
        images = without_constant(images)
        found.append([images, values[f"{name}_labels"]] if labels else images)
    return found


def _centre(images: Tensor, centre: str, axes: tuple[int, ...]) -> Tensor:
    return {
        "mean": images.mean(axes, keepdim=True),
        "minimum": images.amin(axes, keepdim=True),
        "zero": torch.zeros(()),
    }[centre]


def _scale(images: Tensor, scale: str, axes: tuple[int, ...], correction: int) -> Tensor:
    return {
        "deviation": images.std(axes, keepdim=True, correction=correction),
        "variance": images.var(axes, keepdim=True, correction=correction),
        "range": images.amax(axes, keepdim=True) - images.amin(axes, keepdim=True),
        "one": torch.ones(()),
        "255": torch.tensor(255.0),
    }[scale]


def without_constant(images: Any) -> Any:
    """Images (n, 1, 3, 4) as vectors without the constant pixel; anything else as it is."""
    if not isinstance(images, Tensor) or images.shape[1:] != (1, 3, 4):
        return images
    _, row, column = CONSTANT
    keep = torch.arange(12) != 4 * row + column
    return images.flatten(1)[:, keep]


def _compared_sets(values: Values, answer: Any) -> Any:
    if not isinstance(answer, list | tuple):
        return answer
    return [
        [without_constant(one[0]), *one[1:]]
        if isinstance(one, list | tuple) and one
        else without_constant(one)
        for one in answer
    ]


def _training_set(values: Values, answer: Any) -> Any:
    sets = _compared_sets(values, answer)
    return sets[:1] if isinstance(sets, list) else sets


def _other_sets(values: Values, answer: Any) -> Any:
    sets = _compared_sets(values, answer)
    return sets[1:] if isinstance(sets, list) else sets


def _normalized_training_set(values: Values, answer: Any, **switches: Any) -> list[Any]:
    return normalized(values, answer, **switches)[:1]


def _normalized_others(values: Values, answer: Any, **switches: Any) -> list[Any]:
    if switches.get("of") == "normalized" and torch.equal(answer[0][0], values["train"]):
        raise ValueError("nothing is normalized, so no statistics were taken after that")
    return normalized(values, answer, **switches)[1:]


NORMALIZED = [
    Mistake(
        name="one mean for all pixels",
        sentence=say_later(
            "one mean and one deviation are taken over all pixels: each pixel has its own (dim=0)"
        ),
        switches={"axes": (0, 1, 2, 3)},
    ),
    Mistake(
        name="statistics of each image",
        sentence=say_later("each image is normalized by itself: the statistics are the pixels'"),
        switches={"axes": (1, 2, 3), "of": "itself"},
    ),
    Mistake(
        name="statistics of each set",
        sentence=say_later(
            "each set is normalized by its own statistics: all three take the training set's"
        ),
        switches={"of": "itself"},
    ),
    Mistake(
        name="statistics of all sets",
        sentence=say_later(
            "the statistics are those of all sets together: only the training set's may be used"
        ),
        switches={"of": "all"},
    ),
    Mistake(
        name="statistics after normalization",
        sentence=say_later(
            "the statistics for validation and test are taken after the training set was "
            "normalized: keep those from before"
        ),
        switches={"of": "normalized"},
    ),
    Mistake(
        name="variance instead of deviation",
        sentence=say_later("the images are divided by the variance, not by its square root"),
        switches={"scale": "variance"},
    ),
    Mistake(
        name="division by the range",
        sentence=say_later("the images are divided by the range, not by the standard deviation"),
        switches={"scale": "range"},
    ),
    Mistake(
        name="minimum and range",
        sentence=say_later(
            "the images are scaled from 0 to 1 by minimum and range: mean and deviation are wanted"
        ),
        switches={"centre": "minimum", "scale": "range"},
    ),
    Mistake(
        name="not divided",
        sentence=say_later("the mean is subtracted, and nothing is divided"),
        switches={"scale": "one"},
    ),
    Mistake(
        name="not centred",
        sentence=say_later("the images are divided, and the mean is not subtracted"),
        switches={"centre": "zero"},
    ),
    Mistake(
        name="division by 255",
        sentence=say_later("the images are divided by 255: mean and deviation are wanted"),
        switches={"centre": "zero", "scale": "255"},
    ),
    Mistake(
        name="not normalized",
        sentence=say_later("the images are returned as they came"),
        switches={"centre": "zero", "scale": "one"},
    ),
    Mistake(
        name="labels dropped",
        sentence=say_later("the labels are missing: each set is (images, labels)"),
        switches={"labels": False},
    ),
]


def _sets(generator: Generator) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for name, size, spread, mean in (
        ("train", 12, 3.0, 5.0),
        ("valid", 5, 1.0, 4.0),
        ("test", 4, 2.0, 6.0),
    ):
        drawn[name] = torch.randn(size, 1, 3, 4, generator=generator) * spread + mean
        drawn[f"{name}_labels"] = torch.randint(10, (size,), generator=generator)
    channel, row, column = CONSTANT
    drawn["train"][:, channel, row, column] = 2.0
    return drawn


def _constant_pixel(values: Values, answer: Any) -> bool:
    channel, row, column = CONSTANT
    return any(
        not bool(images[:, channel, row, column].isfinite().all())
        for images, _ in answer
        if isinstance(images, Tensor)
    )


_ON_CONSTANT = Remark(
    name="NaN on constant pixels",
    sentence=say_later(
        "a pixel that is constant in the training set becomes NaN or infinite: divide it by 1"
    ),
    applies=_constant_pixel,
)

NORMALIZATION = Question(
    number="6",
    name=say_later("normalization"),
    points=2,
    checks=[
        Check(
            name=say_later("the training set"),
            share=0.5,
            probe="normalized",
            inputs=_sets,
            reference=_normalized_training_set,
            measure=_training_set,
            mistakes=all_but(
                NORMALIZED, "statistics of each set", "statistics after normalization"
            ),
            also_right=[{"correction": 0}],
            remarks=[_ON_CONSTANT],
            public=True,
            tolerance=1e-3,
        ),
        Check(
            name=say_later("validation and test"),
            share=0.5,
            probe="normalized",
            inputs=_sets,
            reference=_normalized_others,
            measure=_other_sets,
            mistakes=NORMALIZED,
            also_right=[{"correction": 0}],
            tolerance=1e-3,
        ),
    ],
)


# --- question 7 -----------------------------------------------------------------------------------


def one_hot(
    values: Values,
    answer: Any,
    *,
    columns: str = "n_classes",
    shift: int = 0,
    gives: str = "rows",
) -> Tensor:
    """Labels as one-hot rows.

    Args:
        values: With the labels and the number of classes.
        answer: Ignored.
        columns: How many: "n_classes", "largest", "ten", or "seen": one for each label of the
            batch.
        shift: Added to the labels.
        gives: "rows", "columns" where it is transposed, "labels" unchanged, or "all" where every
            row has a 1 for every label of the batch.
    """
    labels, n_classes = values["labels"], values["n_classes"]
    if gives == "labels":
        return labels
    if columns == "seen":
        rows = labels[:, None] == labels.unique()
    else:
        size = {"n_classes": n_classes, "largest": int(labels.max()) + 1, "ten": 10}[columns]
        rows = F.one_hot((labels + shift) % size, size).bool()
    if gives == "all":
        rows = rows.any(0).expand(len(labels), -1)
    return rows.T if gives == "columns" else rows


ONE_HOT_MISTAKES = [
    Mistake(
        name="as many columns as the largest label",
        sentence=say_later(
            "there are as many columns as the largest label needs: n_classes says how many"
        ),
        switches={"columns": "largest"},
    ),
    Mistake(
        name="as many columns as labels seen",
        sentence=say_later(
            "there are as many columns as different labels in the batch: n_classes says how many"
        ),
        switches={"columns": "seen"},
    ),
    Mistake(
        name="ten columns",
        sentence=say_later("there are always ten columns: n_classes says how many"),
        switches={"columns": "ten"},
    ),
    Mistake(
        name="classes in rows",
        sentence=say_later("it is transposed: the examples are the rows, the classes the columns"),
        switches={"gives": "columns"},
    ),
    Mistake(
        name="labels unchanged",
        sentence=say_later("the labels are returned as they came"),
        switches={"gives": "labels"},
    ),
    Mistake(
        name="ones in whole columns",
        sentence=say_later(
            "every row has a 1 for every label of the batch: index rows and columns together, "
            "rows[arange(n), y] = 1"
        ),
        switches={"gives": "all"},
    ),
    Mistake(
        name="classes counted from 1",
        sentence=say_later("the ones stand a column too far to the left: classes start from 0"),
        switches={"shift": -1},
    ),
]


def _labels(n_classes: int, seen: Sequence[int]) -> Any:
    def inputs(generator: Generator) -> Mapping[str, Any]:
        order = torch.randperm(len(seen), generator=generator)
        return {"labels": torch.tensor(seen)[order], "n_classes": n_classes}

    return inputs


ONE_HOT = Question(
    number="7",
    name=say_later("one-hot labels"),
    points=2,
    checks=[
        Check(
            name=say_later("labels of five classes"),
            share=0.5,
            probe="one_hot",
            inputs=_labels(5, [1, 0, 3, 4]),
            reference=one_hot,
            mistakes=all_but(ONE_HOT_MISTAKES, "as many columns as the largest label"),
            public=True,
        ),
        Check(
            name=say_later("labels of seven classes, two of them not seen"),
            share=0.5,
            probe="one_hot",
            inputs=_labels(7, [0, 1, 3, 4, 5, 5, 1]),
            reference=one_hot,
            mistakes=ONE_HOT_MISTAKES,
        ),
    ],
)
