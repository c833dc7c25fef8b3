"""Many models trained as one tensor program: a population.

A population has two axes, seeds × learning rates. Models of one seed start from the same weights
and read the same minibatches, so each minibatch is fetched once per seed and multiplied with the
weights of all its members together. Members never influence each other: a population of n equals n
separate runs up to rounding. A member whose numbers stop being finite is marked as diverged and
left to itself.

The loop is `Population.train_epoch`: fetch, gradient, step. Written for one thread: a study runs
one population per worker process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from retroprop.byhand.losses import cross_entropy_and_hits, one_hot
from retroprop.byhand.online import BLOCK, train_one_by_one
from retroprop.byhand.optimizers import OPTIMIZERS
from retroprop.byhand.softmax_regression import Reduction, SoftmaxRegression, initial_weights
from retroprop.data.minibatches import epoch_order

PRECISIONS = {"float32": torch.float32, "float64": torch.float64}

# Examples that are turned into floating point at once. Small enough to stay near the processor,
# and fixed: the sums of an evaluation, and so its last digits, must not depend on the machine.
_CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A set of examples in memory, one byte per pixel; it becomes floating point chunk by chunk."""

    images: UInt8[Tensor, "examples features"]
    labels: Int[Tensor, "examples"]
    n_classes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_features(self) -> int:
        """Pixels per image."""
        return self.images.shape[1]

    def inputs(
        self, indices: Int[Tensor, "*lead chunk"], dtype: torch.dtype
    ) -> Float[Tensor, "*lead chunk features_and_one"]:
        """The augmented inputs x̃ = [pixels / 255, 1] of some examples."""
        rows = self.images.index_select(0, indices.flatten())
        inputs = torch.empty((len(rows), self.n_features + 1), dtype=dtype)
        inputs[:, :-1] = rows
        inputs[:, :-1] /= 255
        inputs[:, -1] = 1
        return inputs.view(*indices.shape, -1)


@dataclass(frozen=True, kw_only=True)
class PopulationSettings:
    """What fixes a population of softmax regressions. Members are seeds × learning rates.

    `gradient` says whether the gradient of a minibatch is the mean or the sum over its examples;
    `initial_scale` is the standard deviation of the initial weights.
    """

    optimizer: str
    batch_size: int
    learning_rates: tuple[float, ...]
    seeds: tuple[int, ...]
    gradient: Reduction = "mean"
    initial_scale: float = 0.01
    precision: str = "float32"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Mean cross-entropy (nats) and accuracy (fraction) of every member over a whole set."""

    loss: Float[Tensor, "*population"]
    accuracy: Float[Tensor, "*population"]


class Population:
    """Softmax regressions of several seeds × several learning rates, trained together.

    `model.W` has shape (seeds, rates, features + 1, classes).
    """

    def __init__(self, settings: PopulationSettings, n_features: int, n_classes: int) -> None:
        """Draw the initial weights: one draw per seed, shared by its learning rates."""
        self.settings = settings
        self.dtype = PRECISIONS[settings.precision]
        W = initial_weights(
            n_features,
            n_classes,
            seeds=settings.seeds,
            scale=settings.initial_scale,
            dtype=self.dtype,
        )  # (seeds, features + 1, classes)
        rates = torch.tensor(settings.learning_rates, dtype=self.dtype)
        self.model = SoftmaxRegression(W.unsqueeze(1).expand(-1, len(rates), -1, -1))
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.W, rates.view(-1, 1, 1))

    @property
    def shape(self) -> tuple[int, int]:
        """(number of seeds, number of learning rates)."""
        return len(self.settings.seeds), len(self.settings.learning_rates)

    def train_epoch(
        self, examples: Examples, epoch: int, *, on_step: Callable[[int], None] = lambda _: None
    ) -> None:
        """Visit every example once, in the order of each seed, and update after each minibatch.

        Args:
            examples: The training set. Its last minibatch may be smaller than the others.
            epoch: Number of this epoch, from 1; with the seed it fixes the order.
            on_step: Called after each step with the number of examples visited by it, or after
                each block of single-example steps; whatever it raises stops the training there.
        """
        batch_size = self.settings.batch_size
        seeds = self.settings.seeds
        order = torch.stack([epoch_order(len(examples), seed=s, epoch=epoch) for s in seeds])
        per_chunk = max(1, _CHUNK // batch_size) * batch_size
        for indices in order.split(per_chunk, dim=1):  # (seeds, chunk)
            x = examples.inputs(indices, self.dtype)  # (seeds, chunk, features + 1)
            y = one_hot(examples.labels[indices], examples.n_classes, self.dtype)
            self._train_chunk(x, y, on_step)

    def _train_chunk(self, x: Tensor, y: Tensor, on_step: Callable[[int], None]) -> None:
        W, batch_size = self.model.W, self.settings.batch_size
        if batch_size == 1:
            for x_block, y_block in zip(x.split(BLOCK, -2), y.split(BLOCK, -2), strict=True):
                train_one_by_one(W, x_block, y_block, self.optimizer)
                on_step(x_block.shape[-2])
            return
        y = y.unsqueeze(1)  # (seeds, 1, chunk, classes): the same for all learning rates of a seed
        for x_batch, y_batch in zip(x.split(batch_size, -2), y.split(batch_size, -2), strict=True):
            dW = self.model.gradient(x_batch, y_batch, reduction=self.settings.gradient)
            self.optimizer.step(W, dW)
            on_step(x_batch.shape[-2])

    def evaluate(self, examples: Examples) -> Evaluation:
        """Loss and accuracy of every member over the whole set."""
        return evaluate(self.model, examples)


def evaluate(model: SoftmaxRegression, examples: Examples) -> Evaluation:
    """Loss and accuracy over a whole set, for one model or for every member of a population."""
    population = model.W.shape[:-2]
    loss = torch.zeros(population, dtype=torch.float64)
    hits = torch.zeros(population, dtype=torch.int64)
    for indices in torch.arange(len(examples)).split(_CHUNK):
        z = model.logits(examples.inputs(indices, model.W.dtype))  # (*population, chunk, classes)
        chunk_loss, chunk_hits = cross_entropy_and_hits(z, examples.labels[indices])
        loss += chunk_loss
        hits += chunk_hits
    return Evaluation(loss=loss / len(examples), accuracy=hits.double() / len(examples))


def examples_from(
    images: UInt8[Tensor, "all height width"],
    labels: Int[Tensor, "all"],
    indices: Int[Tensor, "examples"] | None = None,
    *,
    classes: Sequence[str],
) -> Examples:
    """Lay out a set of images as rows of pixels; of all of them, or of those at `indices`."""
    chosen = slice(None) if indices is None else indices
    return Examples(
        images=images[chosen].flatten(1),
        labels=labels[chosen].to(torch.int64),
        n_classes=len(classes),
    )
