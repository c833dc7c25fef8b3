"""Part 2: the equations of the shallow network, and what its hyper-parameters do."""

from collections.abc import Iterator

from retroprop.byhand.shallow_network import ShallowNetwork
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS
from retroprop.labs.lyon_tp.measurements import (
    FEW,
    equal_neurons,
    hidden_squares,
    shallow_gradient_error,
    sigmoid_slope,
)
from retroprop.labs.lyon_tp.telling import around_the_best, code, error
from retroprop.report.document import Block, Cell, Equation, Paragraph, Row, Table
from retroprop.report.lab_story import LabStory
from retroprop.report.story import hashable

STUDY = "lyon-shallow"


def equations(lab: LabStory) -> Iterator[Block]:
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


def why_rates(lab: LabStory) -> Iterator[Block]:
    """The limit that the output layer sets to the rate, for each width, beside the records."""
    story = lab.study(STUDY)
    variation = around_the_best(story, "width")
    if variation is None:
        return
    yield lab.prose(
        "The output layer is a perceptron whose inputs are the hidden neurons. As in part 1, a "
        "step multiplies the example’s error by $1 - eta norm(by^((1)))^2$, were the hidden layer "
        "to stay as it is. $norm(by^((1)))^2$ grows with the number of hidden neurons, so the more "
        "there are, the smaller the rate must be. Before the first step:",
        title="Why the best rate depends on the hidden neurons",
    )
    scale = variation.base.cell.get("initial_scale", "auto")
    limits, rows = {}, []
    for width in story.values("width"):
        squares = hidden_squares(width, scale)
        limits[width] = 2 / squares
        means = {
            cell.cell["learning_rate"]: cell.mean
            for cell in story.cells
            if cell.mean is not None
            and cell.cell.get("width") == width
            and hashable(cell.cell.get("initial_scale", scale)) == scale
        }
        best = max(means, key=lambda rate: means[rate], default=None)
        rows.append((width, squares, best))
    yield Table(
        name="limits",
        caption=lab.say("The limit that the output layer sets to the rate, {settings}").format(
            settings=story.phrase("initial_scale", scale)
        ),
        corner=story.setting_name("width"),
        columns=[
            lab.say("mean ‖y¹‖² before training"),
            lab.say("2 divided by it"),
            lab.say("best rate in the records"),
        ],
        rows=[
            Row(
                header=story.setting("width", width),
                cells=[
                    Cell(text=lab.numbers.decimal(squares, 1)),
                    Cell(text=lab.numbers.decimal(limits[width], 3)),
                    Cell(text=story.setting("learning_rate", best) if best is not None else "—"),
                ],
            )
            for width, squares, best in rows
        ],
    )
    beyond = [width for width, _, best in rows if best is not None and best > limits[width]]
    yield Paragraph(
        text=lab.say(
            "The best rate lies below the limit for every width."
            if not beyond
            else "The best rate lies above this limit with {widths}: the hidden layer moves too, "
            "so the limit is only a guide."
        ).format(widths=story.listed([story.phrase("width", width) for width in beyond]))
    )


def why_weights(lab: LabStory) -> Iterator[Block]:
    """Saturation, measured before the first step, beside the accuracies of the records."""
    yield lab.prose(
        "The error that goes back to a hidden neuron is multiplied by $y (1 - y)$, at most "
        "$frac(1, 4)$. Large weights push the neurons towards 0 or 1, where this factor vanishes "
        "and the neuron hardly learns. Equal weights would be as bad: started from 0.1 everywhere, "
        "30 hidden neurons are apart by {apart} after {n} steps{all}.",
        title="Why the initial weights matter",
        apart=lab.numbers.decimal(equal_neurons(), 0)
        if equal_neurons() == 0
        else error(lab, equal_neurons()),
        n=FEW,
        all=lab.say(": they remain one neuron") if equal_neurons() == 0 else "",
    )
    story = lab.study(STUDY)
    variation = around_the_best(story, "initial_scale")
    if variation is None:
        return
    width = variation.base.cell.get("width", 100)
    slopes = {scale: sigmoid_slope(width, scale) for scale, _ in variation.cells}
    yield Table(
        name="saturation",
        caption=lab.say("Saturation of the hidden neurons, {settings}").format(
            settings=story.phrase("width", width)
        ),
        corner=story.setting_name("initial_scale"),
        columns=[
            lab.say("mean y (1 − y) before training"),
            lab.say("Best validation accuracy (%)"),
        ],
        rows=[
            Row(
                header=story.setting("initial_scale", scale),
                cells=[
                    Cell(text=lab.numbers.decimal(slopes[scale], 3)),
                    Cell(
                        text=lab.numbers.share(cell.mean, cell.deviation)
                        if cell.mean is not None
                        else "—",
                        link=story.anchor(cell),
                    ),
                ],
            )
            for scale, cell in variation.cells
        ],
    )
    known = [(slopes[scale], cell.mean) for scale, cell in variation.cells if cell.mean is not None]
    if len(known) > 1:
        least = min(known)
        yield Paragraph(
            text=lab.say(
                "The most saturated start is the worst one in the records."
                if least[1] == min(mean for _, mean in known)
                else "In the records the most saturated start is not the worst one: saturation "
                "alone does not decide."
            )
        )


def parameters(lab: LabStory) -> Iterator[Block]:
    """What a hidden neuron costs."""
    yield lab.prose(
        "A hidden neuron has {n_in} weights from the pixels and the constant input, and {n_out} to "
        "the outputs: the parameters, and nearly the time of a step, grow in proportion to the "
        "number of neurons.",
        n_in=PIXELS + 1,
        n_out=CLASSES,
    )
