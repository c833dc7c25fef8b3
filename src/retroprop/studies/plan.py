"""From a study to the work: cells, runs, and populations that train as one tensor program.

    cell         one combination of the grid's values
    trial        the same of a search (`studies.search`), which draws its values from ranges
    run          a cell or a trial with one seed: one model
    population   all runs that differ only in learning rate and seed; or one run alone, where the
                 trainer trains one network at a time

The plan depends on the study alone, never on the number of workers or the machine, so the same
study gives the same numbers wherever it is run, bit for bit on the same kind of processor.
"""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retroprop.data import find
from retroprop.studies.kinds import OPTIMIZERS, recorded
from retroprop.studies.memory import memory_warning, population_bytes
from retroprop.studies.records import NewRun
from retroprop.studies.schema import Study
from retroprop.training.settings import PopulationSettings, RunSettings

# A rough model of one core's time, measured on a two-core AMD EPYC (AVX-512) with torch 2.13. It
# orders the work (longest first) and answers --dry-run; no result depends on it.
_SECONDS_PER_STEP = 27e-6
_SECONDS_PER_ADAM_VALUE = 1.0e-9
_SECONDS_PER_FLOP = 1 / 60e9
_SECONDS_PER_PIXEL = 0.3e-9
_BFLOAT16_SPEEDUP = 2.7  # of the trainer, on a processor with the instructions

LONGEST_NAME = 160
"""Of a population, in the records; file systems take 255 bytes."""


