"""A study that is small enough for tests: 4 models of two populations on the CIFAR-10 sample."""

import psutil

from retroprop.studies.pools import Silent
from retroprop.studies.schema import Study

SMALL = {
    "name": "small",
    "title": {"en": "A small study", "fr": "Une petite étude"},
    "dataset": "cifar10-sample",
    "split": {"validation": 0.2, "seed": 1},
    "epochs": 3,
    "seeds": [0, 1],
    "training": {"batch_size": 100},
    "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01, 0.001]},
    "selection": {"best_per": ["optimizer"]},
}


def small_study(**changes):
    return Study.model_validate(SMALL | changes)


def numbers(records, study_run_id):
    """Everything that must be equal between two executions of a study: all but times and ids."""
    return [
        (
            run.position,
            run.cell,
            run.seed,
            run.status,
            run.best_epoch,
            run.best_validation_accuracy,
            run.best_validation_loss,
            run.test_accuracy,
            run.test_loss,
            [
                (e.epoch, e.train_loss, e.train_accuracy, e.validation_loss, e.validation_accuracy)
                for e in run.epochs
            ],
        )
        for run in records.runs(study_run_id)
    ]


def everything(records, study_run_id):
    """All numbers of a study, and the checksums of its files."""
    runs = records.runs(study_run_id)
    return numbers(records, study_run_id), [run.checkpoint_sha256 for run in runs]


def as_toml(study):
    """The study as a file."""
    lines = [f'name = "{study.name}"', f'dataset = "{study.dataset}"']
    lines += [f"epochs = {study.epochs}", f"seeds = {study.seeds}"]
    lines += [f'title = {{ en = "{study.title.en}", fr = "{study.title.fr}" }}']
    lines += [f"split = {{ validation = {study.split.validation}, seed = {study.split.seed} }}"]
    lines += ["[training]", f"batch_size = {study.training.batch_size}"]
    lines += ["[grid]", *(f"{key} = {value}" for key, value in study.grid.varied().items())]
    lines += ["[selection]", f"best_per = {study.selection.best_per}"]
    return "\n".join(lines)


class Listening(Silent):
    """Remembers the notes; may do something at each recorded epoch."""

    def __init__(self, at_epoch=lambda report: None):
        self.notes, self.at_epoch = [], at_epoch

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        self.at_epoch(report)


def is_worker(process):
    """Tell a worker from other processes, and from one that has ended."""
    try:
        return any("retroprop.studies.worker" in word for word in process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return False
