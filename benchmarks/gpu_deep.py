"""Lab D at full size on a bare GPU machine: no network, no command line, no database.

    python -m benchmarks.gpu_deep pack FOLDER              here: CIFAR-10 in parts, and the plan
    python -m benchmarks.gpu_deep run FOLDER OUT           there: everything, in at most 10 minutes
    python -m benchmarks.gpu_deep collect FOLDER OUT --db  here: the results into the records

The GPU machine needs torch, numpy, safetensors and jaxtyping only. CIFAR-10 travels as losslessly
compressed parts of at most 20 MB, joined and verified by the published checksums. `run` begins
with the two runs for the record (ResNet-18 and the MLP-Mixer against the document's accuracies),
then makes the runs of the studies with a grid in the order of the plan. A run that is there already
is not made again, so a second `run` goes on where the time was over.
"""

import argparse
import json
import platform
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retroprop.data import Dataset, find
from retroprop.data.catalog import (
    ARRAY_NAMES,
    Arrays,
    DatasetInfo,
    check_arrays,
)
from retroprop.data.parts import Parts, parts_of
from retroprop.errors import UserError
from retroprop.files import without_nan
from retroprop.training.checkpoints import save_tensors
from retroprop.training.confusion import count_pairs
from retroprop.training.devices import choose_device
from retroprop.training.image_sets import ImageSet, image_set, normalization_of
from retroprop.training.network_trajectories import NetworkTrajectory
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import evaluate_model
from retroprop.training.trajectories import member_name

STUDIES = (
    "ift6135-activations",
    "ift6135-resnet18-rates",
    "ift6135-mixer-patches",
)
"""Those with a grid: a search draws its trials from records, which the bare machine has not."""
PART_BYTES = 20_000_000

# Against the document: 94.6 % and 86.8 % on validation after 15 epochs, each in at most 60 s.
FOR_THE_RECORD: dict[str, dict[str, Any]] = {
    "resnet18": {
        "kind": "resnet18",
        "optimizer": "nesterov",
        "learning_rate": 0.1,
        "batch_size": 256,
        "weight_decay": 0.0005,
        "label_smoothing": 0.1,
    },
    "mlp-mixer": {
        "kind": "mlp-mixer",
        "patch_size": 4,
        "embedding": 512,
        "blocks": 4,
        "drop_rate": 0.1,
        "activation": "gelu",
        "optimizer": "adamw",
        "learning_rate": 0.001,
        "batch_size": 256,
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
    },
}
COMMON = {
    "momentum": 0.9,
    "schedule": "warmup-cosine",
    "augmentation": "flip-crop",
    "normalization": "per-channel",
    "precision": "bfloat16",
    "loss": "cross-entropy",
    "shuffle": True,
    "clip_norm": None,
    "patience": None,
    "train_metrics": "running",
}


# -- pack ------------------------------------------------------------------------------------------


def pack(folder: Path, *, dataset: str, size: str) -> None:
    """Write the data in parts, and the plan of all runs."""
    from retroprop.data import load
    from retroprop.studies.plan import plan_study
    from retroprop.studies.schema import load_study

    folder.mkdir(parents=True, exist_ok=True)
    data = load(dataset)
    for old in folder.glob("*.part-*"):
        old.unlink()
    for name in ARRAY_NAMES:
        squeezed = squeeze(getattr(data, name))
        for number, start in enumerate(range(0, len(squeezed), PART_BYTES)):
            part = folder / f"{dataset}.{name}.part-{number:02d}"
            part.write_bytes(squeezed[start : start + PART_BYTES])
    studies = []
    for name in STUDIES:
        study = load_study(name, size=size, changes=[f"dataset={dataset}"])
        studies.append(
            {
                "name": name,
                "fingerprint": study.fingerprint,
                "config": study.model_dump(mode="json", exclude_none=True),
                "split": study.split.model_dump(),
                "epochs": study.epochs,
                "runs": [asdict(run) for run in plan_study(study).runs],
            }
        )
    plan = {"dataset": dataset, "size": size, "studies": studies}
    (folder / "plan.json").write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
    total = sum(file.stat().st_size for file in folder.iterdir())
    runs = sum(len(study["runs"]) for study in studies)
    print(f"{folder}: {total / 1e6:.0f} MB, {runs} runs of {len(studies)} studies.")


def squeeze(array: np.ndarray) -> bytes:
    """Compress bytes without loss: of an image each pixel as its difference from its left one.

    >>> images = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    >>> bool((unsqueeze(squeeze(images), images.shape) == images).all())
    True
    """
    if array.ndim > 1:
        array = np.diff(array, axis=2, prepend=np.zeros_like(array[:, :, :1]))  # modulo 256
    return zlib.compress(np.ascontiguousarray(array).tobytes(), level=9)


