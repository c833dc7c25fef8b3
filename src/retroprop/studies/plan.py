"""From a study to the work: cells, runs, and populations that train as one tensor program.

    cell         one combination of the grid's values
    run          a cell with one seed: one model
    population   all runs that differ only in learning rate and seed; or one run alone, where the
                 visible loop trains one network at a time

The plan depends on the study alone, never on the number of workers or the machine, so the same
study gives the same numbers bit for bit wherever it is run.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retroprop.data import CATALOG, DatasetInfo
from retroprop.models.architectures import Architecture, parse_architecture
from retroprop.studies.records import NewRun
from retroprop.studies.schema import Study

# A rough model of one core's time, measured on a two-core AMD EPYC (AVX-512) with torch 2.13. It
# orders the work (longest first) and answers --dry-run; no result depends on it.
_SECONDS_PER_STEP = 27e-6
_SECONDS_PER_ADAM_VALUE = 1.0e-9
_SECONDS_PER_FLOP = 1 / 60e9
_SECONDS_PER_PIXEL = 0.3e-9
_BFLOAT16_SPEEDUP = 2.7  # of deep networks, on a processor with the instructions


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
        for seed in study.seeds:
            population = _population_name(settings, varied, seed if study.by_trainer else None)
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


def _population_name(
    settings: Mapping[str, Any], varied: Mapping[str, Any], alone: int | None
) -> str:
    """What the members have in common, among the varied keys: "optimizer=adam,batch_size=20".

    A network that is trained alone has its learning rate and its seed too.
    """
    shared = [
        f"{key}={str(settings[key]).replace(' ', '_')}"
        for key in varied
        if alone is not None or key != "learning_rate"
    ]
    if alone is not None:
        shared.append(f"seed={alone}")
    return ",".join(shared) or "all"


def _planned(study: Study, name: str, runs: list[NewRun]) -> PlannedPopulation:
    rates = tuple(dict.fromkeys(run.settings["learning_rate"] for run in runs))
    seeds = tuple(dict.fromkeys(run.seed for run in runs))
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
    n_train = study.split.training_images(info.n_train)
    n_validation = study.split.evaluated_images(info.n_train, info.n_test)
    pixels = math.prod(info.image_shape)
    members = seeds * rates
    weights, products, layers = _size(settings, info)
    steps = n_train / settings["batch_size"]
    adaptive = settings["optimizer"] in ("adam", "adamw", "adagrad")
    online = settings["batch_size"] == 1 and not adaptive  # in blocks, hardly visiting the weights
    passes = 1.0 if adaptive else 0.0 if online else 0.2
    calls = members if settings["derivation"] == "autograd" else 1
    per_step = calls * layers * _SECONDS_PER_STEP + members * weights * passes * (
        _SECONDS_PER_ADAM_VALUE
    )
    deep = study.by_trainer and study.training.precision == "bfloat16"
    per_flop = _SECONDS_PER_FLOP / (_BFLOAT16_SPEEDUP if deep else 1.0)
    train_s = steps * per_step + n_train * (
        6 * members * products * per_flop + seeds * pixels * _SECONDS_PER_PIXEL
    )
    running = settings.get("train_metrics") == "running"
    evaluate_s = (n_validation + (0 if running else n_train)) * (
        2 * members * products * per_flop + pixels * _SECONDS_PER_PIXEL
    )
    return study.epochs * train_s + (study.epochs + 1) * evaluate_s


def _size(settings: Mapping[str, Any], info: DatasetInfo) -> tuple[int, int, int]:
    """Weights of one model, multiplications for one example, and layers, roughly."""
    pixels, classes = math.prod(info.image_shape), len(info.classes)
    if settings["kind"] == "resnet18":
        return 11_200_000, 540_000 * pixels // 3, 60
    if settings["kind"] == "mlp-mixer":
        return _mixer_size(settings, pixels)
    if settings["kind"] == "network":
        return _architecture_size(parse_architecture(settings["architecture"]), info)
    if settings["kind"] in ("softmax-regression", "perceptron"):
        return pixels * classes, pixels * classes, 1
    if settings["kind"] == "cnn":
        return 300_000, 2_500_000, 20
    return _dense_size((pixels, *(settings["width"],) * settings["depth"], classes))


def _dense_size(sizes: Sequence[int]) -> tuple[int, int, int]:
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    return weights, weights, len(sizes)


def _architecture_size(chosen: Architecture, info: DatasetInfo) -> tuple[int, int, int]:
    pixels, classes = math.prod(info.image_shape), len(info.classes)
    if not chosen.channels:
        return _dense_size((pixels, *chosen.dense, classes))
    side = info.image_shape[0]
    before = pixels // side**2
    weights = products = 0
    for channels in chosen.channels:
        side = max(1, side - chosen.kernel_size + 1)
        kernels = channels * before * chosen.kernel_size**2
        weights, products = weights + kernels, products + kernels * side**2
        side, before = side // 2, channels
    dense, _, layers = _dense_size((16 * before, *chosen.dense, classes))
    # pooling and activations of few channels cost as much as the products: counted twice
    return weights + dense, 2 * products + dense, layers + 4 * len(chosen.channels)


def _mixer_size(settings: Mapping[str, Any], pixels: int) -> tuple[int, int, int]:
    dim, of_patch = settings["embedding"], 3 * settings["patch_size"] ** 2
    tokens = pixels // of_patch
    mixing = settings["blocks"] * (tokens * dim + 8 * dim**2)
    products = tokens * of_patch * dim + settings["blocks"] * (
        dim * tokens * dim + tokens * 8 * dim**2
    )
    return of_patch * dim + mixing, products, 14 * settings["blocks"]
