"""Part 2: the equations of the shallow network, and what its hyper-parameters do."""

from collections.abc import Iterator
from typing import Any

from retroprop.byhand.shallow_network import ShallowNetwork
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS
from retroprop.labs.lyon_tp.evidence import code, error
from retroprop.labs.lyon_tp.hyperparameters import around_the_best
from retroprop.labs.lyon_tp.measurements import (
    FEW,
    equal_neurons,
    hidden_squares,
    shallow_gradient_error,
    sigmoid_slope,
)
from retroprop.report.document import Block, Cell, Equation, Paragraph, Table, row
from retroprop.report.lab_report import LabReport
from retroprop.report.study_report import StudyReport, hashable
from retroprop.studies.summary import CellSummary

STUDY = "lyon-shallow"


def equations(lab: LabReport) -> Iterator[Block]:
    """How the network is implemented, and that it does what the document says."""
    yield lab.prose(
        "The equations are those of the assignment, one example at a time; each layer has one more "
        "input, always 1. Forwards, then the errors backwards, then the weights:"
    )
    yield Equation(
        source="y_i^((1)) &= sigma(sum_j w_(i j)^((1)) x_j), quad "
        "y_i^((2)) = sum_j w_(i j)^((2)) y_j^((1)) \\ "
        "delta_i^((2)) &= t_i - y_i^((2)), quad "
        "delta_i^((1)) = y_i^((1)) (1 - y_i^((1))) sum_j delta_j^((2)) w_(j i)^((2)) \\ "
        "w'_(i j)^((l)) &= w_(i j)^((l)) + eta delta_i^((l)) y_j^((l - 1)), quad "
        "y_j^((0)) = x_j"
    )
    yield code(lab, ShallowNetwork.forward, ShallowNetwork.backward, ShallowNetwork.step)
    yield lab.prose(
        "$delta$ is the derivative of $L = frac(1, 2) sum_i (t_i - y_i^((2)))^2$ with respect to "
        "the sum that a neuron computes, with the opposite sign. The change of every weight equals "
        "$-eta frac(partial L, partial w)$ by automatic differentiation (largest difference: "
        "{error}).",
        title="Checked while this was written",
        error=error(lab, shallow_gradient_error()),
    )


def why_rates(lab: LabReport) -> Iterator[Block]:
    """The limit that the output layer sets to the rate, for each width, beside the records."""
    report = lab.study(STUDY)
    variation = around_the_best(report, "width")
    if variation is None:
        return
    yield lab.prose(
        "The output layer is a perceptron whose inputs are the hidden neurons. As in part 1, a "
        "step multiplies the example’s error by $1 - eta norm(by^((1)))^2$, were the hidden layer "
        "to stay as it is. $norm(by^((1)))^2$ grows with the number of hidden neurons, and so the "
        "limit of the rate falls. Before the first step:",
        title="What limits the rate",
    )
    scale = variation.base.cell.get("initial_scale", "auto")
    limits, rows = {}, []
    for width in report.values("width"):
        squares = hidden_squares(width, scale)
        limits[width] = 2 / squares
        means = {
            cell.cell["learning_rate"]: cell.mean
            for cell in report.cells
            if cell.mean is not None
            and cell.cell.get("width") == width
            and hashable(cell.cell.get("initial_scale", scale)) == scale
        }
        best = max(means, key=lambda rate: means[rate], default=None)
        rows.append((width, squares, best))
    yield Table(
        name="limits",
        caption=lab.say("The limit that the output layer sets to the rate, {settings}").format(
            settings=report.phrase("initial_scale", scale)
        ),
        corner=report.setting_name("width"),
        columns=[
            lab.say("mean ‖y¹‖² before training"),
            lab.say("2 divided by it"),
            lab.say("best rate in the records"),
        ],
        rows=[
            row(
                report.setting("width", width),
                lab.numbers.decimal(squares, 1),
                lab.numbers.decimal(limits[width], 3),
                report.setting("learning_rate", best) if best is not None else "—",
            )
            for width, squares, best in rows
        ],
    )
    texts = [_against_limits(lab, report, limits, {width: best for width, _, best in rows})]
    texts += _at_the_largest_rate(lab, report, scale)
    yield Paragraph(text=" ".join(texts))


def _against_limits(
    lab: LabReport, report: StudyReport, limits: dict[Any, float], bests: dict[Any, float | None]
) -> str:
    """Whether the best rates of the records lie below the limits."""
    beyond = [width for width, best in bests.items() if best is not None and best > limits[width]]
    return lab.say(
        "In the records the best rate lies below this limit for every width."
        if not beyond
        else "In the records the best rate lies above this limit with {widths}: the hidden layer "
        "moves too, so the limit is only a guide."
    ).format(widths=report.listed([report.phrase("width", width) for width in beyond]))


