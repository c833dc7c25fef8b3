"""Give a network the weights of a checkpoint, or say in one sentence why they do not fit."""

from collections.abc import Mapping

from torch import Tensor, nn

from retroprop.errors import UserError


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters and buffers of the same names.

    Nothing is copied unless every name and every shape agrees.

    Args:
        network: What receives them.
        weights: A state dict of the same architecture.

    Raises:
        UserError: If a tensor is missing, is too many, or has another shape: these are the weights
            of another architecture.
    """
    wanted = network.state_dict()
    kind = type(network).__name__
    missing = [name for name in wanted if name not in weights]
    surplus = [name for name in weights if name not in wanted]
    if missing or surplus:
        which = f"lacks {missing[0]!r}" if missing else f"has {surplus[0]!r}"
        others = len(missing) + len(surplus) - 1
        more = f" and {others} more of its {len(wanted)} names differ" if others else ""
        raise UserError(
            f"these are the weights of another architecture: the checkpoint {which}, which "
            f"{kind} {'needs' if missing else 'does not know'}{more}; make the network with the "
            "model and the sizes that were trained."
        )
    for name, tensor in wanted.items():
        if weights[name].shape != tensor.shape:
            raise UserError(
                f"these are the weights of a {kind} of other sizes: {name!r} has the shape "
                f"{tuple(weights[name].shape)} and {tuple(tensor.shape)} is expected; make the "
                "network with the sizes that were trained."
            )
    network.load_state_dict(dict(weights))