def unsqueeze(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """What `squeeze` compressed.

    Raises:
        UserError: If the bytes are damaged or too few.
    """
    try:
        flat = np.frombuffer(zlib.decompress(data), dtype=np.uint8)
        array = flat.reshape(shape)
    except (zlib.error, ValueError) as error:
        raise UserError(f"the parts are damaged ({error}); copy them again.") from error
    return np.cumsum(array, axis=2, dtype=np.uint8) if array.ndim > 1 else array.copy()


# -- run -------------------------------------------------------------------------------------------


def run(folder: Path, out: Path, *, device: str, minutes: float, compile: bool) -> None:
    """Make as many of the planned runs as fit into the time."""
    started = time.monotonic()
    on = choose_device(device)
    plan = _plan(folder)
    out.mkdir(parents=True, exist_ok=True)
    info = find(plan["dataset"])
    arrays = joined(folder, info)
    dataset = Dataset(info=info, checksum=info.checksum, **arrays)
    print(f"{info.title}: joined and verified; {_device_name(on)}, torch {torch.__version__}")
    epochs = 15 if plan["size"] == "full" else 1
    lasted: dict[str, float] = {}
    for file, what, settings, seed, split, n_epochs in _jobs(plan, out, epochs):
        left = 60 * minutes - (time.monotonic() - started)
        expected = 1.2 * lasted.get(_cost(settings), 0.0)
        if left < max(5.0, expected):
            print(f"{left:.0f} s left: {what} waits for the next call.")
            return
        begun = time.monotonic()
        result = one_run(dataset, settings, seed, split, n_epochs, device=on, compile=compile)
        lasted[_cost(settings)] = time.monotonic() - begun
        weights = result.pop("weights")
        _keep_best_of_study(out, what, result, weights, seed, settings)
        result |= {"what": what, "settings": settings, "seed": seed, "device": _device_name(on)}
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(
            f"{what}: best validation {result['best_validation_accuracy']:.2%}, test "
            f"{result['test']['accuracy']:.2%}, training {result['train_s']:.1f} s, "
            f"{result['wall_s']:.1f} s in all"
        )
    print("All runs are made.")


def _plan(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} has no plan.json; make it with pack.") from None


def joined(folder: Path, info: DatasetInfo) -> Arrays:
    """The four arrays, from their parts, with the published checksums.

    Raises:
        UserError: If a part is missing or damaged.
    """
    arrays = {}
    for name in ARRAY_NAMES:
        parts = sorted(folder.glob(f"{info.name}.{name}.part-*"))
        if not parts:
            raise UserError(f"{folder} has no parts of {name}; make them with pack.")
        arrays[name] = unsqueeze(b"".join(p.read_bytes() for p in parts), info.shape(name))
    check_arrays(info, arrays)
    return arrays


def one_run(
    dataset: Dataset,
    settings: Mapping[str, Any],
    seed: int,
    split: Mapping[str, Any],
    epochs: int,
    *,
    device: torch.device,
    compile: bool,
) -> dict[str, Any]:
    """Train one network; its epochs, its best validation accuracy, its test, its seconds."""
    begun = time.monotonic()
    parts = parts_of(dataset, **split)
    train, validation, test = _sets(parts, dataset.info, settings)
    chosen = RunSettings(**{**settings, "seed": seed, "epochs": epochs, "compile": compile})
    trajectory = NetworkTrajectory(chosen, train, validation, device)
    trainer, model = trajectory.trainer, trajectory.trainer.model
    history = trainer.fit()
    if trainer.best:
        trainer.model.load_state_dict(trainer.best)
    scores, predicted = evaluate_model(trainer.model, test.to(device), device=device)
    counts = count_pairs(test.labels, predicted, test.n_classes)
    return {
        "epochs": [without_nan(asdict(epoch)) for epoch in history],
        "progress": asdict(trainer.progress),
        "best_validation_accuracy": max(e.validation_accuracy or 0.0 for e in history),
        "parameters": sum(p.numel() for p in model.parameters()),
        "test": without_nan(asdict(scores)),
        "test_confusion": counts.tolist(),
        "train_s": sum(epoch.train_s for epoch in history),
        "wall_s": time.monotonic() - begun,
        "weights": {name: tensor.cpu() for name, tensor in trainer.best.items()},
    }


def _jobs(
    plan: Mapping[str, Any], out: Path, epochs: int
) -> Iterator[tuple[Path, str, dict[str, Any], int, dict[str, Any], int]]:
    """The runs that are not there yet: file, name, settings, seed, split, epochs."""
    first = plan["studies"][0]
    for name, settings in FOR_THE_RECORD.items():
        file = out / f"record-{name}.json"
        if not file.exists():
            smaller = {} if plan["size"] == "full" else {"batch_size": 32}
            split = first["split"]
            yield file, f"record {name}", {**COMMON, **settings, **smaller}, 0, split, epochs
    for study in plan["studies"]:
        for run in study["runs"]:
            file = out / f"{study['name']}-{run['position']:03d}.json"
            if not file.exists():
                what = f"{study['name']} {run['population']}"
                yield file, what, run["settings"], run["seed"], study["split"], study["epochs"]


def _sets(
    parts: Parts, info: DatasetInfo, settings: Mapping[str, Any]
) -> tuple[ImageSet, ImageSet, ImageSet]:
    fitted = normalization_of(settings["normalization"], info, parts.train.images)
    train, validation, test = (
        image_set(part.images, part.labels, fitted, n_classes=len(info.classes))
        for part in (parts.train, parts.validation, parts.test)
    )
    return train, validation, test


def _keep_best_of_study(
    out: Path,
    what: str,
    result: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    seed: int,
    settings: Mapping[str, Any],
) -> None:
    """Weights of the best run of each study alone: those of all runs would be gigabytes."""
    name = what.partition(" ")[0]
    best = out / f"{name}-best.json"
    accuracy = result["best_validation_accuracy"]
    if best.exists() and json.loads(best.read_text(encoding="utf-8"))["accuracy"] >= accuracy:
        return
    prefix = member_name(seed, settings["learning_rate"])
    named = {f"{prefix}/{key}": tensor for key, tensor in weights.items()}
    save_tensors(out / f"{name}-best.safetensors", named, about=what)
    best.write_text(json.dumps({"what": what, "accuracy": accuracy}) + "\n", encoding="utf-8")


def _cost(settings: Mapping[str, Any]) -> str:
    """Runs with the same text take about as long."""
    keys = ("kind", "architecture", "patch_size", "embedding", "batch_size")
    return str([settings.get(key) for key in keys])


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


# -- collect ---------------------------------------------------------------------------------------


def collect(folder: Path, out: Path, *, db: str) -> None:
    """Write the results of all complete studies into the records, for `retroprop report`."""
    from retroprop.data.catalog import find as find_data
    from retroprop.studies.records import NewRun, Records, RunUpdate
    from retroprop.training.epochs import EpochRecord, Progress

    plan = _plan(folder)
    records = Records.open(db)
    for study in plan["studies"]:
        files = [out / f"{study['name']}-{run['position']:03d}.json" for run in study["runs"]]
        missing = [file.name for file in files if not file.exists()]
        if missing:
            print(f"{study['name']}: {len(missing)} runs are missing, such as {missing[0]}.")
            continue
        results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        id = f"{study['name']}-{study['fingerprint'][:8]}-gpu"
        records.add_study_run(
            id=id,
            study=study["name"],
            fingerprint=study["fingerprint"],
            config=study["config"],
            data_checksum=find_data(plan["dataset"]).checksum,
            runs=[NewRun(**run) for run in study["runs"]],
        )
        session = records.start_session(
            id, {"device": results[0]["device"], "command": "benchmarks.gpu_deep", "workers": 1}
        )
        added = records.runs(id, with_epochs=False)
        best = max(results, key=lambda result: result["best_validation_accuracy"])
        for recorded, result in zip(added, results, strict=True):
            for epoch in result["epochs"]:
                update = RunUpdate(
                    run_id=recorded.id,
                    epoch=EpochRecord(**epoch),
                    progress=Progress(**result["progress"]),
                )
                records.add_epoch([update])
            records.set_parameters([recorded.id], result["parameters"])
            checkpoint = f"checkpoints/{id}/{recorded.population}/best.safetensors"
            records.finish_population([recorded.id], checkpoint)
            if result is best:
                target = records.folder / checkpoint
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((out / f"{study['name']}-best.safetensors").read_bytes())
                test = result["test"]
                records.set_test(
                    recorded.id,
                    accuracy=test["accuracy"],
                    loss=test["loss"],
                    confusion=result["test_confusion"],
                )
        records.update_session(session, sum(result["wall_s"] for result in results))
        records.set_status(id, "finished")
        print(f"{id}: {len(results)} runs recorded in {records.location}.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    of_pack = commands.add_parser("pack")
    of_pack.add_argument("folder", type=Path)
    of_pack.add_argument("--dataset", default="cifar10")
    of_pack.add_argument("--size", default="full", choices=["smoke", "laptop", "full"])
    of_run = commands.add_parser("run")
    of_run.add_argument("folder", type=Path)
    of_run.add_argument("out", type=Path)
    of_run.add_argument("--device", default="cuda")
    of_run.add_argument("--minutes", type=float, default=9.5)
    of_run.add_argument("--compile", action="store_true")
    of_collect = commands.add_parser("collect")
    of_collect.add_argument("folder", type=Path)
    of_collect.add_argument("out", type=Path)
    of_collect.add_argument("--db", default="retroprop.db")
    given = parser.parse_args()
    try:
        if given.command == "pack":
            pack(given.folder, dataset=given.dataset, size=given.size)
        elif given.command == "run":
            run(
                given.folder,
                given.out,
                device=given.device,
                minutes=given.minutes,
                compile=given.compile,
            )
        else:
            collect(given.folder, given.out, db=given.db)
    except UserError as error:
        sys.exit(f"gpu_deep: {error}")


if __name__ == "__main__":
    main()
