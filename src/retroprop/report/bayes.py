"""The report of INF8225, TP1, part 1: sixteen answers, and what observing is beside intervening.

Nothing is trained and nothing recorded: every number is computed while the report is written, and
every sentence about numbers is chosen by them.
"""

from retroprop import __version__
from retroprop.bayes.networks import load
from retroprop.languages import translator
from retroprop.report.bayes_story import BayesStory
from retroprop.report.document import Document, Section
from retroprop.report.numbers import Numbers


def compose(language: str) -> Document:
    """Write the report.

    Raises:
        UserError: If we do not speak the language.
    """
    story = BayesStory(load("inf8225"), translator(language), Numbers(language), language)
    say = story.say
    return Document(
        language=language,
        title=say("A Bayesian network: observing and intervening"),
        subtitle=say("INF8225, TP1, part 1"),
        summary=story.summary(),
        notices=[],
        sections=[
            Section(name="answers", heading=say("The sixteen answers"), blocks=[story.answers()]),
            Section(
                name="doing",
                heading=say("Observing against intervening"),
                blocks=story.doing(),
            ),
            Section(
                name="seeing",
                heading=say("What one observation tells of another"),
                blocks=story.seeing(),
            ),
            Section(name="network", heading=say("The network"), blocks=story.network()),
        ],
        footer=say("Made by retroprop {version} from the tables of the document.").format(
            version=__version__
        ),
        labels={"skip": say("Skip to the results")},
    )
