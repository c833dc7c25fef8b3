"""All parameters of a network in one block of memory, θ, each of them a view of it.

An optimizer then makes its passes once over θ, whatever the number of layers: for a network of
twenty narrow layers that is what a step costs. Within θ the parameters follow one another, and each
holds all members of the population, so every view is contiguous.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor


def views(
    theta: Float[Tensor, "values"], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """Cut θ into named parameters, without copying.

    Args:
        theta: A block of as many values as all shapes together.
        shapes: The shape of each parameter, in the order of the block.

    >>> views(torch.arange(5.0), {"W": (2, 2), "b": (1,)})["W"]
    tensor([[0., 1.],
            [2., 3.]])
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    parts = theta.split(list(sizes.values()))
    return {name: part.view(shapes[name]) for name, part in zip(sizes, parts, strict=True)}


def one_block(parameters: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Copy parameters into a new block; returns θ and the views of it, by the same names."""
    theta = torch.cat([tensor.reshape(-1) for tensor in parameters.values()])
    return theta, views(theta, {name: tensor.shape for name, tensor in parameters.items()})


def spread_over(
    theta: Float[Tensor, "values"],
    shapes: Mapping[str, tuple[int, ...]],
    of_members: Float[Tensor, "*members"],
) -> Float[Tensor, "values"]:
    """A block like θ in which every value of a member is the member's number.

    Args:
        theta: The block.
        shapes: The shapes of its parameters; each begins with the shape of `of_members`.
        of_members: One number for each member, such as its learning rate.
    """
    block = torch.empty_like(theta)
    for view in views(block, shapes).values():
        view.copy_(of_members.view(*of_members.shape, *(1,) * (view.ndim - of_members.ndim)))
    return block
