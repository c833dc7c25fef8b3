"""Part 4: other activation functions, Adam and Adagrad, minibatches, a convolutional network."""

import math
from collections.abc import Iterator
from typing import Any

from retroprop.labs.lyon_tp.convolutional import ConvolutionalNetwork
from retroprop.labs.lyon_tp.deep import DeepNetwork
from retroprop.labs.lyon_tp.evidence import code, error
from retroprop.labs.lyon_tp.experiments import curves, with_figures
from retroprop.labs.lyon_tp.hyperparameters import sentences, tables_of
from retroprop.labs.lyon_tp.measurements import (
    convolution_error,
    gradient_by_layer,
    optimizer_error,
)
from retroprop.models.cnn import CNN
from retroprop.report.costs import costs_section
from retroprop.report.document import Block, Cell, Equation, Paragraph, Row, Table, row
from retroprop.report.influence import influence_sections
from retroprop.report.lab_report import LabReport, only
from retroprop.report.study_report import StudyReport
from retroprop.report.verdict_sentence import other_epochs, trained_otherwise
from retroprop.studies.summary import CellSummary, mean_and_deviation, verdict_of_images

NEAR = 0.01  # an accuracy within one point of the best is near it


# --- activation functions -------------------------------------------------------------------------


def activations(lab: LabReport) -> Iterator[Block]:
    """What the records say, then the functions and how they pass a gradient on."""
    report = lab.study("lyon-activations")
    yield from sentences(lab, report, "activation", ["depth"])
    yield from sentences(lab, report, "depth")
    yield from curves(lab, report)
    yield from tables_of(lab, report)
    yield lab.prose(
        "The derivative of the sigmoid is at most $frac(1, 4)$, that of tanh at most 1, and that "
        "of ReLU is 1 wherever the unit is active:",
        title="Why they differ",
    )
    yield Equation(
        source="sigma'(z) = sigma(z) (1 - sigma(z)), quad tanh'(z) = 1 - tanh(z)^2, quad "
        "rect'(z) = bone_({z > 0})"
    )
    depth = max((one for one in report.values("depth") if isinstance(one, int)), default=3)
    width = report.runs[0].settings.get("width") or 100
    yield from _gradients(lab, report, depth, width)
    yield lab.prose(
        "The activation function is one argument of the network of part 3; autograd derives it. "
        "With the derivatives written out by hand the gradients are the same (3.2)."
    )


def _gradients(lab: LabReport, report: StudyReport, depth: int, width: int) -> Iterator[Block]:
    """The norm of the gradient in each layer before the first step."""
    found = {
        name: gradient_by_layer(name, depth, width)
        for name in report.values("activation")
        if name in ("sigmoid", "tanh", "relu")
    }
    layers = [lab.say("layer {n}").format(n=layer + 1) for layer in range(depth)]
    settings = report.describe({"depth": depth, "width": width})
    yield Table(
        name="gradients",
        caption=lab.say("Norm of the gradient of each layer before training, {settings}").format(
            settings=settings
        ),
        corner=report.setting_name("activation"),
        columns=[*layers, lab.say("output")],
        rows=[
            row(
                report.setting("activation", name),
                *(lab.numbers.decimal(norm, 2) for norm in norms),
            )
            for name, norms in found.items()
        ],
        notes=[
            lab.say("Of the squared error of 1,000 training images; initial weights by fan-in.")
        ],
    )
    ratios = {name: norms[0] / norms[-1] for name, norms in found.items()}
    if len(ratios) > 1:
        yield Paragraph(text=_apart(lab, report, ratios))


def _apart(lab: LabReport, report: StudyReport, ratios: dict[str, float]) -> str:
    """In which network the first and the last layer get the most different gradients."""
    by_distance = sorted(ratios, key=lambda name: abs(math.log(ratios[name])))
    near, far = by_distance[0], by_distance[-1]
    return lab.say(
        "The gradient of the first layer is {far} times that of the output layer with {farthest}, "
        "and {near} times with {nearest}. One η has to serve all layers, and the further apart "
        "they are, the worse it fits."
    ).format(
        far=lab.numbers.decimal(ratios[far], 3),
        farthest=report.setting("activation", far),
        near=lab.numbers.decimal(ratios[near], 3),
        nearest=report.setting("activation", near),
    )


# --- optimizers -----------------------------------------------------------------------------------


