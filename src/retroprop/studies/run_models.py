"""The trained model of any recorded run, and of any file that `retroprop train` wrote.

Members of populations are computed by our own formulas or by autograd; here each becomes the torch
network that is its twin. It divides bytes by 255 in the type of its parameters, as its population
does, so it gives the classes that the records counted. Only products in bfloat16 are not repeated:
the twin makes them in float32.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retroprop.data import DatasetInfo, find, load
from retroprop.data.catalog import is_own
from retroprop.data.own import kept_sets, parse
from retroprop.data.parts import Part, parts_of
from retroprop.errors import UserError, in_short
from retroprop.files import is_as_written
from retroprop.studies.kinds import KINDS
from retroprop.studies.records import Records, RunRecord
from retroprop.studies.stores import recorded_file
from retroprop.studies.study_data import StudyData
from retroprop.training.autograd import put_parameters
from retroprop.training.checkpoints import check_file, load_tensors
from retroprop.training.factories import FACTORIES, network_of, options_of
from retroprop.training.image_sets import Normalization
from retroprop.training.learners import parameter_type
from retroprop.training.model_files import ModelCard, load_model
from retroprop.training.network_trajectories import trained_network
from retroprop.training.settings import RunSettings, from_record
from retroprop.training.trajectories import member_parameters

RECORD, MODEL = "record.json", "model.safetensors"
"""What `retroprop train` writes into its folder."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A network that classifies images.

    Attributes:
        source: Where it comes from, for a sentence: "run 12", or a file.
        network: In evaluation mode, on the CPU.
        card: What it was built from, and what its images and classes are.
        normalization: What bytes become before it reads them.
        batch_size: Images per step of its training; None if its file does not say.
        scores: Whether it learned by the squared error: softmax makes no probabilities of its
            outputs.
        split: How its study split the data; a file does not say.
        data_checksum: Of the data that it learned from; None if nothing says.
    """

    source: str
    network: nn.Module
    card: ModelCard
    normalization: Normalization
    batch_size: int | None = None
    scores: bool = False
    split: Mapping[str, Any] = field(default_factory=dict)
    data_checksum: str | None = None

    def test_part(self, dataset: str) -> Part:
        """The test images of a data set: of its own those that its study kept for the test.

        Raises:
            UserError: If its own data set has other files than it learned from: what tests now may
                be what it was trained on.
        """
        data = load(dataset)
        if dataset != self.card.dataset:
            return parts_of(data).test
        _check_unchanged(data.info, self.data_checksum, self.source)
        return parts_of(data, **self.split).test


def find_model(name: str, database: str) -> TrainedModel:
    """The model of a run, or of a file.

    Args:
        name: The number of a run; or a model.safetensors that `retroprop train` wrote, or its
            folder.
        database: The records that hold the run.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    if name.isdigit():
        return model_of_run(Records.open(database, create=False), int(name))
    path = model_file(name)
    record = read_record(path.parent) if path.name == MODEL else {}
    sha256, settings = record.get("model_sha256"), record.get("settings")
    batch_size = settings.get("batch_size") if isinstance(settings, dict) else None
    if path.is_file() and not is_as_written(path, sha256):
        raise UserError(
            f"{path} is damaged, or not the model of {path.with_name(RECORD)} beside it; put that "
            "one back, or move the file to a folder of its own to use it."
        )
    network, card, normalization = load_model(path)
    if is_own(card.dataset):
        card = replace(card, dataset=_where_it_lies(card, record))
    return TrainedModel(
        source=name,
        network=network,
        card=card,
        normalization=normalization,
        batch_size=batch_size if isinstance(batch_size, int) else None,
        data_checksum=record.get("data_checksum") or card.data_checksum or None,
    )


def _where_it_lies(card: ModelCard, record: Mapping[str, Any]) -> str:
    """The name of one's own data with their folder, which a model file does not hold.

    It is that of the record beside it, or of the same data in the cache, or here.
    """
    study = record.get("study")
    recorded = study.get("dataset") if isinstance(study, dict) else None
    if isinstance(recorded, str) and is_own(recorded):
        return recorded
    names = (one.info.name for one in kept_sets() if one.info.checksum == card.data_checksum)
    return next(names, parse(card.dataset).name)


def model_file(name: str) -> Path:
    """The file of a model, named itself or by its folder.

    Raises:
        UserError: If there is neither.
    """
    path = Path(name)
    if not path.exists():
        raise UserError(
            f"{in_short(name)} is neither the number of a run, which retroprop runs STUDY lists, "
            "nor a model.safetensors or its folder, which retroprop train makes; give one of them."
        )
    return path / MODEL if path.is_dir() else path


