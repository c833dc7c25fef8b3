"""Steps of gradient descent and of Adam, for one tensor of parameters or one for each layer.

    θ ← θ − η g        m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
    θ ← θ − η m̂ / (√v̂ + ε),  m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

What is compared is how far the weights moved. Gradients from 2·10⁻⁴ on tell an ε inside the root.
Source: Kingma & Ba (2015), algorithm 1, and the other order of its section 2.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Check, Mistake, Question, Values
from retroprop.labs.inf8225_tp1.grading.functions import NO_BIAS
from retroprop.languages import say_later

STEPS, LR = 4, 0.05


def drawn_updates(generator: Generator, model: str, update: str, sizes: Sequence[int]) -> Values:
    """Weights (inputs + 1, outputs), and their gradients for some steps, of different sizes."""
    shapes = [(n_in + 1, n_out) for n_in, n_out in pairwise(sizes)]

    def gradient(shape: tuple[int, int]) -> Tensor:
        size = 10 ** (torch.rand(shape, generator=generator) * 3.7 - 3.7)
        return size * torch.randn(shape, generator=generator).sign()

    return {
        "model": model,
        "update": update,
        "lr": LR,
        "weights": [torch.randn(shape, generator=generator) for shape in shapes],
        "width": 4,
        "gradients": [[gradient(shape) for shape in shapes] for _ in range(STEPS)],
    }


def moved(values: Values, answer: Any) -> Any:
    """What is compared: how far each weight is from its start, after each step."""
    return [
        [one - start[: len(one)] for one, start in zip(step, values["weights"], strict=True)]
        for step in answer
    ]


def moves(
    values: Values,
    answer: Any,
    *,
    sign: int = -1,
    lr: bool = True,
    rows: str = "all",
    layers: str = "all",
    adam: str = "right",
    t: str = "steps",
) -> list[list[Tensor]]:
    """How far each weight is from its start, after each step.

    Args:
        values: Gradients by step and layer.
        answer: Ignored.
        sign: −1, or 1 for ascent.
        lr: Whether the learning rate is used.
        rows: "all", "without biases" or "none" that are updated; "missing" if there are none.
        layers: "all", or "last" or "first" only.
        adam: A key of ADAM.
        t: "steps", "per layer" or "stays 1".
    """
    n = len(values["weights"])
    state = [(torch.zeros_like(one), torch.zeros_like(one)) for one in values["weights"]]
    total = [torch.zeros_like(one) for one in values["weights"]]
    found = []
    for step, gradients in enumerate(values["gradients"], start=1):
        for layer, g in enumerate(gradients):
            change = g
            if values["update"] == "adam_update":
                count = {"steps": step, "per layer": (step - 1) * n + layer + 1, "stays 1": 1}[t]
                change, state[layer] = _adam(g, *state[layer], count, adam)
            if rows == "without biases":
                change = torch.cat([change[:-1], 0 * change[-1:]])
            skipped = {"last": layer < n - 1, "first": layer > 0}.get(layers, rows == "none")
            if not skipped:
                total[layer] = total[layer] + sign * change * (values["lr"] if lr else 1)
        found.append([one[:-1] for one in total] if rows == "missing" else list(total))
    return found


def _adam(
    g: Tensor, m: Tensor, v: Tensor, t: int, way: str
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    b1, b2 = (0.999, 0.9) if way == "betas swapped" else (0.9, 0.999)
    eps = 1e-8
    if way == "no memory":
        m, v = torch.zeros_like(m), torch.zeros_like(v)
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * (g.abs() if way == "not squared" else g.square())
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    step = {
        "no correction": lambda: m / (v.sqrt() + eps),
        "first corrected": lambda: m_hat / (v.sqrt() + eps),
        "second corrected": lambda: m / (v_hat.sqrt() + eps),
        "epsilon inside": lambda: m_hat / (v_hat + eps).sqrt(),
        "no root": lambda: m_hat / (v_hat + eps),
        "momentum": lambda: m_hat,
        "paper": lambda: m_hat * (1 - b2**t) ** 0.5 / (v.sqrt() + eps),
    }.get(way, lambda: m_hat / (v_hat.sqrt() + eps))()
    return step, (m, v)


_BOTH = [
    Mistake(
        name="ascent",
        sentence=say_later("the step goes along the gradient: it has to go against it"),
        switches={"sign": 1},
    ),
    Mistake(
        name="learning rate left out",
        sentence=say_later("the step leaves out the learning rate"),
        switches={"lr": False},
    ),
    Mistake(
        name="bias not updated",
        sentence=say_later("the biases, the last row of the parameters, are not updated"),
        switches={"rows": "without biases"},
    ),
]


def _unmoved(name: str) -> Mistake:
    """That nothing happens: of each update by itself, so that no empty one counts as charged."""
    return Mistake(
        name=f"weights do not move in {name}",
        sentence=say_later("the weights do not move: the result has to be kept in self.params"),
        switches={"rows": "none"},
    )


_LAYERS = [
    Mistake(
        name="only the last layer is updated",
        sentence=say_later("only the last layer is updated: go through all of them"),
        switches={"layers": "last"},
    ),
    Mistake(
        name="only the first layer is updated",
        sentence=say_later("only the first layer is updated: go through all of them"),
        switches={"layers": "first"},
    ),
    Mistake(name=NO_BIAS.name, sentence=NO_BIAS.sentence, switches={"rows": "missing"}),
]


def _of_adam(name: str, sentence: str, way: str) -> Mistake:
    return Mistake(name=name, sentence=sentence, switches={"adam": way})


_ADAM = [
    _of_adam(
        "no bias correction",
        say_later("the moments are not divided by 1 − β₁ᵗ and 1 − β₂ᵗ"),
        "no correction",
    ),
    _of_adam(
        "only the first moment corrected",
        say_later("the second moment is not divided by 1 − β₂ᵗ"),
        "first corrected",
    ),
    _of_adam(
        "only the second moment corrected",
        say_later("the first moment is not divided by 1 − β₁ᵗ"),
        "second corrected",
    ),
    _of_adam(
        "epsilon inside the root",
        say_later("ε is added under the root: it is √v̂ + ε"),
        "epsilon inside",
    ),
    _of_adam("no root in Adam", say_later("the root of the second moment is missing"), "no root"),
    _of_adam(
        "second moment not used",
        say_later("the step follows the first moment alone: divide it by √v̂ + ε"),
        "momentum",
    ),
    _of_adam(
        "betas swapped",
        say_later("β₁ and β₂ are swapped: 0.9 is that of the first moment"),
        "betas swapped",
    ),
    _of_adam(
        "moments forgotten",
        say_later("the moments are not kept from step to step: self.m_t and self.v_t hold them"),
        "no memory",
    ),
    _of_adam(
        "gradient not squared",
        say_later("the second moment averages the gradient's size: it averages its square"),
        "not squared",
    ),
    Mistake(
        name="t stays 1",
        sentence=say_later("t is not counted up: the corrections of every step are those of t = 1"),
        switches={"t": "stays 1"},
    ),
]
PER_LAYER = Mistake(
    name="t counted per layer",
    sentence=say_later("t is counted up for each layer: it counts the steps, once for all layers"),
    switches={"t": "per layer"},
)


def _inputs(model: str, update: str, sizes: Sequence[int]) -> Any:
    def inputs(generator: Generator) -> Values:
        return drawn_updates(generator, model, update, sizes)

    return inputs


def _question(number: str, name: str, points: float, model: str, sizes: Sequence[int]) -> Question:
    update = name.rpartition(".")[2]
    mistakes = [*_BOTH, _unmoved(name)]
    if model == "layered":
        mistakes += _LAYERS
    if update == "adam_update":
        mistakes += _ADAM
        if model == "layered":
            mistakes.append(PER_LAYER)
    return Question(
        number=number,
        name=name,
        points=points,
        checks=[
            Check(
                name=say_later("how far the weights move in four steps"),
                share=1,
                probe="updates",
                inputs=_inputs(model, update, sizes),
                reference=moves,
                measure=moved,
                also_right=[{"adam": "paper"}] if update == "adam_update" else [],
                mistakes=mistakes,
                public=True,
                tolerance=5e-4,
            )
        ],
    )


OF_LINEAR = [
    _question("2.7", "LinearModel.sgd_update", 1.0, "linear", [4, 3]),
    _question("2.8", "LinearModel.adam_update", 3.0, "linear", [4, 3]),
]
OF_LAYERS = [
    _question("3.7", "MLPModel.sgd_update", 1.0, "layered", [5, 4, 4, 3]),
    _question("3.8", "MLPModel.adam_update", 2.0, "layered", [5, 4, 4, 3]),
]
