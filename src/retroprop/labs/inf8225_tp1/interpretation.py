"""What the Bayesian network of part 1 says: answers, sentences, tables, drawings.

The report of part 1 and the document of the whole assignment are both made of these. Every sentence
about numbers is chosen by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from retroprop.bayes import BayesNet
from retroprop.bayes.separation import open_path
from retroprop.figures.bayes_network import draw_network
from retroprop.figures.style import for_page
from retroprop.labs.inf8225_tp1.joint import ask_joint
from retroprop.labs.inf8225_tp1.queries import QUESTIONS, as_printed
from retroprop.languages import Say, say_later
from retroprop.report.document import Cell, Paragraph, Picture, Row, Table
from retroprop.report.numbers import Numbers

_MEANINGS = {
    "S": say_later("prepares for the exam and does the homework"),
    "D": say_later("has difficulties before the exam"),
    "R": say_later("succeeds in the technical interview"),
    "G": say_later("grade in the course"),
    "L": say_later("is on the honour list"),
}


class Move(NamedTuple):
    """From one answer to another, in words: "P(R=r1) rises from 66.0% to 75.5%"."""

    before: str
    after: str


class Separated(NamedTuple):
    """Whether the graph ties two variables, with the path that carries the information."""

    x: str
    y: str
    given: str = ""


@dataclass(frozen=True)
class Passage:
    """A paragraph whose places are filled by the network.

    Attributes:
        title: In a few words, with the letters of the questions that it is about.
        text: What is said, with the names of its values.
        values: Name to a question, whose answer is said in per cent, or to what else is said.
    """

    title: str
    text: str
    values: dict[str, str | Move | Separated]


# --- observing beside intervening -----------------------------------------------------------------

TWO_SITUATIONS = Passage(
    title=say_later("The question"),
    text=say_later(
        "To observe G=g2 is to find a student who has the top grade. To set G=g2, "
        "do(G=g2), is to write the top grade into the file of any student, whatever "
        "she did. In the model the second removes the table of G, so that G no longer "
        "depends on S and D, and fixes it: the arrows to G are cut."
    ),
    values={},
)
INTERVIEW_AND_GRADE = Passage(
    title=say_later("l, m, n: the interview and the grade"),
    text=say_later(
        "R and G have a common cause, preparation S. Where a top grade is observed, "
        "{seen_s}, and so {seen_r}. Where it is given away, {done_s} and {done_r}: it "
        "says nothing about the student, and the grade is no cause of the interview."
    ),
    values={
        "seen_s": Move("P(S=s1)", "P(S=s1 | G=g2)"),
        "seen_r": Move("P(R=r1)", "P(R=r1 | G=g2)"),
        "done_s": Move("P(S=s1)", "P(S=s1 | do(G=g2))"),
        "done_r": Move("P(R=r1)", "P(R=r1 | do(G=g2))"),
    },
)
GRADE_AND_HONOURS = Passage(
    title=say_later("a, o, p: the grade and the honour list"),
    text=say_later(
        "L is an effect of G. Where a student is found on the honour list, {seen}, "
        "because the list is mostly made of top grades. Where she is put on it, "
        "{done}: an honour does not change what was written in the exam."
    ),
    values={
        "seen": Move("P(G=g1)", "P(G=g1 | L=l1)"),
        "done": Move("P(G=g1)", "P(G=g1 | do(L=l1))"),
    },
)
DOWNWARDS = Passage(
    title=say_later("Where both are the same"),
    text=say_later(
        "Downwards, from cause to effect, and without a common cause, observing and "
        "setting agree: L=l1 has {seen} where the top grade is observed and {done} "
        "where it is given. An intervention keeps its effects; it loses only what "
        "observing tells of the causes."
    ),
    values={"seen": "P(L=l1 | G=g2)", "done": "P(L=l1 | do(G=g2))"},
)

# --- what one observation tells of another --------------------------------------------------------

TWO_EFFECTS = Passage(
    title=say_later("b, c: two effects of one cause"),
    text=say_later(
        "After a good interview {good}; after a bad one {bad}. Grade and interview are "
        "both effects of preparation, and each tells of it."
    ),
    values={
        "good": Move("P(G=g2)", "P(G=g2 | R=r1)"),
        "bad": Move("P(G=g2)", "P(G=g2 | R=r0)"),
    },
)
KNOWN_CAUSE = Passage(
    title=say_later("d, e: the cause is known"),
    text=say_later(
        "Where it is known that the student did not prepare, the interview has nothing "
        "left to tell: G=g2 has {good} after a good interview and {bad} after a bad "
        "one. {separated}"
    ),
    values={
        "good": "P(G=g2 | R=r1, S=s0)",
        "bad": "P(G=g2 | R=r0, S=s0)",
        "separated": Separated("R", "G", "S"),
    },
)
TWO_CAUSES = Passage(
    title=say_later("f, g: two causes of one effect"),
    text=say_later(
        "Difficulties before the exam alone tell nothing of the interview: with them "
        "{d1}, without them {d0}. {separated}"
    ),
    values={
        "d1": Move("P(R=r1)", "P(R=r1 | D=d1)"),
        "d0": Move("P(R=r1)", "P(R=r1 | D=d0)"),
        "separated": Separated("R", "D"),
    },
)
KNOWN_EFFECT = Passage(
    title=say_later("h, i: the effect is known"),
    text=say_later(
        "Once the top grade is known, the causes compete to explain it: R=r1 has "
        "{d1} where the student had difficulties, and {d0} where she had none. Who "
        "reached the top grade in spite of difficulties was probably well prepared. "
        "{separated}"
    ),
    values={
        "d1": "P(R=r1 | D=d1, G=g2)",
        "d0": "P(R=r1 | D=d0, G=g2)",
        "separated": Separated("R", "D", "G"),
    },
)
EFFECT_OF_THE_EFFECT = Passage(
    title=say_later("j, k: an effect of the effect is known"),
    text=say_later(
        "The honour list tells of the grade, so it does the same, less sharply: {d1} "
        "with difficulties and {d0} without. {separated}"
    ),
    values={
        "d1": "P(R=r1 | D=d1, L=l1)",
        "d0": "P(R=r1 | D=d0, L=l1)",
        "separated": Separated("R", "D", "L"),
    },
)


@dataclass(frozen=True)
class Interpretation:
    """The network, and the words and numbers of one language.

    Attributes:
        net: A network with the variables of the document; its numbers choose the sentences.
        say: Turns an English text into the reader's language.
        numbers: Writes numbers in that language.
        language: "en" or "fr".
    """

    net: BayesNet
    say: Say
    numbers: Numbers
    language: str

    def share(self, question: str) -> float:
        """The answer to a question for a number."""
        answer = self.net.ask(question)
        assert isinstance(answer, float)
        return answer

    def percent(self, question: str) -> str:
        """The answer to a question for a number, in per cent."""
        return self.numbers.percent(self.share(question), digits=1)

    def moves(self, before: str, after: str) -> str:
        """From one answer to another, in words: "P(R=r1) rises from 66.0% to 75.5%"."""
        change = self.share(after) - self.share(before)
        words = "{what} rises from {before} to {after}"
        if change < 0:
            words = "{what} falls from {before} to {after}"
        if abs(change) < 1e-12:
            words = "{what} stays at {before}"
        return self.say(words).format(
            what=before, before=self.percent(before), after=self.percent(after)
        )

    def separated(self, x: str, y: str, given: str = "") -> str:
        """Whether the graph says so, with the path that carries the information."""
        path = open_path(self.net, x, y, given or ())
        if path is None:
            text = (
                "The graph says so: {x} and {y} are d-separated given {given}."
                if given
                else "The graph says so: {x} and {y} are d-separated."
            )
        else:
            text = "The path {path} is open given {given}."
        return self.say(text).format(x=x, y=y, given=given, path=path)

    def paragraph(self, passage: Passage) -> Paragraph:
        """A passage with the values of this network."""
        values: dict[str, str] = {}
        for name, value in passage.values.items():
            match value:
                case Move():
                    values[name] = self.moves(*value)
                case Separated():
                    values[name] = self.separated(*value)
                case _:
                    values[name] = self.percent(value)
        text = self.say(passage.text).format(**values)
        return Paragraph(title=self.say(passage.title), text=text)

    # --- the parts --------------------------------------------------------------------------------

    def summary(self) -> list[str]:
        """How many answers are the document's, and what intervening changes."""
        equal = sum(self.is_printed(letter) for letter in QUESTIONS)
        return [
            self.say("{n} of the {all} answers equal every digit that the document prints.").format(
                n=equal, all=len(QUESTIONS)
            ),
            self.say(
                "Who sees the top grade thinks better of the interview: {seen}. Who gives the top "
                "grade learns nothing of it: {done}. Observing reads the arrows in both "
                "directions, intervening only in theirs."
            ).format(
                seen=self.moves("P(R=r1)", "P(R=r1 | G=g2)"),
                done=self.moves("P(R=r1)", "P(R=r1 | do(G=g2))"),
            ),
        ]

    def is_printed(self, letter: str) -> bool:
        """Whether our answer has the digits that the document prints."""
        return self.written(letter) == QUESTIONS[letter].printed

    def written(self, letter: str) -> tuple[str, ...]:
        """Our numbers as the document would print them, from the joint table as there.

        Elimination differs in the last digit, by the processor's matrix products.
        """
        answer = ask_joint(self.net, QUESTIONS[letter].question)
        if not answer.ndim:
            return (repr(float(answer)),)
        return tuple(as_printed(float(value)) for value in answer)

    def answers(self, letters: Sequence[str] = tuple(QUESTIONS)) -> Table:
        """Our answers to some letters beside those that the document prints."""
        say = self.say
        rows = []
        for letter in letters:
            asked = QUESTIONS[letter]
            equal = say("✓ every digit") if self.is_printed(letter) else say("✗ not equal")
            cells = [" ".join(self.written(letter)), " ".join(asked.printed), equal]
            rows.append(
                Row(header=f"{letter}) {asked.question}", cells=[Cell(text=text) for text in cells])
            )
        return Table(
            name="answers-table",
            caption=say("Our answers and those that the document prints"),
            corner=say("Question"),
            columns=[say("Our answer"), say("The document"), say("Comparison")],
            rows=rows,
            words=(0, 1, 2),
            notes=[self.how_numbers_are_written()] if len(letters) == len(QUESTIONS) else [],
        )

    def how_numbers_are_written(self) -> str:
        """What a reader must know of the numbers in `answers`."""
        return self.say(
            "Numbers are written as the document's cells print them: the states of the variable "
            "in their order, five decimals at most; p) is a single number."
        )

    def comparison(self) -> Table:
        """Before, where a value is observed, and where it is set."""
        say = self.say
        rows = []
        for effect, cause in (
            ("R=r1", "G=g2"),
            ("G=g1", "L=l1"),
            ("L=l1", "G=g2"),
            ("G=g2", "S=s1"),
        ):
            questions = (f"P({effect})", f"P({effect} | {cause})", f"P({effect} | do({cause}))")
            rows.append(
                Row(
                    header=say("{effect}, by {cause}").format(effect=effect, cause=cause),
                    cells=[
                        Cell(text=self.numbers.share(self.share(question), digits=2))
                        for question in questions
                    ],
                )
            )
        return Table(
            name="comparison-table",
            caption=say("Before, where it is observed, where it is set; in %"),
            corner=say("Probability of"),
            columns=[say("before"), say("observed"), say("set")],
            rows=rows,
        )

    def drawing(self, kind: str, **conditions: Any) -> Picture:
        """The network: "prior", "observed" or "done", under the conditions of `draw_network`."""
        say = self.say
        captions = {
            "observed": say("The top grade is observed: all variables learn from it."),
            "done": say(
                "The top grade is set: the arrows to it are cut, its causes learn nothing."
            ),
            "prior": say("The network before anything is observed or set."),
        }
        drawn = draw_network(
            self.net,
            **conditions,
            language=self.language,
            theme="plain",
            title=captions[kind],
            name=f"network-{kind}",
        )
        return Picture(
            name=f"picture-{kind}",
            caption=captions[kind],
            description=drawn.description,
            svg=str(drawn),
            page_svg=for_page(drawn),
            half=kind != "prior",
        )

    def variables(self) -> Table:
        """The five variables with their states and parents."""
        say = self.say
        rows = []
        for name in self.net.variables:
            given = f" | {', '.join(self.net.parents[name])}" if self.net.parents[name] else ""
            rows.append(
                Row(
                    header=name,
                    cells=[
                        Cell(text=say(_MEANINGS[name])),
                        Cell(text=", ".join(self.net.states[name])),
                        Cell(text=f"P({name}{given})"),
                    ],
                )
            )
        return Table(
            name="variables-table",
            caption=say("The variables"),
            corner=say("Variable"),
            columns=[say("meaning"), say("states"), say("table")],
            rows=rows,
            numeric=False,
        )