def _at_the_largest_rate(lab: LabReport, report: StudyReport, scale: Any) -> list[str]:
    """Whether the largest rate does worse in a wide network than in a narrow one."""
    rate = max(report.values("learning_rate"), default=None)
    means = {
        cell.cell["width"]: cell.mean
        for cell in report.cells
        if cell.cell.get("learning_rate") == rate
        and hashable(cell.cell.get("initial_scale", scale)) == scale
        and cell.mean is not None
        and "width" in cell.cell
    }
    if len(means) < 2:
        return []
    narrow, wide = min(means), max(means)
    return [
        lab.say(
            "At the largest rate tried, {rate}, the accuracy falls from {high} with {narrow} to "
            "{low} with {wide}, as the limit says."
            if means[narrow] > means[wide]
            else "At the largest rate tried, {rate}, the accuracy does not fall with the width "
            "({high} with {narrow}, {low} with {wide}), which the limit alone would suggest."
        ).format(
            rate=report.setting("learning_rate", rate),
            high=lab.numbers.percent(means[narrow]),
            narrow=report.phrase("width", narrow),
            low=lab.numbers.percent(means[wide]),
            wide=report.phrase("width", wide),
        )
    ]


def why_weights(lab: LabReport) -> Iterator[Block]:
    """Saturation, measured before the first step, beside the accuracies of the records."""
    apart = equal_neurons()
    yield lab.prose(
        "The error that goes back to a hidden neuron is multiplied by $y (1 - y)$, at most "
        "$frac(1, 4)$. Large weights push the neurons towards 0 or 1, where this factor vanishes "
        "and the neuron hardly learns.",
        title="Why the initial weights matter",
    )
    yield lab.prose(
        "Equal weights would be as bad: of 30 hidden neurons that start from 0.1 everywhere, all "
        "still have the same weights after {n} steps, and together they do the work of one."
        if apart == 0
        else "Equal weights would be bad, were the sums exact: 30 hidden neurons that start from "
        "0.1 everywhere are apart by {apart} after {n} steps.",
        n=FEW,
        apart=error(lab, apart),
    )
    report = lab.study(STUDY)
    variation = around_the_best(report, "initial_scale")
    if variation is None:
        return
    width = variation.base.cell.get("width", 100)
    slopes = {scale: sigmoid_slope(width, scale) for scale, _ in variation.cells}
    yield Table(
        name="saturation",
        caption=lab.say("Saturation of the hidden neurons, {settings}").format(
            settings=report.phrase("width", width)
        ),
        corner=report.setting_name("initial_scale"),
        columns=[
            lab.say("mean y (1 − y) before training"),
            lab.say("Best validation accuracy (%)"),
        ],
        rows=[
            row(
                report.setting("initial_scale", scale),
                lab.numbers.decimal(slopes[scale], 3),
                Cell(
                    text=lab.numbers.share(cell.mean, cell.deviation)
                    if cell.mean is not None
                    else "—",
                    link=report.anchor(cell),
                ),
            )
            for scale, cell in variation.cells
        ],
    )
    yield Paragraph(text=_against_saturation(lab, report, slopes, dict(variation.cells)))


def _against_saturation(
    lab: LabReport, report: StudyReport, slopes: dict[Any, float], cells: dict[Any, CellSummary]
) -> str:
    """Whether the start that saturates most does worst in the records."""
    most = min(slopes, key=lambda scale: slopes[scale])
    means = [cell.mean for cell in cells.values() if cell.mean is not None]
    cell = cells[most]
    return lab.say(
        "In the records the most saturated start, {start}, diverged in {k} of {n} seeds."
        if cell.diverged
        else "The most saturated start, {start}, has no finished seeds yet."
        if cell.mean is None
        else "In the records the most saturated start, {start}, is also the worst."
        if cell.mean == min(means) < max(means)
        else "In the records the most saturated start, {start}, is not the worst: saturation alone "
        "does not decide."
    ).format(start=report.setting("initial_scale", most), k=cell.diverged, n=cell.n)


def parameters(lab: LabReport) -> Iterator[Block]:
    """What a hidden neuron costs."""
    yield lab.prose(
        "A hidden neuron has {n_in} weights from the pixels and the constant input, and {n_out} to "
        "the outputs: the parameters, and nearly the time of a step, grow in proportion to the "
        "number of neurons.",
        n_in=PIXELS + 1,
        n_out=CLASSES,
    )
