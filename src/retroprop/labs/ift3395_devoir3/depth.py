"""Where the gradient of a deep MLP is: its norm layer by layer, before any training.

    δ_l = φ′(a_l) ⊙ W_{l+1}ᵀ δ_{l+1},        E‖δ_l‖² ≈ (n Var[W] / 2) E‖δ_{l+1}‖²   for ReLU,

so with torch's Var[W] = 1 / 3n a layer keeps a sixth of the mean square, and with 2 / n all of it.
Source: He et al., Delving deep into rectifiers (2015), section 2.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from retroprop.data import load
from retroprop.labs.ift3395_devoir3.checks import largest, scientific, seeded
from retroprop.labs.ift3395_devoir3.solution import NetworkConfiguration, Trainer, examples
from retroprop.report.document import Table, row
from retroprop.report.lab_report import LabReport

NORMALISED_OVER = 2000
BATCH = 128
EVERY = 10
"""The table shows every tenth layer."""


@dataclass(frozen=True)
class LayerNorms:
    """The norm of the gradient of each Linear layer, the first one first.

    Attributes:
        usual: With torch's initial weights.
        he: With weights of variance 2 / n and biases of 0.
        spread: How far the probabilities of two images differ at most, with torch's weights.
    """

    usual: tuple[float, ...]
    he: tuple[float, ...]
    spread: float

    @property
    def first(self) -> float:
        """That of the first hidden layer."""
        return self.usual[0]

    @property
    def last(self) -> float:
        """That of the output layer."""
        return self.usual[-1]

    @property
    def he_first(self) -> float:
        """That of the first hidden layer with the other initial weights."""
        return self.he[0]

    @property
    def share_of_last(self) -> float:
        """How much of the squared norm of the whole belongs to the output layer."""
        return self.last**2 / sum(norm**2 for norm in self.usual)

    def table(self, lab: LabReport) -> Table:
        """Some of the layers."""
        say, n = lab.say, len(self.usual)
        shown = [1, *range(EVERY, n - 1, EVERY), n - 1, n]
        rows = [
            row(
                say("output") if layer == n else str(layer),
                *(scientific(lab, norms[layer - 1]) for norms in (self.usual, self.he)),
            )
            for layer in dict.fromkeys(shown)
        ]
        return Table(
            name="layers",
            caption=say("Norm of the gradient by layer, before any training"),
            corner=say("layer"),
            columns=[say("torch’s initial weights"), say("He’s initial weights")],
            rows=rows,
            notes=[
                say(
                    "The first {batch} training images, with pixels normalised over the first "
                    "{n}; the template’s seed."
                ).format(batch=BATCH, n=lab.numbers.integer(NORMALISED_OVER))
            ],
        )


@cache
def gradient_by_layer(hidden: Sequence[int]) -> LayerNorms:
    """The norms of an MLP with these hidden layers, with the template's seed."""
    found = load("fashion-mnist")
    part = examples(found.train_images[:NORMALISED_OVER], found.train_labels[:NORMALISED_OVER])
    X, y = Trainer.normalize(part, part, part)[0]
    (usual, spread), (he, _) = (_norms(hidden, X[:BATCH], y[:BATCH], he=he) for he in (False, True))
    return LayerNorms(usual, he, spread)


def _norms(
    hidden: Sequence[int], X: torch.Tensor, y: torch.Tensor, *, he: bool
) -> tuple[tuple[float, ...], float]:
    """The norm of each layer's gradient, and how far the outputs of two images differ at most."""
    with seeded():
        network = Trainer.create_mlp(
            784, NetworkConfiguration(dense_hiddens=tuple(hidden)), 10, nn.ReLU()
        )
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        for layer in layers if he else ():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    network.double()  # the smallest gradients are far below what float32 tells from 0 when squared
    p = network(X.double()).clamp(1e-9, 1 - 1e-9)
    nn.functional.nll_loss(p.log(), y).backward()
    norms = tuple(Trainer.compute_gradient_norm(layer) for layer in layers)
    return norms, largest(p.amax(0) - p.amin(0))
