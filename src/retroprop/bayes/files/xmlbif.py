"""XMLBIF 0.3: read and written.

    <VARIABLE TYPE="nature"><NAME>smoke</NAME><OUTCOME>yes</OUTCOME><OUTCOME>no</OUTCOME></VARIABLE>
    <DEFINITION><FOR>lung</FOR><GIVEN>smoke</GIVEN><TABLE>0.1 0.9 0.01 0.99</TABLE></DEFINITION>

A table goes through the states of the GIVEN variables in their order, the last fastest, and those
of the FOR variable fastest of all.

The format's own document type may stand in a file; we leave it out, because other programs stumble
over it. An entity of any kind may not, so a file can neither grow when it is read nor name another.

Source: F. Cozman, The Interchange Format for Bayesian Networks, XMLBIF version 0.3 (1998).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from retroprop.bayes.files.description import TOLERANCE, Builder, Description
from retroprop.bayes.files.source import LIMITS, Limits, number, shortened
from retroprop.errors import UserError

_CHILDREN = {  # what may stand inside what
    "": {"BIF"},
    "BIF": {"NETWORK"},
    "NETWORK": {"NAME", "PROPERTY", "VARIABLE", "DEFINITION"},
    "VARIABLE": {"NAME", "OUTCOME", "PROPERTY"},
    "DEFINITION": {"FOR", "GIVEN", "TABLE", "PROPERTY"},
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_xmlbif(
    data: bytes, name: str, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in XMLBIF; the encoding is the one that the file declares.

    Raises:
        UserError: If it is malformed, with line and column.
    """
    return _Reader(data, name, limits, tolerance).network()


@dataclass
class _Leaf:
    """The text of an element and its place, an index of `_Reader.places`."""

    text: str
    at: int


@dataclass
class _Block:
    """A VARIABLE or a DEFINITION: its leaves by their names."""

    at: int
    leaves: dict[str, list[_Leaf]] = field(default_factory=dict)

    def texts(self, name: str) -> list[str]:
        return [leaf.text for leaf in self.leaves.get(name, [])]


