"""The pictures of trained networks: architectures side by side, gradients, and what was learnt."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from retroprop.calculus.architectures import parse_architecture
from retroprop.data.pictures import bundled_picture
from retroprop.figures.architectures import (
    accuracy_curves,
    describe_gradient_norms,
    gradient_norm_curves,
)
from retroprop.figures.curves import Part, describe_curves
from retroprop.figures.kernels import describe_kernels, first_layer_kernels
from retroprop.figures.token_mixing import describe_filters, filtered_pictures, token_mixing_filters
from retroprop.report.document import Block, Notice, Paragraph, Picture, Section
from retroprop.report.pictures import picture
from retroprop.report.results import every_cell
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import MOST_POINTS, some_best
from retroprop.report.weights import NoWeightsError, trained_weights
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import CellSummary, Curve, curve

KERNELS = "conv1.weight"
FILTERS = "blocks.0.mlp_tokens.fc1.weight"
MOST_IN_PAIR = 3


def pairs_section(report: StudyReport) -> Section | None:
    """Train and validation accuracy of two or three architectures in one plot ("pairs")."""
    if "pairs" not in report.figures or len(report.values("architecture")) < 2:
        return None
    say = report.say
    best = {
        cell.cell["architecture"]: cell
        for cell in sorted(report.cells, key=lambda cell: cell.mean or 0.0)
        if cell.mean is not None and "architecture" in cell.cell
    }
    recorded = [text for text in report.values("architecture") if text in best]
    known = recorded[:MOST_POINTS]
    blocks: list[Block] = [
        pair_picture(report, f"pair-{number}", [best[text] for text in group])
        for number, group in enumerate(pairs_of(known), start=1)
    ]
    if not blocks:
        return None
    text = say(
        "Each plot compares two or three architectures: those of one kind, or the first of each "
        "kind."
    )
    if len(known) < len(recorded):
        text += " " + say("{n} of {all} values are drawn.").format(n=len(known), all=len(recorded))
    heading = say("Architectures side by side")
    return Section(name="pairs", heading=heading, blocks=[Paragraph(text=text), *blocks])


def pairs_of(architectures: Sequence[str]) -> list[list[str]]:
    """Which architectures share a plot: those of a kind, and the first of each kind.

    A kind of more than three has several plots, its first one in each.

    >>> pairs_of(["mlp 256", "mlp 64x9", "cnn 16 k3", "cnn 8 k1", "cnn 41 k28"])
    [['mlp 256', 'mlp 64x9'], ['mlp 256', 'cnn 16 k3'], ['cnn 16 k3', 'cnn 8 k1', 'cnn 41 k28']]
    """
    kinds: dict[bool, list[str]] = {False: [], True: []}
    for text in architectures:
        kinds[bool(parse_architecture(text).channels)].append(text)
    dense, convolutional = kinds[False], kinds[True]
    between = [[dense[0], convolutional[0]]] if dense and convolutional else []
    return [*_groups(dense), *between, *_groups(convolutional)]


def _groups(kind: Sequence[str]) -> list[list[str]]:
    step = MOST_IN_PAIR - 1
    return [[kind[0], *kind[at : at + step]] for at in range(1, len(kind), step)]


def pair_picture(
    report: StudyReport, name: str, cells: Sequence[CellSummary], *, half: bool = True
) -> Picture:
    """Train and validation accuracy of these architectures in one plot."""
    say = report.say
    parts: tuple[Part, ...] = ("validation", "train")
    names = {
        report.setting("architecture", cell.cell["architecture"], short=True): cell
        for cell in cells
    }
    lines: dict[str, dict[Part, Curve]] = {
        name: {part: _trained(curve(cell.runs, f"{part}_accuracy")) for part in parts}
        for name, cell in names.items()
    }
    figure = accuracy_curves(lines, language=report.language)
    runs = {name: cell.runs for name, cell in names.items()}
    description = describe_curves(
        runs, "accuracy", parts=parts, say=say, number=report.numbers.percent
    )
    long = [report.setting("architecture", cell.cell["architecture"]) for cell in cells]
    caption = say("Train and validation accuracy: {names}.").format(names=report.listed(long))
    return picture(name, caption, description, figure, half=half)


def _trained(line: Curve) -> Curve:
    """The trained epochs; with the untrained one where a single one would be a dot."""
    trained = line.without_epoch_0()
    return trained if len(trained.epochs) > 1 else line


def gradients_section(report: StudyReport) -> Section | None:
    """The norm of the gradient over the epochs ("gradient-norms")."""
    if "gradient-norms" not in report.figures:
        return None
    cells: dict[str, Sequence[RunRecord]] = dict(every_cell(report)) or {
        report.name(cell): cell.runs for cell in some_best(report)
    }
    blocks = gradient_blocks(report, cells)
    heading = report.say("Norm of the gradient")
    return Section(name="gradient-norms", heading=heading, blocks=blocks) if blocks else None


def gradient_blocks(report: StudyReport, cells: Mapping[str, Sequence[RunRecord]]) -> list[Block]:
    """What the norm of the gradient is, and its picture for these models; [] without a norm."""
    say = report.say
    found = {name: curve(runs, "gradient_norm") for name, runs in cells.items()}
    lines = {name: line for name, line in found.items() if any(value > 0 for value in line.mean)}
    if not lines:
        return []
    figure = gradient_norm_curves(lines, language=report.language)
    description = describe_gradient_norms(lines, say=say, number=report.numbers.significant)
    caption = say("Norm of the gradient over the epochs, on a logarithmic axis.")
    lost = [name for name in cells if name not in lines]
    if lost:
        without = say("Without a line, for lack of a norm above 0: {names}.")
        caption += " " + without.format(names=report.listed(lost))
    text = say(
        "The norm of the gradient of the loss with respect to all parameters together, ‖∂L/∂θ‖, is "
        "taken at each step, before any clipping; a point is its mean over the steps of an epoch."
    )
    return [Paragraph(text=text), picture("gradient-norms", caption, description, figure)]


def weights_section(report: StudyReport) -> Section | None:
    """What the first layer of the best network has learnt ("kernels", "token-mixing")."""
    drawings: dict[str, Callable[[StudyReport, RunRecord], list[Block]]] = {
        "kernels": _kernels,
        "token-mixing": _filters,
    }
    asked = [draw for name, draw in drawings.items() if name in report.figures]
    if not asked:
        return None
    say = report.say
    heading = say("What the first layer has learnt")
    run = best_run(report)
    if run is None:
        text = say("There are no weights to draw yet, because there is no best cell yet.")
        return Section(name="weights", heading=heading, blocks=[Paragraph(text=text)])
    settings = report.varied_settings(run.cell)
    text = say(
        "The weights are those of run {id}{settings}, after epoch {epoch}, the best on validation "
        "({accuracy})."
    ).format(
        id=run.id,
        settings=f" ({settings})" if settings else "",
        epoch=run.best_epoch,
        accuracy=report.numbers.percent(run.best_validation_accuracy or 0.0),
    )
    blocks: list[Block] = [Paragraph(text=text)]
    for draw in asked:
        try:
            blocks += draw(report, run)
        except NoWeightsError as error:
            title = say("The weights could not be drawn")
            remedy = say(
                "The weights of a study lie in the folder checkpoints beside its database: put it "
                "there, and write the report again."
            )
            blocks.append(Notice(title=title, text=f"{error} {remedy}"))
    return Section(name="weights", heading=heading, blocks=blocks)


def best_run(report: StudyReport) -> RunRecord | None:
    """The seed with the best validation accuracy of the best cell."""
    if report.best_cell is None:
        return None
    return max(report.best_cell.runs, key=lambda run: run.best_validation_accuracy or 0.0)


def _kernels(report: StudyReport, run: RunRecord) -> list[Block]:
    weights = trained_weights(report, run, KERNELS).astype(np.float32)
    text = report.say(
        "Each tile is one kernel of the first convolution: above, its weights for the first "
        "channel of the image; below, their mean over the channels. Both panels are divided "
        "by their largest absolute weight and share one scale, on which grey is 0."
    )
    caption = report.say("Kernels of the first convolution, {n} tiles.").format(n=len(weights))
    figure = first_layer_kernels(weights, language=report.language)
    description = describe_kernels(weights, say=report.say)
    return [Paragraph(text=text), picture("kernels", caption, description, figure)]


def _filters(report: StudyReport, run: RunRecord) -> list[Block]:
    say = report.say
    weights = trained_weights(report, run, FILTERS).astype(np.float32)
    text = say(
        "Each tile holds the weights of one hidden unit of the first token-mixing MLP, one for "
        "each patch of the image. Units of opposing phase stand side by side, low frequencies "
        "first; every tile is divided by its own largest absolute weight."
    )
    sliding = say(
        "In the second picture some of the filters slide over a picture, as those "
        "of a convolution would. A Mixer does not do that: each of its filters sees the whole "
        "image once. It shows what a filter answers to."
    )
    described = describe_filters(weights, say=say, number=report.numbers.decimal)
    drawings = [
        (
            "token-mixing",
            say("Filters of the first token-mixing layer, {n} tiles.").format(n=len(weights)),
            token_mixing_filters(weights, language=report.language),
        ),
        (
            "filtered-picture",
            say("A picture, and what some of the filters make of it when they slide over it."),
            filtered_pictures(bundled_picture(), weights, language=report.language),
        ),
    ]
    return [
        Paragraph(text=f"{text} {sliding}"),
        *(picture(name, caption, described, figure) for name, caption, figure in drawings),
    ]
