"""Questions 10 and 11: steps of training, and the evaluation on a whole set.

Both build on the loss of question 8, and a step on the norm of question 9. For a submission that
lost points there, what is right is computed once more with the submission's own loss and norm. What
is right with functions that stand in for them is right, too: those may be missing altogether.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Remark, Values
from retroprop.grading.comparison import close, numbers_of
from retroprop.labs.ift3395_devoir3.grading.common import (
    all_but,
    drawn_to_tell,
    tensor_instead_of_float,
)
from retroprop.labs.ift3395_devoir3.grading.losses import (
    ACCURACIES,
    LOSSES,
    SWAPPED,
    accuracy_of,
    accuracy_part,
    drawn_batch,
    gradients_of,
    probabilities,
    reduced,
    terms_of,
    the_accuracy,
    the_loss,
)
from retroprop.labs.ift3395_devoir3.grading.norms import COMBINED, OVER_PARAMETERS, flat
from retroprop.labs.ift3395_devoir3.grading.probes import BATCH_SIZE, LEARNING_RATE
from retroprop.languages import say_later

Gradients = Callable[[Sequence[Tensor], Tensor, Tensor], Sequence[Tensor]]
"""Weights, images and labels → the gradients of a loss with respect to the weights."""


# --- question 10: the weights ---------------------------------------------------------------------


def descended(
    values: Values,
    gradients: Gradients,
    *,
    emptied: bool = True,
    moves: int = 1,
    optimizer: str = "Adam",
    ascends: bool = False,
) -> list[Tensor]:
    """The weights of the small network after a step on each minibatch.

    Args:
        values: With network, images and labels.
        gradients: Of the loss.
        emptied: Whether the gradients are emptied before each step.
        moves: How often the optimizer moves for one gradient.
        optimizer: "Adam", "new Adam" for each step, or "SGD".
        ascends: Whether it climbs the loss.
    """
    w = flat(values["weights"])
    g = m = v = torch.zeros_like(w)
    t = 0
    for images, labels in _batches(values):
        found = flat(gradients(_like(values["weights"], w), images, labels))
        g = (0 if emptied else g) + (-found if ascends else found)
        if optimizer == "new Adam":
            m, v, t = torch.zeros_like(w), torch.zeros_like(w), 0
        for _ in range(moves):
            t += 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g.square()
            scaled = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
            w = w - LEARNING_RATE * (g if optimizer == "SGD" else scaled)
    return _like(values["weights"], w)


def _batches(values: Values) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(values["images"].split(BATCH_SIZE), values["labels"].split(BATCH_SIZE), strict=True)


def _like(weights: Sequence[Tensor], vector: Tensor) -> list[Tensor]:
    """A vector of all numbers, in the shapes of the weights."""
    parts = vector.split([weight.numel() for weight in weights])
    return [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]


def weights_after(
    values: Values,
    answer: Any,
    *,
    emptied: bool = True,
    moves: int = 1,
    optimizer: str = "Adam",
    ascends: bool = False,
    **switches: Any,
) -> list[Tensor]:
    """The weights after three steps; as `descended`, and the arguments of `loss_of`."""

    def gradients(weights: Sequence[Tensor], images: Tensor, labels: Tensor) -> list[Tensor]:
        return gradients_of(weights, images, labels, **switches)[1]

    return descended(
        values, gradients, emptied=emptied, moves=moves, optimizer=optimizer, ascends=ascends
    )


def weights_with_own_loss(values: Values, answer: Any, ask: Ask) -> Any:
    """The weights after three steps down the submission's own loss."""
    stand_in = answer["stand_in"]
    right = weights_after(values, None, kind="squared")
    if stand_in is not None and close(stand_in["weights"], right, WEIGHTS_TOLERANCE):
        return answer["weights"]

    def gradients(weights: Sequence[Tensor], images: Tensor, labels: Tensor) -> list[Tensor]:
        return own_gradients(values, weights, images, labels, ask)

    return descended(values, gradients)


