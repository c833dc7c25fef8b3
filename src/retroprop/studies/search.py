"""Search beyond grids: trials drawn from ranges round by round, hopeless ones ended early.

    recorded trials → Optuna draws a round of `parallel` trials → they train to a rung
        → the hopeless ones are pruned → … → the others train to their end → the next round

The records are the only memory: each round rebuilds Optuna's study from them, with a sampler whose
seed is that of the search and the round. So the trials are the same whatever the number of workers,
kills and resumptions; a round depends on `parallel`, never on who trains it. What a trial reaches
is the mean over its seeds of the best validation accuracy.
"""

import itertools
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from retroprop.errors import UserError
from retroprop.studies.plan import Plan, plan_trials
from retroprop.studies.records import Records, RunRecord
from retroprop.studies.schema import Study
from retroprop.studies.search_schema import Range, Search
from retroprop.studies.summary import cell_key

MOST_REPETITIONS = 100
"""Draws of values that were tried already, before the next untried ones are taken."""
FEWEST_FOR_IMPORTANCE = 10
"""Trials, below which the importance of a setting is mostly chance."""


class Train(Protocol):
    """Trains some populations, to their end or until an epoch; what is recorded is not repeated."""

    def __call__(self, part: Plan, until: int | None = None, *, prune: bool = False) -> None:
        """Train; with `prune`, end the populations there."""
        ...


@dataclass(frozen=True)
class Trial:
    """One trial of a search: a cell with all its seeds.

    Attributes:
        number: Counted from 1.
        runs: Its models, one for each seed.
    """

    number: int
    runs: tuple[RunRecord, ...]

    @property
    def cell(self) -> dict[str, Any]:
        """The values that were drawn."""
        return self.runs[0].cell

    @property
    def status(self) -> str:
        """The status of its models; of several, the one that decides."""
        found = {run.status for run in self.runs}
        order = ("diverged", "pruned", "running", "interrupted", "planned", "finished")
        return next(status for status in order if status in found)

    @property
    def value(self) -> float | None:
        """The best validation accuracy so far, mean over the seeds; None before one is known."""
        found = [run.best_validation_accuracy for run in self.runs]
        known = [value for value in found if value is not None]
        return statistics.fmean(known) if len(known) == len(found) else None

    @cached_property
    def accuracies(self) -> dict[int, float]:
        """The validation accuracy after each epoch that all seeds have, mean over them."""
        by_epoch: dict[int, list[float]] = {}
        for epoch in (epoch for run in self.runs for epoch in run.epochs if epoch.epoch > 0):
            if epoch.validation_accuracy is not None:
                by_epoch.setdefault(epoch.epoch, []).append(epoch.validation_accuracy)
        n = len(self.runs)
        return {at: statistics.fmean(found) for at, found in by_epoch.items() if len(found) == n}

    def diverged_by(self, epoch: int) -> bool:
        """Whether one of its models had diverged by this epoch."""
        found = [run.diverged_epoch for run in self.runs]
        return any(at is not None and at <= epoch for at in found)


