"""Compares a layer, forward and backward, with automatic differentiation, in float64.

The reference is a function of one member: (x, parameters) → y, written with torch.nn.functional.
Members that share an input each read the same leaf, so autograd sums their gradients.
"""

import itertools

import torch

POPULATIONS = [
    # population axes of the input, of the parameters
    ((), ()),
    ((1,), (1,)),
    ((2,), (2,)),
    ((7,), (7,)),
    ((2, 3), (2, 3)),
    ((), (2,)),
    ((), (2, 3)),
    ((2,), (2, 3)),
]


def draw(*shape, seed=0, scale=1.0):
    """Standard normal numbers in float64."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def assert_close(got, expected, name, tolerance=1e-9):
    """Every element within `tolerance` times the largest.

    Tensors here are of order one; where all is below 1e-4, exact arithmetic would give 0.
    """
    assert got.shape == expected.shape, f"{name}: shape {got.shape}, not {expected.shape}"
    error = (got - expected).abs().max() / expected.abs().max().clamp(min=1e-4)
    assert error <= tolerance, f"{name}: error {error:.2e} of the largest element"


def check(layer, reference, x, *, groups=(), population=(), training=True, tolerance=1e-9):
    """Assert that the output and every gradient equal autograd's; returns both, by name.

    `groups` are the population axes of x, the first of `population`. The reference is also given
    copies of the layer's buffers, as they were before.
    """
    before = x.clone()
    buffers = {name: b.clone() for name, b in getattr(layer, "buffers", {}).items()}
    leaf = x.clone().requires_grad_()
    leaves = {name: p.clone().requires_grad_() for name, p in layer.parameters.items()}
    outputs = [
        reference(leaf[m[: len(groups)]], {name: t[m] for name, t in (leaves | buffers).items()})
        for m in itertools.product(*map(range, population))
    ]
    expected = torch.stack(outputs).view(*population, *outputs[0].shape)

    y, saved = layer.forward(x, training=training)
    assert_close(y, expected.detach(), "y", tolerance)
    dy = draw(*y.shape, seed=7)
    expected.backward(dy)
    dx, gradients = layer.backward(dy, saved)
    assert torch.equal(x, before), "the input was changed"
    assert_close(dx, leaf.grad, "dx", tolerance)
    assert set(gradients) == set(leaves)
    for name, p in leaves.items():
        assert_close(gradients[name], p.grad, f"d{name}", tolerance)
    return gradients | {"x": dx}