def own_gradients(
    values: Values, weights: Sequence[Tensor], images: Tensor, labels: Tensor, ask: Ask
) -> list[Tensor]:
    """The gradients of the submission's own loss.

    Raises:
        ValueError: If it has none, or they are of no use.
    """
    asked = {"weights": weights, "images": images, "labels": labels}
    answer = ask("gradients_of_loss", {**asked, "n_classes": values["n_classes"]})
    found = [numbers_of(one) for one in answer["gradients"]]
    usable = [
        one.to(weight) if one is not None and one.shape == weight.shape else None
        for one, weight in zip(found, weights, strict=True)
    ]
    gradients = [one for one in usable if one is not None and bool(one.isfinite().all())]
    if len(gradients) < len(weights) or not bool(flat(gradients).any()):
        raise ValueError("the loss has no gradient to descend")
    return gradients


def _steps_to_take(generator: Generator) -> Values:
    """Minibatches on which no gradient is so small that Adam would enlarge its rounding."""
    while True:
        values = drawn_batch(generator, 3 * BATCH_SIZE)
        met: list[Tensor] = []

        def gradients(
            weights: Sequence[Tensor], images: Tensor, labels: Tensor, met: list[Tensor] = met
        ) -> list[Tensor]:
            _, found = gradients_of(weights, images, labels)
            met.append(flat(found))
            return found

        descended(values, gradients)
        if bool((torch.cat(met).abs() > 3e-5).all()):
            return values


WEIGHTS_TOLERANCE = 1e-3
STEPPING = [
    Mistake(
        name="no zero_grad",
        sentence=say_later(
            "the gradients of earlier steps stay: call optimizer.zero_grad() before backward()"
        ),
        switches={"emptied": False},
    ),
    Mistake(
        name="weights do not move",
        sentence=say_later(
            "the weights do not move: backward() or optimizer.step() is not called, or the "
            "gradients are emptied between them"
        ),
        switches={"moves": 0},
    ),
    Mistake(
        name="two moves per step",
        sentence=say_later("the optimizer moves twice in a step"),
        switches={"moves": 2},
    ),
    Mistake(
        name="a new optimizer for each step",
        sentence=say_later(
            "a new Adam is made for each step, and forgets its moments: use self.optimizer"
        ),
        switches={"optimizer": "new Adam"},
    ),
    Mistake(
        name="plain gradient descent",
        sentence=say_later("the weights follow the plain gradient: self.optimizer is Adam"),
        switches={"optimizer": "SGD"},
    ),
    Mistake(
        name="ascent",
        sentence=say_later("the step climbs the loss instead of descending"),
        switches={"ascends": True},
    ),
]
_SCALED = (
    "loss summed over the batch",
    "loss averaged over the classes too",
    "logarithm to base 2",
    "logarithm to base 10",
)
"""Mistakes that scale the loss: Adam's steps stay the same."""


# --- question 10: the norms -----------------------------------------------------------------------


def norm_of_step(
    values: Values,
    answer: Any,
    *,
    returned: str = "norm",
    over: str = "together",
    of_loss: str = "examples",
    **switches: Any,
) -> Any:
    """What the first step returns.

    Args:
        values: With network, images and labels.
        answer: Ignored.
        returned: "norm"; "zero" where the gradients were emptied before it; "loss" or "nothing".
        over: Of what the norm is, as question 9's mistakes have it.
        of_loss: `over` of `loss_of`.
        **switches: Its others.
    """
    loss, gradients = gradients_of(
        values["weights"], values["images"], values["labels"], over=of_loss, **switches
    )
    if returned == "norm":
        return COMBINED[over](gradients)
    return {"zero": 0.0, "loss": loss, "nothing": None}[returned]


def norm_with_own_functions(values: Values, answer: Any, ask: Ask) -> Any:
    """The submission's own norm of the gradient of its own loss.

    Raises:
        ValueError: If it is no number.
    """
    weights, stand_in = values["weights"], answer["stand_in"]
    right = norm_of_step(values, None, kind="squared", over="largest")
    if stand_in is not None and close(stand_in["norms"][0], right):
        return answer["norms"][0]
    gradients = own_gradients(values, weights, values["images"], values["labels"], ask)
    asked = {"weights": weights, "kernels": None, "gradients": gradients}
    return _number(ask("norm_of_gradients", asked)["norm"])


def _number(value: Any) -> Tensor:
    number = numbers_of(value)
    if number is None or number.numel() != 1:
        raise ValueError("no number to build on")
    return number


