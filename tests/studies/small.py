"""A study that is small enough for tests: 4 models of two populations on the CIFAR-10 sample."""

import psutil

from retroprop.studies.runner import Silent
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