def optimizers(lab: LabReport) -> Iterator[Block]:
    """What the records say, then the equations and the check of their implementation."""
    report = lab.study("lyon-optimizers")
    yield from sentences(lab, report, "optimizer")
    text = _near(lab, report)
    if text and not report.unfinished:
        yield Paragraph(title=lab.say("How much the rate matters"), text=text)
    yield from curves(lab, report)
    yield from tables_of(lab, report)
    yield lab.prose(
        "Both divide the step of each weight by the size of its own past gradients, so that "
        "weights with small gradients move as well. Adagrad adds up all squares, so its steps only "
        "shrink; Adam takes decaying means, of the gradient too. With $g$ the gradient of a "
        "weight:",
        title="How they work",
    )
    yield Equation(
        source="s' &= s + g^2, quad w' = w - eta frac(g, sqrt(s') + epsilon) \\ "
        "m' &= 0.9 m + 0.1 g, quad v' = 0.999 v + 0.001 g^2, quad "
        "w' = w - eta frac(hat(m), sqrt(hat(v)) + epsilon)"
    )
    yield lab.prose(
        "The first line is Adagrad (Duchi et al., 2011), the second Adam (Kingma & Ba, 2015), "
        "where $hat(m) = frac(m', 1 - 0.9^t)$ and $hat(v) = frac(v', 1 - 0.999^t)$ after $t$ "
        "steps."
    )
    yield code(lab, DeepNetwork._modify)  # pyright: ignore[reportPrivateUsage] - shown, not called
    yield lab.prose(
        "The optimizers of torch.optim and those of the library, which train the studies, make the "
        "same steps: after twenty of them the weights differ by {adam} at most with Adam, and by "
        "{adagrad} with Adagrad.",
        title="Checked while this was written",
        adam=error(lab, optimizer_error("adam")),
        adagrad=error(lab, optimizer_error("adagrad")),
    )


def _near(lab: LabReport, report: StudyReport) -> str:
    """At how many of the rates each optimizer comes near its own best."""
    lines = []
    for cell in report.best:
        alike = [
            one.mean
            for one in report.cells
            if one.mean is not None
            and all(
                one.cell[key] == value for key, value in cell.cell.items() if key != "learning_rate"
            )
        ]
        near = sum(mean >= (cell.mean or 0.0) - NEAR for mean in alike)
        lines.append(
            lab.say("{name}: {k} of {n}").format(
                name=report.name(cell), k=near, n=len(report.values("learning_rate"))
            )
        )
    if not lines:
        return ""
    return lab.say("Rates that come within one point of the optimizer’s own best: {list}.").format(
        list=lab.say("; ").join(lines)
    )


# --- minibatches ----------------------------------------------------------------------------------


def minibatches(lab: LabReport) -> Iterator[Block]:
    """At the same rate, at each size's own best rate, and what an epoch costs."""
    report = lab.study("lyon-minibatches")
    yield from sentences(lab, report, "batch_size")
    own = with_figures(report, best_per=["batch_size"])
    if not report.unfinished and "batch_size" in report.varied:
        yield from list(sentences(lab, own, "batch_size"))[:1]
        yield _own_best(lab, own)
    yield from tables_of(lab, report)
    drawn = with_figures(own, "effect-of-setting", "curves-by-setting")
    for section in influence_sections(drawn, keys=["batch_size"]):
        yield from only("picture", section.blocks)
    yield lab.prose(
        "With the mean of the examples’ gradients, the same rate takes steps of about the same "
        "length for every size, but an epoch has fewer of them: the number of examples divided by "
        "the size. So after as many epochs, larger batches have moved less, unless the rate is "
        "raised, which instability limits. What a larger batch buys is time: its examples are "
        "computed together, and its gradient is less noisy (its variance falls as one over the "
        "size).",
        title="What a larger batch changes",
    )
    yield code(lab, DeepNetwork.learn)


def _own_best(lab: LabReport, own: StudyReport) -> Table:
    """Each size at its best rate: its steps, its accuracy and its seconds per epoch."""

    def cells(cell: CellSummary) -> list[Cell]:
        steps = own.steps_per_epoch(cell.runs)
        seconds = [run.train_s_per_epoch for run in cell.runs if run.train_s_per_epoch]
        return [
            Cell(text=lab.numbers.integer(steps) if steps else "—"),
            Cell(text=own.setting("learning_rate", cell.cell.get("learning_rate"))),
            Cell(text=lab.numbers.share(cell.mean or 0.0, cell.deviation), link=own.anchor(cell)),
            Cell(text=lab.numbers.significant(mean_and_deviation(seconds)[0]) if seconds else "—"),
        ]

    return Table(
        name="own-best",
        caption=lab.say("Each batch size at its own best learning rate"),
        corner=own.setting_name("batch_size"),
        columns=[
            lab.say("steps per epoch"),
            own.setting_name("learning_rate"),
            lab.say("Best validation accuracy (%)"),
            lab.say("Training time per epoch (s)"),
        ],
        rows=[
            Row(header=own.setting("batch_size", cell.cell["batch_size"]), cells=cells(cell))
            for cell in own.best
        ],
        notes=[
            lab.say("Models trained as one program share its seconds evenly, evaluation excluded.")
        ],
    )


