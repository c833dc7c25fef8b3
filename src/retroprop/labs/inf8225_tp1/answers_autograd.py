"""Part 3: the network by hand beside the same one by autograd: gradients, training, seconds.

torch is loaded only when an answer is written.
"""

from collections.abc import Iterator, Sequence

from retroprop.labs.inf8225_tp1.answers_mlp import DEPTHS, DERIVATIONS, WIDTHS
from retroprop.report.derivations import Pair, pairs, speed_section, speed_sentences
from retroprop.report.document import Block, Cell, Paragraph, Row, Table, row
from retroprop.report.lab_report import LabReport, only
from retroprop.report.numbers import NO_BREAK
from retroprop.report.study_report import StudyReport


def gradients(lab: LabReport) -> Iterator[Block]:
    """Our gradients beside autograd's, for every depth and width of the assignment."""
    from retroprop.labs.inf8225_tp1 import checks

    found = checks.mlp_gradients(DEPTHS, WIDTHS)
    yield lab.prose(
        "They are equal but for rounding. Computed now on 32 random images in double precision: "
        "over all parameters of all layers the largest difference, relative to the largest entry "
        "of the layer’s gradient, is {worst}; a double has a relative precision of "
        "2.2 × 10⁻¹⁶."
        if max(found.values()) < 1e-12
        else "They are *not* equal: the largest relative difference is {worst}.",
        worst=lab.numbers.power_of_ten(max(found.values())),
    )
    yield _by_depth_and_width(lab, found)


def _by_depth_and_width(lab: LabReport, found: dict[tuple[int, int], float]) -> Table:
    rows = [
        row(str(depth), *(lab.numbers.power_of_ten(found[depth, width]) for width in WIDTHS))
        for depth in DEPTHS
    ]
    return Table(
        name="gradients",
        caption=lab.say("Largest relative difference between our gradient and autograd’s"),
        corner=lab.say("hidden layers"),
        across=lab.say("units per hidden layer"),
        columns=[str(width) for width in WIDTHS],
        rows=rows,
    )


def optimisation(lab: LabReport) -> Iterator[Block]:
    """The same training by hand and by autograd with torch.optim, step by step."""
    import torch

    from retroprop.labs.inf8225_tp1 import checks

    double = {name: checks.mlp_steps(name, DEPTHS, torch.float64) for name in ("sgd", "adam")}
    single = {name: checks.mlp_steps(name, DEPTHS, torch.float32) for name in ("sgd", "adam")}
    worst = {kind: max(max(one.values()) for one in found.values()) for kind, found in
             (("double", double), ("single", single))}  # fmt: skip
    yield lab.prose(
        "The optimisation is the same too. Computed now: from the same weights and the same "
        "minibatches, 20 steps by hand and 20 by autograd and torch.optim end in parameters that "
        "differ by {double} at most in double precision and by {single} in single precision."
        if worst["double"] < 1e-9
        else "The optimisation is *not* the same: after 20 steps in double precision the "
        "parameters differ by {double}, in single precision by {single}.",
        double=lab.numbers.power_of_ten(worst["double"]),
        single=lab.numbers.power_of_ten(worst["single"]),
    )
    yield _steps_table(lab, double, single)


def _steps_table(
    lab: LabReport, double: dict[str, dict[int, float]], single: dict[str, dict[int, float]]
) -> Table:
    rows = [
        row(
            f"{lab.numbers.setting(optimizer)} · {precision}",
            *(lab.numbers.power_of_ten(steps[optimizer][depth]) for depth in DEPTHS),
        )
        for optimizer in ("sgd", "adam")
        for precision, steps in (("float64", double), ("float32", single))
    ]
    return Table(
        name="steps",
        caption=lab.say("Largest difference between the parameters after 20 steps, 100 units"),
        corner=lab.say("optimizer and precision"),
        across=lab.say("hidden layers"),
        columns=[str(depth) for depth in DEPTHS],
        rows=rows,
    )


