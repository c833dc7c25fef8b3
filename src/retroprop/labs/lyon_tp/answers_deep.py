"""Part 3: the deep network by autograd, its agreement with part 2, and its hyper-parameters."""

from collections.abc import Iterator

from retroprop.labs.lyon_tp.deep import DeepNetwork
from retroprop.labs.lyon_tp.evidence import ROUNDING, code, error
from retroprop.labs.lyon_tp.measurements import (
    FEW,
    activity_by_layer,
    deep_gradient_error,
    shallow_against_deep,
)
from retroprop.report.document import Block, Equation, Paragraph, Table, row
from retroprop.report.lab_report import LabReport
from retroprop.report.verdict_sentence import verdict_sentence
from retroprop.studies.summary import best_cell

STUDY = "lyon-deep"
ACTIVATIONS = ("sigmoid", "tanh", "relu")
DEPTHS = (1, 2, 3)


def network(lab: LabReport) -> Iterator[Block]:
    """How the deep network is implemented."""
    yield lab.prose(
        "The network is a list of matrices of weights, each a tensor with requires_grad=True, so "
        "the number of hidden layers is the length of a list. Only the way forwards and the loss "
        "are written down; backward() leaves the gradients in the field grad of each matrix, and "
        "they are set to 0 after each step:"
    )
    yield Equation(
        source="by^((l)) = phi(bW^((l)) by^((l - 1))), quad by^((0)) = bx, quad "
        "L = frac(1, 2) sum_i (t_i - y_i)^2, quad "
        "bW'^((l)) = bW^((l)) - eta frac(partial L, partial bW^((l)))"
    )
    yield code(lab, DeepNetwork._forward, DeepNetwork.learn, DeepNetwork._modify)  # pyright: ignore[reportPrivateUsage] - shown, not called
    yield lab.prose(
        "The studies train the same networks with the gradients that the library derives by hand, "
        "many models at a time. The next question shows that both are equal. The study of this "
        "part uses ReLU units; 4.1 compares them with sigmoid ones."
    )


def consistency(lab: LabReport) -> Iterator[Block]:
    """Part 2 again by autograd, and the gradients of deeper networks by both ways."""
    apart = shallow_against_deep()
    yield Paragraph(
        text=lab.say(
            "They are consistent: from the same weights, with one hidden layer of sigmoid neurons, "
            "the equations of part 2 and autograd have the same weights after {n} steps (largest "
            "difference: {error})."
            if apart < ROUNDING
            else "They are not consistent: from the same weights, the equations of part 2 and "
            "autograd differ after {n} steps by {error}."
        ).format(n=FEW, error=error(lab, apart))
    )
    yield Table(
        name="gradients",
        caption=lab.say("Largest difference of a step by hand and by autograd, in float64"),
        corner=lab.say("activation function"),
        across=lab.say("hidden layers"),
        columns=[str(depth) for depth in DEPTHS],
        rows=[
            row(
                {"sigmoid": lab.say("sigmoid"), "relu": "ReLU"}.get(name, name),
                *(error(lab, deep_gradient_error(depth, name)) for depth in DEPTHS),
            )
            for name in ACTIVATIONS
        ],
        notes=[lab.say("Layers of 30 units, 20 examples, a rate of 1.")],
        words=tuple(range(len(DEPTHS))),
    )


def why_weights(lab: LabReport) -> Iterator[Block]:
    """How the activity passes through the layers before the first step, for each scale."""
    yield lab.prose(
        "A layer of ReLU units multiplies the mean square of the activities by about "
        "$frac(1, 2) n sigma^2$, with $n$ inputs of a unit and weights of standard deviation "
        "$sigma$ (He et al., Delving deep into rectifiers, 2015). With "
        "$sigma = sqrt(frac(2, n))$, “by fan-in”, the factor is 1 and the signal keeps its size "
        "through any number of layers; with a fixed $sigma$ the factor depends on the width.",
        title="Why the initial weights matter",
    )
    report = lab.study(STUDY)
    depth = max((value for value in report.values("depth") if isinstance(value, int)), default=3)
    scales, widths = report.values("initial_scale"), report.values("width")
    yield Table(
        name="activities",
        caption=lab.say("Mean square of the activities before training, {settings}").format(
            settings=report.phrase("depth", depth)
        ),
        corner=lab.say("initial weights"),
        columns=[lab.say("layer {n}").format(n=layer + 1) for layer in range(depth)],
        rows=[
            row(
                lab.say("{scale}, {width}").format(
                    scale=report.setting("initial_scale", scale),
                    width=report.phrase("width", width),
                ),
                *(
                    lab.numbers.decimal(value, 3)
                    for value in activity_by_layer(depth, width, scale)
                ),
            )
            for scale in scales
            for width in widths
        ],
    )


def how_deep(lab: LabReport) -> Iterator[Block]:
    """Where the best network is not deep, the best one that is, and which of them is above."""
    report = lab.study(STUDY)
    best = report.best_cell
    if best is None or best.cell.get("depth") != 1:
        return
    deep = best_cell(cell for cell in report.cells if cell.cell.get("depth", 0) > 1)
    if deep is None:
        yield lab.prose(
            "This network has one hidden layer, so it is not deep; none with more has finished."
        )
        return
    yield Paragraph(
        text=lab.say(
            "This network has one hidden layer, so it is not deep. The best with more has "
            "{settings}. {verdict}"
        ).format(
            settings=report.describe(deep.cell),
            verdict=verdict_sentence(
                report,
                report.verdict(best, deep),
                report.phrase("depth", 1),
                report.phrase("depth", deep.cell["depth"]),
            ),
        )
    )


def why_depth(lab: LabReport) -> Iterator[Block]:
    """What more layers and more units can bring, in general."""
    yield lab.prose(
        "One hidden layer can approximate every continuous function, if it is wide enough "
        "(Cybenko, Approximation by superpositions of a sigmoidal function, 1989); more layers may "
        "need fewer units for the same function. They also make the way of the gradient longer: it "
        "is multiplied once more by weights and by $phi'$ in each layer, so depth asks for an "
        "activation function and initial weights that keep its size (4.1 measures it). Whether a "
        "layer more helps here is a question for the records above, not for the theorem."
    )
