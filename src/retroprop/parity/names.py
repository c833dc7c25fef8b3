"""Names and shapes of parameters, by hand and in the state dict of the twin.

    by hand                  state dict
    conv1.W  (out, in, h, w) conv1.weight, the same
    linear.W (in, out)       linear.weight, the transpose
    linear.b, bn1.beta       linear.bias, bn1.bias
    bn1.gamma                bn1.weight

Both ways for one member: without population axes.
"""

from collections.abc import Mapping

from torch import Tensor

_LAST = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}


def to_state_dict(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The twin's state dict, of the by-hand parameters of one member."""
    return {
        twin_name(name): tensor.mT if _transposed(name, tensor) else tensor
        for name, tensor in parameters.items()
    }


def from_state_dict(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The by-hand parameters of one member, of the twin's state dict; running statistics left out.

    >>> import torch
    >>> state = {"bn.weight": torch.ones(3), "bn.bias": torch.zeros(3)}
    >>> state |= {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}
    >>> {name: tuple(tensor.shape) for name, tensor in from_state_dict(state).items()}
    {'bn.gamma': (3,), 'bn.beta': (3,), 'fc.W': (3, 2), 'fc.b': (2,)}
    """
    named = {}
    for name, tensor in state.items():
        path, _, last = name.rpartition(".")
        if last not in ("weight", "bias"):
            continue
        of_norm = state[f"{path}.weight"].ndim == 1  # scale and shift of a normalization
        ours = {"weight": "gamma" if of_norm else "W", "bias": "beta" if of_norm else "b"}[last]
        named[f"{path}.{ours}"] = tensor.mT if tensor.ndim == 2 else tensor
    return named


def twin_name(name: str) -> str:
    """The name in the state dict.

    >>> twin_name("layer1.0.bn1.gamma")
    'layer1.0.bn1.weight'
    """
    *path, last = name.split(".")
    return ".".join((*path, _LAST[last]))


def _transposed(name: str, tensor: Tensor) -> bool:
    """Linear maps are (in, out) by hand and (out, in) in torch; kernels have four axes in both."""
    return name.split(".")[-1] == "W" and tensor.ndim == 2
