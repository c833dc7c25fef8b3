"""The document of a lab: what is asked, question by question, and the answers from the records."""

import contextlib
import dataclasses
from collections.abc import Iterator

from retroprop import __version__
from retroprop.report.appendix import models_section, setting_section
from retroprop.report.content import notices as study_notices
from retroprop.report.document import (
    Block,
    Document,
    Notice,
    Paragraph,
    Picture,
    Prose,
    Section,
    Table,
)
from retroprop.report.lab_report import (
    SIZES,
    LabReport,
    NotRecordedError,
    Part,
    Question,
    options_of,
)
from retroprop.report.long_tables import traced
from retroprop.report.study_report import StudyReport
from retroprop.studies.records import DEFAULT_DATABASE
from retroprop.studies.schema import load_study, size_option
from retroprop.studies.study_text import USUAL_SIZE


def compose_lab(lab: LabReport) -> Document:
    """Write the document of a lab from its records, complete or not."""
    say = lab.say
    sections: list[Section] = []
    for part in lab.lab.parts:
        sections += part_sections(lab, part)
    sections += records_sections(lab)
    return Document(
        language=lab.language,
        title=lab.say(lab.lab.title),
        subtitle=lab.say(lab.lab.source),
        summary=summary(lab),
        notices=notices(lab),
        sections=traced(sections),
        footer=say("Made by retroprop {version} from the records of {place}.").format(
            version=__version__, place=lab.records.location if lab.records else "—"
        )
        if lab.lab.studies
        else say("Made by retroprop {version}.").format(version=__version__),
        labels={
            "skip": say("Skip to the answers"),
            "top": say("Back to the top"),
        },
        long=True,
        setup=setup_code(lab),
    )


def part_sections(lab: LabReport, part: Part) -> list[Section]:
    """A part of the assignment: its heading, then its questions."""
    blocks = [Prose(text=lab.say(part.introduction))] if part.introduction else []
    head = Section(name=part.name, heading=lab.say(part.title), blocks=blocks)
    return [head, *(question_section(lab, question) for question in part.questions)]


def question_section(lab: LabReport, question: Question) -> Section:
    """One question with its answer."""
    name = f"q-{question.name}"
    title = question.function or lab.say(question.title)
    blocks = [*_marks(lab, question), *_answers(lab, question), *_trace(lab, question)]
    return Section(
        name=name,
        heading=f"{question.label or question.name} · {title}",
        level=2,
        blocks=[_renamed(block, name) for block in blocks],
        asked=lab.say(question.asked),
        points=points(lab, question),
        code=lab.lab.code_of(question),
    )


def points(lab: LabReport, question: Question) -> str:
    """What the assignment gives for a question, in words; "" where it says nothing."""
    if question.beyond:
        return lab.say("beyond the assignment")
    if question.points is None:
        return ""
    text = lab.say(
        "{n} point of the assignment" if question.points == 1 else "{n} points of the assignment"
    )
    if question.bonus:
        text = lab.say("{n} bonus point" if question.points == 1 else "{n} bonus points")
    return text.format(n=lab.numbers.integer(question.points))


def _answers(lab: LabReport, question: Question) -> Iterator[Block]:
    """What the answers yield; a notice where a study is missing, once for each study."""
    missing: dict[str, None] = {}
    for answer in question.answers:
        try:
            yield from answer(lab)
        except NotRecordedError as lacking:
            missing[lacking.study] = None
    for study in missing:
        if other := lab.other_study(study):
            yield _not_the_assignments(lab, other)
        yield Notice(
            title=lab.say("Not recorded yet"),
            text=lab.say(
                "This answer needs the study {study}, of which no epoch is recorded. This command "
                "trains it:"
            ).format(study=study),
            command=run_command(lab, study),
        )


def _marks(lab: LabReport, question: Question) -> Iterator[Notice]:
    """Which of the studies behind an answer are not finished, or were only tried."""
    for study in question.studies:
        report = lab.find_study(study)
        if report is None:
            continue
        if report.unfinished:
            yield Notice(
                title=lab.say("The study {study} is not finished").format(study=study),
                text=lab.say(
                    "Models finished: {done} of {n}; this answer shows those so far. This "
                    "command continues it:"
                ).format(done=report.n_done, n=report.n_planned),
                command=run_command(lab, study),
            )
        if report.size == "smoke":
            yield Notice(
                title=lab.say("The study {study} is at its smoke size").format(study=study),
                text=lab.say("It shows that everything works; its numbers mean nothing."),
            )


def _trace(lab: LabReport, question: Question) -> Iterator[Paragraph]:
    """Where the numbers of an answer come from, and the command that makes them again."""
    for study in question.studies:
        report = lab.find_study(study)
        if report is not None:
            text = lab.say(
                "The numbers are those of the study run {id}, listed at the end. This command "
                "trains its models again:"
            )
            yield Paragraph(
                title=lab.say("Where this comes from"),
                text=text.format(id=report.record.id),
                command=f"{run_command(lab, study)} --fresh",
            )


def run_command(lab: LabReport, study: str) -> str:
    """The command that trains a study at the size of its records, or at laptop size."""
    report = lab.find_study(study)
    own = options_of(report.record) if report is not None else None
    options = size_option(study, lab.size or USUAL_SIZE) if own is None else own
    return f"retroprop run {study}{options}{_database(lab)}"


def lab_command(lab: LabReport, size: str) -> str:
    """The command that trains what the records lack of the whole lab."""
    option = f" --size {size}" if size != USUAL_SIZE else ""
    return f"retroprop lab run {lab.lab.name}{option}{_database(lab)}"


