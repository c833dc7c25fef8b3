"""Exact inference against pyAgrum and pgmpy, on the nine networks that pgmpy's wheel carries.

Both sides answer the same questions in one process, in turns, one thread. Evidence is sampled from
the network, so it is possible; questions are random variables, drawn once. Per question the fastest
of some runs counts, and of the questions the median; ratios are medians of ratios per question.

- compiled: one posterior, 5 evidence variables, `net.compile` beforehand; pyAgrum's
  LazyPropagation prepares each set of evidence variables itself, as it always does;
- once: the same questions, each with variables never asked before, no plan; "tree" after the
  network has built its universal tree, "fresh" before;
- all: every posterior of one row of evidence, against the faster of LazyPropagation and
  ShaferShenoy; both sides hand out every array. Where pyAgrum takes too much memory or time, ours
  is measured alone, processor time too, and LazyPropagation in a process that may take MEMORY_GB;
- rows, rows all: 1,000 rows of 5 and 20 evidence variables, one target (of ten random ones the one
  that most tables bear on) or all; the peer runs as many rows as fit PEER_BUDGET_S, scaled up;
- do: random queries P(target | do(x), given) on random graphs against the enumerated joint of the
  mutilated network;
- em: tables of a hidden cause with four symptoms, EM_CASES cases, to where each library says that
  it has converged; log P(data) of both ends tells which got further. pgmpy's EM knows variables
  that are never seen, but no gaps.

pyAgrum's tables are filled in float64: its BIF reader rounds to float32. Every answer is compared.

    pip install -c constraints.txt -e '.[bayes-peers]'
    python -m benchmarks.bayes
"""

import importlib.metadata
import importlib.util
import json
import logging
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import arguments_of, keep, say
from retroprop.bayes import BayesNet
from retroprop.bayes.coding import CodedNetwork

NETWORKS = (
    "asia", "alarm", "hailfinder", "win95pts", "andes", "pigs", "munin1", "link", "munin",
)  # fmt: skip
TOO_WIDE = ("munin1", "link")  # for pyAgrum's all posteriors
MEMORY_GB = 6
PEER_BUDGET_S = 6.0
ROWS = 1000
TASKS = ("single", "all", "rows", "rows-all")
DO_QUERIES = 800
EM_CASES = 500


# --- the peers ------------------------------------------------------------------------------------


def example(name: str) -> BayesNet:
    """A network of pgmpy's package folder."""
    folder = importlib.util.find_spec("pgmpy")
    assert folder is not None
    assert folder.origin is not None
    return BayesNet.read(next(Path(folder.origin).parent.rglob(f"{name}.bif.gz")))


def to_pyagrum(net: BayesNet) -> Any:
    """The same network in pyAgrum, states numbered."""
    import pyagrum  # pyright: ignore[reportMissingImports]

    copy = pyagrum.BayesNet()
    for name in net.variables:
        states = [str(i) for i in range(len(net.states[name]))]
        copy.add(pyagrum.LabelizedVariable(name, name, states))
    for name in net.variables:
        for parent in net.parents[name]:
            copy.addArc(parent, name)
    for name in net.variables:
        table = copy.cpt(name)
        axes = (*net.parents[name], name)  # pyAgrum lists the fastest axis first
        order = [axes.index(axis) for axis in reversed(list(table.names))]
        table.fillWith(net.tables[name].transpose(order).ravel().tolist())
    return copy


def to_pgmpy(net: BayesNet) -> Any:
    """The same network in pgmpy, states numbered."""
    from pgmpy.factors.discrete import TabularCPD  # pyright: ignore[reportMissingImports]
    from pgmpy.models import DiscreteBayesianNetwork  # pyright: ignore[reportMissingImports]

    copy = DiscreteBayesianNetwork()
    copy.add_nodes_from(net.variables)
    copy.add_edges_from((parent, name) for name in net.variables for parent in net.parents[name])
    for name in net.variables:
        parents = net.parents[name]
        table = net.tables[name].reshape(-1, len(net.states[name])).T
        cards = [len(net.states[parent]) for parent in parents]
        copy.add_cpds(TabularCPD(name, len(table), table, list(parents), cards))
    return copy


