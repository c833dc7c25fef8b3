"""The networks by automatic differentiation: `torch.nn` modules that give logits.

They know nothing of `byhand`: `retroprop.parity` compares the two derivations. The names of the
state dicts are those of the assignments, so weights trained with the original templates load.
"""

from typing import TYPE_CHECKING

from retroprop.lazy import offers

if TYPE_CHECKING:
    from retroprop.models.budget import CNNBudget, MLPBudget, Unknown, solve
    from retroprop.models.catalog import MODELS, ModelInfo, build, find_model
    from retroprop.models.cnn import CNN
    from retroprop.models.mlp import MLP
    from retroprop.models.mlpmixer import MLPMixer
    from retroprop.models.resnet18 import ResNet18
    from retroprop.models.summary import ModelSummary, summarize

__all__ = [
    "CNN",
    "MLP",
    "MODELS",
    "CNNBudget",
    "MLPBudget",
    "MLPMixer",
    "ModelInfo",
    "ModelSummary",
    "ResNet18",
    "Unknown",
    "build",
    "find_model",
    "solve",
    "summarize",
]

__getattr__, __dir__ = offers(
    __name__,
    {
        "budget": ["CNNBudget", "MLPBudget", "Unknown", "solve"],
        "catalog": ["MODELS", "ModelInfo", "build", "find_model"],
        "cnn": ["CNN"],
        "mlp": ["MLP"],
        "mlpmixer": ["MLPMixer"],
        "resnet18": ["ResNet18"],
        "summary": ["ModelSummary", "summarize"],
    },
)
