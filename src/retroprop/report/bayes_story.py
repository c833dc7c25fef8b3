"""What the Bayesian network of INF8225, TP1, part 1, says: answers, sentences, tables, drawings.

The report of part 1 and the document of the whole assignment are both made of these. Every sentence
about numbers is chosen by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retroprop.bayes import BayesNet
from retroprop.bayes.networks.inf8225 import QUESTIONS, as_printed
from retroprop.bayes.separation import open_path
from retroprop.bayes.table import NamedTable
from retroprop.figures.bayes_network import draw_network
from retroprop.figures.style import for_page
from retroprop.languages import Say, say_later
from retroprop.report.document import Block, Cell, Paragraph, Picture, Row, Table
from retroprop.report.numbers import Numbers

_MEANINGS = {
    "S": say_later("prepares for the exam and does the homework"),
    "D": say_later("has difficulties before the exam"),
    "R": say_later("succeeds in the technical interview"),
    "G": say_later("grade in the course"),
    "L": say_later("is on the honour list"),
}


@dataclass(frozen=True)
class BayesStory:
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
        """Our numbers as the document would print them."""
        answer = self.net.ask(QUESTIONS[letter].question)
        if not isinstance(answer, NamedTable):
            return (repr(answer),)
        return tuple(as_printed(float(value)) for value in answer.values)

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

    def doing(self) -> list[Block]:
        """What observing is beside intervening, with the numbers of both and their drawings."""
        return [
            self.two_situations(),
            self.interview_and_grade(),
            self.grade_and_honours(),
            self.downwards(),
            self.comparison(),
            self.drawing("observed", given={"G": "g2"}),
            self.drawing("done", do={"G": "g2"}),
        ]

    def two_situations(self) -> Paragraph:
        """What it is to observe a grade, and to set it."""
        say = self.say
        return Paragraph(
            title=say("The question"),
            text=say(
                "To observe G=g2 is to find a student who has the top grade. To set G=g2, "
                "do(G=g2), is to write the top grade into the file of any student, whatever "
                "she did. In the model the second removes the table of G, so that G no longer "
                "depends on S and D, and fixes it: the arrows to G are cut."
            ),
        )

    def interview_and_grade(self) -> Paragraph:
        """Two effects of one cause: observing one tells of the other, setting it does not."""
        say = self.say
        return Paragraph(
            title=say("l, m, n: the interview and the grade"),
            text=say(
                "R and G have a common cause, preparation S. Where a top grade is observed, "
                "{seen_s}, and so {seen_r}. Where it is given away, {done_s} and {done_r}: it "
                "says nothing about the student, and the grade is no cause of the interview."
            ).format(
                seen_s=self.moves("P(S=s1)", "P(S=s1 | G=g2)"),
                seen_r=self.moves("P(R=r1)", "P(R=r1 | G=g2)"),
                done_s=self.moves("P(S=s1)", "P(S=s1 | do(G=g2))"),
                done_r=self.moves("P(R=r1)", "P(R=r1 | do(G=g2))"),
            ),
        )

    def grade_and_honours(self) -> Paragraph:
        """A cause and its effect: setting the effect tells nothing of the cause."""
        say = self.say
        return Paragraph(
            title=say("a, o, p: the grade and the honour list"),
            text=say(
                "L is an effect of G. Where a student is found on the honour list, {seen}, "
                "because the list is mostly made of top grades. Where she is put on it, "
                "{done}: an honour does not change what was written in the exam."
            ).format(
                seen=self.moves("P(G=g1)", "P(G=g1 | L=l1)"),
                done=self.moves("P(G=g1)", "P(G=g1 | do(L=l1))"),
            ),
        )

    def downwards(self) -> Paragraph:
        """Where observing and setting agree."""
        say = self.say
        return Paragraph(
            title=say("Where both are the same"),
            text=say(
                "Downwards, from cause to effect, and without a common cause, observing and "
                "setting agree: L=l1 has {seen} where the top grade is observed and {done} "
                "where it is given. An intervention keeps its effects; it loses only what "
                "observing tells of the causes."
            ).format(seen=self.percent("P(L=l1 | G=g2)"), done=self.percent("P(L=l1 | do(G=g2))")),
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

    def seeing(self) -> list[Block]:
        """What one observation tells of another, path by path."""
        return [
            self.two_effects(),
            self.known_cause(),
            self.two_causes(),
            self.known_effect(),
            self.effect_of_the_effect(),
        ]

    def two_effects(self) -> Paragraph:
        """What the interview tells of the grade."""
        say = self.say
        return Paragraph(
            title=say("b, c: two effects of one cause"),
            text=say(
                "After a good interview {good}; after a bad one {bad}. Grade and interview are "
                "both effects of preparation, and each tells of it."
            ).format(
                good=self.moves("P(G=g2)", "P(G=g2 | R=r1)"),
                bad=self.moves("P(G=g2)", "P(G=g2 | R=r0)"),
            ),
        )

    def known_cause(self) -> Paragraph:
        """The interview and the grade once their common cause is known."""
        say = self.say
        return Paragraph(
            title=say("d, e: the cause is known"),
            text=say(
                "Where it is known that the student did not prepare, the interview has nothing "
                "left to tell: G=g2 has {good} after a good interview and {bad} after a bad "
                "one. {separated}"
            ).format(
                good=self.percent("P(G=g2 | R=r1, S=s0)"),
                bad=self.percent("P(G=g2 | R=r0, S=s0)"),
                separated=self.separated("R", "G", "S"),
            ),
        )

    def two_causes(self) -> Paragraph:
        """Difficulties and the interview while nothing is known of the grade."""
        say = self.say
        return Paragraph(
            title=say("f, g: two causes of one effect"),
            text=say(
                "Difficulties before the exam alone tell nothing of the interview: with them "
                "{d1}, without them {d0}. {separated}"
            ).format(
                d1=self.moves("P(R=r1)", "P(R=r1 | D=d1)"),
                d0=self.moves("P(R=r1)", "P(R=r1 | D=d0)"),
                separated=self.separated("R", "D"),
            ),
        )

    def known_effect(self) -> Paragraph:
        """Two causes that explain an effect: knowing it connects them."""
        say = self.say
        return Paragraph(
            title=say("h, i: the effect is known"),
            text=say(
                "Once the top grade is known, the causes compete to explain it: R=r1 has "
                "{d1} where the student had difficulties, and {d0} where she had none. Who "
                "reached the top grade in spite of difficulties was probably well prepared. "
                "{separated}"
            ).format(
                d1=self.percent("P(R=r1 | D=d1, G=g2)"),
                d0=self.percent("P(R=r1 | D=d0, G=g2)"),
                separated=self.separated("R", "D", "G"),
            ),
        )

    def effect_of_the_effect(self) -> Paragraph:
        """The same, where only a consequence of the effect is known."""
        say = self.say
        return Paragraph(
            title=say("j, k: an effect of the effect is known"),
            text=say(
                "The honour list tells of the grade, so it does the same, less sharply: {d1} "
                "with difficulties and {d0} without. {separated}"
            ).format(
                d1=self.percent("P(R=r1 | D=d1, L=l1)"),
                d0=self.percent("P(R=r1 | D=d0, L=l1)"),
                separated=self.separated("R", "D", "L"),
            ),
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

    def network(self) -> list[Block]:
        """What the network is: its variables, and its drawing."""
        say = self.say
        return [
            Paragraph(
                text=say(
                    "The joint probability is the product of the five tables of the document. No "
                    "joint table is formed: variables are eliminated one after the other. This "
                    "command asks any other question:"
                ),
                command='retroprop bayes query inf8225 --ask "P(G | R=1, do(S=0))"',
            ),
            self.variables(),
            self.drawing("prior"),
        ]

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
