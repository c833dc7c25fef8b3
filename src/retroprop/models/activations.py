"""The activation functions that networks take by name."""

from torch import nn

from retroprop.errors import UserError, did_you_mean

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
}


def activation_class(name: str) -> type[nn.Module]:
    """The module class of an activation function.

    Raises:
        UserError: If the name is unknown.
    """
    if name not in ACTIVATIONS:
        raise UserError(f"there is no activation {name!r}. {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]
