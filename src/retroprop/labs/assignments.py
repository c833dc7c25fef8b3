"""What is known of each assignment before its questions are read, which takes seconds."""

from dataclasses import dataclass
from typing import TypedDict

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.languages import say_later


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One assignment.

    Attributes:
        package: Where it lies: `LAB` in its `questions`, and `GRADING` in its `grading`.
        title: Of the assignment.
        source: Course, document and place.
        studies: Those that its questions need, in their order.
    """

    package: str
    title: str
    source: str
    studies: tuple[str, ...] = ()


ASSIGNMENTS = {
    "lyon-tp": Assignment(
        package="retroprop.labs.lyon_tp",
        title=say_later("From the perceptron to the deep network"),
        source=say_later("Introduction to deep learning, practical work (Lyon, 2019)"),
        studies=(
            "lyon-perceptron",
            "lyon-shallow",
            "lyon-deep",
            "lyon-activations",
            "lyon-optimizers",
            "lyon-minibatches",
            "lyon-convolution",
        ),
    ),
    "inf8225-tp1": Assignment(
        package="retroprop.labs.inf8225_tp1",
        title=say_later("Bayesian network, logistic regression, multilayer perceptron"),
        source=say_later("INF8225, TP1 (Polytechnique Montréal, winter 2025)"),
        studies=("inf8225-logistic", "inf8225-mlp", "inf8225-mlp-derivations"),
    ),
    "ift3395-theorie": Assignment(
        package="retroprop.labs.ift3395_theorie",
        title=say_later("The theory sheet, proved and checked"),
        source=say_later("IFT3395, assignment 3, theoretical part (Université de Montréal)"),
    ),
    "ift3395-devoir3": Assignment(
        package="retroprop.labs.ift3395_devoir3",
        title=say_later("Automatic differentiation, MLPs and CNNs on Fashion-MNIST"),
        source=say_later("IFT3395, assignment 3, practical part (Université de Montréal)"),
        studies=("ift3395-architectures", "ift3395-normalization"),
    ),
    "ift6135-devoir1": Assignment(
        package="retroprop.labs.ift6135_devoir1",
        title=say_later("Classifying images: MLP, ResNet-18 and MLP-Mixer"),
        source=say_later("IFT6135, assignment 1 (Université de Montréal)"),
        studies=(
            "ift6135-activations",
            "ift6135-resnet18-rates",
            "ift6135-mixer-patches",
            "ift6135-resnet18-best",
            "ift6135-mixer-best",
        ),
    ),
}
"""The five, from the perceptron to the MLP-Mixer."""


def find_assignment(name: str) -> Assignment:
    """The assignment of that name.

    Raises:
        UserError: If there is none.
    """
    if name not in ASSIGNMENTS:
        known = did_you_mean(name, ASSIGNMENTS)
        raise UserError(f"no assignment is called {in_short(name)}. {known}")
    return ASSIGNMENTS[name]


class Heading(TypedDict):
    """What a `Lab` begins with."""

    name: str
    title: str
    source: str


def heading(name: str) -> Heading:
    """The name, title and source of an assignment."""
    one = ASSIGNMENTS[name]
    return {"name": name, "title": one.title, "source": one.source}
