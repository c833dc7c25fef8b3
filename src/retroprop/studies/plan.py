"""From a study to the work: cells, runs, and populations that train as one tensor program.

    cell         one combination of the grid's values
    run          a cell with one seed: one model
    population   all runs that differ only in learning rate and seed

The plan depends on the study alone, never on the number of workers or the machine, so the same
study gives the same numbers bit for bit wherever it is run.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retroprop.data import CATALOG
from retroprop.data.splits import training_size
from retroprop.studies.records import NewRun
from retroprop.studies.schema import Study

# A rough model of one core's time, measured on a two-core AMD EPYC (AVX-512) with torch 2.13. It
# orders the work (longest first) and answers --dry-run; no result depends on it.
_SECONDS_PER_STEP = 27e-6
_SECONDS_PER_ADAM_VALUE = 1.0e-9
_SECONDS_PER_FLOP = 1 / 60e9
_SECONDS_PER_PIXEL = 0.3e-9


@dataclass(frozen=True, kw_only=True)
class PlannedPopulation:
    """Runs that train together: seeds × learning rates of one optimizer and batch size.

    `runs` are ordered by seed, then by learning rate, as the members of the population are.
    `predicted_s` is a rough guess of one core's seconds.
    """

    name: str
    settings: dict[str, Any]
    learning_rates: tuple[float, ...]
    seeds: tuple[int, ...]
    runs: tuple[NewRun, ...]
    predicted_s: float


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


def plan_study(study: Study) -> Plan:
    """Group the cells of a study into populations."""
    varied = study.grid.varied()
    groups: dict[str, list[NewRun]] = {}
    positions = itertools.count()
    for values in itertools.product(*varied.values()):
        cell = dict(zip(varied, values, strict=True))
        settings = study.settings(cell)
        population = _population_name(settings, varied)
        for seed in study.seeds:
            run = NewRun(
                position=next(positions),
                population=population,
                cell=cell,
                settings=settings,
                seed=seed,
            )
            groups.setdefault(population, []).append(run)
    populations = [_planned(study, name, runs) for name, runs in groups.items()]
    return Plan(study=study, populations=tuple(populations))


def longest_first(
    populations: tuple[PlannedPopulation, ...],
) -> list[PlannedPopulation]:
    """The order that keeps all workers busy to the end."""
    return sorted(populations, key=lambda population: (-population.predicted_s, population.name))


def _population_name(settings: Mapping[str, Any], varied: Mapping[str, Any]) -> str:
    """What the members have in common, among the varied keys: "optimizer=adam,batch_size=20"."""
    shared = [f"{key}={settings[key]}" for key in varied if key != "learning_rate"]
    return ",".join(shared) or "all"


def _planned(study: Study, name: str, runs: list[NewRun]) -> PlannedPopulation:
    rates = tuple(dict.fromkeys(run.settings["learning_rate"] for run in runs))
    seeds = tuple(study.seeds)
    by_member = {(run.seed, run.settings["learning_rate"]): run for run in runs}
    settings = {key: v for key, v in runs[0].settings.items() if key != "learning_rate"}
    return PlannedPopulation(
        name=name,
        settings=settings,
        learning_rates=rates,
        seeds=seeds,
        runs=tuple(by_member[seed, rate] for seed in seeds for rate in rates),
        predicted_s=_predict(study, settings, len(seeds), len(rates)),
    )


def _predict(study: Study, settings: Mapping[str, Any], seeds: int, rates: int) -> float:
    info = CATALOG[study.dataset]
    n_train = training_size(info.n_train, study.split.validation)
    pixels = math.prod(info.image_shape)
    members = seeds * rates
    weights, products, layers = _size(settings, pixels, len(info.classes))
    steps = n_train / settings["batch_size"]
    adaptive = settings["optimizer"] in ("adam", "adamw", "adagrad")
    online = settings["batch_size"] == 1 and not adaptive  # in blocks, hardly visiting the weights
    passes = 1.0 if adaptive else 0.0 if online else 0.2
    calls = members if settings["derivation"] == "autograd" else 1
    per_step = calls * layers * _SECONDS_PER_STEP + members * weights * passes * (
        _SECONDS_PER_ADAM_VALUE
    )
    train_s = steps * per_step + n_train * (
        6 * members * products * _SECONDS_PER_FLOP + seeds * pixels * _SECONDS_PER_PIXEL
    )
    evaluate_s = info.n_train * (
        2 * members * products * _SECONDS_PER_FLOP + pixels * _SECONDS_PER_PIXEL
    )
    return study.epochs * train_s + (study.epochs + 1) * evaluate_s


def _size(settings: Mapping[str, Any], pixels: int, classes: int) -> tuple[int, int, int]:
    """Weights of one model, multiplications for one example, and layers, roughly."""
    if settings["kind"] in ("softmax-regression", "perceptron"):
        return pixels * classes, pixels * classes, 1
    if settings["kind"] == "cnn":
        return 300_000, 2_500_000, 20
    sizes = (pixels, *(settings["width"],) * settings["depth"], classes)
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    return weights, weights, len(sizes)
