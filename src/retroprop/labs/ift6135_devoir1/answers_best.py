"""Questions 4.5 and 4.6: the best ResNet-18, the best Mixer, and what their first layers show."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from retroprop.figures.token_mixing import filter_tiles
from retroprop.labs.ift6135_devoir1.answers_studies import ACTIVATIONS, PATCHES, RATES
from retroprop.labs.ift6135_devoir1.filter_measures import (
    KINDS,
    chance_range,
    chances,
    change,
    edge_directions,
    grey_share,
    kinds,
    spread,
    strongest,
)
from retroprop.labs.ift6135_devoir1.outcomes import (
    ahead,
    beside_published,
    best_cell,
    cell_of,
    hyperparameters,
    ranking,
    scale,
    tested,
)
from retroprop.labs.ift6135_devoir1.shown import facts
from retroprop.languages import say_later
from retroprop.report.document import Block, Cell, Notice, Table
from retroprop.report.influence import influence_sections
from retroprop.report.lab_story import LabStory, NotRecordedError, only
from retroprop.report.network_pictures import FILTERS, KERNELS, best_run, weights_section
from retroprop.report.results import tables_section
from retroprop.report.story import Story
from retroprop.report.weights import NoWeightsError, trained_weights
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import CellSummary

RESNET = "ift6135-resnet18-best"
MIXER = "ift6135-mixer-best"
PUBLISHED_RESNET, PUBLISHED_MIXER = 0.946, 0.868
"""Validation accuracies that the document reports after 15 epochs."""

LITTLE = 0.25
"""Weights that moved by less than this part of their norm look as they began."""


# --- 4.5: the best ResNet-18 ----------------------------------------------------------------------


def best_resnet(lab: LabStory) -> Iterator[Block]:
    """Its accuracy, its hyperparameters and the search."""
    yield from _search(lab, lab.study(RESNET), PUBLISHED_RESNET)


def _search(lab: LabStory, story: Story, published: float) -> Iterator[Block]:
    """What a search found, with every setting of the best model."""
    run = best_run(story)
    if run is None:
        yield lab.prose("No model has finished all its epochs without diverging yet.")
        return
    varied = {key: run.cell[key] for key in story.varied if key in run.cell}
    yield lab.prose(
        "Of the models that have finished so far, the best reaches {accuracy} on validation, after "
        "epoch {epoch}{settings}."
        if story.unfinished
        else "The best model reaches {accuracy} on validation, after epoch {epoch}{settings}.",
        accuracy=lab.numbers.percent(run.best_validation_accuracy or 0.0),
        epoch=run.best_epoch,
        settings=lab.say(": {settings}").format(settings=story.describe(varied)) if varied else "",
    )
    yield from tested(lab, story)
    yield from beside_published(lab, story, published)
    yield hyperparameters(lab, story, run)
    yield from scale(lab, story)
    yield from lab.blocks(story, tables_section)
    yield from ranking(lab, story, *story.varied)
    if any(len(story.values(key)) > 2 for key in story.varied):  # two points need no picture
        for section in influence_sections(story):
            if section.name == "influence":
                yield from section.blocks


def kernels(lab: LabStory) -> Iterator[Block]:
    """The 64 kernels, how they were drawn, and what is measured of them."""
    story = lab.study(RESNET)
    run = best_run(story)
    if run is None:
        return
    yield lab.prose(
        "The first convolution has the weights (64, 3, 3, 3): 64 kernels over three channels. The "
        "upper panel shows the kernels of the first channel, red, the lower one the mean over the "
        "three channels, which answers to brightness and not to colour. Each panel is divided by "
        "its largest absolute weight, so the values lie between −1 and 1, 0 stays 0 and the signs "
        "stay; kernels of one panel keep their relative size. The colours grow in lightness from "
        "negative to positive, with grey for 0, so that the sign is seen in a grey print too.",
        title="How the kernels are drawn",
    )
    yield from only("picture", lab.blocks(story, weights_section))
    try:
        weights = trained_weights(story, run, KERNELS).astype(np.float64)
    except NoWeightsError as error:
        yield Notice(title=lab.say("The weights could not be read"), text=str(error))
        return
    initial = _initial(story, run, KERNELS)
    yield from _kernel_comment(lab, weights, initial)


def _kernel_comment(lab: LabStory, weights: np.ndarray, initial: np.ndarray) -> Iterator[Block]:
    """What kinds of kernels there are, beside those of random and of untrained weights."""
    yield lab.prose(
        "A kernel of 3 × 3 is a sum of nine orthogonal patterns: products of (1, 1, 1), (−1, 0, 1) "
        "and (1, −2, 1) along its rows and its columns. Its energy, the sum of its squared "
        "weights, is shared among them. *Brightness* is the pattern of equal weights, an *edge* "
        "the two slopes, *second order* the lines, spots and saddles, *texture* the three patterns "
        "that change sign from pixel to pixel (what the document calls flicker). A kernel, "
        "averaged over the channels, is of the kind that holds more than half of its energy, and "
        "mixed if none does. Random weights have known shares, which tell what was learnt.",
        title="What the kernels are, measured",
    )
    grey, before = weights.mean(1), initial.mean(1)
    counts = np.bincount(kinds(grey), minlength=len(KINDS)).tolist()
    yield _kind_table(lab, grey, before)
    n = len(weights)
    unusual = [at for at, share in enumerate(chances()) if not _usual(counts[at], share, n)]
    counts_before = np.bincount(kinds(before), minlength=len(KINDS)).tolist()
    learnt = [at for at in unusual if _usual(counts_before[at], chances()[at], n)]
    by_chance = [at for at in unusual if at not in learnt]
    if learnt:
        yield lab.prose(
            "Outside the range of random kernels, and not so before training: {kinds}. These "
            "counts are what training has changed.",
            kinds=_listed(lab, learnt),
        )
    if by_chance:
        yield lab.prose(
            "Outside the range of random kernels, but so before training too: {kinds}. That is the "
            "luck of this seed, not something learnt.",
            kinds=_listed(lab, by_chance),
        )
    if not unusual:
        yield lab.prose(
            "Every count lies in the range that random kernels give: by this measure the first "
            "layer cannot be told from one that was never trained."
        )
    yield from _edges(lab, grey)
    moved, other = change(weights, initial), int((kinds(grey) != kinds(before)).sum())
    yield lab.prose(
        "Training moved the kernels by {moved} of their initial norm, and {other} of {n} are of "
        "another kind than in the untrained network of the same seed. What the picture shows is "
        "mostly where they began: it invites stories about edges and textures, and the numbers do "
        "not support them."
        if moved < LITTLE and not learnt
        else "Training moved the kernels by {moved} of their initial norm, and {other} of {n} are "
        "of another kind than in the untrained network of the same seed.",
        moved=lab.numbers.percent(moved, digits=1),
        other=other,
        n=n,
    )
    yield lab.prose(
        "{share} of the kernels’ energy treats the three channels alike, where random weights give "
        "a third: {verdict}",
        share=lab.numbers.percent(grey_share(weights), digits=0),
        verdict=lab.say(
            "the kernels look at brightness more than at colour."
            if grey_share(weights) > 0.40
            else "the kernels look at differences of colour more than at brightness."
            if grey_share(weights) < 0.27
            else "no preference for brightness or for colour is seen."
        ),
    )


_KIND_NAMES = {
    "brightness": say_later("brightness"),
    "edge": say_later("edge"),
    "second order": say_later("second order (line, spot, saddle)"),
    "texture": say_later("texture"),
    "mixed": say_later("mixed"),
}


def _kind_table(lab: LabStory, grey: np.ndarray, before: np.ndarray) -> Table:
    say, numbers, n = lab.say, lab.numbers, len(grey)
    counted = [np.bincount(kinds(one), minlength=len(KINDS)) for one in (grey, before)]
    rows: list[tuple[str, list[str | Cell]]] = []
    for at, (kind, share) in enumerate(zip(KINDS, chances(), strict=True)):
        low, high = chance_range(share, n)
        example = strongest(grey, at)
        place = "—" if example is None or kind == "mixed" else _tile(example, n)
        rows.append(
            (
                say(_KIND_NAMES[kind]),
                [
                    numbers.integer(int(counted[0][at])),
                    numbers.integer(int(counted[1][at])),
                    numbers.decimal(n * share, 1),
                    say("{low} to {high}").format(
                        low=numbers.decimal(low, 1), high=numbers.decimal(high, 1)
                    ),
                    place,
                ],
            )
        )
    return facts(
        "kernel-kinds",
        say("Kinds of the {n} kernels, averaged over the channels").format(n=n),
        say("kind"),
        [
            say("trained"),
            say("before training"),
            say("expected of random kernels"),
            say("99 % of random draws"),
            say("clearest (row, column)"),
        ],
        rows,
    )


def _edges(lab: LabStory, grey: np.ndarray) -> Iterator[Block]:
    """Along which directions the edges run."""
    found = edge_directions(grey)
    if not found:
        return
    yield lab.prose(
        "Of the {n} edges {vertical} run vertically, {horizontal} horizontally and {diagonal} "
        "diagonally, to the nearest eighth of a turn; of random slopes half would be diagonal.",
        n=len(found),
        vertical=found.count("vertical"),
        horizontal=found.count("horizontal"),
        diagonal=found.count("diagonal"),
    )


def _tile(index: int, n: int) -> str:
    """The place of a tile in the picture."""
    from retroprop.figures.tiles import square_columns

    row, column = divmod(index, square_columns(n))
    return f"({row + 1}, {column + 1})"


def _usual(count: int, share: float, n: int) -> bool:
    """Whether random kernels give such a count in 99 % of the draws."""
    low, high = chance_range(share, n)
    return low <= count <= high


def _listed(lab: LabStory, at: list[int]) -> str:
    return lab.say("; ").join(lab.say(_KIND_NAMES[KINDS[one]]) for one in at)


def _initial(story: Story, run: RunRecord, name: str) -> np.ndarray:
    """A tensor of the untrained network of a run: its seed gives the same one again."""
    from retroprop.training.deep_trajectories import model_of

    assert story.info is not None
    height, width, channels = story.info.image_shape
    classes = len(story.info.classes)
    model = model_of(run.settings, (height, width, channels), classes, seed=run.seed)
    return model.state_dict()[name].double().numpy()


# --- 4.6: the best Mixer with patches of 4 × 4 ----------------------------------------------------


def best_mixer(lab: LabStory) -> Iterator[Block]:
    """Its accuracy, its hyperparameters and the search."""
    yield from _search(lab, lab.study(MIXER), PUBLISHED_MIXER)


def filters(lab: LabStory) -> Iterator[Block]:
    """The token-mixing weights of the first block, measured and applied to a picture."""
    story = lab.study(MIXER)
    run = best_run(story)
    if run is None:
        return
    yield lab.prose(
        "The first layer of the first token-mixing MLP has one row of weights for each hidden "
        "unit, one weight for each of the 64 patches: drawn on the grid of patches, a row is an "
        "image of 8 × 8, as in Figure 5 of the paper. As there, filters of opposing phase stand "
        "side by side, low frequencies first. Each is divided by its own largest absolute weight.",
        title="How the filters are drawn",
    )
    pictures = list(lab.blocks(story, weights_section))
    drawn = {block.name: block for block in only("picture", pictures)}  # pyright: ignore
    if "token-mixing" in drawn:
        yield drawn["token-mixing"]
    try:
        weights = trained_weights(story, run, FILTERS).astype(np.float64)
    except NoWeightsError as error:
        yield Notice(title=lab.say("The weights could not be read"), text=str(error))
        return
    yield from _filter_comment(lab, weights, _initial(story, run, FILTERS))
    if "filtered-picture" in drawn:
        yield lab.prose(
            "In the next figure some of the filters slide over a picture. This is not what the "
            "Mixer does, as the document notes too: each of its filters sees the whole image once, "
            "in 64 patches. It shows what a pattern of weights answers to.",
            title="Filters applied to a picture",
        )
        yield drawn["filtered-picture"]


def _filter_comment(lab: LabStory, weights: np.ndarray, initial: np.ndarray) -> Iterator[Block]:
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
        [say("trained"), say("before training"), say("convolution")],
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
            "construction. The Mixer’s filters look everywhere, and by these measures they cannot "
            "be told from untrained ones: training has given them no shape that is measured here."
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


def why_mixer(lab: LabStory) -> Iterator[Block]:
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


def _one_token(lab: LabStory) -> Iterator[Block]:
    """The Mixer beside itself with a single patch: the fairest comparison in these records."""
    story = lab.find_study(PATCHES)
    if story is None:
        raise NotRecordedError(PATCHES)
    whole, four = cell_of(story, "patch_size", 32), cell_of(story, "patch_size", 4)
    if whole is None or four is None:
        return
    difference = (four.mean or 0.0) - (whole.mean or 0.0)
    if difference <= 0:
        text = (
            "The fairest comparison is in question 4.4: with one patch of 32 × 32 a Mixer is a "
            "plain MLP with shortcuts. There patches of 4 × 4 are *not* better: {four} against "
            "{whole}."
        )
    elif ahead(story, four, whole):
        text = (
            "The fairest comparison is in question 4.4: with one patch of 32 × 32 a Mixer is a "
            "plain MLP with shortcuts, and everything else is the same. Patches of 4 × 4 reach "
            "{four} against {whole}, {points} more and more than noise, with {few} parameters "
            "against {many}."
        )
    else:
        text = (
            "The fairest comparison is in question 4.4: with one patch of 32 × 32 a Mixer is a "
            "plain MLP with shortcuts, and everything else is the same. Patches of 4 × 4 reach "
            "{four} against {whole}, a difference within noise."
        )
    yield lab.prose(
        text,
        four=lab.numbers.percent(four.mean or 0.0),
        whole=lab.numbers.percent(whole.mean or 0.0),
        points=story.points(abs(difference)),
        few=lab.numbers.integer(four.runs[0].parameters or 0),
        many=lab.numbers.integer(whole.runs[0].parameters or 0),
    )


def _three_networks(lab: LabStory) -> Iterator[Block]:
    """The best MLP, Mixer and ResNet-18 of the records, with what each was trained on."""
    say, numbers = lab.say, lab.numbers
    found: dict[str, tuple[Story, CellSummary]] = {}
    for name, studies in (
        ("MLP", (ACTIVATIONS,)),
        ("MLP-Mixer", (MIXER, PATCHES)),
        ("ResNet-18", (RESNET, RATES)),
    ):
        cells = [
            (story, best)
            for one in studies
            if (story := lab.find_study(one)) is not None and (best := best_cell(story)) is not None
        ]
        if cells:
            found[name] = max(cells, key=lambda pair: pair[1].mean or 0.0)
    if len(found) < 2:
        return
    rows = []
    for name, (story, best) in found.items():
        run = max(best.runs, key=lambda one: one.best_validation_accuracy or 0.0)
        train = run.epochs[-1].train_accuracy
        rows.append(
            (
                name,
                [
                    Cell(
                        text=numbers.share(best.mean or 0.0, best.deviation),
                        link=story.anchor(best),
                    ),
                    "—" if train is None else numbers.share(train),
                    numbers.integer(run.parameters or 0),
                    numbers.integer(story.train_images or 0),
                    str(story.record.config.get("epochs", "—")),
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
    conditions = {_conditions(story) for story, _ in found.values()}
    by_accuracy = sorted(found, key=lambda name: -(found[name][1].mean or 0.0))
    if len(conditions) > 1:
        yield lab.prose(
            "They were *not* trained on the same number of images and epochs, so the order of "
            "these accuracies says nothing about the networks."
        )
    else:
        yield lab.prose(
            "All were trained on the same number of images and epochs; from the best to the last "
            "they are {order}.",
            order=lab.stories[0].listed(by_accuracy),
        )


def _conditions(story: Story) -> tuple[Any, ...]:
    return story.train_images, story.record.config.get("epochs")
