"""Question 4.4: the size of the patches of the MLP-Mixer."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from retroprop.labs.ift6135_devoir1.outcomes import (
    complete_cells,
    outcome_table,
    ranking,
    scale,
    tested,
)
from retroprop.labs.ift6135_devoir1.tables import facts
from retroprop.report.costs import costs_section
from retroprop.report.document import Block, Equation, Table
from retroprop.report.lab_report import LabReport, only
from retroprop.report.results import curves_section
from retroprop.report.study_report import StudyReport, setting_of

PATCHES = "ift6135-mixer-patches"


def patch_sizes(lab: LabReport) -> Iterator[Block]:
    """Which size is best, with the four figures."""
    report = lab.study(PATCHES)
    yield from ranking(lab, report, "patch_size")
    yield from tested(lab, report)
    yield from scale(lab, report)
    yield lab.prose(
        "A patch must divide the image, so the possible sizes are 1, 2, 4, 8, 16 and 32; tried "
        "were {sizes}.",
        sizes=report.listed([str(size) for size in report.values("patch_size")]),
    )
    yield from only("picture", lab.blocks(report, curves_section))
    yield outcome_table(lab, report, "patch_size")


def why_patch_sizes(lab: LabReport) -> Iterator[Block]:
    """What a patch size does to the network, and what the accuracies say of it."""
    yield lab.prose(
        "The size of a patch sets how much one token holds and how many tokens there are. Small "
        "patches leave the shapes inside an image to the mixing, which has many tokens to compare; "
        "large patches leave them to one linear map of $3 P^2$ pixels. At the end stands one patch "
        "of 32 × 32: a single token, for which the token-mixing MLP sees one number per channel. "
        "Such a Mixer compares no places; it is a plain MLP on the whole image, with shortcuts.",
        title="Why the size matters",
    )
    report = lab.study(PATCHES)
    best, cells = report.best_cell, complete_cells(report, "patch_size")
    if best is None or len(cells) < 2:
        return
    whole = cells.get(32)
    size = best.cell["patch_size"]
    if whole is None:
        return
    if whole.key == best.key:
        yield lab.prose(
            "In these records the single patch of 32 × 32 does best: nothing here shows that "
            "mixing tokens helps."
        )
    else:
        yield lab.prose(
            "Patches of {size} × {size} are {points} above the single patch of 32 × 32, more than "
            "noise, with the same images, optimizer and channels. Two things differ: places are "
            "mixed, and the number of parameters is another. The records do not tell them apart."
            if report.verdict(best, whole).sign > 0
            else "Patches of {size} × {size} are {points} above the single patch of 32 × 32, which "
            "is within noise: these records do not show that mixing places helps.",
            size=size,
            points=report.points((best.mean or 0.0) - (whole.mean or 0.0)),
        )
    finest = cells[min(cells)]
    if finest.key != best.key:
        yield lab.prose(
            "The smallest patches, {least} × {least}, cost most and are behind {size} × {size} by "
            "more than noise: more tokens are not better without end."
            if report.verdict(best, finest).sign > 0
            else "The smallest patches, {least} × {least}, cost most; they are not better than "
            "{size} × {size}.",
            least=min(cells),
            size=size,
        )


def patch_costs(lab: LabReport) -> Iterator[Block]:
    """Parameters and time, explained by formulas and counted."""
    yield lab.prose(
        "With $S = (32 slash P)^2$ tokens, $D$ channels, $H = D slash 2$ hidden token units and "
        "$B$ blocks, the parameters are those of the embedding, which grows with $P^2$, of the "
        "token-mixing MLPs, which grow with $S$, so with $1 slash P^2$, and of parts that do not "
        "depend on $P$:",
        title="Parameters",
    )
    yield Equation(
        source=f'N(P) = underbrace(3 P^2 D + D, "{lab.say("embedding")}") + '
        f'B (underbrace(2 S H + H + S, "{lab.say("token mixing")}") + '
        f'underbrace(8 D^2 + 5 D, "{lab.say("channel mixing")}") + 4 D) + 12 D + 10'
    )
    report = lab.study(PATCHES)
    costs = _patch_costs(report)
    yield _cost_table(lab, report, costs)
    yield from _cost_sentences(lab, costs)
    yield from only("picture", lab.blocks(report, costs_section))


@dataclass(frozen=True, kw_only=True)
class PatchCost:
    """What one size of patch costs.

    Attributes:
        patch: Its side in pixels.
        tokens: How many patches an image has.
        parts: Parameters of the embedding, of all token-mixing and of all channel-mixing MLPs.
        parameters: Of the whole network, counted.
        recorded: Of the recorded models; None where no record says.
        multiply_adds: Of one image.
        seconds: Of an epoch of training, the median; None where none was trained.
    """

    patch: int
    tokens: int
    parts: tuple[int, int, int]
    parameters: int
    recorded: int | None
    multiply_adds: int
    seconds: float | None


def _patch_costs(report: StudyReport) -> list[PatchCost]:
    """The sizes of a study, from small to large."""
    from retroprop.labs.ift6135_devoir1.checks import mixer_summary

    found = []
    for cell in report.cells:
        run, patch = cell.runs[0], cell.cell["patch_size"]
        summary = mixer_summary(patch, setting_of(run, "embedding"), setting_of(run, "blocks"))
        seconds = [epoch.train_s for one in cell.runs for epoch in one.epochs if epoch.epoch > 0]
        embedding, tokens, channels = (
            sum(layer.parameters for layer in summary.layers if part in layer.name)
            for part in ("patchemb", "mlp_tokens", "mlp_channels")
        )
        found.append(
            PatchCost(
                patch=patch,
                tokens=(32 // patch) ** 2,
                parts=(embedding, tokens, channels),
                parameters=summary.parameters,
                recorded=run.parameters,
                multiply_adds=summary.multiply_adds,
                seconds=median(seconds) if seconds else None,
            )
        )
    return sorted(found, key=lambda cost: cost.patch)


def _cost_table(lab: LabReport, report: StudyReport, costs: list[PatchCost]) -> Table:
    say, numbers = lab.say, lab.numbers
    different = [cost for cost in costs if cost.recorded not in (None, cost.parameters)]
    notes = [
        say("The recorded models have the parameters that are counted here.")
        if not different
        else say("Some recorded models have *other* numbers of parameters than are counted here.")
    ]
    return facts(
        "patch-costs",
        say("What a patch size costs: parameters and multiplications counted, seconds recorded"),
        report.setting_name("patch_size"),
        [
            say("tokens"),
            say("embedding"),
            say("token mixing"),
            say("channel mixing"),
            say("all parameters"),
            say("multiplications (millions)"),
            say("seconds per epoch (median)"),
        ],
        [
            (
                numbers.integer(cost.patch),
                [
                    *map(numbers.integer, (cost.tokens, *cost.parts, cost.parameters)),
                    numbers.decimal(cost.multiply_adds / 1e6, 1),
                    numbers.significant(cost.seconds) if cost.seconds else "—",
                ],
            )
            for cost in costs
        ],
        notes=notes,
    )


def _cost_sentences(lab: LabReport, costs: list[PatchCost]) -> Iterator[Block]:
    if len(costs) < 2:
        return
    fewest = min(costs, key=lambda cost: cost.parameters)
    at_an_end = fewest in (costs[0], costs[-1])
    yield lab.prose(
        "The number of parameters is lowest in the middle, with patches of {least}. Towards small "
        "patches token mixing makes it rise, towards large ones the embedding."
        if not at_an_end
        else "Of the sizes tried, patches of {least} have the fewest parameters.",
        least=f"{fewest.patch} × {fewest.patch}",
    )
    timed = [cost for cost in costs if cost.seconds]
    if len(timed) < 2:
        return
    small, large = timed[0], timed[-1]
    work = small.multiply_adds / large.multiply_adds
    time = (small.seconds or 0.0) / (large.seconds or 1.0)
    yield lab.prose(
        "The work is another matter: both mixing steps are done for every token or for every pair "
        "of a token and a hidden unit, so halving the patch makes four times as many tokens and "
        "nearly four times as many multiplications. That is growth with the square of $1 slash P$, "
        "not exponential growth. From {large} × {large} to {small} × {small} the multiplications "
        "grow {work} times and the measured seconds {time} times.",
        title="Time",
        large=large.patch,
        small=small.patch,
        work=lab.numbers.significant(work),
        time=lab.numbers.significant(time),
    )
    if time < work / 1.5:
        yield lab.prose(
            "The seconds grow less than the work: an epoch has parts that no patch size changes, "
            "the random crops of the images and the optimizer’s pass over all parameters."
        )
    elif time > 1.5 * work:
        yield lab.prose(
            "The seconds grow more than the work. They were measured on this machine while it did "
            "other things too; the bars in the figure show how much they vary from epoch to epoch."
        )