def read_record(folder: Path) -> dict[str, Any]:
    """What record.json says of the training that a folder is of; nothing where it is unreadable."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def model_of_run(records: Records, number: int) -> TrainedModel:
    """The parameters of the best epoch of a run, in its network.

    Raises:
        UserError: If there is no such run, it has no model, or its checkpoint cannot be read.
    """
    run = records.run(number)
    path, tensors = _parameters(records, run)
    study_run = records.study_run(run.study_run_id)
    config = study_run.config
    settings = from_record(RunSettings, run.settings, seed=run.seed)
    info = find(config["dataset"])
    _check_unchanged(info, study_run.data_checksum, f"run {number}")
    shape, n_classes = info.size, len(info.classes)
    if KINDS[settings.kind].engine == "trainer":
        network = trained_network(settings, shape, n_classes, tensors, path)
        normalization = StudyData(info.name, config["split"]).normalization(settings.normalization)
        kind, options = options_of(settings)
    else:
        network = _twin(settings, shape, n_classes, tensors)
        planes = (shape[2], 1, 1)
        normalization = Normalization(mean=torch.zeros(planes), std=torch.ones(planes))
        kind = settings.kind
        options = {name: getattr(settings, name) for name in KINDS[kind].settings}
    return TrainedModel(
        source=f"run {number}",
        network=network.eval(),
        card=ModelCard(
            kind=kind,
            options=options,
            image_shape=shape,
            classes=info.classes,
            dataset=info.name,
            data_checksum=study_run.data_checksum if is_own(info.name) else "",
        ),
        normalization=normalization,
        batch_size=settings.batch_size,
        scores=settings.output == "linear",
        split=config["split"],
        data_checksum=study_run.data_checksum,
    )


def _check_unchanged(info: DatasetInfo, checksum: Any, source: str) -> None:
    """Refuse data of one's own whose files, or names of classes, have changed since a training."""
    if is_own(info.name) and checksum not in (None, info.checksum):
        raise UserError(
            f"{source} was trained on other files than {info.title} holds now; put them back as "
            "they were, or train again."
        )


def _parameters(records: Records, run: RunRecord) -> tuple[Path, dict[str, Tensor]]:
    """The file that holds a run's parameters, and its tensors.

    Raises:
        UserError: If it has none, or they cannot be read.
    """
    if run.checkpoint is None:
        sessions = records.study_run(run.study_run_id).sessions
        command = sessions[-1].environment.get("command") if sessions else None
        typed = f" ({command})" if command else ""
        raise UserError(
            f"run {run.id} is {run.status}, and its study is not through: run the study again to "
            f"finish it{typed}."
        )
    if run.best_epoch is None:
        raise UserError(
            f"run {run.id} diverged at epoch {run.diverged_epoch}, before any epoch gave finite "
            "numbers, so it has no model; name another run."
        )
    with recorded_file(run.checkpoint, records.folder) as path:
        if not path.is_file():
            place = path if "://" not in run.checkpoint else run.checkpoint
            raise UserError(
                f"the parameters of run {run.id} are not at {place}; put the file back, or train "
                "again with --fresh."
            )
        check_file(path, run.checkpoint_sha256)
        return path, load_tensors(path, about=f"{run.study_run_id} {run.population}")


def _twin(
    settings: RunSettings,
    image_shape: tuple[int, int, int],
    n_classes: int,
    tensors: Mapping[str, Tensor],
) -> nn.Module:
    """The torch network of a member of a population."""
    network = network_of(settings, image_shape, n_classes).to(parameter_type(settings))
    members = member_parameters(tensors, settings.seed, settings.learning_rate)
    try:
        put_parameters(network, {name: tensor[0, 0] for name, tensor in members.items()})
    except (KeyError, IndexError, RuntimeError):  # of a file that somebody else made
        raise UserError(
            "the parameters in the file of the model are of another architecture; ask for the file "
            "that was recorded, or train again with --fresh."
        ) from None
    return _OfBytes(network, rows=not FACTORIES[settings.kind].convolutional(settings))


class _OfBytes(nn.Module):
    """A network of a population, made to read images of bytes as the trainer's networks do."""

    def __init__(self, network: nn.Module, *, rows: bool) -> None:
        super().__init__()
        self.network, self.rows = network, rows
        self.type_of_parameters = next(network.parameters()).dtype

    def forward(self, x: Tensor) -> Tensor:  # (batch, channels, height, width)
        x = x.to(self.type_of_parameters) / 255
        if self.rows:
            x = x.permute(0, 2, 3, 1).flatten(1)  # a row has the channels of a pixel together
        return self.network(x).float()
