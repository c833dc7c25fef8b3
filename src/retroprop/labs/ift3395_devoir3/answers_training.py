"""IFT3395, devoir 3, part 1, questions 7 to 11: labels, loss, gradient, step, evaluation."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retroprop.labs.ift3395_devoir3 import solution
from retroprop.labs.ift3395_devoir3.checks import (
    Check,
    SmallTrainer,
    checks_table,
    flat,
    largest,
    refusal,
    same_tensors,
    seeded,
)
from retroprop.labs.ift3395_devoir3.solution import Trainer
from retroprop.labs.source_code import source
from retroprop.report.document import Block, Code, Equation
from retroprop.report.lab_report import LabReport

LABELS = [1, 0, 3, 4]
"""The example of the document, with 5 classes."""


def small_trainer(n_classes: int = 10) -> SmallTrainer:
    """An MLP of 256-256 on a few images, in float64, so that errors of rounding are small."""
    with seeded():
        trainer = SmallTrainer(n_classes=n_classes)
    trainer.network.double()
    return trainer


def minibatch(trainer: Trainer, n: int = 64) -> tuple[Tensor, Tensor]:
    """The first training images, with their labels as rows."""
    X, y = trainer.train
    return X[:n].double(), trainer.one_hot(y[:n]).double()


def one_hot(lab: LabReport) -> Iterator[Block]:
    """1.7."""
    yield lab.prose(
        "Row $n$ holds a single 1, in the column of the label $y_n$. Labels outside of the classes "
        "are refused with a sentence."
    )
    yield source(Trainer.one_hot, refusals=True)
    trainer = small_trainer(n_classes=5)
    rows = trainer.one_hot(torch.tensor(LABELS))
    expected = torch.zeros(4, 5)
    for row, label in enumerate(LABELS):
        expected[row, label] = 1
    say = lab.say
    yield Code(
        text="\n".join(" ".join(f"{int(value)}" for value in row) for row in rows.tolist()),
        language="text",
        title=say("one_hot(torch.tensor([1, 0, 3, 4])) with 5 classes"),
    )
    yield checks_table(
        lab,
        Check(
            say("entries that equal those of the assignment’s matrix"),
            int((rows == expected).sum()),
            expected.numel(),
        ),
        Check(say("sum of all entries"), int(rows.sum()), len(LABELS)),
    )
    yield refusal(lambda: trainer.one_hot(torch.tensor([5])))


def loss_and_accuracy(lab: LabReport) -> Iterator[Block]:
    """1.8."""
    yield lab.prose(
        "The probabilities are cut to $[epsilon, 1 - epsilon]$ with $epsilon = 10^(-9)$ before the "
        "logarithm, so that a wrong probability of 0 costs $-ln epsilon approx 20.7$ nats instead "
        "of infinity. The loss stays a tensor with its graph; the accuracy is a plain number."
    )
    yield Equation(
        source="L = -frac(1, B) sum_(n=1)^B sum_c y_(n c) ln hat(p)_(n c), quad "
        "hat(p) = min(max(p, epsilon), 1 - epsilon)"
    )
    yield source(Trainer.compute_loss_and_accuracy, Trainer._probabilities, solution._cross_entropy)
    trainer = small_trainer()
    X, y = minibatch(trainer)
    loss, accuracy = trainer.compute_loss_and_accuracy(X, y)
    assert isinstance(trainer.network, nn.Sequential)
    logits = trainer.network[:-1](X)  # without the softmax
    expected = F.cross_entropy(logits, y.argmax(1))
    weights = list(trainer.network.parameters())
    ours, theirs = (flat(torch.autograd.grad(one, weights)) for one in (loss, expected))
    right = int((logits.argmax(1) == y.argmax(1)).sum()) / len(X)
    wrong, slope = _certain_and_wrong(trainer)
    say = lab.say
    yield checks_table(
        lab,
        Check(
            say("loss of 64 images, against torch’s cross-entropy of the logits"),
            float(loss.detach()),
            float(expected.detach()),
        ),
        same_tensors(
            say("norm of its gradient, by automatic differentiation (largest difference)"),
            ours,
            theirs,
        ),
        Check(say("accuracy"), accuracy, right),
        Check(say("loss where a wrong class has probability 1"), wrong, -math.log(1e-9)),
        Check(say("slope of that loss"), slope, 0.0),
    )
    upper = torch.tensor(1 - trainer.epsilon, dtype=torch.float32)
    yield lab.prose(
        "Two consequences of the cut are worth knowing. Outside of the interval its slope is 0, so "
        "an example that the network gets wrong with certainty teaches nothing; question 2.2 (c) "
        "meets this. And float32 has no number between $1 - 6 dot 10^(-8)$ and 1, so the upper "
        "bound rounds to 1 there and cuts nothing."
        if float(upper) == 1
        else "One consequence of the cut is worth knowing. Outside of the interval its slope is 0, "
        "so an example that the network gets wrong with certainty teaches nothing; question "
        "2.2 (c) meets this."
    )


def _certain_and_wrong(trainer: Trainer) -> tuple[float, float]:
    """Loss and largest slope where the last layer is certain of the wrong class."""
    _, y = minibatch(trainer, 1)
    logits = torch.zeros(1, 10, dtype=torch.float64)
    logits[0, (int(y.argmax()) + 1) % 10] = 1000.0
    logits.requires_grad_()
    p = logits.softmax(1).clamp(trainer.epsilon, 1 - trainer.epsilon)
    loss = solution._cross_entropy(p, y)
    (slope,) = torch.autograd.grad(loss, logits)
    return float(loss.detach()), largest(slope)


def network_gradient_norm(lab: LabReport) -> Iterator[Block]:
    """1.9."""
    yield lab.prose(
        "After a pass backwards each parameter holds its gradient in its buffer grad. The norm of "
        "the whole is the root of the sum of their squares; before the first pass there is no "
        "buffer yet, and the norm is 0."
    )
    yield Equation(
        source="norm(nabla_theta L) = sqrt(sum_i norm(frac(partial L, partial theta_i))^2)"
    )
    yield source(Trainer.compute_gradient_norm)
    trainer = small_trainer()
    before = trainer.compute_gradient_norm(trainer.network)
    X, y = minibatch(trainer)
    trainer.compute_loss_and_accuracy(X, y)[0].backward()
    gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
    say = lab.say
    yield checks_table(
        lab,
        Check(say("before any pass backwards"), before, 0.0),
        Check(
            say("after one on 64 images, against the flattened vector"),
            trainer.compute_gradient_norm(trainer.network),
            float(flat(gradients).norm()),
        ),
    )


def training_step(lab: LabReport) -> Iterator[Block]:
    """1.10."""
    yield lab.prose(
        "Forward, the old gradients to zero, backward, a step of the optimizer. The norm that it "
        "returns is that of the gradient at the parameters before the step. It is checked against "
        "Adam’s formula, whose first step is the same for every size of the gradient:"
    )
    yield Equation(
        source="theta_1 = theta_0 - eta frac(hat(m), sqrt(hat(v)) + 10^(-8)) "
        "= theta_0 - eta frac(g, abs(g) + 10^(-8))"
    )
    yield source(Trainer.training_step, Trainer._step)
    trainer = small_trainer()
    X, y = minibatch(trainer)
    weights = list(trainer.network.parameters())
    start = [one.detach().clone() for one in weights]
    loss = trainer.compute_loss_and_accuracy(X, y)[0]
    gradients = torch.autograd.grad(loss, weights)
    norm = trainer.training_step(X, y)
    formula = [
        theta - trainer.lr * g / (g.abs() + 1e-8) for theta, g in zip(start, gradients, strict=True)
    ]
    moved = flat([new.detach() - old for new, old in zip(weights, start, strict=True)])
    expected = flat([new - old for new, old in zip(formula, start, strict=True)])
    after = float(trainer.compute_loss_and_accuracy(X, y)[0].detach())
    before = float(loss.detach())
    say, write = lab.say, lab.numbers.decimal
    yield checks_table(
        lab,
        Check(
            say("norm that it returns, against the gradient before the step"),
            norm,
            float(flat(gradients).norm()),
        ),
        same_tensors(
            say("length of the step, against Adam’s formula (largest difference)"), moved, expected
        ),
    )
    text = (
        "The step lowers the loss of its 64 images from {before} to {after} nats."
        if after < before
        else "The step does not lower the loss of its 64 images: {before} before, {after} after."
    )
    yield lab.prose(text, before=write(before, 4), after=write(after, 4))


def evaluation(lab: LabReport) -> Iterator[Block]:
    """1.11."""
    yield lab.prose(
        "A whole set goes through the network 2,000 images at a time, without a graph. Each part "
        "counts by its number of images, for the last one may be smaller: a plain mean of the "
        "parts’ means would give its images too much weight."
    )
    yield source(Trainer.evaluate)
    trainer = small_trainer()
    with seeded():
        X = torch.randn(4500, 1, 28, 28).double()
        y = torch.randint(0, 10, (4500,))
    with torch.no_grad():
        whole, share = trainer.compute_loss_and_accuracy(X, trainer.one_hot(y).double())
        parts = [
            float(trainer.compute_loss_and_accuracy(part, trainer.one_hot(of).double())[0])
            for part, of in zip(X.split(2000), y.split(2000), strict=True)
        ]
    loss, accuracy = trainer.evaluate(X, y)
    say = lab.say
    plain = sum(parts) / len(parts)
    yield checks_table(
        lab,
        Check(
            say("loss of 4,500 images, against all in one piece"),
            float(loss),
            float(whole),
        ),
        Check(say("accuracy, against all in one piece"), accuracy, share),
    )
    yield lab.prose(
        "The plain mean of the three parts would be off by {error} nats here.",
        error=lab.numbers.decimal(abs(plain - float(whole)), 6),
    )