class Agrum:
    """LazyPropagation or ShaferShenoy, asked as its tutorial does."""

    def __init__(self, copy: Any, engine: str):
        import pyagrum  # pyright: ignore[reportMissingImports]

        self.engine = getattr(pyagrum, engine)(copy)

    def one(self, target: str, given: Mapping[str, int]) -> np.ndarray:
        self.engine.eraseAllEvidence()
        self.engine.eraseAllTargets()
        self.engine.setEvidence(dict(given))
        self.engine.addTarget(target)
        self.engine.makeInference()
        return self.engine.posterior(target).toarray()

    def all(self, given: Mapping[str, int], free: list[str]) -> list[np.ndarray]:
        self.engine.eraseAllEvidence()
        self.engine.eraseAllTargets()
        self.engine.setEvidence(dict(given))
        self.engine.addAllTargets()
        self.engine.makeInference()
        return [self.engine.posterior(name).toarray() for name in free]

    def rows(
        self, targets: list[str], given: Mapping[str, np.ndarray], all_targets: bool
    ) -> tuple[float, list[list[np.ndarray]]]:
        """Seconds for ROWS rows, from as many as fit the budget, and their answers."""
        self.engine.eraseAllEvidence()
        self.engine.eraseAllTargets()
        if all_targets:
            self.engine.addAllTargets()
        else:
            self.engine.addTarget(targets[0])
        for name, column in given.items():
            self.engine.addEvidence(name, int(column[0]))
        answers: list[list[np.ndarray]] = []
        elapsed = 0.0
        started = time.perf_counter()
        for row in range(ROWS):
            for name, column in given.items():
                self.engine.chgEvidence(name, int(column[row]))
            self.engine.makeInference()
            answers.append([self.engine.posterior(name).toarray() for name in targets])
            elapsed = time.perf_counter() - started
            if elapsed > PEER_BUDGET_S:
                break
        return elapsed * ROWS / len(answers), answers


# --- questions and clocks -------------------------------------------------------------------------


def questions(net: BayesNet, count: int, evidence: int) -> list[tuple[str, dict[str, int]]]:
    """Random targets, and sampled states of random evidence variables."""
    stream = np.random.default_rng(0)
    states = net.sample(count, generator=stream)
    asked = []
    for i in range(count):
        target, *given = (net.variables[v] for v in stream.permutation(len(net.variables)))
        given = given[: min(evidence, len(given) - 1)]
        asked.append((target, {name: int(states[name][i]) for name in given}))
    return asked