# --- the convolutional network --------------------------------------------------------------------


def convolution(lab: LabReport) -> Iterator[Block]:
    """How well it does, beside the best dense network, and what its settings do."""
    report = lab.study("lyon-convolution")
    yield from _against_dense(lab, report)
    for key in report.varied:
        yield from sentences(lab, report, key)
    yield from tables_of(lab, report)
    yield from curves(lab, report)
    cost = costs_section(with_figures(report, "time-by-setting"))
    yield from cost.blocks if cost else ()


def _against_dense(lab: LabReport, report: StudyReport) -> Iterator[Paragraph]:
    """The test accuracy against that of the best dense network in the records."""
    best, dense = report.best_cell, best_dense(lab, report)
    ours = best.test_accuracies if best is not None else []
    if not ours or dense is None or report.info is None:
        return
    other, cell = dense
    theirs = mean_and_deviation(cell.test_accuracies)[0]
    if different := trained_otherwise(report, other):
        yield Paragraph(text=different)
        return
    found = verdict_of_images(mean_and_deviation(ours)[0], theirs, report.test_images)
    text = lab.say(
        "On the test base the convolutional network is {gap} above the best dense network of "
        "the records ({study}: {settings}; {accuracy}): more than the choice of {n} images "
        "leaves to chance ({margin})."
        if found.sign > 0
        else "On the test base the convolutional network is {gap} below the best dense network "
        "of the records ({study}: {settings}; {accuracy}): more than the choice of {n} images "
        "leaves to chance ({margin})."
        if found.sign < 0
        else "On the test base the convolutional network and the best dense network of the "
        "records ({study}: {settings}; {accuracy}) are not distinguishable: they are {gap} "
        "apart, and the choice of {n} images leaves {margin} to chance."
    ).format(
        gap=report.points(abs(found.difference)),
        margin=report.points(found.margin or 0.0),
        study=other.record.study,
        settings=other.describe(cell.cell),
        accuracy=lab.numbers.percent(theirs),
        n=lab.numbers.integer(found.images or 0),
    )
    yield Paragraph(text=" ".join(filter(None, [text, other_epochs(report, other)])))


def best_dense(lab: LabReport, beside: StudyReport) -> tuple[StudyReport, CellSummary] | None:
    """The dense network with the highest validation accuracy of those that were tested.

    Of those that trained on the data of another study, if there are any.
    """
    found: list[tuple[bool, float, StudyReport, CellSummary]] = []
    for name in ("lyon-shallow", "lyon-deep", "lyon-activations", "lyon-optimizers"):
        report = lab.find_study(name)
        cell = report.best_cell if report is not None else None
        if report is not None and cell is not None and cell.test_accuracies:
            found.append((report.data == beside.data, cell.mean or 0.0, report, cell))
    if not found:
        return None
    *_, report, cell = max(found, key=lambda one: one[:2])
    return report, cell


def layers(lab: LabReport) -> Iterator[Block]:
    """The network in torch.nn, its parameters, and why convolutions suit images."""
    yield lab.prose(
        "The network is made of torch.nn’s layers: convolutions with ReLU and max-pooling, then "
        "dense layers; softmax and cross-entropy, and Adam on minibatches.",
        title="The network",
    )
    yield code(lab, CNN.__init__)
    yield code(lab, ConvolutionalNetwork.learn)
    yield lab.prose(
        "The study trains this network, with kernels of other sizes, by gradients that the library "
        "derives by hand. Those of torch.nn and autograd are the same (largest difference, over "
        "all parameters: {error}).",
        title="Checked while this was written",
        error=error(lab, convolution_error()),
    )
    counts: dict[str, Any] = {
        kind: sum(p.numel() for n, p in CNN(1, 10).named_parameters() if n.startswith(kind))
        for kind in ("conv", "dense", "output")
    }
    yield lab.prose(
        "A kernel sees a few pixels and is used at every place: its weights are shared, and a "
        "shifted digit gives shifted features; pooling then forgets small shifts. So the three "
        "convolutions of the default network have {conv} parameters together, and its dense layers "
        "{dense}.",
        title="Why convolutions suit images",
        conv=lab.numbers.integer(counts["conv"]),
        dense=lab.numbers.integer(counts["dense"] + counts["output"]),
    )
