"""Question 4.2: the activation function of the MLP."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retroprop.labs.ift6135_devoir1.outcomes import outcome_table, ranking, scale, tested
from retroprop.labs.ift6135_devoir1.tables import facts
from retroprop.report.document import Block, Notice, Table
from retroprop.report.lab_report import LabReport, only
from retroprop.report.network_pictures import gradients_section
from retroprop.report.results import curves_section
from retroprop.report.study_report import StudyReport, setting_of
from retroprop.report.weights import NoWeightsError, trained_weights
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import CellSummary, curve

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATIONS = "ift6135-activations"


def nonlinearity(lab: LabReport) -> Iterator[Block]:
    """Which is best, with the four figures."""
    report = lab.study(ACTIVATIONS)
    yield from ranking(lab, report, "activation")
    yield from tested(lab, report)
    yield from scale(lab, report)
    yield lab.prose(
        "The four figures follow, two above each other: loss and accuracy over the epochs, each on "
        "validation and on train. Every line carries the name of its activation function at its "
        "end, in place of a legend."
    )
    yield from only("picture", lab.blocks(report, curves_section))
    yield outcome_table(lab, report, "activation")


def why_nonlinearity(lab: LabReport) -> Iterator[Block]:
    """The usual explanation, and what our numbers say of it."""
    from retroprop.labs.ift6135_devoir1.checks import first_gradients

    gradients = first_gradients()
    relu, sigmoid = gradients["relu"][0], gradients["sigmoid"][0]
    yield lab.prose(
        "On its way back through a layer the gradient is multiplied by the transposed weights and, "
        "unit by unit, by the slope of the activation function. That slope is 0 or 1 for ReLU, at "
        "most 1 for tanh and at most 1/4 for the sigmoid, and both fall towards 0 where the unit "
        "is saturated. Through four hidden layers the sigmoid leaves at most $1 slash 256$ of what "
        "the weights carry. The table was computed while this was written: the same initial "
        "weights three times, 500 images, the gradient of each layer’s weights.",
        title="Why they should differ",
    )
    yield _gradient_table(lab, gradients)
    yield lab.prose(
        "In the first layer the gradient with the sigmoid is {ratio} times smaller than with ReLU: "
        "the vanishing gradient of Glorot and Bengio (2010), before any training."
        if sigmoid < relu
        else "In the first layer the gradient with the sigmoid is not smaller than with ReLU.",
        ratio=lab.numbers.integer(relu / sigmoid),
    )
    report = lab.study(ACTIVATIONS)
    yield from _against_records(lab, report, {name: of[0] for name, of in gradients.items()})
    yield from only("picture", lab.blocks(report, gradients_section))
    yield from flat_units(lab, report)


def _gradient_table(lab: LabReport, gradients: dict[str, tuple[float, ...]]) -> Table:
    say = lab.say
    layers = len(next(iter(gradients.values())))
    return facts(
        "first-gradients",
        say("Norm of the gradient of each layer’s weights, before training"),
        say("activation function"),
        [say("layer {n}").format(n=n) for n in range(1, layers)] + [say("output layer")],
        [
            (
                lab.numbers.setting(name) if name != "sigmoid" else say("sigmoid"),
                [lab.numbers.significant(norm) for norm in norms],
            )
            for name, norms in gradients.items()
        ],
    )


def _against_records(
    lab: LabReport, report: StudyReport, first: dict[str, float]
) -> Iterator[Block]:
    """Whether the explanation fits what was trained."""
    cells = {
        name: cell
        for cell in report.cells
        if (name := cell.cell.get("activation")) in first and cell.mean is not None
    }
    if len(cells) < 2:
        return
    ranked = sorted(cells, key=lambda name: -(cells[name].mean or 0.0))
    names = {name: report.setting("activation", name) for name in cells}
    best, second, last = ranked[0], ranked[1], ranked[-1]
    title = "What our training says of it"
    if best == "relu" and report.verdict(cells[best], cells[second]).sign > 0:
        yield lab.prose(
            "ReLU, the only one whose slope does not fall where a unit is active, is ahead of both "
            "others by more than noise. That fits the explanation; it does not prove it.",
            title=title,
        )
    elif best == "relu":
        yield lab.prose(
            "ReLU is first, as the explanation would have it, but {second} is too near for the "
            "difference to say so.",
            title=title,
            second=names[second],
        )
    else:
        yield lab.prose(
            "{best} is first, not ReLU: the explanation alone does not decide it here.",
            title=title,
            best=names[best],
        )
    yield from _contradictions(lab, report, cells, first)
    if second != last and report.verdict(cells[second], cells[last]).sign <= 0:
        yield lab.prose(
            "Between {second} and {last} these records do not decide.",
            second=names[second],
            last=names[last],
        )
    yield from _first_epochs(lab, report, {names[name]: cells[name] for name in ranked})


def _contradictions(
    lab: LabReport, report: StudyReport, cells: dict[str, CellSummary], first: dict[str, float]
) -> Iterator[Block]:
    """Where training ranks two functions against the size of their first gradients."""
    against = [
        (better, worse)
        for better in cells
        for worse in cells
        if first[better] < first[worse] and report.verdict(cells[better], cells[worse]).sign > 0
    ]
    for better, worse in against:
        yield lab.prose(
            "But {better} is ahead of {worse} by more than noise although its first gradient is "
            "the smaller one, {small} against {large}. The size of the first gradients alone does "
            "not decide: the optimizer is Adam, which divides each step by the size of the "
            "gradients (Kingma and Ba, 2015), so a gradient that is small everywhere costs less "
            "than it would with plain gradient descent.",
            better=report.setting("activation", better),
            worse=report.setting("activation", worse),
            small=lab.numbers.significant(first[better]),
            large=lab.numbers.significant(first[worse]),
        )
    if not against:
        yield lab.prose(
            "No function is ahead of one with a larger first gradient by more than noise."
        )


def _first_epochs(
    lab: LabReport, report: StudyReport, cells: dict[str, CellSummary]
) -> Iterator[Block]:
    """How fast each begins."""
    lines = {n: curve(c.runs, "validation_accuracy").without_epoch_0() for n, c in cells.items()}
    begun = {name: line.mean[0] for name, line in lines.items() if line.epochs[:1] == (1,)}
    if len(begun) < 2:
        return
    items = [
        lab.say("{name}: {cell}").format(name=name, cell=lab.numbers.percent(value))
        for name, value in begun.items()
    ]
    yield lab.prose(
        "After the first epoch the validation accuracies are: {items}.",
        items=lab.say("; ").join(items),
    )


def flat_units(lab: LabReport, report: StudyReport) -> Iterator[Block]:
    """How many units of the trained networks stand where their function is flat."""
    from retroprop.labs.ift6135_devoir1.checks import flat_shares

    found: dict[str, tuple[float, ...]] = {}
    for cell in report.cells:
        run = max(cell.runs, key=lambda run: run.best_validation_accuracy or 0.0)
        activation = str(setting_of(run, "activation"))
        if cell.mean is None:
            continue
        try:
            found[activation] = flat_shares(trained_layers(report, run), activation)
        except NoWeightsError as error:
            yield Notice(title=lab.say("The weights could not be read"), text=str(error))
    if not found or len({len(shares) for shares in found.values()}) > 1:
        return
    yield lab.prose(
        "The trained networks, on the same 500 images: how often a hidden unit stands where the "
        "slope of its function is less than a tenth of its greatest. For ReLU such a unit is "
        "silent for this image, and the others pass the gradient on whole; a flat tanh or sigmoid "
        "unit is saturated and passes almost nothing on.",
        title="Saturation, measured",
    )
    if {"tanh", "sigmoid"} <= set(found):
        tanh, sigmoid = found["tanh"][0], found["sigmoid"][0]
        yield lab.prose(
            "In the first layer tanh is saturated more often than the sigmoid, {tanh} against "
            "{sigmoid}."
            if tanh > sigmoid
            else "In the first layer the sigmoid is saturated more often than tanh, {sigmoid} "
            "against {tanh}.",
            tanh=lab.numbers.percent(tanh, digits=0),
            sigmoid=lab.numbers.percent(sigmoid, digits=0),
        )
    rows = [
        (
            report.setting("activation", name),
            [lab.numbers.share(share, digits=1) for share in shares],
        )
        for name, shares in found.items()
    ]
    yield facts(
        "flat-units",
        lab.say("Pre-activations with a slope below a tenth of the greatest, after training (%)"),
        lab.say("activation function"),
        [lab.say("layer {n}").format(n=n + 1) for n in range(len(rows[0][1]))],
        rows,
    )


def trained_layers(report: StudyReport, run: RunRecord) -> "list[tuple[Tensor, Tensor]]":
    """Weight and bias of every linear layer of a trained MLP, the output layer last.

    Raises:
        NoWeightsError: If its file lacks one.
    """
    import torch

    architecture = str(setting_of(run, "architecture")).split()[-1]
    hidden = len(architecture.split("-"))
    names = [*(f"hidden_layers.{n}" for n in range(hidden)), "output_layer"]
    return [
        (
            torch.tensor(trained_weights(report, run, f"{name}.weight")),
            torch.tensor(trained_weights(report, run, f"{name}.bias")),
        )
        for name in names
    ]
