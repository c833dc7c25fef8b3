"""Questions 2.9 and 2.10: accuracy and loss on a whole set, and the best model of a training.

    accuracy = Σ_batches |C| / Σ_batches |D|        loss = Σ_batches L / Σ_batches |D|

The model is a scripted one: its outputs after n updates are the n-th ten pixels of an image.
"""

from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from retroprop.grading.accuracies import OVER_BATCH
from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Values
from retroprop.grading.comparison import numbers_of
from retroprop.labs.inf8225_tp1.grading import losses
from retroprop.languages import say_later

CLASSES, PIXELS = 10, 784
EXAMPLES, BATCH_SIZES = 22, [1, 4, 9, 22]

# --- scripted sets --------------------------------------------------------------------------------


def outputs_with(generator: Generator, labels: Tensor, n_right: int) -> Tensor:
    """Probabilities (n, classes) of which a number are well classified."""
    p = torch.randn(len(labels), CLASSES, generator=generator).softmax(1)
    order = torch.randperm(len(labels), generator=generator)
    for place, example in enumerate(order.tolist()):
        label, best = int(labels[example]), int(p[example].argmax())
        other = best if place < n_right else (label + 3) % CLASSES
        wanted = label if place < n_right else other
        row = p[example].clone()
        row[[best, wanted]] = row[[wanted, best]]
        p[example] = row
    return p


def images_of(outputs: list[tuple[int, Tensor]], n: int) -> Tensor:
    """Images (n, 1, 28, 28) whose k-th ten pixels are the outputs after k updates."""
    images = torch.zeros(n, PIXELS)
    for k, p in outputs:
        images[:, CLASSES * k : CLASSES * (k + 1)] = p
    return images.view(n, 1, 28, 28)


# --- whole sets -----------------------------------------------------------------------------------