RETURNED = [
    Mistake(
        name="norm after zero_grad",
        sentence=say_later("the norm is taken after the gradients were emptied"),
        switches={"returned": "zero"},
    ),
    Mistake(
        name="loss instead of norm",
        sentence=say_later("the loss is returned instead of the norm of its gradient"),
        switches={"returned": "loss"},
    ),
    Mistake(
        name="no norm returned",
        sentence=say_later("nothing is returned: the norm of the gradient is wanted"),
        switches={"returned": "nothing"},
    ),
]


def _first_norm(values: Values, answer: Any) -> Any:
    return answer["norms"][0]


def _weights(values: Values, answer: Any) -> Any:
    return answer["weights"]


def _renamed(mistake: Mistake, old: str, new: str) -> Mistake:
    """A mistake of another question, where this one's reference calls a switch otherwise."""
    switches = {new if key == old else key: value for key, value in mistake.switches.items()}
    return Mistake(name=mistake.name, sentence=mistake.sentence, switches=switches)


TRAINING_STEP = Question(
    number="10",
    name=say_later("training step"),
    points=6,
    checks=[
        Check(
            name=say_later("three steps of Adam"),
            share=0.7,
            probe="training_steps",
            inputs=_steps_to_take,
            reference=weights_after,
            measure=_weights,
            mistakes=[*STEPPING, *all_but(LOSSES, *_SCALED)],
            public=True,
            tolerance=WEIGHTS_TOLERANCE,
            earlier=Earlier(question="8", reference=weights_with_own_loss),
        ),
        Check(
            name=say_later("the norm that is returned"),
            share=0.3,
            probe="training_steps",
            inputs=lambda generator: drawn_batch(generator, BATCH_SIZE),
            reference=norm_of_step,
            measure=_first_norm,
            mistakes=[
                *RETURNED,
                # over parameters, a step knows the gradients alone
                *all_but(OVER_PARAMETERS, "norm of the parameters"),
                *(
                    _renamed(mistake, "over", "of_loss")
                    for mistake in all_but(LOSSES, "sign of the loss")
                ),
            ],
            remarks=[tensor_instead_of_float(lambda answer: answer["norms"][0])],
            earlier=Earlier(question="8", others=("9",), reference=norm_with_own_functions),
            pairs=False,
        ),
    ],
)


# --- question 11 ----------------------------------------------------------------------------------


def evaluated_loss(
    values: Values,
    answer: Any,
    *,
    combined: str = "set",
    swapped: bool = False,
    over: str = "examples",
    **switches: Any,
) -> Tensor:
    """The loss on a set.

    Args:
        values: With network, images and labels.
        answer: Ignored.
        combined: The whole "set" at once, or a way of COMBINED_BATCHES.
        swapped: Whether the accuracy stands in its place.
        over: What a loss averages, as `loss_of` has it.
        **switches: Of `terms_of`.
    """
    if swapped:
        return evaluated_accuracy(values, answer, combined=combined)
    terms = terms_of(*_outputs(values), **switches)
    if combined == "set":
        return reduced(terms, over)
    return _combined([reduced(batch, over) for batch in terms.split(BATCH_SIZE)], combined, values)


def evaluated_accuracy(
    values: Values,
    answer: Any,
    *,
    combined: str = "set",
    swapped: bool = False,
    counted: str = "fraction",
) -> Tensor:
    """The accuracy on a set; as `evaluated_loss`, and `counted` of `accuracy_of`."""
    if swapped:
        return evaluated_loss(values, answer, combined=combined)
    p, labels = _outputs(values)
    if combined == "set":
        return accuracy_of(p, labels, counted)
    batches = zip(p.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True)
    return _combined([accuracy_of(*batch, counted) for batch in batches], combined, values)


def _outputs(values: Values) -> tuple[Tensor, Tensor]:
    """Probabilities and labels."""
    return probabilities(values["weights"], values["images"]), values["labels"]


def _combined(means: list[Tensor], combined: str, values: Values) -> Tensor:
    sizes = [len(batch) for batch in values["labels"].split(BATCH_SIZE)]
    return COMBINED_BATCHES[combined](torch.stack(means).double(), torch.tensor(sizes).double())


