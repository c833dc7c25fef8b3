"""XDSL, the format of GeNIe and SMILE: read and written.

    <cpt id="lung">
      <state id="yes"/><state id="no"/>
      <parents>smoke</parents>
      <probabilities>0.1 0.9 0.01 0.99</probabilities>
    </cpt>

A table goes through the states of the parents in their order, the last fastest, and those of the
node fastest of all. A <deterministic> node has <resultingstates> instead, a state for each
configuration of its parents. Only these two kinds of nodes are read. What is written there of the
look of a network (<extensions>, properties) is not read; the ids are the names.

pyAgrum 3.3 writes the first parent fastest, against the format, so a file whose comments name it is
read with a doubt.

Source: BayesFusion, GeNIe Modeler and SMILE: the XDSL file format.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NoReturn

import numpy as np

from retroprop.bayes.files.description import TOLERANCE, Description
from retroprop.bayes.files.source import LIMITS, Limits, shortened, suggestion
from retroprop.bayes.files.uai import FIRST_PARENT_FASTEST
from retroprop.bayes.files.xml_reader import Block, XmlReader, xml_text
from retroprop.bayes.graph import topological_order
from retroprop.errors import UserError


def parse_xdsl(
    data: bytes, name: str, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in XDSL; the encoding is the one that the file declares.

    Raises:
        UserError: If it is malformed, with line and column, or has nodes of other kinds.
    """
    return _Reader(data, name, limits, tolerance).network()


class _Reader(XmlReader):
    CHILDREN: ClassVar[Mapping[str, frozenset[str]]] = {
        "": frozenset({"smile"}),
        "smile": frozenset({"nodes"}),
        "nodes": frozenset({"cpt", "deterministic"}),
        "cpt": frozenset({"state", "parents", "probabilities"}),
        "deterministic": frozenset({"state", "parents", "resultingstates"}),
    }
    BLOCKS: ClassVar[frozenset[str]] = frozenset({"cpt", "deterministic"})
    by_agrum = False

    def comment(self, text: str) -> None:
        self.by_agrum |= "agrum" in text.lower()

    def unexpected(self, tag: str, around: str, attributes: Mapping[str, str]) -> None:
        if around == "nodes":
            self.fail(
                self.here(),
                f"the node {shortened(attributes.get('id', ''))!r} is of the kind "
                f"<{shortened(tag)}>; only discrete chance nodes are read, <cpt> and "
                "<deterministic>, no decisions, utilities, equations or noisy nodes",
            )
        if not around or tag == "dynamic":
            super().unexpected(tag, around, attributes)

    def built(self) -> Description:
        for block in self.blocks:
            self.builder.add_variable(self.id(block), block.texts("state"), block.at)
        for block in self.blocks:
            self.table(block)
        if self.by_agrum and any(len(parents) > 1 for parents in self.builder.parents.values()):
            self.builder.doubts.append(FIRST_PARENT_FASTEST)
        return self.builder.finish()

    def id(self, block: Block) -> str:
        return block.attributes.get("id", "")

    def table(self, block: Block) -> None:
        parents = block.texts("parents")[0].split() if "parents" in block.leaves else []
        shape = self.builder.add_family(self.id(block), parents, block.at)
        if block.tag == "cpt":
            leaf = self.only(block, "probabilities")
            values = np.array(self.numbers(leaf, int(np.prod(shape))))
        else:
            leaf = self.only(block, "resultingstates")
            numbers = {state: i for i, state in enumerate(self.builder.states[self.id(block)])}
            results = leaf.text.split()
            count = int(np.prod(shape[:-1]))
            if len(results) != count:
                self.fail(leaf.at, f"expected {count:,} states, and got {len(results):,}")
            for state in results:
                if state not in numbers:
                    self.no_state(block, state, leaf.at)
            values = np.zeros((count, shape[-1]))
            values[np.arange(count), [numbers[state] for state in results]] = 1
        self.builder.add_table(self.id(block), values.reshape(shape), leaf.at)

    def no_state(self, block: Block, state: str, at: int) -> NoReturn:
        near = suggestion(state, block.texts("state"))
        self.fail(at, f"{shortened(self.id(block))!r} has no state {shortened(state)!r}. {near}")


def write_xdsl(network: Description) -> str:
    """The network in XDSL; numbers are written so that reading gives the same float64.

    GeNIe itself takes only names of letters, digits and underscores.

    Raises:
        UserError: If a name cannot be written in this format.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines += [f'<smile version="1.0" id="{_id(network.name or "unknown")}">', "  <nodes>"]
    for name in _parents_first(network.parents):
        lines.append(f'    <cpt id="{_id_without_blanks(name)}">')
        lines += [f'      <state id="{_id(state)}"/>' for state in network.states[name]]
        if network.parents[name]:
            parents = " ".join(map(_id_without_blanks, network.parents[name]))
            lines.append(f"      <parents>{parents}</parents>")
        numbers = " ".join(map(repr, network.tables[name].ravel().tolist()))
        lines += [f"      <probabilities>{numbers}</probabilities>", "    </cpt>"]
    return "\n".join([*lines, "  </nodes>", "</smile>"]) + "\n"


def _parents_first(parents: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The variables as SMILE wants them, in the network's own order where that is one."""
    before: set[str] = set()
    for name, its_parents in parents.items():
        if not before.issuperset(its_parents):
            return topological_order(parents) or ()
        before.add(name)
    return tuple(parents)


def _id(text: str) -> str:
    return xml_text(text, "XDSL")


def _id_without_blanks(name: str) -> str:
    if name.split() != [name]:
        raise UserError(
            f"the name {shortened(name)!r} cannot be written in XDSL, which puts blanks between "
            "names; write the network as .json."
        )
    return _id(name)
