"""Data and part 1: the images, the perceptron's rule, and what its hyper-parameters do."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from retroprop.byhand import perceptron
from retroprop.data import load
from retroprop.labs.lyon_tp import data
from retroprop.labs.lyon_tp.evidence import code, error
from retroprop.labs.lyon_tp.hyperparameters import around_the_best, divided
from retroprop.labs.lyon_tp.measurements import (
    FEW,
    MANY,
    image_norms,
    perceptron_blocks_error,
    perceptron_gradient_error,
    silent_pixels,
)
from retroprop.labs.lyon_tp.pictures import first_of_each
from retroprop.report.document import Block, Equation, Paragraph, Table, row
from retroprop.report.lab_report import LabReport
from retroprop.report.pictures import picture
from retroprop.studies.summary import CellSummary


def images(lab: LabReport) -> Iterator[Block]:
    """The structure of the base, its images and labels."""
    mnist, number = load("mnist"), lab.numbers.integer
    n_train, n_test = len(mnist.train_images), len(mnist.test_images)
    yield lab.prose(
        "MNIST holds {train} images to learn from and {test} to test, in grey, of 28 × 28 pixels. "
        "The function load_data returns them as the assignment describes: each image as a row of "
        "784 numbers from 0 (black) to 1 (white), each label as a row of 10 numbers, 1 at the "
        "digit and 0 elsewhere. So every network has 784 inputs and 10 outputs.",
        train=number(n_train),
        test=number(n_test),
    )
    label = np.eye(data.CLASSES, dtype=int)[mnist.train_labels[0]].tolist()
    yield lab.prose(
        "The first training image shows a {digit}: its label is {label}.",
        digit=int(mnist.train_labels[0]),
        label=label,
    )
    caption = lab.say("The first training image of each digit.")
    yield picture("digits", caption, caption, first_of_each(mnist))
    counts = {
        lab.say("to learn from"): np.bincount(mnist.train_labels, minlength=data.CLASSES),
        lab.say("to test"): np.bincount(mnist.test_labels, minlength=data.CLASSES),
    }
    yield Table(
        name="digits-table",
        caption=lab.say("Images of each digit"),
        corner=lab.say("digit"),
        columns=list(counts),
        rows=[
            row(str(digit), *(number(float(of[digit])) for of in counts.values()))
            for digit in range(data.CLASSES)
        ],
    )
    yield lab.prose(
        "The course’s file mnist.pkl.gz can be read too. A pickle is a program: ours is read by a "
        "reader that runs nothing and accepts only arrays and containers. Each epoch presents "
        "every example once, in a new random order:"
    )
    yield code(lab, data.presentations)


def rule(lab: LabReport) -> Iterator[Block]:
    """How the perceptron is implemented, and that it does what the document says."""
    yield lab.prose(
        "Each of the ten neurons is a linear function of the 784 pixels and of one more input, "
        "always 1, whose weight is its bias. After every example, each weight moves by the error "
        "of its neuron times its input:"
    )
    yield Equation(
        source="y_i &= sum_(j = 1)^785 w_(i j) x_j quad x_785 = 1 \\ "
        "w'_(i j) &= w_(i j) + eta x_j (t_i - y_i)"
    )
    yield lab.prose(
        "In the code all weights are one matrix: a row of inputs times the matrix gives the ten "
        "outputs, and the outer product of inputs and errors gives all 7,850 changes at once."
    )
    yield code(lab, perceptron.Perceptron.outputs, perceptron.Perceptron.step)
    yield lab.prose(
        "The change is that of gradient descent on $L = frac(1, 2) sum_i (t_i - y_i)^2$: it "
        "equals $-eta frac(partial L, partial w_(i j))$ by automatic differentiation (largest "
        "difference: {error}). The studies make the same steps fifty at a time, by solving one "
        "triangular system for the errors of all of them; after {n} examples the weights are those "
        "of one step after the other (largest difference: {blocks}).",
        title="Checked while this was written",
        error=error(lab, perceptron_gradient_error()),
        blocks=error(lab, perceptron_blocks_error()),
        n=FEW,
    )


def why_steps(lab: LabReport) -> Iterator[Block]:
    """What more steps cannot do at a constant rate, and how much the accuracy still moves."""
    yield lab.prose(
        "With a constant rate the weights never come to rest: every example pulls them towards its "
        "own target, the further the larger the rate. More steps bring the weights near the "
        "optimum; they do not end the wandering around it.",
        title="What more steps cannot do",
    )
    report = lab.study("lyon-perceptron")
    variation = around_the_best(report, "learning_rate")
    if variation is None:
        return
    moves = {
        value: moved
        for value, cell in variation.cells
        if cell.mean is not None and (moved := _moves(cell)) is not None
    }
    if len(moves) < 2:
        return
    listed = [
        lab.say("{best} with {place}").format(
            best=report.points(moved), place=report.setting("learning_rate", value)
        )
        for value, moved in sorted(moves.items())
    ]
    yield Paragraph(
        text=lab.say(
            "From one epoch to the next, the first aside, the validation accuracy of a model "
            "still changes by {list} (mean of the absolute changes): most at the largest rate."
            if moves[max(moves)] == max(moves.values())
            else "From one epoch to the next, the first aside, the validation accuracy of a model "
            "still changes by {list} (mean of the absolute changes): not most at the largest rate, "
            "so the progress of slow rates outweighs the wandering."
        ).format(list=report.listed(listed))
    )


def _moves(cell: CellSummary) -> float | None:
    """The mean absolute change of the accuracy between epochs, after the first; None if unknown."""
    changes = []
    for run in cell.runs:
        known = [one.validation_accuracy for one in run.epochs if one.epoch > 0]
        accuracies = [one for one in known if one is not None]
        changes += [abs(after - before) for before, after in pairwise(accuracies[1:])]
    return sum(changes) / len(changes) if changes else None


def why_rates(lab: LabReport) -> Iterator[Block]:
    """Which rates can diverge, from the lengths of the images, and whether they did."""
    norms, numbers = image_norms(), lab.numbers
    safe, average = 2 / norms.highest, 2 / norms.mean
    yield lab.prose(
        "A step changes the error of the example that makes it by a factor that is known "
        "beforehand:",
        title="Why a large rate diverges",
    )
    yield Equation(source="t_i - y'_i = (1 - eta norm(bx)^2) (t_i - y_i)")
    yield lab.prose(
        "For the first {n} images, with the constant input, $norm(bx)^2$ is {mean} on average, "
        "from {lowest} to {highest}. So with a rate below {safe} no image makes its own error "
        "larger, and with one above {average} the average image does; between the two, those with "
        "much white do.",
        n=numbers.integer(MANY),
        mean=numbers.decimal(norms.mean, 1),
        lowest=numbers.decimal(norms.lowest, 1),
        highest=numbers.decimal(norms.highest, 1),
        safe=numbers.decimal(safe, 4),
        average=numbers.decimal(average, 4),
    )
    report = lab.study("lyon-perceptron")
    variation = around_the_best(report, "learning_rate")
    if variation is None:
        return
    lost, kept = divided(variation)
    agrees = all(rate > safe for rate in lost) and all(rate < average for rate in kept)
    yield Paragraph(
        text=lab.say(
            "In the records, around the best settings, no rate diverged; the largest tried is "
            "{largest}."
            if not lost
            else "The records agree: around the best settings, the rates that diverged ({lost}) "
            "are above the first limit, and none of the others ({kept}) is above the second."
            if agrees
            else "The records do not follow these limits alone: around the best settings, the "
            "rates that diverged are {lost}, and those that did not {kept}."
        ).format(
            lost=report.listed([report.setting("learning_rate", rate) for rate in lost]),
            kept=report.listed([report.setting("learning_rate", rate) for rate in kept]),
            largest=report.setting("learning_rate", max([*lost, *kept], default=0)),
        )
    )


def why_weights(lab: LabReport) -> Iterator[Block]:
    """Why the initial weights of a perceptron matter for the time only, and their sign little."""
    norms, numbers = image_norms(), lab.numbers
    yield lab.prose(
        "The loss is a quadratic function of the weights, without other minima: wherever the "
        "perceptron starts, it moves towards the same outputs, and the initial weights cost time. "
        "Along a direction in which the images are short, little changes at each step, so large "
        "initial weights stay for long. The weights of the {silent} pixels that are black in every "
        "training image never change at all.",
        title="Why the initial weights matter",
        silent=numbers.integer(silent_pixels()),
    )
    yield lab.prose(
        "Weights of one sign add nearly the same to all outputs, along the mean image. This is the "
        "direction in which the images are longest: it holds {share} of the mean "
        "$norm(bx)^2$ (the first principal direction of the images; its cosine with the mean "
        "image is {cosine}). An excess there is corrected first.",
        share=numbers.percent(norms.share, digits=0),
        cosine=numbers.decimal(norms.cosine, 3),
    )
