"""A compiled query: prune, order, tabulate once; then only look up and multiply.

A plan belongs to a signature (targets, observed, fixed and weighed variables), not to states. The
network keeps its plans, so asking again with other states costs no search.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from retroprop.bayes.circuit import TABULATED, Circuit
from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.contraction import BATCH, reduce_to
from retroprop.bayes.evidence import Evidence
from retroprop.bayes.logspace import log, log_values
from retroprop.bayes.memory import (
    ENTRY,
    check_answer,
    check_tree,
    rows_that_fit,
    sweep_bytes,
    tree_bytes,
)
from retroprop.bayes.ordering import Tree, find_tree
from retroprop.bayes.program import Program, Value
from retroprop.bayes.pruning import Signature, relevant_leaves
from retroprop.bayes.rows import Rows
from retroprop.bayes.sweep import add_families, add_posteriors
from retroprop.bayes.torch_program import TorchProgram


class Answers(NamedTuple):
    """What a plan says of a batch.

    Attributes:
        values: All outputs side by side, (rows, states); 0 where impossible.
        impossible: Rows whose evidence has probability 0, (rows,).
    """

    values: np.ndarray
    impossible: np.ndarray


class Plan:
    """A compiled query.

    Attributes:
        tree: The products, in which order.
        circuit: What it runs.
        outputs: The variables of each answer, in the order of its axes.
        starts: Where each answer starts among the answers side by side.
    """

    def __init__(
        self,
        net: CodedNetwork,
        signature: Signature,
        memory: int,
        uses: float = 1,
        limit: int = TABULATED,
        device: str | None = None,
        families: bool = False,
        tree: Tree | None = None,
    ):
        """Compile.

        Args:
            net: The network.
            signature: What is asked; targets None ask every free variable, () only the evidence.
            memory: Bytes that a run may take.
            uses: How often it will be run: more uses pay for more search.
            limit: Entries up to which values are tabulated over their evidence.
            device: A torch device for batches; None for NumPy.
            families: Whether, for targets None, every table's free variables are asked together.
            tree: That of a plan for the same signature; searched where there is none.

        Raises:
            UserError: If the values need more memory; nothing is allocated then.
        """
        self.memory = memory
        self.device = device
        self.uses = uses
        leaves = relevant_leaves(net, signature)
        targets = signature.targets
        if tree is None:
            tree = find_tree([leaf.scope for leaf in leaves], net.cards, targets or (), uses)
        self.tree = tree
        if targets is None:
            needed = sweep_bytes(tree, net.cards)
            if families:
                needed += (
                    3 * ENTRY * sum(math.prod(net.cards[v] for v in leaf.scope) for leaf in leaves)
                )
        else:  # of the answer itself there are three: as it was formed, in order, and normalised
            answer = math.prod(net.cards[v] for v in targets)
            needed = max(tree_bytes(tree, net.cards), 3 * ENTRY * answer)
        check_tree(tree, needed, memory)
        self.circuit = circuit = Circuit(net, signature, leaves, limit)
        circuit.add_leaves()
        circuit.add_tree(tree, release=targets is not None)
        if families:
            add_families(circuit)
        elif targets is None:
            add_posteriors(circuit)
        elif targets:
            circuit.outputs[targets] = next(k for k in circuit.roots if circuit.nodes[k].scope)
        self.outputs = list(circuit.outputs)
        self._answers = list(circuit.outputs.values())
        self._lengths = [circuit.size(variables) for variables in self.outputs]
        self.starts = [sum(self._lengths[:i]) for i in range(len(self._lengths))]
        self._checks = list(circuit.roots) if targets == () or families else circuit.checks()
        self._wanted = list(dict.fromkeys([*self._answers, *self._checks]))
        circuit.forget(self._wanted)
        if device is not None:
            assert self._rows_program  # built now, so that a device that is not there is told now
        self._largest = max(circuit.size(node.scope) for node in circuit.nodes) if leaves else 1

    @cached_property
    def place(self) -> dict[int, slice]:
        """Where the answer of each variable lies among the answers side by side."""
        return {variables[0]: where for variables, where in self.families.items()}

    @cached_property
    def families(self) -> dict[tuple[int, ...], slice]:
        """Where the answer to some variables together lies among the answers side by side."""
        return {
            variables: slice(start, start + length)
            for variables, start, length in zip(
                self.outputs, self.starts, self._lengths, strict=True
            )
        }

    @cached_property
    def kept_bytes(self) -> int:
        """Of the tables that were worked out for it, and stay as long as the plan."""
        nodes = self.circuit.nodes
        return sum(node.table.nbytes for node in nodes if node.children and node.table is not None)

    @cached_property
    def _ones(self) -> np.ndarray:
        """With which a product sums an answer: for few entries faster than a sum."""
        return np.ones(self._lengths[0])

    @cached_property
    def _row_program(self) -> Program:
        return Program(self.circuit, self._wanted, batched=False)

    @cached_property
    def _rows_program(self) -> Program:
        if self.device is not None:
            return TorchProgram(self.circuit, self._wanted, self.device)
        return Program(self.circuit, self._wanted, batched=True)

    @cached_property
    def _row_readers(self) -> list[tuple[int, Callable[[np.ndarray], np.ndarray] | None]]:
        axes = self._row_program.axes
        return [
            (k, None if axes[k] == targets else reduce_to(axes[k], targets))
            for k, targets in zip(self._answers, self.outputs, strict=True)
        ]

    def answer(self, evidence: Evidence) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The normalised answers to one row of evidence or to many, side by side.

        Returns:
            The answers, None for one row that is impossible; and which of many are, (rows,).
        """
        if evidence.n_rows is None:
            return self.answer_row(evidence.row(), list(evidence.soft.values())), None
        return self.answer_rows(evidence.rows(self.circuit.net.cards))

    # --- one row ----------------------------------------------------------------------------------

    def answer_row(
        self, row: Sequence[int], likelihoods: Sequence[np.ndarray]
    ) -> np.ndarray | None:
        """The normalised answers to one row of evidence, side by side; None if it is impossible."""
        values, scale = self._row_program.run_row(row, likelihoods)
        if scale is None:
            return self._answer_by_logs(row, likelihoods)
        for k in self._checks:
            if not values[k] > 0:
                return None
        if len(self._row_readers) == 1:
            k, reader = self._row_readers[0]
            answer = (values[k] if reader is None else reader(values[k])).reshape(-1)
            total = answer.dot(self._ones) if len(answer) <= TABULATED else answer.sum()
            return answer / total if total > 0 else None
        if not self._row_readers:
            return np.zeros(0)
        answer = np.concatenate([values[k] for k, _ in self._row_readers])
        totals = np.add.reduceat(answer, self.starts)
        if not totals.min() > 0:
            return None
        answer /= np.repeat(totals, self._lengths)
        return answer

    def _answer_by_logs(
        self, row: Sequence[int], likelihoods: Sequence[np.ndarray]
    ) -> np.ndarray | None:
        values = log_values(self.circuit, self._wanted, row, likelihoods, self.memory)
        if any(np.isneginf(values[k][1]) for k in self._checks):
            return None
        answers = []
        for k, targets in zip(self._answers, self.outputs, strict=True):
            axes, value = values[k]
            if np.isneginf(value).all():
                return None
            value = np.exp(value - value.max())
            answers.append(reduce_to(axes, targets)(value / value.sum()).ravel())
        return np.concatenate(answers)

    def log_evidence_row(self, row: Sequence[int], likelihoods: Sequence[np.ndarray]) -> float:
        """log P(evidence), −inf where it is impossible; for a plan without targets."""
        values, scale = self._row_program.run_row(row, likelihoods)
        if scale is None:
            logs = log_values(self.circuit, self._wanted, row, likelihoods, self.memory)
            return float(sum(value for _, value in logs.values()))
        return float(sum(log(np.asarray(values[k])) for k in self._wanted) + scale)

    # --- many rows --------------------------------------------------------------------------------

    def _blocks(self, rows: Rows, width: int) -> Iterator[tuple[slice, Rows, np.ndarray | None]]:
        """Rows that are read at one time: where they lie, those that differ, and which each is.

        The latter is None where all differ. What a row costs here are its codes, of each variable
        and of those so far, and its line of `width` numbers.
        """
        entries = 3 * (len(rows.columns) + len(rows.likelihoods)) + width
        for where, part in _parts(rows, rows_that_fit(2 * entries, 1, self._room(rows, width))):
            different = part.distinct(part.all_evidence())
            if different.count == part.count:
                yield where, part, None
            else:
                yield where, part.at(different.first), different.code

    def _chunks(self, rows: Rows, room: int) -> Iterator[tuple[slice, Rows]]:
        """Rows that run side by side.

        A row needs its values and a copy of those in a product, its answers twice more, and a code
        for each set of variables below a node.
        """
        program = self._rows_program
        codes = 2 * len({self.circuit.nodes[k].evidence for k in program.axes})
        entries = 2 * program.peak_entries() + 3 * sum(self._lengths) + codes
        yield from _parts(rows, rows_that_fit(2 * entries, self._largest, room))

    def _room(self, rows: Rows, width: int) -> int:
        """The bytes that are left beside a line of `width` numbers for each row."""
        return self.memory - ENTRY * rows.count * width

    def _likelihoods_of(self, rows: Rows, i: int) -> list[np.ndarray]:
        return [rows.likelihoods[v][i] for v in self.circuit.signature.soft]

    def _row_of(self, rows: Rows, i: int) -> list[int]:
        signature = self.circuit.signature
        return [int(rows.columns[v][i]) for v in (*signature.given, *signature.do)]

    def answer_rows(self, rows: Rows) -> Answers:
        """The normalised answers to many rows of evidence; equal rows are answered once.

        Raises:
            UserError: If the answers need more memory than allowed; nothing is allocated then.
        """
        width = sum(self._lengths)
        check_answer([width], rows.count, self.memory)
        answers = Answers(np.zeros((rows.count, width)), np.zeros(rows.count, dtype=bool))
        room = self._room(rows, width)
        for where, different, code in self._blocks(rows, width):
            block = Answers(answers.values[where], answers.impossible[where])
            if code is None:
                self._answer_different(different, block, room)
                continue
            found = Answers(
                np.zeros((different.count, width)), np.zeros(different.count, dtype=bool)
            )
            self._answer_different(different, found, room)
            np.take(found.values, code, axis=0, out=block.values, mode="clip")
            np.take(found.impossible, code, out=block.impossible, mode="clip")
        return answers

    def _answer_different(self, rows: Rows, answers: Answers, room: int) -> None:
        for where, part in self._chunks(rows, room):
            self._answer_chunk(part, answers.values[where], answers.impossible[where])
        answers.values[answers.impossible] = 0

    def families_of(self, rows: Rows) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """The answers and log P(evidence) of some rows after the other; for a plan of families."""
        for where, part in self._chunks(rows, self.memory):
            answers = np.zeros((part.count, sum(self._lengths)))
            values, scales = self._answer_chunk(part, answers, np.zeros(part.count, dtype=bool))
            yield where, answers, self._log_evidence(values, scales, part)

    def _answer_chunk(
        self, rows: Rows, answers: np.ndarray, impossible: np.ndarray
    ) -> tuple[list[Value], dict[int, np.ndarray]]:
        program = self._rows_program
        values, scales = program.run_rows(rows)
        for k in self._checks:
            impossible |= ~(self._by_row(values[k], k, rows) > 0)
        for k, targets, start, length in zip(
            self._answers, self.outputs, self.starts, self._lengths, strict=True
        ):
            axes = program.axes[k]
            answer = answers[:, start : start + length]
            if axes[-1] != BATCH:
                answer[...] = reduce_to(axes, targets)(values[k]).ravel()
                continue
            value = reduce_to(axes, (*targets, BATCH))(values[k]).reshape(length, -1).T
            code = rows.distinct(self.circuit.nodes[k].evidence).code
            answer[...] = value if len(value) == rows.count else value[code]
        if self.outputs:
            totals = np.add.reduceat(answers, self.starts, axis=1)
            impossible |= ~(totals.min(1) > 0)
            totals[impossible] = 1
            answers /= np.repeat(totals, self._lengths, axis=1)
        for i in self._lost_rows(scales, rows):
            found = self._answer_by_logs(self._row_of(rows, i), self._likelihoods_of(rows, i))
            impossible[i] = found is None
            if found is not None:
                answers[i] = found
        return values, scales

    def _lost_rows(self, scales: dict[int, np.ndarray], rows: Rows) -> list[int]:
        """The rows in which an underflow may have lost something."""
        lost = np.zeros(rows.count, dtype=bool)
        for k, scale in scales.items():
            lost |= np.isposinf(self._by_row(scale, k, rows))
        return np.flatnonzero(lost).tolist()

    def _by_row(self, value: np.ndarray, k: int, rows: Rows) -> np.ndarray:
        """A number per distinct configuration, or a constant, as one per row."""
        evidence = self.circuit.nodes[k].evidence
        return value[rows.distinct(evidence).code] if evidence else np.full(rows.count, value)

    def log_evidence_rows(self, rows: Rows) -> np.ndarray:
        """log P(evidence) of each row, (rows,); for a plan without targets."""
        check_answer([1], rows.count, self.memory)
        result = np.zeros(rows.count)
        room = self._room(rows, 1)
        for where, different, code in self._blocks(rows, 1):
            logs = np.zeros(different.count)
            for part_where, part in self._chunks(different, room):
                values, scales = self._rows_program.run_rows(part)
                logs[part_where] = self._log_evidence(values, scales, part)
            result[where] = logs if code is None else logs[code]
        return result

    def _log_evidence(
        self, values: list[Value], scales: dict[int, np.ndarray], rows: Rows
    ) -> np.ndarray:
        """The sum of the logs of the roots, of which every one is wanted."""
        total = np.zeros(rows.count)
        for k in self._checks:
            total += self._by_row(log(np.asarray(values[k])), k, rows)
            if k in scales:
                total += self._by_row(np.nan_to_num(scales[k], posinf=0), k, rows)
        for i in self._lost_rows(scales, rows):
            logs = log_values(
                self.circuit,
                self._checks,
                self._row_of(rows, i),
                self._likelihoods_of(rows, i),
                self.memory,
            )
            total[i] = sum(value for _, value in logs.values())
        return total


def _parts(rows: Rows, step: int) -> Iterator[tuple[slice, Rows]]:
    """At most `step` rows after the other; all as they are where they fit."""
    for start in range(0, rows.count, step):
        where = slice(start, min(start + step, rows.count))
        yield where, rows if step >= rows.count else rows.at(np.arange(where.start, where.stop))