def trials_of(runs: Sequence[RunRecord]) -> list[Trial]:
    """The trials of a search, of its recorded runs."""
    n_seeds = max(1, len({run.seed for run in runs}))
    ordered = sorted(runs, key=lambda run: run.position)
    return [
        Trial(at // n_seeds + 1, tuple(ordered[at : at + n_seeds]))
        for at in range(0, len(ordered), n_seeds)
    ]


def first_round(study: Study) -> Plan:
    """The trials that a search begins with."""
    return plan_trials(study, _draw(study, []))


def recorded_plan(study: Study, runs: Sequence[RunRecord]) -> Plan:
    """The work of all trials that are recorded."""
    return plan_trials(study, [trial.cell for trial in trials_of(runs)])


def carry_on(
    study: Study,
    records: Records,
    study_run_id: str,
    train: Train,
    show: Callable[[Plan, Sequence[RunRecord]], None],
) -> None:
    """Train the recorded trials, and further rounds of them until the search ends.

    Args:
        study: With a search, of which the records hold the first round or more.
        records: Where its trials are recorded.
        study_run_id: Its study run.
        train: Trains populations.
        show: Told whenever trials were drawn or pruned.
    """
    assert study.search is not None
    while True:
        runs = records.runs(study_run_id)
        plan, begin = recorded_plan(study, runs), _newest_round(study.search, len(trials_of(runs)))
        for epoch in rungs(study):
            train(_part(plan, runs, begin), epoch)
            hopeless = _hopeless(study, trials_of(records.runs(study_run_id)), begin, epoch)
            if hopeless:
                train(_part(plan, runs, begin, only=hopeless), epoch, prune=True)
                show(plan, records.runs(study_run_id))
        train(_part(plan, runs, begin))
        trials = trials_of(records.runs(study_run_id))
        worked_s = records.study_run(study_run_id).wall_s
        if study.search.seconds is not None and worked_s >= study.search.seconds:
            return
        cells = [trial.cell for trial in trials]
        drawn = _draw(study, trials)
        if not drawn:
            return
        plan = plan_trials(study, [*cells, *drawn])
        records.add_runs(study_run_id, plan.runs[len(runs) :])
        show(plan, records.runs(study_run_id))


def rungs(study: Study) -> list[int]:
    """The epochs after which trials are judged: about an eighth, a quarter and a half of all."""
    if study.search is None or study.search.pruning == "none":
        return []
    first = math.ceil(study.epochs / 8)
    return [epoch for epoch in (first, 2 * first, 4 * first) if epoch <= study.epochs / 2]


def _newest_round(search: Search, n_trials: int) -> int:
    """The number of trials before those of the newest round."""
    return (n_trials - 1) // search.parallel * search.parallel


def _part(plan: Plan, runs: Sequence[RunRecord], begin: int, only: set[int] | None = None) -> Plan:
    """The populations of the newest round, or of some of its trials."""
    chosen = {
        run.population
        for trial in trials_of(runs)[begin:]
        if only is None or trial.number in only
        for run in trial.runs
    }
    populations = tuple(one for one in plan.populations if one.name in chosen)
    return Plan(study=plan.study, populations=populations)


# -- pruning ---------------------------------------------------------------------------------------


def _hopeless(study: Study, trials: Sequence[Trial], begin: int, epoch: int) -> set[int]:
    """The trials of the newest round that are not worth training beyond a rung.

    Of the round, what later epochs have shown is left out: judging again after a kill gives the
    same. Successive halving is synchronous: all trials of the round compete, and earlier ones.
    """
    assert study.search is not None
    optuna, steps, found = _optuna(), rungs(study), set()
    pruner = (
        optuna.pruners.MedianPruner(n_startup_trials=1)
        if study.search.pruning == "median"
        else optuna.pruners.SuccessiveHalvingPruner(min_resource=steps[0], reduction_factor=2)
    )
    for judged in trials[begin:]:
        if judged.diverged_by(epoch):
            found.add(judged.number)
        elif epoch in judged.accuracies:
            memory = optuna.create_study(direction="maximize")
            for trial in trials:
                if trial is not judged:
                    until = epoch if trial.number > begin else None
                    memory.add_trial(_as_optuna(trial, {}, until=until, competed=steps))
            before = [one for one in steps if one < epoch]
            memory.add_trial(_as_optuna(judged, {}, until=epoch, competed=before))
            if pruner.prune(memory, memory.get_trials(deepcopy=False)[-1]):
                found.add(judged.number)
    return found


# -- drawing ---------------------------------------------------------------------------------------


def _draw(study: Study, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The cells of the next round; none where the search has all its trials."""
    search, ranges = study.search, study.ranges
    assert search is not None
    left = math.inf if search.trials is None else search.trials - len(trials)
    left = min(left, math.prod(one.count for one in ranges.values()) - len(trials))
    tried = {cell_key(trial.cell) for trial in trials}
    cells: list[dict[str, Any]] = []
    ask = _asker(search, ranges, trials)
    while len(cells) < min(search.parallel, left):
        for _ in range(MOST_REPETITIONS):
            cell = ask()
            if cell is None or cell_key(cell) not in tried:
                break
        else:
            cell = None
        cell = cell or _untried(search, ranges, tried)
        tried.add(cell_key(cell))
        cells.append(cell)
    return cells


def _asker(
    search: Search, ranges: Mapping[str, Range], trials: Sequence[Trial]
) -> Callable[[], dict[str, Any] | None]:
    """What draws one cell after the other, each from what the trials and the draws before it are.

    It draws None for a grid, whose untried cells are taken in their order.
    """
    if search.sampler == "grid":
        check_library()  # judging needs it, and nothing is recorded yet
        return lambda: None
    optuna = _optuna()
    seeds = np.random.SeedSequence([search.seed, len(trials) // search.parallel])
    seed = int(seeds.generate_state(1)[0])
    sampler = (
        optuna.samplers.TPESampler(seed=seed, n_startup_trials=_startup(search), constant_liar=True)
        if search.sampler == "tpe"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    memory = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in trials:
        memory.add_trial(_as_optuna(trial, ranges))
    distributions = {key: _distribution(one) for key, one in ranges.items()}

    def ask() -> dict[str, Any]:
        drawn = memory.ask(distributions).params
        return {key: _value(one, drawn[key]) for key, one in ranges.items()}

    return ask


def _startup(search: Search) -> int:
    """How many trials are drawn at random before the others learn from them."""
    return min(10, max(search.parallel, (search.trials or 30) // 3))


def _untried(search: Search, ranges: Mapping[str, Range], tried: set[str]) -> dict[str, Any]:
    """The first cell that was not tried, of all in an order that the seed decides."""
    values = [_all_values(one) for one in ranges.values()]
    cells = [dict(zip(ranges, chosen, strict=True)) for chosen in itertools.product(*values)]
    random.Random(search.seed).shuffle(cells)
    return next(cell for cell in cells if cell_key(cell) not in tried)


def _all_values(one: Range) -> list[Any]:
    return one.values or list(range(one.low, one.high + 1))


def _distribution(one: Range) -> Any:
    """Choices and steps are drawn by their place; a step has an order, choices have none."""
    distributions = _optuna().distributions
    if one.choices is not None:
        return distributions.CategoricalDistribution(tuple(range(len(one.choices))))
    if one.values is not None:
        return distributions.IntDistribution(0, len(one.values) - 1)
    whole = isinstance(one.low, int)
    kind = distributions.IntDistribution if whole else distributions.FloatDistribution
    return kind(one.low, one.high, log=one.log)


def _value(one: Range, drawn: Any) -> Any:
    """The value of a setting; of a wide interval with four digits, as people would write it."""
    if one.values is not None:
        return one.values[drawn]
    if isinstance(drawn, int) or one.high - one.low < 0.1 * max(abs(one.low), abs(one.high)):
        return drawn
    return min(max(float(f"{drawn:.4g}"), one.low), one.high)


def _drawn(one: Range, value: Any) -> Any:
    """What was drawn to give a recorded value, in which tuples have become lists."""
    if one.values is None:
        return value
    return [list(v) if isinstance(v, tuple) else v for v in one.values].index(value)


def _as_optuna(
    trial: Trial,
    ranges: Mapping[str, Range],
    *,
    until: int | None = None,
    competed: Sequence[int] = (),
) -> Any:
    """A recorded trial as Optuna knows it.

    A diverged trial counts as the worst: as one that was pruned before it reached anything.

    Args:
        trial: Of a search.
        ranges: What it was drawn from; none where its values do not matter.
        until: The epoch that it is at, if it is to be one that still runs.
        competed: The rungs at which successive halving has compared it, if it reached them.
    """
    optuna = _optuna()
    states = optuna.trial.TrialState
    state = states.COMPLETE if trial.status == "finished" else states.PRUNED
    reached = {} if trial.status == "diverged" else dict(trial.accuracies)
    if until is not None:
        state = states.RUNNING
        reached = {at: value for at, value in trial.accuracies.items() if at <= until}
    return optuna.trial.create_trial(
        state=state,
        value=trial.value if state == states.COMPLETE else None,
        params={key: _drawn(one, trial.cell[key]) for key, one in ranges.items()},
        distributions={key: _distribution(one) for key, one in ranges.items()},
        intermediate_values=reached,
        system_attrs={
            f"completed_rung_{at}": reached[epoch]
            for at, epoch in enumerate(competed)
            if epoch in reached
        },
    )


# -- importance ------------------------------------------------------------------------------------


def importances(ranges: Mapping[str, Range], trials: Sequence[Trial]) -> dict[str, float]:
    """How much each setting decides whether a trial is among the best quarter (PED-ANOVA).

    Shares of 1, largest first; {} for few trials. Diverged trials count as accuracy 0, pruned ones
    by the best that they reached: neither is among the best.

    Source: Watanabe, Bansal & Hutter, PED-ANOVA, IJCAI 2023.

    Raises:
        UserError: If Optuna is not installed.
    """
    ended = [one for one in trials if all(run.ended for run in one.runs)]
    if len(ended) < FEWEST_FOR_IMPORTANCE or len(ranges) < 2:
        return {}
    optuna = _optuna()
    memory = optuna.create_study(direction="maximize")
    for trial in ended:
        reached = 0.0 if trial.status == "diverged" else trial.value or 0.0
        memory.add_trial(
            optuna.trial.create_trial(
                value=reached,
                params={key: _drawn(one, trial.cell[key]) for key, one in ranges.items()},
                distributions={key: _distribution(one) for key, one in ranges.items()},
            )
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    found = optuna.importance.get_param_importances(memory, evaluator=evaluator)
    return {key: float(value) for key, value in found.items()}


def check_library() -> None:
    """Make sure that trials can be drawn.

    Raises:
        UserError: If Optuna is not installed.
    """
    _optuna()


def _optuna() -> Any:
    """The library that draws and prunes, which is light and optional.

    Raises:
        UserError: If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "a study with [search] needs Optuna; in the folder of retroprop, run first: "
            "pip install -c constraints.txt -e '.[search]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it reports each study that is made
    return optuna