@dataclass(frozen=True, kw_only=True)
class PlannedPopulation:
    """Runs that train together: seeds × learning rates of one optimizer and batch size.

    `runs` are ordered by seed, then by learning rate, as the members of the population are.
    `predicted_s` is a rough guess of one core's seconds, `predicted_bytes` of a worker's memory.
    """

    name: str
    settings: PopulationSettings
    runs: tuple[NewRun, ...]
    predicted_s: float
    predicted_bytes: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All the work of a study."""

    study: Study
    populations: tuple[PlannedPopulation, ...]

    @property
    def runs(self) -> list[NewRun]:
        """Every model of the study, in the order of its grid."""
        runs = [run for population in self.populations for run in population.runs]
        return sorted(runs, key=lambda run: run.position)

    def predicted_s(self, workers: int) -> float:
        """Rough guess of the wall time with this many workers, longest population first."""
        busy = [0.0] * max(1, workers)
        for population in longest_first(self.populations):
            busy[busy.index(min(busy))] += population.predicted_s
        return max(busy)

    def memory_warning(self, workers: int) -> str | None:
        """A sentence where so many workers need more memory than is free now, or None.

        Raises:
            UserError: If a population alone is beyond all memory of this machine.
        """
        heaviest = sorted(self.populations, key=lambda one: -one.predicted_bytes)
        together = heaviest[: max(1, workers)]
        return memory_warning(
            sum(one.predicted_bytes for one in together),
            heaviest[0].name,
            len(together),
            heaviest[0].predicted_bytes,
        )


def plan_study(study: Study) -> Plan:
    """Group the cells of a study into populations.

    The trials of a search are drawn later: cells in the middle of its ranges stand for them.
    """
    if study.search is not None:
        return plan_trials(study, _typical_cells(study))
    return _plan(study, grouped_models(study))


Groups = dict[str, list[tuple[NewRun, RunSettings]]]
"""Models by their population."""


def grouped_models(study: Study) -> Groups:
    """All models of a grid by their population, whether its data are here or not."""
    varied = study.grid.varied()
    groups: Groups = {}
    positions = itertools.count()
    for values in itertools.product(*varied.values()):
        cell = dict(zip(varied, values, strict=True))
        for seed in study.seeds:
            settings = study.settings(cell, seed)
            alone = seed if study.kind.engine == "trainer" else None
            population = _population_name(vars(settings), varied, alone)
            run = NewRun(
                position=next(positions),
                population=population,
                cell=cell,
                settings=recorded(settings),
                seed=seed,
            )
            groups.setdefault(population, []).append((run, settings))
    return groups


def plan_trials(study: Study, cells: Sequence[Mapping[str, Any]]) -> Plan:
    """The work of some trials of a search, counted from its first one."""
    return _plan(study, grouped_trials(study, cells))


def grouped_trials(study: Study, cells: Sequence[Mapping[str, Any]]) -> Groups:
    """The models of some trials, counted from the first one, by their population.

    A trial is one population of all seeds; or one for each, where the trainer trains.
    """
    groups: Groups = {}
    for number, cell in enumerate(cells):
        for at, seed in enumerate(study.seeds):
            settings = study.settings(cell, seed)
            name = f"trial={number + 1:03d}"
            if study.kind.engine == "trainer":
                name += f",seed={seed}"
            run = NewRun(
                position=number * len(study.seeds) + at,
                population=name,
                cell=dict(cell),
                settings=recorded(settings),
                seed=seed,
            )
            groups.setdefault(name, []).append((run, settings))
    return groups


def _plan(study: Study, groups: Groups) -> Plan:
    populations = [_planned(study, name, runs) for name, runs in groups.items()]
    return Plan(study=study, populations=tuple(populations))


def _typical_cells(study: Study) -> list[dict[str, Any]]:
    """As many cells as the search has trials: each choice in turn, and the middle of intervals."""
    return [
        {
            key: one.choices[number % len(one.choices)] if one.choices else one.middle
            for key, one in study.ranges.items()
        }
        for number in range(study.models // len(study.seeds))
    ]


def longest_first(
    populations: tuple[PlannedPopulation, ...],
) -> list[PlannedPopulation]:
    """The order that keeps all workers busy to the end."""
    return sorted(populations, key=lambda population: (-population.predicted_s, population.name))


def _population_name(
    settings: Mapping[str, Any], varied: Mapping[str, Any], alone: int | None
) -> str:
    """What the members have in common, among the varied keys: "optimizer=adam,batch_size=20".

    A network that is trained alone has its learning rate and its seed too. It names a folder, and
    stands in the records: a longer one ends in a digest of the whole.
    """
    shared = [
        f"{key}={str(settings[key]).replace(' ', '_')}"
        for key in varied
        if alone is not None or key != "learning_rate"
    ]
    if alone is not None:
        shared.append(f"seed={alone}")
    name = ",".join(shared) or "all"
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: LONGEST_NAME - 17]}~{digest}"


def _planned(study: Study, name: str, runs: list[tuple[NewRun, RunSettings]]) -> PlannedPopulation:
    rates = tuple(dict.fromkeys(settings.learning_rate for _, settings in runs))
    seeds = tuple(dict.fromkeys(settings.seed for _, settings in runs))
    by_member = {(settings.seed, settings.learning_rate): run for run, settings in runs}
    members = PopulationSettings(**vars(runs[0][1]), learning_rates=rates, seeds=seeds)
    return PlannedPopulation(
        name=name,
        settings=members,
        runs=tuple(by_member[seed, rate] for seed in seeds for rate in rates),
        predicted_s=_predict(study, members),
        predicted_bytes=population_bytes(study, members),
    )


def _predict(study: Study, settings: PopulationSettings) -> float:
    info = find(study.dataset)
    n_train = study.split.training_images(info.n_train)
    n_validation = study.split.evaluated_images(info.n_train, info.n_test)
    pixels = math.prod(info.image_shape)
    members = len(settings.seeds) * len(settings.learning_rates)
    weights, products, layers, _ = study.kind.size(settings, info)
    steps = n_train / settings.batch_size
    passes = OPTIMIZERS[settings.optimizer].passes
    if settings.batch_size == 1 and passes < 1:  # in blocks, hardly visiting the weights
        passes = 0.0
    calls = members if settings.derivation == "autograd" else 1
    per_step = calls * layers * _SECONDS_PER_STEP + members * weights * passes * (
        _SECONDS_PER_ADAM_VALUE
    )
    half = study.kind.engine == "trainer" and settings.precision == "bfloat16"
    per_flop = _SECONDS_PER_FLOP / (_BFLOAT16_SPEEDUP if half else 1.0)
    train_s = steps * per_step + n_train * (
        6 * members * products * per_flop + len(settings.seeds) * pixels * _SECONDS_PER_PIXEL
    )
    running = settings.train_metrics == "running"
    evaluate_s = (n_validation + (0 if running else n_train)) * (
        2 * members * products * per_flop + pixels * _SECONDS_PER_PIXEL
    )
    return study.epochs * train_s + (study.epochs + 1) * evaluate_s
