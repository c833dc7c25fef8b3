"""The report of part 1: sixteen answers, and what observing is beside intervening.

Nothing is trained and nothing recorded: every number is computed while the report is written, and
every sentence about numbers is chosen by them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from retroprop import __version__
from retroprop.bayes.networks import load
from retroprop.labs.inf8225_tp1 import NETWORK_REPORT
from retroprop.labs.inf8225_tp1 import interpretation as passages
from retroprop.labs.inf8225_tp1.interpretation import Interpretation
from retroprop.languages import translator
from retroprop.report import STUDY_FORMATS, write_document
from retroprop.report.document import Document, Paragraph, Section
from retroprop.report.numbers import Numbers


def write_network_report(
    *, language: str = "en", formats: Sequence[str] = STUDY_FORMATS, folder: Path | str = "reports"
) -> list[Path]:
    """Write the report, and return the files written.

    Raises:
        UserError: If a format or the language is unknown, or if the folder cannot be written.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    stem = f"{NETWORK_REPORT}-{language}"
    return write_document(compose(language), stem, formats, folder, when=when)


def compose(language: str) -> Document:
    """The report as data.

    Raises:
        UserError: If we do not speak the language.
    """
    said = Interpretation(load("inf8225"), translator(language), Numbers(language), language)
    say = said.say
    return Document(
        language=language,
        title=say("A Bayesian network: observing and intervening"),
        subtitle=say("INF8225, TP1, part 1"),
        summary=said.summary(),
        notices=[],
        sections=[
            Section(name="answers", heading=say("The sixteen answers"), blocks=[said.answers()]),
            Section(
                name="doing",
                heading=say("Observing against intervening"),
                blocks=[
                    said.paragraph(passages.TWO_SITUATIONS),
                    said.paragraph(passages.INTERVIEW_AND_GRADE),
                    said.paragraph(passages.GRADE_AND_HONOURS),
                    said.paragraph(passages.DOWNWARDS),
                    said.comparison(),
                    said.drawing("observed", given={"G": "g2"}),
                    said.drawing("done", do={"G": "g2"}),
                ],
            ),
            Section(
                name="seeing",
                heading=say("What one observation tells of another"),
                blocks=[
                    said.paragraph(passages.TWO_EFFECTS),
                    said.paragraph(passages.KNOWN_CAUSE),
                    said.paragraph(passages.TWO_CAUSES),
                    said.paragraph(passages.KNOWN_EFFECT),
                    said.paragraph(passages.EFFECT_OF_THE_EFFECT),
                ],
            ),
            Section(
                name="network",
                heading=say("The network"),
                blocks=[
                    Paragraph(
                        text=say(
                            "The joint probability is the product of the five tables of the "
                            "document. Our answers beside the document's sum its cells, as "
                            "there. All else here comes from eliminating one variable after the "
                            "other, which never forms that table, and so does what this command "
                            "asks:"
                        ),
                        command='retroprop bayes query inf8225 --ask "P(G | R=1, do(S=0))"',
                    ),
                    said.variables(),
                    said.drawing("prior"),
                ],
            ),
        ],
        footer=say("Made by retroprop {version} from the tables of the document.").format(
            version=__version__
        ),
        labels={"skip": say("Skip to the results")},
    )
