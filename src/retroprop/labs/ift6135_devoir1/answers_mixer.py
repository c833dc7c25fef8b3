"""Question 4.6: the best Mixer with patches of 4 × 4, its filters, and why it works."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from retroprop.figures.token_mixing import filter_tiles
from retroprop.labs.ift6135_devoir1.answers_activation import ACTIVATIONS
from retroprop.labs.ift6135_devoir1.answers_patches import PATCHES
from retroprop.labs.ift6135_devoir1.answers_rates import RATES
from retroprop.labs.ift6135_devoir1.answers_resnet import RESNET
from retroprop.labs.ift6135_devoir1.best_model import initial_weights, search
from retroprop.labs.ift6135_devoir1.filter_measures import change, spread
from retroprop.labs.ift6135_devoir1.outcomes import complete_cells
from retroprop.labs.ift6135_devoir1.tables import facts
from retroprop.report.document import Block, Cell, Notice
from retroprop.report.lab_report import LabReport, NotRecordedError, only
from retroprop.report.network_pictures import FILTERS, best_run, weights_section
from retroprop.report.study_report import StudyReport
from retroprop.report.weights import NoWeightsError, trained_weights
from retroprop.studies.summary import CellSummary

MIXER = "ift6135-mixer-best"
PUBLISHED = 0.868
"""The validation accuracy that the document reports after 15 epochs."""


def best_mixer(lab: LabReport) -> Iterator[Block]:
    """Its accuracy, its hyperparameters and the search."""
    yield from search(lab, lab.study(MIXER), PUBLISHED)


def filters(lab: LabReport) -> Iterator[Block]:
    """The token-mixing weights of the first block, measured and applied to a picture."""
    report = lab.study(MIXER)
    run = best_run(report)
    if run is None:
        return
    yield lab.prose(
        "The first layer of the first token-mixing MLP has one row of weights for each hidden "
        "unit, one weight for each of the 64 patches: drawn on the grid of patches, a row is an "
        "image of 8 × 8, as in Figure 5 of the paper. As there, filters of opposing phase stand "
        "side by side, low frequencies first. Each is divided by its own largest absolute weight.",
        title="How the filters are drawn",
    )
    pictures = list(lab.blocks(report, weights_section))
    drawn = {block.name: block for block in only("picture", pictures)}  # pyright: ignore
    if "token-mixing" in drawn:
        yield drawn["token-mixing"]
    try:
        weights = trained_weights(report, run, FILTERS).astype(np.float64)
    except NoWeightsError as error:
        yield Notice(title=lab.say("The weights could not be read"), text=str(error))
        return
    yield from _filter_comment(lab, weights, initial_weights(report, run, FILTERS))
    if "filtered-picture" in drawn:
        yield lab.prose(
            "In the next figure some of the filters slide over a picture. This is not what the "
            "Mixer does, as the document notes too: each of its filters sees the whole image once, "
            "in 64 patches. It shows what a pattern of weights answers to.",
            title="Filters applied to a picture",
        )
        yield drawn["filtered-picture"]


def _filter_comment(lab: LabReport, weights: np.ndarray, initial: np.ndarray) -> Iterator[Block]:
    """Locality and smoothness of the filters, beside untrained ones and beside convolutions."""
    say, numbers = lab.say, lab.numbers
    tiles, before = filter_tiles(weights), filter_tiles(initial)
    found, start = spread(tiles), spread(before)
    patches = tiles.shape[1] * tiles.shape[2]
    rows = [
        (
            say("energy within one patch of the strongest weight (3 × 3)"),
            [
                numbers.percent(found.local, digits=1),
                numbers.percent(start.local, digits=1),
                numbers.percent(1.0, digits=0),
            ],
        ),
        (
            say("places over which the energy is spread, (Σw²)² / Σw⁴"),
            [
                numbers.decimal(found.patches, 1),
                numbers.decimal(start.patches, 1),
                say("at most {n}").format(n=9),
            ],
        ),
        (
            say("correlation of neighbouring weights"),
            [*(numbers.decimal(round(one.neighbours, 2) + 0.0) for one in (found, start)), "—"],
        ),
        (
            say("places that one filter sees, of those of the image"),
            [
                f"{patches} / {patches}",
                f"{patches} / {patches}",
                f"9 / {numbers.integer(32 * 32)}",
            ],
        ),
    ]
    yield facts(
        "filter-measures",
        say("The {n} token-mixing filters (medians), untrained ones, and kernels of 3 × 3").format(
            n=len(tiles)
        ),
        say("measure"),
        [say("after training"), say("before training"), say("convolution")],
        rows,
        words=(2,),
    )
    moved = change(weights, initial) if weights.shape == initial.shape else None
    local = found.local > 1.25 * start.local
    smooth = found.neighbours > start.neighbours + 0.05
    if local and smooth:
        text = (
            "A kernel of 3 × 3 sees nothing but its nine pixels, by "
            "construction. The Mixer’s filters may look anywhere. Training has made them more "
            "local and smoother than they were: it has learnt part of what a convolution is given."
        )
    elif smooth:
        text = (
            "A kernel of 3 × 3 sees nothing but its nine pixels, by "
            "construction. The Mixer’s filters may look anywhere, and they do: they are not more "
            "local than untrained ones. But neighbouring patches have come to similar weights, "
            "which a random filter has not: large smooth shapes, not the small ones of a kernel."
        )
    elif local:
        text = (
            "A kernel of 3 × 3 sees nothing but its nine pixels, by "
            "construction. Training has made the Mixer’s filters more local than they were, but "
            "not smoother."
        )
    else:
        text = (
            "A kernel of 3 × 3 sees nothing but its nine pixels, by "
            "construction. The Mixer’s filters look everywhere, and by these measures they hardly "
            "differ from untrained ones: training has given them next to no shape that is measured "
            "here."
        )
    yield lab.prose(text, title="Beside the kernels of the convolution")
    if moved is not None:
        yield lab.prose(
            "Training moved these weights by {moved} of their initial norm (the same seed, "
            "untrained).",
            moved=numbers.percent(moved, digits=0),
        )
    yield lab.prose(
        "The paper’s filters come from 300 million images; there the first layers hold local and "
        "global ones (Tolstikhin et al., 2021, Figure 5)."
    )


def why_mixer(lab: LabReport) -> Iterator[Block]:
    """Why it works where plain MLPs do not, with what is measured here."""
    from retroprop.labs.ift6135_devoir1.checks import mixer_summary, mlp_summary, resnet_summary

    mixer, mlp, resnet = mixer_summary(), mlp_summary(), resnet_summary()
    block = sum(layer.parameters for layer in mixer.layers if layer.name.startswith("blocks.0."))
    dense = (64 * 256) ** 2
    numbers = lab.numbers
    yield lab.prose(
        "A plain MLP treats the image as a list of 3,072 numbers: it would learn as well from "
        "images whose pixels were shuffled, the same way for all, and what it learns at one place "
        "it does not know at another. The Mixer keeps the table of patches and channels, and "
        "shares weights along both of its sides: one embedding and one channel-mixing MLP for all "
        "places, as a convolution does, and one token-mixing MLP for all channels. A single dense "
        "layer on the same table of 64 × 256 numbers would have {dense} million weights; a Mixer "
        "block has {block} million parameters. Beside that it has what makes any deep network "
        "train: shortcuts and normalization. What it lacks, beside a convolution, is locality: "
        "where pixels are near each other it must learn.",
        title="Why the Mixer works",
        dense=numbers.decimal(dense / 1e6, 1),
        block=numbers.decimal(block / 1e6, 2),
    )
    uses = [
        (name, one) for name, one in (("MLP", mlp), ("MLP-Mixer", mixer), ("ResNet-18", resnet))
    ]
    yield facts(
        "sharing",
        lab.say("How often a weight is used for one image: multiplications ÷ parameters"),
        lab.say("network"),
        [lab.say("parameters"), lab.say("multiplications (millions)"), lab.say("uses of a weight")],
        [
            (
                name,
                [
                    numbers.integer(one.parameters),
                    numbers.decimal(one.multiply_adds / 1e6, 1),
                    numbers.decimal(one.multiply_adds / one.parameters, 1),
                ],
            )
            for name, one in uses
        ],
    )
    yield from _one_token(lab)
    yield from _three_networks(lab)


def _one_token(lab: LabReport) -> Iterator[Block]:
    """The Mixer beside itself with a single patch: the fairest comparison in these records."""
    report = lab.find_study(PATCHES)
    if report is None:
        raise NotRecordedError(PATCHES)
    whole, four = (
        complete_cells(report, "patch_size").get(32),
        complete_cells(report, "patch_size").get(4),
    )
    if whole is None or four is None:
        return
    difference = (four.mean or 0.0) - (whole.mean or 0.0)
    if difference <= 0:
        text = (
            "The fairest comparison is in question 4.4: with one patch of 32 × 32 a Mixer is a "
            "plain MLP with shortcuts. There patches of 4 × 4 are *not* better: {four} against "
            "{whole}."
        )
    elif report.verdict(four, whole).sign > 0:
        text = (
            "The fairest comparison is in question 4.4: with one patch of 32 × 32 a Mixer is a "
            "plain MLP with shortcuts, on the same images and with the same optimizer and "
            "channels. Patches of 4 × 4 reach {four} against {whole}, {points} more and more than "
            "noise, with {few} parameters against {many}."
        )
    else:
        text = (
            "The fairest comparison is in question 4.4: with one patch of 32 × 32 a Mixer is a "
            "plain MLP with shortcuts, on the same images and with the same optimizer and "
            "channels. Patches of 4 × 4 reach {four} against {whole}, a difference within noise."
        )
    yield lab.prose(
        text,
        four=lab.numbers.percent(four.mean or 0.0),
        whole=lab.numbers.percent(whole.mean or 0.0),
        points=report.points(abs(difference)),
        few=lab.numbers.integer(four.runs[0].parameters or 0),
        many=lab.numbers.integer(whole.runs[0].parameters or 0),
    )


def _three_networks(lab: LabReport) -> Iterator[Block]:
    """The best MLP, Mixer and ResNet-18 of the records, with what each was trained on."""
    say, numbers = lab.say, lab.numbers
    found: dict[str, tuple[StudyReport, CellSummary]] = {}
    for name, studies in (
        ("MLP", (ACTIVATIONS,)),
        ("MLP-Mixer", (MIXER, PATCHES)),
        ("ResNet-18", (RESNET, RATES)),
    ):
        cells = [
            (report, best)
            for one in studies
            if (report := lab.find_study(one)) is not None
            and (best := report.best_cell) is not None
        ]
        if cells:
            found[name] = max(cells, key=lambda pair: pair[1].mean or 0.0)
    if len(found) < 2:
        return
    rows = []
    for name, (report, best) in found.items():
        run = max(best.runs, key=lambda one: one.best_validation_accuracy or 0.0)
        train = run.epochs[-1].train_accuracy
        rows.append(
            (
                name,
                [
                    Cell(
                        text=numbers.share(best.mean or 0.0, best.deviation),
                        link=report.anchor(best),
                    ),
                    "—" if train is None else numbers.share(train),
                    numbers.integer(run.parameters or 0),
                    numbers.integer(report.train_images or 0),
                    str(report.record.config.get("epochs", "—")),
                ],
            )
        )
    yield facts(
        "three-networks",
        say("The best model of each kind in these records"),
        say("network"),
        [
            say("best validation accuracy (%)"),
            say("train accuracy, last epoch (%)"),
            say("parameters"),
            say("training images"),
            say("epochs"),
        ],
        rows,
    )
    conditions = {_conditions(report) for report, _ in found.values()}
    by_accuracy = sorted(found, key=lambda name: -(found[name][1].mean or 0.0))
    if len(conditions) > 1:
        yield lab.prose(
            "They were *not* trained on the same images for as many epochs, so the order of "
            "these accuracies says nothing about the networks."
        )
    else:
        yield lab.prose(
            "All were trained on the same images for as many epochs; from the best to the last "
            "they are {order}.",
            order=lab.reports[0].listed(by_accuracy),
        )


def _conditions(report: StudyReport) -> tuple[Any, ...]:
    return *report.data, report.epochs