COMBINED_BATCHES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "weighted": lambda means, sizes: (means * sizes).sum() / sizes.sum(),
    "mean of means": lambda means, sizes: means.mean(),
    "first": lambda means, sizes: means[0],
    "last": lambda means, sizes: means[-1],
    "full batches": lambda means, sizes: means[:-1].mean(),
    "sum": lambda means, sizes: means.sum(),
    "sum over examples": lambda means, sizes: means.sum() / sizes.sum(),
}
"""Ways to make one number of the means of batches and of their sizes; "weighted" is right."""

BATCHED = [
    Mistake(
        name="mean of batch means",
        sentence=say_later(
            "the means of batches are averaged although the last batch is smaller: weigh them by "
            "their sizes"
        ),
        switches={"combined": "mean of means"},
    ),
    Mistake(
        name="first batch only",
        sentence=say_later("only the first batch is evaluated"),
        switches={"combined": "first"},
    ),
    Mistake(
        name="last batch only",
        sentence=say_later("only the last batch's values are returned"),
        switches={"combined": "last"},
    ),
    Mistake(
        name="last batch dropped",
        sentence=say_later("the last, smaller batch is left out"),
        switches={"combined": "full batches"},
    ),
    Mistake(
        name="batch means added",
        sentence=say_later("the means of batches are added up, and not divided"),
        switches={"combined": "sum"},
    ),
    Mistake(
        name="batch means over examples",
        sentence=say_later(
            "the sum of the batches' means is divided by the number of examples: multiply each by "
            "its size before"
        ),
        switches={"combined": "sum over examples"},
    ),
]


def _set(generator: Generator) -> Values:
    return drawn_batch(generator, 6 * BATCH_SIZE + 3)


def _set_to_tell(generator: Generator) -> Values:
    ways = [mistake.switches for mistake in (*BATCHED, *ACCURACIES)]

    return drawn_to_tell(generator, _set, evaluated_accuracy, ways)


def own_loss(values: Values, answer: Any, ask: Ask) -> Any:
    """The submission's own loss, of the whole set at once."""
    stand_in = answer["stand_in"]
    if stand_in is not None and close(
        stand_in["loss"], evaluated_loss(values, None, kind="squared")
    ):
        return answer["loss"]
    return _number(ask("loss_and_accuracy", values)["loss"])


def own_accuracy(values: Values, answer: Any, ask: Ask) -> Any:
    """The submission's own accuracy, of the whole set at once."""
    stand_in = answer["stand_in"]
    p, _ = _outputs(values)
    if stand_in is not None and close(stand_in["accuracy"], (p.argmax(1) == 0).double().mean()):
        return answer["accuracy"]
    return _number(ask("loss_and_accuracy", values)["accuracy"])


def _takes_rows(values: Values, answer: Any) -> bool:
    return answer["rows"]


_ROWS = Remark(
    name="evaluate takes one-hot rows",
    sentence=say_later(
        "evaluate takes one-hot rows: the sets of the Trainer hold labels, as "
        "evaluate(*self.valid) would give them"
    ),
    applies=_takes_rows,
)

EVALUATION = Question(
    number="11",
    name=say_later("evaluation on a set"),
    points=3,
    checks=[
        Check(
            name=say_later("the mean loss"),
            share=0.5,
            probe="evaluation",
            inputs=_set,
            reference=evaluated_loss,
            measure=the_loss,
            also_right=[{"combined": "weighted"}],
            mistakes=[*BATCHED, *LOSSES, SWAPPED],
            remarks=[_ROWS],
            public=True,
            earlier=Earlier(question="8", reference=own_loss),
        ),
        Check(
            name=say_later("the mean accuracy"),
            share=0.5,
            probe="evaluation",
            inputs=_set_to_tell,
            reference=evaluated_accuracy,
            measure=the_accuracy,
            also_right=[{"combined": "weighted"}],
            mistakes=[*BATCHED, *ACCURACIES, SWAPPED],
            pairs=False,  # there are few fractions of 27 examples: two mistakes meet by chance
            remarks=[tensor_instead_of_float(accuracy_part)],
            earlier=Earlier(question="8", reference=own_accuracy),
        ),
    ],
)
