"""What trains: settings, one network in a visible loop, many small ones as one program."""

from typing import TYPE_CHECKING

from retroprop.lazy import offers

if TYPE_CHECKING:
    from retroprop.training.augmentation import Augmentation
    from retroprop.training.confusion import confusion_matrix, count_pairs
    from retroprop.training.devices import choose_device
    from retroprop.training.epochs import EpochRecord, Progress
    from retroprop.training.image_sets import (
        ImageSet,
        Normalization,
        fit_normalization,
        image_set,
        normalization_of,
    )
    from retroprop.training.lr_finder import RangeTest, find_learning_rate
    from retroprop.training.model_files import ModelCard, load_model, save_model
    from retroprop.training.populations import Evaluation, Examples, Population, examples_from
    from retroprop.training.settings import Hyperparameters, PopulationSettings, RunSettings
    from retroprop.training.trainer import Scores, Trainer, evaluate_model

__all__ = [
    "Augmentation",
    "EpochRecord",
    "Evaluation",
    "Examples",
    "Hyperparameters",
    "ImageSet",
    "ModelCard",
    "Normalization",
    "Population",
    "PopulationSettings",
    "Progress",
    "RangeTest",
    "RunSettings",
    "Scores",
    "Trainer",
    "choose_device",
    "confusion_matrix",
    "count_pairs",
    "evaluate_model",
    "examples_from",
    "find_learning_rate",
    "fit_normalization",
    "image_set",
    "load_model",
    "normalization_of",
    "save_model",
]

__getattr__, __dir__ = offers(
    __name__,
    {
        "augmentation": ["Augmentation"],
        "confusion": ["confusion_matrix", "count_pairs"],
        "devices": ["choose_device"],
        "epochs": ["EpochRecord", "Progress"],
        "image_sets": [
            "ImageSet",
            "Normalization",
            "fit_normalization",
            "image_set",
            "normalization_of",
        ],
        "lr_finder": ["RangeTest", "find_learning_rate"],
        "model_files": ["ModelCard", "load_model", "save_model"],
        "populations": ["Evaluation", "Examples", "Population", "examples_from"],
        "settings": ["Hyperparameters", "PopulationSettings", "RunSettings"],
        "trainer": ["Scores", "Trainer", "evaluate_model"],
    },
)
