"""The tables of a network from data, its graph and states being known; gaps in them or not.

With n(x, p) cases in which a variable is in state x and its parents in configuration p:

    maximum likelihood    P(x | p) = n(x, p) / n(p)
    Dirichlet prior       P(x | p) = (n(x, p) + a(x, p)) / (n(p) + Σ_x a(x, p))

A prior is the same number of imagined cases for every entry, `BDeu(size)` (imagined cases of one
total size for every table, so that tables of many entries are not weighed more), or a table of
numbers for each variable.

Where values are missing, n(x, p) is not known, and expectation maximisation alternates between what
it is expected to be under the tables so far (`expectation.py`) and the formulas above. Each step
raises, or keeps,

    Σ_cases log P(what was seen) + Σ a(x, p) log P(x | p)

of which the second part is 0 without a prior. It ends at a maximum near its start, not always at
the highest. That a value is missing must not depend on what it is, other than through what was seen
(missing at random). The states of a variable that is never seen are only labels: with them
exchanged the data are as likely, and its tables may not be determined by the data at all.

Source: Koller and Friedman, Probabilistic Graphical Models (2009), 17.2, 17.4 and 19.2; Heckerman,
Geiger and Chickering, Learning Bayesian networks (1995), for BDeu; Dempster, Laird and Rubin (1977)
and Lauritzen, The EM algorithm for graphical association models (1995), for missing values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal

import numpy as np

from retroprop.bayes.columns import GAP, as_array, positions
from retroprop.bayes.expectation import ExpectedCounts, counts_of
from retroprop.bayes.memory import memory_of
from retroprop.bayes.network import AnyNetwork, Network
from retroprop.errors import UserError, did_you_mean

Unseen = Literal["refuse", "uniform", "keep"]


@dataclass(frozen=True)
class BDeu:
    """A Dirichlet prior worth `size` imagined cases, spread evenly over each table."""

    size: float = 1.0


Prior = float | BDeu | Mapping[str, Any]


def fit(
    net: AnyNetwork, data: Any, *, prior: Prior | None = None, unseen: Unseen = "refuse"
) -> AnyNetwork:
    """The network with the same graph and states, and tables estimated from data.

    Where values are missing the tables are those of `em`, which also tells how it got there.

    Args:
        net: The graph and the states; its tables are used only for `unseen="keep"`.
        data: A data frame or a mapping with a column for each variable (other columns are left
            alone), or a two-dimensional array whose columns are the variables in their order.
            States are names, or positions as whole numbers; a missing value is None, NaN, a data
            frame's own mark, an empty text, or "?" where no state has that name.
        prior: None for maximum likelihood; a number of imagined cases for every entry (1 is
            Laplace's rule), `BDeu(size)`, or a table of numbers for each variable.
        unseen: What a row becomes whose configuration of the parents never occurs, when no prior
            fills it: refused, uniform, or the network's own.

    Raises:
        UserError: For a missing column, an unknown state, columns of different lengths, or a
            configuration of the parents that never occurs.
    """
    _check_options(net, prior, unseen)
    columns = _columns(net, data)
    if any((column == GAP).any() for column in columns.values()):
        return _em(net, columns, prior, unseen, Search()).network
    counts = {name: counts_of(net, name, columns) for name in net.variables}
    return _with_tables(net, _tables(net, counts, prior, unseen, net.tables))


@dataclass(frozen=True, kw_only=True)
class Search:
    """How expectation maximisation looks for the tables.

    Attributes:
        starts: From how many tables it starts; the best end counts. None: one, or five where a
            variable is never seen.
        tolerance: It ends when a step gains less than this, in nats per case.
        most_steps: It ends after so many at the latest.
        seed: Of the random starts.
        memory: Bytes that a step may take; 1 GB by default.
    """

    starts: int | None = None
    tolerance: float = 1e-9
    most_steps: int = 2000
    seed: int = 0
    memory: int | None = None


@dataclass(frozen=True)
class Fitted(Generic[AnyNetwork]):
    """What expectation maximisation found, and on which way.

    Attributes:
        network: The network with the tables that were found.
        log_likelihoods: log P(what was seen), in nats, under the tables of the start and after each
            step; the last are those of `network`.
        objectives: The same plus what the prior adds: these never fall.
        converged: Whether the last step gained less than the tolerance.
        never_seen: The variables without any value: the names of their states are arbitrary.
    """

    network: AnyNetwork
    log_likelihoods: tuple[float, ...]
    objectives: tuple[float, ...]
    converged: bool
    never_seen: tuple[str, ...]


def em(
    net: AnyNetwork,
    data: Any,
    *,
    prior: Prior | None = None,
    unseen: Unseen = "refuse",
    starts: int | None = None,
    tolerance: float = Search.tolerance,
    most_steps: int = Search.most_steps,
    seed: int = 0,
    memory: int | None = None,
) -> Fitted[AnyNetwork]:
    """The tables that make what was seen likeliest, where values are missing, and the way there.

    Args:
        net: As for `fit`.
        data: As for `fit`; a column may be missing altogether, its values all gaps.
        prior: As for `fit`.
        unseen: As for `fit`; a configuration is unseen if every case contradicts it.
        starts: See `Search`, as the rest.
        tolerance: See `Search`.
        most_steps: See `Search`.
        seed: See `Search`.
        memory: See `Search`.

    Raises:
        UserError: As for `fit`, or if a step would need more memory than it may take.
    """
    _check_options(net, prior, unseen)
    for what, value in (("starts", starts), ("most_steps", most_steps)):
        if value is not None and (type(value) is not int or value < 1):
            raise UserError(f"{what} is a whole number from 1, and got {value!r:.80}.")
    if not (isinstance(tolerance, int | float) and tolerance >= 0):
        raise UserError(f"tolerance is a number of nats from 0, and got {tolerance!r:.80}.")
    search = Search(
        starts=starts, tolerance=tolerance, most_steps=most_steps, seed=seed, memory=memory
    )
    return _em(net, _columns(net, data), prior, unseen, search)


def _em(
    net: AnyNetwork,
    columns: Mapping[str, np.ndarray],
    prior: Prior | None,
    unseen: Unseen,
    search: Search,
) -> Fitted[AnyNetwork]:
    expected = ExpectedCounts(net, columns, memory_of(search.memory))
    never_seen = tuple(name for name in net.variables if (columns[name] == GAP).all())
    starts = search.starts or (5 if never_seen else 1)
    stream = np.random.default_rng(search.seed)
    best: Fitted[AnyNetwork] | None = None
    for start in range(starts):
        tables = _start(net, columns, stream, at_random=start > 0)
        found = _climb(net, expected, tables, prior, unseen, search, never_seen)
        if best is None or found.objectives[-1] > best.objectives[-1]:
            best = found
    assert best is not None
    return best


def _climb(
    net: AnyNetwork,
    expected: ExpectedCounts,
    tables: Mapping[str, np.ndarray],
    prior: Prior | None,
    unseen: Unseen,
    search: Search,
    never_seen: tuple[str, ...],
) -> Fitted[AnyNetwork]:
    """From a start to where a step gains nothing more."""
    likelihoods: list[float] = []
    objectives: list[float] = []
    converged = False
    while True:
        counts, log_likelihood = expected.under(tables)
        likelihoods.append(log_likelihood)
        objectives.append(log_likelihood + _log_prior(net, tables, prior))
        if len(objectives) > 2:  # the first step leads away from the start, which no prior knows
            gain = objectives[-1] - objectives[-2]
            converged = gain <= search.tolerance * max(1, expected.cases)
        if converged or len(objectives) > search.most_steps:
            break
        if len(objectives) == 1:
            tables = _tables(net, counts, prior, unseen, net.tables)
        else:  # what no case can tell was decided by the first step, and stays
            tables = _tables(net, counts, prior, "keep", tables)
    network = _with_tables(net, tables)
    return Fitted(network, tuple(likelihoods), tuple(objectives), converged, never_seen)


def _start(
    net: Network,
    columns: Mapping[str, np.ndarray],
    stream: np.random.Generator,
    *,
    at_random: bool,
) -> dict[str, np.ndarray]:
    """Tables without a 0: of the cases that were seen in full, and one imagined for every entry.

    Where that tells nothing, because a variable is never seen, the rows are random: equal ones
    would stay equal for ever.
    """
    tables = {}
    for name in net.variables:
        counts = counts_of(net, name, columns) + 1
        family = (*net.parents[name], name)
        hidden = any((columns[one] == GAP).all() for one in family)
        gaps = any((columns[one] == GAP).any() for one in family)
        if hidden or (at_random and gaps):
            counts = stream.exponential(size=counts.shape) + 0.1
        tables[name] = counts / counts.sum(-1, keepdims=True)
    return tables


def _log_prior(net: Network, tables: Mapping[str, np.ndarray], prior: Prior | None) -> float:
    """Σ a log P, in nats: the logarithm of the prior up to a constant."""
    total = 0.0
    for name in net.variables:
        imagined = np.broadcast_to(_imagined(net, name, prior), tables[name].shape)
        some = imagined > 0
        total += float((imagined[some] * np.log(tables[name][some])).sum())
    return total


# --- from counts to tables ------------------------------------------------------------------------


def _tables(
    net: Network,
    counts: Mapping[str, np.ndarray],
    prior: Prior | None,
    unseen: Unseen,
    kept: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """The tables that the counts and the imagined cases make likeliest; see `fit` for `unseen`."""
    return {
        name: _normalised(net, name, counts[name] + _imagined(net, name, prior), unseen, kept[name])
        for name in net.variables
    }


def _with_tables(net: AnyNetwork, tables: Mapping[str, np.ndarray]) -> AnyNetwork:
    spec = {name: (tables[name], net.parents[name]) for name in net.variables}
    return type(net)(spec, net.states)


def _normalised(
    net: Network, name: str, counts: np.ndarray, unseen: Unseen, kept: np.ndarray
) -> np.ndarray:
    totals = counts.sum(-1, keepdims=True)
    empty = totals[..., 0] == 0
    if not empty.any():
        return counts / totals
    if unseen == "refuse":
        parents = net.parents[name]
        first = np.argwhere(empty)[0]
        where = net.written(dict(zip(parents, first, strict=True)))
        what = f"no case has {where}" if parents else "there is no case"
        raise UserError(
            f"{what}, so the data say nothing about {name} there ({int(empty.sum())} of "
            f"{empty.size} rows of its table); give a prior, such as prior=1, or unseen='uniform'."
        )
    other = kept if unseen == "keep" else 1 / counts.shape[-1]
    return np.where(empty[..., None], other, counts / np.where(totals > 0, totals, 1))


# --- the prior ------------------------------------------------------------------------------------


def _check_options(net: Network, prior: Prior | None, unseen: Unseen) -> None:
    if unseen not in ("refuse", "uniform", "keep"):
        hint = did_you_mean(str(unseen), ("refuse", "uniform", "keep"))
        raise UserError(f"unseen is refuse, uniform or keep, and got {unseen!r:.80}. {hint}")
    _check_prior(net, prior)


def _check_prior(net: Network, prior: Prior | None) -> None:
    if isinstance(prior, Mapping):
        net.names_of(tuple(prior))
        for name, table in prior.items():
            imagined = np.asarray(table, dtype=float)
            if imagined.shape != net.tables[name].shape:
                raise UserError(
                    f"the prior of {name} needs the shape {net.tables[name].shape}, and got "
                    f"{imagined.shape}."
                )
            if not (np.isfinite(imagined) & (imagined >= 0)).all():
                raise UserError(f"the prior of {name} must be numbers from 0.")
        return
    size = prior.size if isinstance(prior, BDeu) else prior
    if size is None:
        return
    if isinstance(size, bool) or not isinstance(size, int | float | np.number):
        raise UserError(
            f"a prior is a number of imagined cases, BDeu(size) or a table for each variable, and "
            f"got {prior!r}."
        )
    if not (np.isfinite(size) and size >= 0):
        raise UserError(f"a prior is a number of imagined cases from 0, and got {size}.")


def _imagined(net: Network, name: str, prior: Prior | None) -> np.ndarray | float:
    """How often each entry of a table is imagined."""
    if prior is None:
        return 0.0
    if isinstance(prior, Mapping):
        return np.asarray(prior.get(name, 0.0), dtype=float)
    if isinstance(prior, BDeu):
        return prior.size / net.tables[name].size
    return float(prior)


# --- the data -------------------------------------------------------------------------------------


def _columns(net: Network, data: Any) -> dict[str, np.ndarray]:
    """The position of the state in each case, for each variable; GAP where it is missing."""
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):  # a data frame of any library
        names = list(data.columns)
        raw = {name: data[name] for name in net.variables if name in names}
    elif isinstance(data, Mapping):
        names = list(data)
        raw = {name: data[name] for name in net.variables if name in data}
    else:
        names = list(net.variables)
        raw = _columns_of_array(net, data)
    for name in net.variables:
        if name not in raw:
            hint = did_you_mean(name, [str(one) for one in names])
            hint = hint if len(hint) < 300 else ""
            raise UserError(f"the data have no column {name!r}. {hint}".rstrip())
    columns = {name: _positions(net, name, column) for name, column in raw.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
    if lengths[shortest] != lengths[longest]:
        raise UserError(
            f"the columns must have one length, and {shortest} has {lengths[shortest]} cases but "
            f"{longest} has {lengths[longest]}."
        )
    return columns


def _columns_of_array(net: Network, data: Any) -> dict[str, Any]:
    values = np.asarray(data)
    if values.ndim != 2 or values.shape[1] != len(net.variables):
        raise UserError(
            "the data are a data frame, a mapping from variables to columns, or an array "
            f"(cases, {len(net.variables)}), and got an array of shape {values.shape}."
        )
    return {name: values[:, i] for i, name in enumerate(net.variables)}


def _positions(net: Network, name: str, column: Any) -> np.ndarray:
    """The positions of a column of states, GAP where there is none."""
    values = as_array(column)
    if values.ndim != 1:
        raise UserError(f"the column {name} must have one axis, and got {values.ndim}.")
    states = net.states[name]

    def refusal(value: int) -> str:
        hint = " (a number is a position; for a name, make the column text)"
        hint = hint if str(value) in states else ""
        return f"{name} has the positions 0 to {len(states) - 1}{hint}, and got {value}."

    return positions(name, states, values, "case {} of the data", refusal)
