"""XMLBIF 0.3: read and written.

    <VARIABLE TYPE="nature"><NAME>smoke</NAME><OUTCOME>yes</OUTCOME><OUTCOME>no</OUTCOME></VARIABLE>
    <DEFINITION><FOR>lung</FOR><GIVEN>smoke</GIVEN><TABLE>0.1 0.9 0.01 0.99</TABLE></DEFINITION>

A table goes through the states of the GIVEN variables in their order, the last fastest, and those
of the FOR variable fastest of all.

The format's own document type may stand in a file; we leave it out, because other programs stumble
over it. An entity of any kind may not (`xml_reader`).

Source: F. Cozman, The Interchange Format for Bayesian Networks, XMLBIF version 0.3 (1998).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from retroprop.bayes.files.description import TOLERANCE, Description
from retroprop.bayes.files.source import LIMITS, Limits, shortened
from retroprop.bayes.files.xml_reader import Block, XmlReader, xml_text


def parse_xmlbif(
    data: bytes, name: str, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in XMLBIF; the encoding is the one that the file declares.

    Raises:
        UserError: If it is malformed, with line and column.
    """
    return _Reader(data, name, limits, tolerance).network()


class _Reader(XmlReader):
    CHILDREN: ClassVar[Mapping[str, frozenset[str]]] = {
        "": frozenset({"BIF"}),
        "BIF": frozenset({"NETWORK"}),
        "NETWORK": frozenset({"NAME", "PROPERTY", "VARIABLE", "DEFINITION"}),
        "VARIABLE": frozenset({"NAME", "OUTCOME", "PROPERTY"}),
        "DEFINITION": frozenset({"FOR", "GIVEN", "TABLE", "PROPERTY"}),
    }
    BLOCKS: ClassVar[frozenset[str]] = frozenset({"VARIABLE", "DEFINITION"})

    def tag(self, tag: str) -> str:
        return tag.upper()

    def check_block(self, block: Block) -> None:
        kinds = {name.upper(): value for name, value in block.attributes.items()}
        kind = kinds.get("TYPE", "nature")
        if block.tag == "VARIABLE" and kind != "nature":
            self.fail(
                block.at,
                f"expected a variable of type nature, and got {shortened(kind)!r}; decisions "
                "and utilities are not read",
            )

    def built(self) -> Description:
        for block in self.blocks:
            if block.tag == "VARIABLE":
                name = self.only(block, "NAME")
                self.builder.add_variable(name.text, block.texts("OUTCOME"), name.at)
        for block in self.blocks:
            if block.tag == "DEFINITION":
                self.definition(block)
        names = self.top.texts("NAME")
        return self.builder.finish(names[0] if names else "", self.top.texts("PROPERTY"))

    def definition(self, block: Block) -> None:
        child, table = self.only(block, "FOR"), self.only(block, "TABLE")
        for parent in block.leaves.get("GIVEN", []):
            self.builder.known(parent.text, parent.at)
        shape = self.builder.add_family(child.text, block.texts("GIVEN"), child.at)
        values = self.numbers(table, int(np.prod(shape)))
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
    return f"  <{tag}>{xml_text(text, 'XMLBIF')}</{tag}>"
