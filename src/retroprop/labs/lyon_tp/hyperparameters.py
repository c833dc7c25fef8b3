"""What a hyper-parameter does, from the records: around the best cells, and with other settings."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from retroprop.labs.lyon_tp.experiments import with_figures
from retroprop.report.answers import influence
from retroprop.report.costs import costs_section
from retroprop.report.document import Block, Paragraph, Table
from retroprop.report.influence import influence_sections
from retroprop.report.lab_report import Answer, LabReport, only
from retroprop.report.results import tables_section
from retroprop.report.study_report import StudyReport, hashable
from retroprop.report.variations import Variation, variations
from retroprop.studies.summary import CellSummary, curve


def setting(
    study: str,
    key: str,
    *,
    along: Sequence[str] = (),
    tables: bool = False,
    costs: bool = False,
) -> Answer:
    """What a hyper-parameter does: sentences and pictures.

    Args:
        study: The study's name.
        key: The setting.
        along: Other settings on which its best value may depend.
        tables: Whether to show the tables of the whole grid.
        costs: Whether to show what its values cost.
    """

    def answer(lab: LabReport) -> Iterator[Block]:
        report = lab.study(study)
        yield from sentences(lab, report, key, along)
        drawn = with_figures(report, "effect-of-setting", "curves-by-setting", "time-by-setting")
        for section in influence_sections(drawn, keys=[key]):
            yield from only("picture", section.blocks)
        if tables:
            yield from tables_of(lab, report)
        if costs:
            cost = costs_section(drawn, keys=[key])
            yield from cost.blocks if cost else ()

    return answer


def tables_of(lab: LabReport, report: StudyReport) -> Iterator[Table]:
    """The tables of the accuracies in the whole grid; what is noted of all stands below the last.

    Tables of other values, such as the time, are left out.
    """
    found = [
        table
        for table in lab.blocks(report, tables_section)
        if isinstance(table, Table) and table.name.startswith("table-1-")
    ]
    for table in found[:-1]:
        common = set(found[-1].notes)
        yield dataclasses.replace(table, notes=[one for one in table.notes if one not in common])
    yield from found[-1:]


def sentences(
    lab: LabReport, report: StudyReport, key: str, along: Sequence[str] = ()
) -> Iterator[Paragraph]:
    """The influence of a setting around each best cell, and on what its best value depends."""
    if report.unfinished:
        yield Paragraph(text=lab.say("The answers are written once the study is finished."))
        return
    if key not in report.varied:
        yield Paragraph(
            text=lab.say("The study has one value only of this setting, {name}.").format(
                name=report.setting_name(key)
            )
        )
        return
    found = variations(report, key)
    for variation in found:
        text = influence(report, variation)
        if text:
            group = report.group(variation.base.cell) if len(found) > 1 else ""
            yield Paragraph(title=group, text=text)
    base = report.best_cell
    if base is None:
        yield Paragraph(text=lab.say("There is no best cell to start from: every one diverged."))
        return
    told = [text for one in along if (text := interaction(lab, report, base, key, one))]
    if told:
        yield Paragraph(title=lab.say("Together with other settings"), text=" ".join(told))


def interaction(
    lab: LabReport, report: StudyReport, base: CellSummary, key: str, other: str
) -> str:
    """For which values of another setting the best value of this one is a different one.

    A value that is not distinguishable from the best one counts as best.
    """
    usual = hashable(base.cell.get(key))
    ranges: dict[Any, float] = {}
    moved: list[str] = []
    for value in report.values(other):
        cells = _alike(report, {**base.cell, other: value}, key)
        means = {one: cell.mean for one, cell in cells.items() if cell.mean is not None}
        if len(means) < 2:
            continue
        top = max(means, key=lambda one: means[one])
        ranges[value] = max(means.values()) - min(means.values())
        if top != usual and (
            usual not in means or report.verdict(cells[top], cells[usual]).distinguishable
        ):
            text = lab.say("{best} with {place}")
            best, place = report.quoted(key, top), report.phrase(other, value)
            moved.append(text.format(best=best, place=place))
    if len(ranges) < 2:
        return ""
    most, least = max(ranges, key=lambda v: ranges[v]), min(ranges, key=lambda v: ranges[v])
    texts = [
        lab.say(
            "The best value depends on the setting “{other}”: it is {moved}; elsewhere it is "
            "{usual}, or not distinguishable from {usual}."
            if moved
            else "Whatever the setting “{other}”, the best value is {usual}, or not "
            "distinguishable from {usual}."
        )
    ]
    if report.points(ranges[most]) != report.points(ranges[least]):
        texts.append(
            lab.say(
                "The choice matters most with {most} ({far} between the best and the worst value "
                "that did not diverge), and least with {least} ({near})."
            )
        )
    return " ".join(texts).format(
        other=report.setting_name(other),
        moved=report.listed(moved),
        usual=report.quoted(key, usual),
        most=report.phrase(other, most),
        least=report.phrase(other, least),
        far=report.points(ranges[most]),
        near=report.points(ranges[least]),
    )


def _alike(report: StudyReport, cell: dict[str, Any], key: str) -> dict[Any, CellSummary]:
    """The cells for each value of a setting, the others being those of a cell."""
    rest = {name: hashable(value) for name, value in cell.items() if name != key}
    return {
        hashable(one.cell[key]): one
        for one in report.cells
        if {name: hashable(value) for name, value in one.cell.items() if name != key} == rest
    }


def around_the_best(report: StudyReport, key: str) -> Variation | None:
    """The variation of a setting around the best of the best cells; None without one."""
    best = report.best_cell
    found = [one for one in variations(report, key) if best is not None and one.base is best]
    return found[0] if found else None


def divided(variation: Variation) -> tuple[list[Any], list[Any]]:
    """The values that diverged in every seed or in some, and those that did in none."""
    lost = [value for value, cell in variation.cells if cell.diverged]
    return lost, [value for value, cell in variation.cells if cell.mean is not None]


def wearing_off(study: str, key: str) -> Answer:
    """Whether the influence of the initial weights wears off: its range early and late."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = lab.study(study)
        variation = around_the_best(report, key)
        if variation is None:
            return
        cells = [cell for _, cell in variation.cells if cell.mean is not None]
        text = _wearing_off(lab, report, key, cells)
        if text:
            yield Paragraph(text=text)

    return answer


def _wearing_off(lab: LabReport, report: StudyReport, key: str, cells: list[CellSummary]) -> str:
    lines = [curve(cell.runs, "validation_accuracy").without_epoch_0() for cell in cells]
    if len(lines) < 2 or min(len(line.epochs) for line in lines) < 2:
        return ""
    early = max(line.mean[0] for line in lines) - min(line.mean[0] for line in lines)
    late = max(line.mean[-1] for line in lines) - min(line.mean[-1] for line in lines)
    return lab.say(
        "The influence of the setting “{name}” wears off: between its best and its worst value "
        "there are {early} after the first epoch, and {late} after the last."
        if round(late, 4) < round(early, 4)
        else "The influence of the setting “{name}” does not wear off: between its best and its "
        "worst value there are {early} after the first epoch, and {late} after the last."
    ).format(name=report.setting_name(key), early=report.points(early), late=report.points(late))