def _database(lab: LabReport) -> str:
    """The option that names the records where they are not the usual ones; "" else."""
    return "" if lab.records is None else lab.records.option


def summary(lab: LabReport) -> list[str]:
    """How much is answered, then what came out."""
    lines = []
    asked = [one for one in lab.lab.questions if not one.beyond]
    lacking = missing_studies(lab)
    answered = [one for one in asked if not set(one.studies) & set(lacking)]
    n, k = lab.numbers.integer(len(asked)), lab.numbers.integer(len(answered))
    lines.append(
        lab.say("All {n} questions of the assignment are answered.").format(n=n)
        if len(answered) == len(asked)
        else lab.say("{k} of the {n} questions of the assignment are answered so far.").format(
            k=k, n=n
        )
    )
    if lab.lab.summary is not None:
        with contextlib.suppress(NotRecordedError):  # the sentences until then stay
            for line in lab.lab.summary(lab):
                lines.append(line)
    return lines


def missing_studies(lab: LabReport) -> list[str]:
    """The studies without a finished epoch."""
    return [study for study in lab.lab.studies if lab.find_study(study) is None]


def notices(lab: LabReport) -> list[Notice]:
    """What a reader must know before any number."""
    say, found = lab.say, []
    lacking = missing_studies(lab)
    if lacking:
        text = "Not recorded yet: {studies}. This command trains what is missing:"
        found.append(
            Notice(
                title=say("This report is not complete"),
                text=say(text).format(studies=", ".join(lacking)),
                command=lab_command(lab, lab.size or USUAL_SIZE),
            )
        )
    others = [other for name in lacking if (other := lab.other_study(name))]
    found += [_not_the_assignments(lab, other) for other in others]
    unfinished = [report for report in lab.reports if report.unfinished]
    if unfinished:
        text = "Begun and not finished: {studies}. This command continues them:"
        found.append(
            Notice(
                title=say("Some studies are not finished"),
                text=say(text).format(studies=", ".join(one.record.study for one in unfinished)),
                command=lab_command(lab, max((one.size for one in unfinished), key=SIZES.index)),
            )
        )
    for size, title, text in (
        (
            "smoke",
            say("Smoke size"),
            say(
                "{studies}: at smoke size. That shows that everything works; the numbers mean "
                "nothing."
            ),
        ),
        (
            "laptop",
            say("Laptop size"),
            say(
                "{studies}: at laptop size, with fewer images or epochs than the assignment asks. "
                "The full size trains more, and may rank its values otherwise."
            ),
        ),
    ):
        smaller = [s.record.study for s in lab.reports if s.size == size and is_smaller(s)]
        if smaller:
            found.append(Notice(title=title, text=text.format(studies=", ".join(smaller))))
    return found


def _not_the_assignments(lab: LabReport, other: StudyReport) -> Notice:
    """That a study run has the name of one of the lab's studies, and other settings."""
    recorded = other.recorded_command
    text = lab.say(
        "The study run {id} has its name and other settings, so its numbers are not in this "
        "document. It was made by this command:"
        if recorded
        else "The study run {id} has its name and other settings, so its numbers are not in this "
        "document. How it was started was not recorded."
    )
    return Notice(
        title=lab.say("Not the assignment’s study {study}").format(study=other.record.study),
        text=text.format(id=other.record.id),
        command=recorded,
    )


def is_smaller(report: StudyReport) -> bool:
    """Whether the size of a study run makes it another study than the full one."""
    return report.record.fingerprint != load_study(report.record.study).fingerprint


def records_sections(lab: LabReport) -> list[Section]:
    """Every study behind the answers: its settings, and all its models with their numbers."""
    if not lab.reports:
        return []
    head = Section(
        name="records",
        heading=lab.say("Where the numbers come from"),
        blocks=[
            lab.prose(
                "Every number of an answer leads to the models below. A row holds one trained "
                "model; its number is that of retroprop show."
            )
        ],
    )
    sections = [head]
    for report in lab.reports:
        name = f"study-{report.record.study}"
        blocks: list[Block] = list(study_notices(report))
        blocks += [*setting_section(report).blocks, *models_section(report).blocks]
        sections.append(
            Section(
                name=name,
                heading=f"{report.title()} ({report.record.id})",
                level=2,
                blocks=[_renamed(block, name) for block in blocks],
            )
        )
    return sections


def setup_code(lab: LabReport) -> str:
    """The first code cell of the notebook."""
    size = lab.size or max((one.size for one in lab.reports), key=SIZES.index, default=USUAL_SIZE)
    database = lab.records.location if lab.records is not None else DEFAULT_DATABASE
    lines = ["from retroprop.labs import open_lab"]
    if lab.lab.imports:
        lines.append(lab.lab.imports.strip())
    lines.append("")
    if lab.lab.studies:
        comment = lab.say('"smoke": seconds; "laptop": fewer images; "full": as the assignment')
        lines.append(f'SIZE = "{size}"  # {comment}')
        lines.append(
            f'lab = open_lab("{lab.lab.name}", db="{database}", language="{lab.language}")'
        )
        lines.append("lab.run(size=SIZE)  # " + lab.say("trains what the records lack"))
    else:
        lines.append(f'lab = open_lab("{lab.lab.name}", language="{lab.language}")')
    return "\n".join(lines)


def _renamed(block: Block, prefix: str) -> Block:
    """A table or picture whose name is unique in the whole document."""
    if isinstance(block, Table | Picture):
        return dataclasses.replace(block, name=f"{prefix}-{block.name}")
    return block