def whole_epochs(lab: LabReport) -> Iterator[Block]:
    """How far rounding takes both derivations apart in a whole epoch, from the records."""
    report = lab.study(DERIVATIONS)
    gaps = _loss_gaps(report)
    if not gaps:
        return
    ordered = sorted(gaps, key=lambda item: item[0])
    low, high = ordered[0], ordered[-1]
    middle = ordered[len(ordered) // 2]
    text = lab.say(
        "Over {n} pairs of models, each trained on the same minibatches from the same weights in "
        "single precision (epochs: {epochs}), the last validation losses differ by {low} to {high} "
        "nats (median {median}). Both round, in another order; each step carries the difference "
        "on, and ReLUs that switch make it grow. The largest is that of {cell}. That this is "
        "rounding and no error of either shows above: in double precision both stay together."
    )
    write = lab.numbers.decimal
    yield Paragraph(
        title=lab.say("A whole training"),
        text=text.format(
            n=len(gaps),
            epochs=report.record.config.get("epochs"),
            low=lab.numbers.power_of_ten(low[0]),
            high=write(high[0], 4),
            median=lab.numbers.power_of_ten(middle[0]),
            cell=high[1],
        ),
    )


def _loss_gaps(report: StudyReport) -> list[tuple[float, str]]:
    """For each pair and seed: how far the last validation losses are apart, and which cell."""
    found = []
    for pair in pairs(report):
        by_seed = {run.seed: run for run in pair.autograd.runs}
        for run in pair.hand.runs:
            twin = by_seed.get(run.seed)
            if twin is None or not run.epochs or not twin.epochs:
                continue
            ours, theirs = run.epochs[-1].validation_loss, twin.epochs[-1].validation_loss
            if ours is not None and theirs is not None:
                name = report.describe(run.cell, without=["derivation"])
                found.append((abs(ours - theirs), name))
    return found


def speed(lab: LabReport) -> Iterator[Block]:
    """Which derivation is faster, by depth and width."""
    report = lab.study(DERIVATIONS)
    found = pairs(report)
    if not found:
        text = lab.say("No pair of models, by hand and by autograd, is finished yet.")
        yield Paragraph(text=text)
        return
    yield Paragraph(text=speed_sentences(report, found))
    yield Paragraph(text=" ".join(_speed_by_width(lab, report)))
    yield from only("picture", lab.blocks(report, speed_section))
    yield _seconds_table(lab, report, found)


def _seconds_table(lab: LabReport, report: StudyReport, found: Sequence[Pair]) -> Table:
    """Seconds by hand and by autograd, and their ratio, for every pair."""
    widths = report.values("width")
    rows: dict[str, dict[int, Cell]] = {}
    for pair in found:
        name = report.describe(pair.hand.cell, without=["derivation", "width"])
        write = lab.numbers.significant
        text = f"{write(pair.hand.mean or 0.0)} / {write(pair.autograd.mean or 0.0)}"
        text += f" ({lab.numbers.decimal(pair.ratio, 2)})"
        cell = Cell(text=text.replace(" ", NO_BREAK), link=report.anchor(pair.hand))
        rows.setdefault(name, {})[pair.hand.cell["width"]] = cell
    missing = Cell(text="—", mark="absent", spoken=lab.say("not in the grid"))
    return Table(
        name="seconds",
        caption=lab.say("Training time per epoch (s): by hand / by autograd (their ratio)"),
        corner=lab.say("network"),
        across=report.setting_name("width"),
        columns=[report.setting("width", width) for width in widths],
        rows=[
            Row(header=name, cells=[cells.get(width, missing) for width in widths])
            for name, cells in rows.items()
        ],
        notes=[lab.say("Lower is better; above 1, autograd takes longer.")],
    )


def _speed_by_width(lab: LabReport, report: StudyReport) -> Iterator[str]:
    """The ratio of the narrowest and of the widest networks, and the reason it suggests."""
    ratios: dict[int, list[float]] = {}
    for pair in pairs(report):
        ratios.setdefault(pair.hand.cell.get("width", 0), []).append(pair.ratio)
    if len(ratios) > 1:
        narrow, wide = min(ratios), max(ratios)
        means = {width: sum(ratios[width]) / len(ratios[width]) for width in (narrow, wide)}
        text = lab.say(
            "With {narrow} units autograd takes {high} times the time by hand on average, with "
            "{wide} units {low} times. What autograd adds, recording every operation and calling "
            "many small ones, is nearly the same for each step, so it weighs on small networks; "
            "in wide ones the matrix products take the time, and they are the same."
            if means[narrow] > means[wide] and means[narrow] > 1
            else "With {narrow} units autograd takes {high} times the time by hand on average, "
            "with {wide} units {low} times: here autograd’s overhead in each step is not what "
            "decides."
        )
        yield text.format(
            narrow=narrow,
            wide=wide,
            high=lab.numbers.decimal(means[narrow], 2),
            low=lab.numbers.decimal(means[wide], 2),
        )
    yield lab.say(
        "By hand also costs more of a person’s time: every new layer needs its derivative, and a "
        "proof that it is right."
    )
