"""What both XML formats share: elements as expat reports them, with their places, within limits.

A file is containers, which hold blocks, one for each variable or table, which hold leaves. An
entity of any kind is refused, so a file can neither grow when it is read nor name another.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from retroprop.bayes.files.description import Builder, Description
from retroprop.bayes.files.source import Limits, number, refusal, shortened
from retroprop.errors import UserError

_BEFORE_XML = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*")
_NOT_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DEEPEST = 100  # elements in one another, where they are not read
_LINE = 2**32  # a place is its line times this, and its column


@dataclass(slots=True)
class Leaf:
    """The text of an element and its place."""

    text: str
    at: int


@dataclass(slots=True)
class Block:
    """An element that holds leaves, by their names."""

    tag: str
    at: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    leaves: dict[str, list[Leaf]] = field(default_factory=dict)

    def texts(self, name: str) -> list[str]:
        """The texts of its leaves of one name."""
        return [leaf.text for leaf in self.leaves.get(name, [])]


class XmlReader:
    """Collects the elements; a format says which there are and builds the network of them.

    Attributes:
        CHILDREN: What may stand inside what; "" is the file.
        BLOCKS: The elements that hold leaves.
    """

    CHILDREN: ClassVar[Mapping[str, frozenset[str]]]
    BLOCKS: ClassVar[frozenset[str]]

    def __init__(self, data: bytes, name: str, limits: Limits, tolerance: float) -> None:
        before = _BEFORE_XML.match(data)[0]  # type: ignore[index]
        self.data, self.name = data[len(before) :], name
        self.first_line = before.count(b"\n")
        self.builder = Builder(self.fail, limits, tolerance)
        self.path: list[str] = []
        self.texts: list[str] = []
        self.blocks: list[Block] = []
        self.top = self.block = Block("", _LINE)
        self.ignored = 0  # how deep we are in an element that is not read
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.CommentHandler = self.comment
        self.parser.EntityDeclHandler = self.entity
        self.parser.ExternalEntityRefHandler = self.entity
        self.parser.UnparsedEntityDeclHandler = self.entity
        self.parser.SkippedEntityHandler = self.entity

    def network(self) -> Description:
        """The network of the file.

        Raises:
            UserError: If it is malformed, with line and column.
        """
        try:
            self.parser.Parse(self.data, True)
        except expat.ExpatError as error:
            self.fail(
                error.lineno * _LINE + error.offset,
                f"this is not XML: {expat.ErrorString(error.code)}",
            )
        except (ValueError, LookupError) as error:
            if isinstance(error, UserError):
                raise
            self.fail(_LINE, f"the encoding of the file cannot be read ({error})")
        return self.built()

    # --- what a format says -----------------------------------------------------------------------

    def built(self) -> Description:
        """The network, from `self.top` and `self.blocks`."""
        raise NotImplementedError

    def tag(self, tag: str) -> str:
        """The name of an element as CHILDREN has it."""
        return tag

    def unexpected(self, tag: str, around: str, attributes: Mapping[str, str]) -> None:
        """Refuse an element that CHILDREN does not have, or leave it out."""
        allowed = self.CHILDREN.get(around, frozenset())
        what = " or ".join(f"<{name}>" for name in sorted(allowed)) or "no element"
        where = f" inside <{around}>" if around else ""
        self.fail(self.here(), f"expected {what}{where}, and got <{shortened(tag)}>")

    def check_block(self, block: Block) -> None:
        """Refuse a block for its attributes."""

    def comment(self, text: str) -> None:
        """See a comment."""

    # --- places -----------------------------------------------------------------------------------

    def fail(self, at: int, sentence: str) -> NoReturn:
        """The refusal, with its place."""
        line, column = divmod(at, _LINE)
        line = max(line, 1) + self.first_line
        raise refusal(f"{self.name}, line {line}, column {column + 1}", sentence)

    def here(self) -> int:
        """The place that expat has come to."""
        return self.parser.CurrentLineNumber * _LINE + self.parser.CurrentColumnNumber

    # --- what expat reports -----------------------------------------------------------------------

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self.ignored:
            self.ignored += 1
            if self.ignored > DEEPEST:
                self.fail(self.here(), "the file is nested too deeply for a network")
            return
        tag = self.tag(tag)
        around = self.path[-1] if self.path else ""
        if tag not in self.CHILDREN.get(around, ()):
            self.unexpected(tag, around, attributes)
            self.ignored = 1
            return
        self.path.append(tag)
        self.texts = []
        if tag in self.BLOCKS:
            self.block = Block(tag, self.here(), attributes)
            self.check_block(self.block)
            self.blocks.append(self.block)
            if len(self.blocks) > 2 * self.builder.limits.variables:
                self.fail(self.block.at, f"expected at most {len(self.blocks) - 1:,} blocks")
        elif tag not in self.CHILDREN:
            leaves = self.block.leaves.setdefault(tag, [])
            leaves.append(Leaf(attributes.get("id", ""), self.here()))
            if len(leaves) > self.builder.limits.states:
                self.fail(leaves[-1].at, f"expected at most {len(leaves) - 1:,} <{tag}> here")

    def end(self, _: str) -> None:
        """End the element that was begun last."""
        if self.ignored:
            self.ignored -= 1
            return
        tag = self.path.pop()
        if tag in self.BLOCKS:
            self.block = self.top
        elif tag not in self.CHILDREN:
            leaf = self.block.leaves[tag][-1]
            text = "".join(self.texts).strip() or leaf.text
            # A name that a writer broke over two lines is one name.
            leaf.text = " ".join(text.split()) if "\n" in text or "\t" in text else text
        self.texts = []

    def characters(self, text: str) -> None:
        """Collect text, which stands in leaves only."""
        if self.ignored:
            return
        if self.path and self.path[-1] not in self.CHILDREN:
            self.texts.append(text)
        elif text.strip():
            self.fail(
                self.here(), f"expected an element, and got the text {shortened(text.strip())!r}"
            )

    def entity(self, *_: Any) -> NoReturn:
        """Refuse every entity."""
        self.fail(self.here(), "entities are not read, because they can make a small file huge")

    # --- what leaves say --------------------------------------------------------------------------

    def only(self, block: Block, name: str) -> Leaf:
        """The leaf of this name, of which there must be one."""
        leaves = block.leaves.get(name, [])
        if len(leaves) != 1:
            self.fail(
                block.at, f"expected one <{name}> in this <{block.tag}>, and got {len(leaves)}"
            )
        return leaves[0]

    def numbers(self, leaf: Leaf, count: int) -> list[float]:
        """As many probabilities."""
        words = leaf.text.split()
        if len(words) != count:
            self.fail(leaf.at, f"expected {count:,} probabilities, and got {len(words):,}")
        values = [number(word) for word in words]
        if None in values:
            word = shortened(words[values.index(None)])
            self.fail(leaf.at, f"expected a probability, and got {word!r}")
        return values  # type: ignore[return-value]


def xml_text(text: str, format: str) -> str:
    """A name as XML writes it.

    Raises:
        UserError: If it cannot.
    """
    if text != text.strip() or _NOT_XML.search(text):
        raise UserError(
            f"the name {shortened(text)!r} cannot be written in {format}, which has no blanks "
            "around a name and no control characters; write the network as .json."
        )
    return escape(text, {'"': "&quot;"})