def whole_set(
    values: Values,
    answer: Any,
    *,
    combined: str = "examples",
    counted: str = "fraction",
    order: str = "C, D",
    **switches: Any,
) -> list[list[Tensor]]:
    """Accuracy and loss for each batch size.

    Args:
        values: Images, labels and batch sizes.
        answer: Ignored.
        combined: "examples", "batches" where the last, smaller batch counts as much as the
            others, "sum", "last" batch, or the sums over the "number of batches".
        counted: As of `losses.counts`.
        order: Of the two counts.
        **switches: Of `losses.loss_of`.
    """

    def minibatch(y: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch = {"arguments": [y, p]}
        C, D = losses.counts(batch, None, counted=counted, order=order)
        return C.double(), D.double(), losses.loss_of(y, p, **switches)

    return _combined(values, minibatch, combined)


def _combined(values: Values, minibatch: Any, combined: str) -> list[list[Tensor]]:
    y = F.one_hot(values["labels"], CLASSES).float()
    p = values["images"].view(len(y), PIXELS)[:, :CLASSES]
    found = []
    for size in values["batch_sizes"]:
        batches = zip(y.split(size), p.split(size), strict=True)
        columns = zip(*(minibatch(*batch) for batch in batches), strict=True)
        C, D, L = (torch.stack(column) for column in columns)
        found.append(
            {
                "examples": lambda C=C, D=D, L=L: [C.sum() / D.sum(), L.sum() / D.sum()],
                "batches": lambda C=C, D=D, L=L: [(C / D).mean(), (L / D).mean()],
                "sum": lambda C=C, D=D, L=L: [C.sum(), L.sum()],
                "last": lambda C=C, D=D, L=L: [C[-1] / D[-1], L[-1] / D[-1]],
                "number of batches": lambda C=C, D=D, L=L: [C.sum() / len(C), L.sum() / len(C)],
            }[combined]()
        )
    return found


def _own_whole_set(values: Values, answer: Any, ask: Ask) -> list[list[Tensor]]:
    """With the submission's own accuracy and cross-entropy."""

    def minibatch(y: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        C, D = ask("function", {"function": "accuracy", "arguments": [y, p]})["answer"][1]
        L = ask("function", {"function": "cross_entropy", "arguments": [y, p]})["answer"]
        numbers = [numbers_of(one) for one in (C, D, L)]
        if any(one is None or one.ndim for one in numbers):
            raise ValueError("no numbers to build on")
        return numbers[0], numbers[1], numbers[2]  # pyright: ignore[reportReturnType]

    return _combined(values, minibatch, "examples")


def _a_set(generator: Generator) -> Values:
    labels = torch.randint(0, CLASSES, (EXAMPLES,), generator=generator)
    p = outputs_with(generator, labels, 13)
    return {
        "images": images_of([(0, p)], EXAMPLES),
        "labels": labels,
        "batch_sizes": BATCH_SIZES,
    }


WHOLE_SET = Question(
    number="2.9",
    name="accuracy_and_loss_whole_dataset",
    points=1,
    checks=[
        Check(
            name=say_later("the same for every batch size"),
            share=1,
            probe="whole_set",
            inputs=_a_set,
            reference=whole_set,
            mistakes=[
                Mistake(
                    name="last batch weighted alike",
                    sentence=say_later(
                        "the means of batches are averaged although the last batch is smaller: "
                        "divide the sums by the number of examples"
                    ),
                    switches={"combined": "batches"},
                ),
                Mistake(
                    name="sums not divided",
                    sentence=say_later("the sums are not divided by the number of examples"),
                    switches={"combined": "sum"},
                ),
                Mistake(
                    name="last batch only",
                    sentence=say_later("only the last batch's values are returned"),
                    switches={"combined": "last"},
                ),
                Mistake(
                    name="divided by the number of batches",
                    sentence=say_later(
                        "the sums are divided by the number of batches: divide by that of examples"
                    ),
                    switches={"combined": "number of batches"},
                ),
                *losses.LOSSES,
                *losses.COUNTS,
                OVER_BATCH,
            ],
            pairs=False,
            public=True,
            earlier=Earlier(question="2.2", others=("2.1",), reference=_own_whole_set),
        )
    ],
)

# --- training -------------------------------------------------------------------------------------

EPOCHS, TRAIN, VALID, BATCH = 4, 6, 20, 2
UPDATES = TRAIN // BATCH
RIGHT_ON_VALID = [5, 9, 17, 12, 7]
"""Of 20, after each epoch: the best model is neither the first nor the last one."""
RIGHT_ON_TRAIN = [1, 5, 3, 4, 2]
"""Of 6: the best on the training set is another."""


def _scripted(generator: Generator) -> Values:
    found: dict[str, Any] = {"epochs": EPOCHS, "batch_size": BATCH, "lr": 0.03, "sgd": False}
    for name, n, right in (
        ("train", TRAIN, RIGHT_ON_TRAIN),
        ("valid", VALID, RIGHT_ON_VALID),
    ):
        labels = torch.randint(0, CLASSES, (n,), generator=generator)
        outputs = [
            (UPDATES * epoch, outputs_with(generator, labels, one))
            for epoch, one in enumerate(right)
        ]
        found[name] = [images_of(outputs, n), labels]
    return found


def _after(values: Values, name: str, epoch: int) -> Tensor:
    """The outputs on a set after an epoch."""
    images, labels = values[name]
    start = CLASSES * UPDATES * epoch
    return images.view(len(labels), PIXELS)[:, start : start + CLASSES]


def _accuracies(values: Values, name: str) -> list[float]:
    """On a set, after each epoch."""
    labels = values[name][1]
    return [
        float((_after(values, name, epoch).argmax(1) == labels).double().mean())
        for epoch in range(EPOCHS + 1)
    ]


def best(values: Values, answer: Any, *, kept: str = "copy", chosen: str = "valid") -> Any:
    """What the best model gives on the validation set, and its accuracy there.

    Args:
        values: The scripted sets.
        answer: Ignored.
        kept: "copy", "reference" to the model that goes on, or "nothing".
        chosen: By the accuracy on "valid", that on "train", or the "first" or "last" model.
    """
    on_valid = _accuracies(values, "valid")
    judged = _accuracies(values, "train") if chosen == "train" else on_valid
    at = {"first": 0, "last": EPOCHS}.get(chosen, judged.index(max(judged)))
    outputs = _after(values, "valid", EPOCHS if kept == "reference" else at)
    return {"best": None if kept == "nothing" else outputs, "accuracy": judged[at]}


def _own_best(values: Values, answer: Any, ask: Ask) -> Any:
    """The best by the submission's own accuracy of whole sets."""
    accuracies = []
    for epoch in range(EPOCHS + 1):
        p, labels = _after(values, "valid", epoch), values["valid"][1]
        images = images_of([(0, p)], len(labels))
        asked = {"images": images, "labels": labels, "batch_sizes": [BATCH]}
        accuracies.append(float(ask("whole_set", asked)[0][0]))
    at = accuracies.index(max(accuracies))
    return {"best": _after(values, "valid", at), "accuracy": accuracies[at]}


def calls(values: Values, answer: Any, *, update: str = "adam") -> list[list[Any]]:
    """Which updates train made when Adam was asked for, and with which learning rate."""
    return [[update, values["lr"]]] * (UPDATES * EPOCHS)


def _the_best(values: Values, answer: Any) -> Any:
    return {"best": answer["best"], "accuracy": answer["accuracy"]}


def _the_calls(values: Values, answer: Any) -> Any:
    return answer["calls"]


TRAINING = Question(
    number="2.10",
    name="train",
    points=1,
    checks=[
        Check(
            name=say_later("the best model and its accuracy"),
            share=0.8,
            probe="training",
            inputs=_scripted,
            reference=best,
            measure=_the_best,
            mistakes=[
                Mistake(
                    name="reference instead of a copy",
                    sentence=say_later(
                        "the best model is a reference to the one that is trained on, so it ends "
                        "as the last: keep a copy, as copy.deepcopy(model)"
                    ),
                    switches={"kept": "reference"},
                ),
                Mistake(
                    name="no best model",
                    sentence=say_later("the best model is not kept"),
                    switches={"kept": "nothing"},
                ),
                Mistake(
                    name="first model kept",
                    sentence=say_later(
                        "the first model is kept: compare each with the best accuracy so far, and "
                        "keep that too"
                    ),
                    switches={"chosen": "first"},
                ),
                Mistake(
                    name="last model returned",
                    sentence=say_later("the last model is returned, and not the best"),
                    switches={"chosen": "last"},
                ),
                Mistake(
                    name="best on the training set",
                    sentence=say_later("the best model is chosen on the training set"),
                    switches={"chosen": "train"},
                ),
            ],
            pairs=False,
            public=True,
            earlier=Earlier(question="2.9", others=("2.1", "2.2"), reference=_own_best),
        ),
        Check(
            name=say_later("the updates that are asked for"),
            share=0.2,
            probe="training",
            inputs=_scripted,
            reference=calls,
            measure=_the_calls,
            mistakes=[
                Mistake(
                    name="always SGD",
                    sentence=say_later("sgd_update is called although sgd=False asks for Adam"),
                    switches={"update": "sgd"},
                ),
            ],
        ),
    ],
)

QUESTIONS = [WHOLE_SET, TRAINING]
