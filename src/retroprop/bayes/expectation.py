"""How often each entry of every table is expected to occur, where values are missing.

    n(x, p) = Σ_cases P(x, p | what was seen of the case)

A case whose family was seen in full counts as one. For the others the circuit of all posteriors is
run once for all different cases, side by side: a leaf times its adjoint is the probability of its
family with what was seen. Columns without gaps are evidence, which cuts the tables; a column with
gaps is a likelihood, all ones where nothing was seen.

Source: Darwiche, A differential approach to inference in Bayesian networks (2003); Lauritzen, The
EM algorithm for graphical association models with missing data (1995).
"""

from collections.abc import Mapping

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.columns import GAP
from retroprop.bayes.evidence import seen_or_not
from retroprop.bayes.memory import ENTRY, check_bytes
from retroprop.bayes.network import Network
from retroprop.bayes.ordering import Tree
from retroprop.bayes.plan import Plan
from retroprop.bayes.pruning import Signature
from retroprop.bayes.rows import Rows


def counts_of(net: Network, name: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """How often each entry of a table occurs among the cases in which its family has no gap."""
    family = (*net.parents[name], name)
    shape = net.tables[name].shape
    flat = np.zeros(len(columns[name]), dtype=np.intp)
    whole = np.ones(len(flat), dtype=bool)
    for one, size in zip(family, shape, strict=True):
        flat = flat * size + columns[one]
        whole &= columns[one] != GAP
    counts = np.bincount(flat[whole], minlength=int(np.prod(shape)))
    return counts.reshape(shape).astype(np.float64)


class ExpectedCounts:
    """The cases of some data, for whose gaps tables give expectations.

    Attributes:
        cases: How many cases there are.
    """

    def __init__(self, net: Network, columns: Mapping[str, np.ndarray], memory: int):
        """Count what was seen in full; number and gather the cases with gaps.

        Args:
            net: The graph and the states.
            columns: Positions of states, GAP where a value is missing, (cases,) each.
            memory: Bytes that the values of a step may take.

        Raises:
            UserError: If the cases with gaps need more than that.
        """
        self.net = net
        self.memory = memory
        self.coded = CodedNetwork(net)
        self.tree: Tree | None = None
        codes = np.stack([columns[name] for name in net.variables], axis=1)  # (cases, variables)
        self.cases = len(codes)
        with_gaps = (codes == GAP).any(1)
        whole = {name: columns[name][~with_gaps] for name in net.variables}
        self.seen = {name: counts_of(net, name, whole) for name in net.variables}
        tell = with_gaps & (codes != GAP).any(1)  # a case of nothing but gaps tells nothing
        self.codes, self.weights = np.unique(codes[tell], axis=0, return_counts=True)
        gaps = (self.codes == GAP).any(0)
        self.soft = tuple(np.flatnonzero(gaps).tolist())
        self.given = tuple(np.flatnonzero(~gaps).tolist())
        cards = self.coded.cards
        size = ENTRY * len(self.codes) * (len(cards) + sum(cards[v] for v in self.soft))
        check_bytes(size, memory, "The cases with gaps", "fit fewer at a time")
        self.rows = Rows(
            {v: self.codes[:, v] for v in self.given},
            {v: seen_or_not(self.codes[:, v], cards[v]) for v in self.soft},
            cards,
            len(self.codes),
        )

    def under(self, tables: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], float]:
        """The expected counts of every table, and log P(what was seen) in nats, under some tables.

        Raises:
            UserError: If that needs more memory than allowed; nothing is allocated then.
        """
        counts = {name: table.copy() for name, table in self.seen.items()}
        log_likelihood = sum(_log_likelihood(counts[name], tables[name]) for name in counts)
        if not len(self.codes):
            return counts, log_likelihood
        signature = Signature(None, self.given, (), self.soft)
        coded = self.coded.with_tables(tables)
        plan = Plan(coded, signature, self.memory, len(self.codes), families=True, tree=self.tree)
        self.tree = plan.tree  # which tables there are changes nothing of it
        places = {name: self._place(v) for v, name in enumerate(self.net.variables)}
        for where, answers, logs in plan.families_of(self.rows):
            weights = self.weights[where]
            log_likelihood += float(weights @ logs)
            weighted = answers * weights[:, None]
            for v, name in enumerate(self.net.variables):
                free = self._free(v)
                part = weighted[:, plan.families[free]] if free else weights[:, None]
                self._add(counts[name], v, places[name][where], part)
        return counts, log_likelihood

    def _free(self, v: int) -> tuple[int, ...]:
        """The variables of a family whose columns have gaps."""
        return tuple(u for u in self.coded.families[v] if u in self.soft)

    def _place(self, v: int) -> np.ndarray:
        """For each case, which configuration the other variables of a family have, (cases,)."""
        place = np.zeros(len(self.codes), dtype=np.intp)
        for u in self.coded.families[v]:
            if u not in self.soft:
                place = place * self.coded.cards[u] + self.codes[:, u]
        return place

    def _add(self, counts: np.ndarray, v: int, place: np.ndarray, part: np.ndarray) -> None:
        """Add what each case counts for (cases, free states) at the place of its evidence."""
        family, cards = self.coded.families[v], self.coded.cards
        free = self._free(v)
        order = [*(u for u in family if u not in free), *free]
        sums = np.zeros((counts.size // part.shape[1], part.shape[1]))
        np.add.at(sums, place, part)
        sums = sums.reshape([cards[u] for u in order])
        counts += sums.transpose([order.index(u) for u in family])


def _log_likelihood(counts: np.ndarray, table: np.ndarray) -> float:
    """Σ n log P over the entries that occur."""
    some = counts > 0
    return float((counts[some] * np.log(table[some])).sum())