def fastest(ask: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Seconds of the fastest of some runs, and the last answer."""
    times, answer = [], None
    for _ in range(runs):
        started = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - started)
    return min(times), answer


def compared(peer: list[float], ours: list[float]) -> dict[str, float]:
    """Medians in milliseconds, and the median and smallest ratio."""
    ratios = [a / b for a, b in zip(peer, ours, strict=True)]
    return {
        "peer_ms": statistics.median(peer) * 1e3,
        "ours_ms": statistics.median(ours) * 1e3,
        "ratio": statistics.median(ratios),
        "smallest_ratio": min(ratios),
        "ratio_of_sums": sum(peer) / sum(ours),
    }


def fresh(net: BayesNet) -> BayesNet:
    """The network with nothing worked out but its numbers."""
    copy = BayesNet({v: (net.tables[v], net.parents[v]) for v in net.variables}, net.states)
    assert isinstance(copy.inference.coded, CodedNetwork)
    return copy


# --- tasks, each in a process of its own ----------------------------------------------------------


def measure_single(name: str, rounds: int) -> dict[str, Any]:
    """One posterior: compiled and asked once, against LazyPropagation and pgmpy."""
    from pgmpy.inference import VariableElimination  # pyright: ignore[reportMissingImports]

    net = example(name)
    lazy, slow = Agrum(to_pyagrum(net), "LazyPropagation"), VariableElimination(to_pgmpy(net))
    asked = questions(net, 20 * rounds, 5)
    with_tree, without = fresh(net), fresh(net)
    for target, given in questions(net, 400, 4):  # other questions, until the tree is built
        if with_tree.inference.has_tree or len(net.variables) > 256:
            break
        with_tree.query(target, given)
    times: dict[str, list[float]] = {k: [] for k in ("lazy", "pgmpy", "compiled", "tree", "fresh")}
    compile_s, error = [], 0.0
    for i, (target, given) in enumerate(asked):
        lazy.one(target, given)
        seconds, expected = fastest(lambda t=target, g=given: lazy.one(t, g), 5)
        times["lazy"].append(seconds)
        if i % 8 == 0:
            without = fresh(net)  # its tree must not come to be built
        for side, other in (("tree", with_tree), ("fresh", without)):
            seconds, answer = fastest(lambda t=target, g=given, n=other: ask_once(n, t, g), 5)
            times[side].append(seconds)
            error = max(error, float(np.abs(answer.values - expected).max()))
        started = time.perf_counter()
        plan = net.compile(target, given=list(given))
        compile_s.append(time.perf_counter() - started)
        plan(None, **given)
        seconds, answer = fastest(lambda p=plan, g=given: p(None, **g).values, 5)
        times["compiled"].append(seconds)
        error = max(error, float(np.abs(answer - expected).max()))
        seconds, _ = fastest(
            lambda t=target, g=given: slow.query([t], evidence=g, show_progress=False), 1
        )
        times["pgmpy"].append(seconds)
    lazy_s = times["lazy"]
    return {
        "compiled": compared(lazy_s, times["compiled"]),
        "once_tree": compared(lazy_s, times["tree"]) if with_tree.inference.has_tree else None,
        "once_fresh": compared(lazy_s, times["fresh"]),
        "compile_ms": statistics.median(compile_s) * 1e3,
        "pgmpy_ms": statistics.median(times["pgmpy"]) * 1e3,
        "largest_difference": error,
    }


def ask_once(net: BayesNet, target: str, given: dict[str, int]) -> Any:
    """A query as if its variables had never been asked together."""
    net.inference.forget_questions()
    return net.query(target, given)


def measure_all(name: str, rounds: int) -> dict[str, Any]:
    """All posteriors of one row of evidence."""
    net = example(name)
    engines = []
    if name not in TOO_WIDE:
        copy = to_pyagrum(net)
        engines = [Agrum(copy, "LazyPropagation"), Agrum(copy, "ShaferShenoyInference")]
    peer_s, ours_s, first_s, cpu_s, error = [], [], [], [], 0.0
    before_mb = peak_mb()
    for _, given in questions(net, 2 * rounds, 5):
        free = [variable for variable in net.variables if variable not in given]
        best, expected = float("inf"), []
        for engine in engines:
            seconds, expected = fastest(lambda e=engine, g=given, f=free: e.all(g, f), 3)
            best = min(best, seconds)
        plan = net.compile(None, given=list(given))
        started = time.perf_counter()
        plan(given)
        first_s.append(time.perf_counter() - started)

        def ours(plan: Any = plan, given: Any = given, free: Any = free) -> list[np.ndarray]:
            posteriors = plan(given)
            return [posteriors[variable].values for variable in free]

        seconds, answers = fastest(ours, 5)
        ours_s.append(seconds)
        started = time.process_time()
        ours()
        cpu_s.append(time.process_time() - started)
        peer_s.append(best)
        for a, b in zip(answers, expected, strict=bool(engines)):
            error = max(error, float(np.abs(a - b).max()))
    result = {"first_run_ms": statistics.median(first_s) * 1e3, "largest_difference": error}
    if engines:
        return result | compared(peer_s, ours_s)
    return result | {
        "ours_ms": statistics.median(ours_s) * 1e3,
        "slowest_ms": max(ours_s) * 1e3,
        "cpu_ms": statistics.median(cpu_s) * 1e3,
        "slowest_cpu_ms": max(cpu_s) * 1e3,
        "added_mb": peak_mb() - before_mb,
    }


def measure_peer_all(name: str, rounds: int) -> dict[str, Any]:
    """LazyPropagation alone, all posteriors, in a process that may take MEMORY_GB."""
    limit = MEMORY_GB * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    net = example(name)
    engine = Agrum(to_pyagrum(net), "LazyPropagation")
    before_mb = peak_mb()
    _, given = questions(net, 1, 5)[0]
    free = [variable for variable in net.variables if variable not in given]
    seconds, _ = fastest(lambda: engine.all(given, free), min(rounds, 1))
    return {"peer_ms": seconds * 1e3, "added_mb": peak_mb() - before_mb}


def measure_rows(name: str, rounds: int) -> dict[str, Any]:
    """1,000 rows, one target."""
    return {
        str(evidence): _rows(example(name), evidence, rounds, every=False) for evidence in (5, 20)
    }


def measure_rows_all(name: str, rounds: int) -> dict[str, Any]:
    """1,000 rows, all posteriors."""
    return {
        str(evidence): _rows(example(name), evidence, rounds, every=True) for evidence in (5, 20)
    }


def _rows(net: BayesNet, evidence: int, rounds: int, every: bool) -> dict[str, Any]:
    stream = np.random.default_rng(1)
    order = [net.variables[v] for v in stream.permutation(len(net.variables))]
    count = min(evidence, len(order) // 2)
    observed, others = order[:count], order[count:]
    states = net.sample(ROWS, generator=stream)
    given = {name: states[name] for name in observed}
    target = max(others[:10], key=lambda name: tables_that_bear_on(net, name, observed))
    targets = others if every else [target]
    copy = to_pyagrum(net)
    engines = ["LazyPropagation", "ShaferShenoyInference"] if every else ["LazyPropagation"]
    runs = [Agrum(copy, engine).rows(targets, given, every) for engine in engines]
    peer_s, expected = min(runs, key=lambda run: run[0])
    plan = net.compile(None if every else target, given=observed)
    cold_s, _ = fastest(lambda: plan(given), 1)
    seconds, answer = fastest(lambda: plan(given), rounds)
    found = [answer[name].values if every else answer.values for name in targets]
    error = max(
        float(np.abs(found[j][i] - row[j]).max())
        for i, row in enumerate(expected)
        for j in range(len(targets))
    )
    return {
        "evidence": count,
        "peer_s": peer_s,
        "peer_rows": len(expected),
        "cold_s": cold_s,
        "ours_s": seconds,
        "ratio": peer_s / seconds,
        "largest_difference": error,
    }


def tables_that_bear_on(net: BayesNet, target: str, observed: list[str]) -> int:
    """How many tables are left for a target after pruning."""
    from retroprop.bayes.pruning import Signature, linked_factors, relevant_leaves

    coded = net.inference.coded
    number = coded.number
    signature = Signature((number[target],), tuple(sorted(number[name] for name in observed)))
    leaves = relevant_leaves(coded, signature)
    return len(linked_factors([leaf.scope for leaf in leaves], signature.targets or ()))


def peak_mb() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


MEASURES = {
    "single": measure_single,
    "all": measure_all,
    "peer-all": measure_peer_all,
    "rows": measure_rows,
    "rows-all": measure_rows_all,
}


# --- do() -----------------------------------------------------------------------------------------


def random_network(stream: np.random.Generator) -> BayesNet:
    """4 to 7 variables of 2 or 3 states, up to 3 parents each."""
    names = [f"v{i}" for i in range(stream.integers(4, 8))]
    cards = {name: int(stream.integers(2, 4)) for name in names}
    spec = {}
    for i, name in enumerate(names):
        count = int(stream.integers(0, min(i, 3) + 1))
        parents = [names[j] for j in stream.choice(i, count, replace=False)] if count else []
        table = stream.random([cards[v] for v in (*parents, name)]) + 0.05
        spec[name] = (table / table.sum(-1, keepdims=True), parents)
    return BayesNet(spec)


def enumerated(net: BayesNet, target: str, do: dict[str, int], given: dict[str, int]) -> np.ndarray:
    """P(target | do, given) from the joint table of the mutilated network."""
    every = "abcdefg"[: len(net.variables)]
    letter = dict(zip(net.variables, every, strict=True))
    joint = np.ones([len(net.states[name]) for name in net.variables])
    for name in net.variables:
        axes = "".join(letter[v] for v in (*net.parents[name], name))
        table = net.tables[name]
        if name in do:
            axes, table = letter[name], np.eye(len(net.states[name]))[do[name]]
        joint = np.einsum(f"{every},{axes}->{every}", joint, table)
    for name, state in given.items():
        seen = np.eye(len(net.states[name]))[state]
        joint = np.einsum(f"{every},{letter[name]}->{every}", joint, seen)
    answer = np.einsum(f"{every}->{letter[target]}", joint)
    return answer / answer.sum()


def measure_do(rounds: int) -> dict[str, dict[str, int]]:
    """How often each library is wrong or refuses, of DO_QUERIES random interventions."""
    import pyagrum.causal as causal  # pyright: ignore[reportMissingImports]
    from pgmpy.inference import CausalInference  # pyright: ignore[reportMissingImports]

    stream = np.random.default_rng(7)
    counts = {side: {"wrong": 0, "refused": 0} for side in ("retroprop", "pgmpy", "pyAgrum")}
    for _ in range(DO_QUERIES):
        net = random_network(stream)
        names = [str(name) for name in stream.permutation(net.variables)]
        target, fixed = names[0], names[1]
        do = {fixed: int(stream.integers(len(net.states[fixed])))}
        given = {}
        if stream.random() < 0.5:
            given = {names[2]: int(stream.integers(len(net.states[names[2]])))}
        expected = enumerated(net, target, do, given)

        def ours(net=net, target=target, do=do, given=given) -> np.ndarray:
            return net.query(target, given, do).values

        def pgmpy(net=net, target=target, do=do, given=given) -> np.ndarray:
            inference = CausalInference(to_pgmpy(net))
            answer = inference.query([target], do=do, evidence=given, show_progress=False)
            return np.asarray(answer.values)

        def agrum(net=net, target=target, do=do, given=given) -> np.ndarray:
            model = causal.CausalModel(to_pyagrum(net))
            (cause,) = do
            _, answer, _ = causal.causalImpact(
                model, on=target, doing=cause, knowing=set(given), values={**do, **given}
            )
            return np.asarray(answer.toarray())

        for side, ask in (("retroprop", ours), ("pgmpy", pgmpy), ("pyAgrum", agrum)):
            try:
                answer = ask()
            except Exception:
                counts[side]["refused"] += 1
                continue
            right = answer.shape == expected.shape and np.allclose(answer, expected, atol=1e-9)
            counts[side]["wrong"] += not right
    return counts


def measure_em(rounds: int) -> dict[str, float]:
    """Seconds, and log P(data) in nats, of expectation maximisation with a hidden cause."""
    import pandas  # pyright: ignore[reportMissingImports]
    from pgmpy.estimators import ExpectationMaximization  # pyright: ignore[reportMissingImports]
    from pgmpy.models import DiscreteBayesianNetwork  # pyright: ignore[reportMissingImports]

    symptoms = [f"symptom{i}" for i in range(4)]
    spec = {name: ([[0.9, 0.1], [0.2, 0.8]], ["cause"]) for name in symptoms}
    net = BayesNet({"cause": ([0.3, 0.7], []), **spec})
    seen = {name: column for name, column in net.sample(EM_CASES).items() if name != "cause"}

    def pgmpy() -> BayesNet:
        model = DiscreteBayesianNetwork([("cause", name) for name in symptoms], latents={"cause"})
        peer = ExpectationMaximization(model, pandas.DataFrame(seen))
        found = peer.get_parameters(max_iter=2000, n_jobs=1, seed=0, show_progress=False)
        tables = {table.variables[0]: np.asarray(table.get_values()).T for table in found}
        tables["cause"] = tables["cause"][0]
        return BayesNet({name: (tables[name], net.parents[name]) for name in net.variables})

    def ours() -> BayesNet:
        return net.em({**seen, "cause": [None] * EM_CASES}, starts=1).network

    result: dict[str, float] = {}
    for side, fit in (("peer", pgmpy), ("ours", ours)):
        seconds, fitted = fastest(fit, rounds)
        result[f"{side}_s"] = seconds
        result[f"{side}_log_likelihood"] = float(np.sum(fitted.log_evidence(seen)))
    return result


# --- the table ------------------------------------------------------------------------------------


def in_a_process(task: str, name: str, rounds: int) -> dict[str, Any]:
    """The result of a measurement in a fresh process, or what became of it."""
    command = [sys.executable, "-m", "benchmarks.bayes", "--measure", task, name]
    command += ["--rounds", str(rounds)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return {"failed": "took more than 900 s"}
    if done.returncode:
        lines = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()
        return {"failed": lines[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def line_of(task: str, result: dict[str, Any]) -> str:
    """A measurement in a line."""
    if "failed" in result:
        return f"failed: {result['failed']}"

    def ratio(part: dict[str, Any]) -> str:
        text = f"{part['peer_ms']:.3g} → {part['ours_ms']:.3g} ms"
        return f"{text}, ×{part['ratio']:.3g} (least {part['smallest_ratio']:.3g})"

    if task == "single":
        tree = ratio(result["once_tree"]) if result["once_tree"] else "no tree"
        return (
            f"compiled {ratio(result['compiled'])} | once, fresh {ratio(result['once_fresh'])} | "
            f"once, tree {tree} | pgmpy {result['pgmpy_ms']:.3g} ms"
        )
    if task in ("rows", "rows-all"):
        return " | ".join(
            f"{part['evidence']} evidence: {part['peer_s']:.3g} → {part['ours_s']:.3g} s, "
            f"×{part['ratio']:.3g}"
            for part in result.values()
        )
    if task == "em":
        return (
            f"{result['peer_s']:.3g} → {result['ours_s']:.3g} s, log P(data) "
            f"{result['peer_log_likelihood']:.6f} → {result['ours_log_likelihood']:.6f}"
        )
    if "ratio" in result:
        return ratio(result)
    return ", ".join(f"{key} {value:.3g}" for key, value in result.items())


def main() -> None:
    """Measure everything, print it, keep the record."""
    parser = arguments_of(__doc__)
    parser.add_argument("--measure", nargs=2, metavar=("TASK", "NETWORK"), help="one measurement")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="only these")
    arguments = parser.parse_args()
    missing = [name for name in ("pgmpy", "pyagrum") if importlib.util.find_spec(name) is None]
    if missing:
        say(
            f"{' and '.join(missing)} not installed; the comparison needs both:\n"
            "    pip install -c constraints.txt -e '.[bayes-peers]'"
        )
        return
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    if arguments.measure:
        task, name = arguments.measure
        print(json.dumps(MEASURES[task](name, arguments.rounds)))
        return
    results: dict[str, Any] = {}
    for name in arguments.networks:
        results[name] = {}
        for task in TASKS:
            if task == "rows-all" and name in (*TOO_WIDE, "munin"):
                continue
            results[name][task] = in_a_process(task, name, arguments.rounds)
            say(f"{name:<11}{task:<9} {line_of(task, results[name][task])}")
        if name in TOO_WIDE:
            results[name]["peer-all"] = in_a_process("peer-all", name, 1)
            say(f"{name:<11}peer-all  {line_of('peer-all', results[name]['peer-all'])}")
    results["do"] = measure_do(arguments.rounds)
    for side, count in results["do"].items():
        say(f"do(): {side}: {count['wrong']} of {DO_QUERIES} wrong, {count['refused']} refused")
    results["em"] = measure_em(arguments.rounds)
    say(f"em: {line_of('em', results['em'])}")
    versions = {name: importlib.metadata.version(name) for name in ("pgmpy", "pyagrum")}
    keep("bayes", {"peers": versions, **results})


if __name__ == "__main__":
    main()