class _Reader:
    """Collects the elements as expat reports them, then builds the network."""

    def __init__(self, data: bytes, name: str, limits: Limits, tolerance: float) -> None:
        self.data, self.name = data, name
        self.builder = Builder(self.fail, limits, tolerance)
        self.places: list[tuple[int, int]] = [(1, 0)]
        self.path: list[str] = []
        self.texts: list[str] = []
        self.variables: list[_Block] = []
        self.definitions: list[_Block] = []
        self.top = _Block(0)
        self.block = self.top
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.EntityDeclHandler = self.entity
        self.parser.ExternalEntityRefHandler = self.entity
        self.parser.UnparsedEntityDeclHandler = self.entity
        self.parser.SkippedEntityHandler = self.entity

    def network(self) -> Description:
        try:
            self.parser.Parse(self.data, True)
        except expat.ExpatError as error:
            self.places.append((error.lineno, error.offset))
            self.fail(len(self.places) - 1, f"this is not XML: {expat.ErrorString(error.code)}")
        except (ValueError, LookupError) as error:
            if isinstance(error, UserError):
                raise
            self.fail(0, f"the encoding of the file cannot be read ({error})")
        for block in self.variables:
            self.variable(block)
        for block in self.definitions:
            self.definition(block)
        names = self.top.texts("NAME")
        return self.builder.finish(names[0] if names else "", self.top.texts("PROPERTY"))

    def fail(self, at: int, sentence: str) -> NoReturn:
        """The refusal, with the place that has this index."""
        line, column = self.places[at]
        end = "" if sentence.endswith((".", "?")) else "."
        raise UserError(f"{self.name}, line {line}, column {column + 1}: {sentence}{end}")

    def here(self) -> int:
        self.places.append((self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber))
        return len(self.places) - 1

    # --- what expat reports -----------------------------------------------------------------------

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.upper()
        around = self.path[-1] if self.path else ""
        allowed = _CHILDREN.get(around, set())
        if tag not in allowed:
            what = " or ".join(f"<{name}>" for name in sorted(allowed)) or "no element"
            where = f" inside <{around}>" if around else ""
            self.fail(self.here(), f"expected {what}{where}, and got <{shortened(tag)}>")
        self.path.append(tag)
        self.texts = []
        if tag == "VARIABLE":
            kind = {name.upper(): value for name, value in attributes.items()}.get("TYPE", "nature")
            if kind != "nature":
                self.fail(
                    self.here(),
                    f"expected a variable of type nature, and got {shortened(kind)!r}; decisions "
                    "and utilities are not read",
                )
            self.block = _Block(self.here())
            self.variables.append(self.block)
        elif tag == "DEFINITION":
            self.block = _Block(self.here())
            self.definitions.append(self.block)
        elif tag not in ("BIF", "NETWORK"):
            self.leaf = _Leaf("", self.here())

    def end(self, tag: str) -> None:
        tag = self.path.pop()
        if tag in ("VARIABLE", "DEFINITION"):
            self.block = self.top
        elif tag not in ("BIF", "NETWORK"):
            text = "".join(self.texts).strip()
            # A name that a writer broke over two lines is one name.
            self.leaf.text = " ".join(text.split()) if "\n" in text or "\t" in text else text
            self.block.leaves.setdefault(tag, []).append(self.leaf)
        self.texts = []

    def characters(self, text: str) -> None:
        if self.path and self.path[-1] not in _CHILDREN:
            self.texts.append(text)
        elif text.strip():
            self.fail(
                self.here(), f"expected an element, and got the text {shortened(text.strip())!r}"
            )

    def entity(self, *_: Any) -> NoReturn:
        self.fail(self.here(), "entities are not read, because they can make a small file huge")

    # --- what the elements mean -------------------------------------------------------------------

    def variable(self, block: _Block) -> None:
        names = block.leaves.get("NAME", [])
        if len(names) != 1:
            self.fail(block.at, f"expected one <NAME> in this <VARIABLE>, and got {len(names)}")
        self.builder.add_variable(names[0].text, block.texts("OUTCOME"), names[0].at)

    def definition(self, block: _Block) -> None:
        for name in ("FOR", "TABLE"):
            count = len(block.leaves.get(name, []))
            if count != 1:
                self.fail(block.at, f"expected one <{name}> in this <DEFINITION>, and got {count}")
        child, table = block.leaves["FOR"][0], block.leaves["TABLE"][0]
        for parent in block.leaves.get("GIVEN", []):
            self.builder.known(parent.text, parent.at)
        shape = self.builder.add_family(child.text, block.texts("GIVEN"), child.at)
        words = table.text.split()
        count = int(np.prod(shape))
        if len(words) != count:
            self.fail(table.at, f"expected {count:,} probabilities, and got {len(words):,}")
        values = [number(word) for word in words]
        if None in values:
            word = shortened(words[values.index(None)])
            self.fail(table.at, f"expected a probability, and got {word!r}")
        self.builder.add_table(child.text, np.array(values, np.float64).reshape(shape), table.at)


def write_xmlbif(network: Description) -> str:
    """The network in XMLBIF; numbers are written so that reading gives the same float64.

    Raises:
        UserError: If a name cannot be written in this format.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<BIF VERSION="0.3">']
    lines += ["<NETWORK>", _element("NAME", network.name or "unknown")]
    lines += [_element("PROPERTY", " ".join(line.split())) for line in network.properties]
    for name, states in network.states.items():
        lines += ['<VARIABLE TYPE="nature">', _element("NAME", name)]
        lines += [_element("OUTCOME", state) for state in states]
        lines.append("</VARIABLE>")
    for name, table in network.tables.items():
        lines += ["<DEFINITION>", _element("FOR", name)]
        lines += [_element("GIVEN", parent) for parent in network.parents[name]]
        rows = table.reshape(-1, table.shape[-1]).tolist()
        lines.append(f"  <TABLE>{_rows(rows)}</TABLE>")
        lines.append("</DEFINITION>")
    return "\n".join([*lines, "</NETWORK>", "</BIF>"]) + "\n"


def _rows(rows: Sequence[Sequence[float]]) -> str:
    return "\n    ".join(" ".join(map(repr, row)) for row in rows)


def _element(tag: str, text: str) -> str:
    if text != text.strip() or _NOT_XML.search(text) or "\r" in text:
        raise UserError(
            f"the name {shortened(text)!r} cannot be written in XMLBIF, which has no blanks around "
            "a name and no control characters; write the network as .json."
        )
    return f"  <{tag}>{escape(text)}</{tag}>"
