"""Many models trained as one tensor program: a population.

A population has two axes, seeds × learning rates. Models of one seed start from the same weights
and read the same minibatches, so each minibatch is fetched once per seed and multiplied with the
weights of all its members together. Members never influence each other: a population of n equals n
separate runs up to rounding. A member whose numbers stop being finite is marked as diverged and
left to itself.

A population lives on one device, with the examples that it reads: a GPU makes the same steps, up
to rounding. What is drawn, weights and orders, is drawn on the CPU and moved, so it is the same
everywhere.

The loop is `Population.train_epoch`: fetch, then `Learner.learn` (gradient and step). Written for
one thread: a study runs one population per worker process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from retroprop.byhand.losses import cross_entropy_and_hits, one_hot, squared_error_and_hits
from retroprop.data.minibatches import epoch_order
from retroprop.training.factories import CPU, make_learner
from retroprop.training.learners import Layout, Learner, parameter_type
from retroprop.training.settings import PopulationSettings

# Examples that are turned into floating point at once. Small enough to stay near the processor,
# and fixed: the sums of an evaluation, and so its last digits, must not depend on the machine.
_CHUNK = 500

_LOSS_AND_HITS = {
    "cross-entropy": cross_entropy_and_hits,
    "squared-error": squared_error_and_hits,
}


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A set of examples in memory, one byte per pixel; it becomes floating point chunk by chunk.

    `image_shape` is (height, width, channels), and a row of `images` has its pixels in that order.
    """

    images: UInt8[Tensor, "examples features"]
    labels: Int[Tensor, "examples"]
    n_classes: int
    image_shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_features(self) -> int:
        """Pixels per image, times channels."""
        return self.images.shape[1]

    def to(self, device: torch.device) -> "Examples":
        """The same set on another device; itself where it is there already."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def inputs(
        self, indices: Int[Tensor, "*lead chunk"], dtype: torch.dtype, layout: Layout = "augmented"
    ) -> Float[Tensor, "..."]:
        """Some examples, pixels in [0, 1], in one of three layouts.

        "augmented" are rows [pixels, 1], "rows" have no 1, and "images" are (channels, height,
        width) with the channels last in memory.
        """
        rows = self.images.index_select(0, indices.flatten())
        if layout == "augmented":
            inputs = rows.new_empty((len(rows), self.n_features + 1), dtype=dtype)
            inputs[:, :-1] = rows
            inputs[:, :-1] /= 255
            inputs[:, -1] = 1
            return inputs.view(*indices.shape, -1)
        inputs = rows.to(dtype).div_(255)
        if layout == "rows":
            return inputs.view(*indices.shape, -1)
        return inputs.view(*indices.shape, *self.image_shape).movedim(-1, -3)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Mean loss and accuracy (fraction) of every member over a whole set.

    The loss is the cross-entropy in nats or the squared error ½ Σ (z − t)², as the model has it.
    """

    loss: Float[Tensor, "*population"]
    accuracy: Float[Tensor, "*population"]

    def cpu(self) -> "Evaluation":
        """The same numbers where they are read: the one time that an epoch waits for a GPU."""
        return Evaluation(loss=self.loss.cpu(), accuracy=self.accuracy.cpu())


class Population:
    """Models of one kind, of several seeds × several learning rates, trained together."""

    def __init__(
        self,
        settings: PopulationSettings,
        image_shape: tuple[int, int, int],
        n_classes: int,
        parameters: Mapping[str, Tensor] | None = None,
        device: torch.device = CPU,
    ) -> None:
        """Draw the initial weights, one draw per seed, or take `parameters` (seeds, rates, …)."""
        self.settings, self.image_shape, self.n_classes = settings, image_shape, n_classes
        self.device = device
        self.learner: Learner = make_learner(
            settings, image_shape, n_classes, parameters, device=device
        )

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name, each (seeds, rates, …)."""
        return self.learner.parameters

    @property
    def shape(self) -> tuple[int, int]:
        """(number of seeds, number of learning rates)."""
        return len(self.settings.seeds), len(self.settings.learning_rates)

    def train_epoch(
        self, examples: Examples, epoch: int, *, on_step: Callable[[int], None] = lambda _: None
    ) -> None:
        """Visit every example once, in the order of each seed, and update after each minibatch.

        Args:
            examples: The training set, on the device of the population. Its last minibatch may be
                smaller than the others.
            epoch: Number of this epoch, from 1; with the seed it fixes the order.
            on_step: Called after each step with the number of examples visited by it, or after
                each block of single-example steps; whatever it raises stops the training there.
        """
        learner, dtype = self.learner, parameter_type(self.settings)
        per_call = learner.examples_per_call
        seeds = self.settings.seeds
        order = torch.stack([epoch_order(len(examples), seed=s, epoch=epoch) for s in seeds])
        order = order.to(self.device)
        per_chunk = max(1, _CHUNK // per_call) * per_call
        steps = -(-len(examples) // self.settings.batch_size)
        step = (epoch - 1) * steps
        for indices in order.split(per_chunk, dim=1):  # (seeds, chunk)
            x = examples.inputs(indices, dtype, learner.layout)  # (seeds, chunk, …)
            y = one_hot(examples.labels[indices], examples.n_classes, dtype)
            for x_batch, y_batch in zip(x.split(per_call, 1), y.split(per_call, 1), strict=True):
                if self.settings.schedule != "constant":
                    learner.scale_rates(self.settings.rate_factor(step, steps))
                learner.learn(x_batch, y_batch)
                step += 1
                on_step(x_batch.shape[1])
        learner.export()

    def evaluate(self, examples: Examples) -> Evaluation:
        """Loss and accuracy of every member over the whole set."""
        return evaluate(self.learner, examples)

    def evaluate_untrained(self, examples: Examples) -> Evaluation:
        """The same before the first step, when all learning rates of a seed have equal weights."""
        first = {name: tensor[:, :1] for name, tensor in self.parameters.items()}
        first_rate = self.settings.learning_rates[:1]
        settings = replace(self.settings, learning_rates=first_rate)
        shape, classes = self.image_shape, self.n_classes
        learner = make_learner(settings, shape, classes, first, device=self.device)
        result = evaluate(learner, examples)
        return Evaluation(
            loss=result.loss.expand(self.shape).clone(),
            accuracy=result.accuracy.expand(self.shape).clone(),
        )


def evaluate(learner: Learner, examples: Examples) -> Evaluation:
    """Loss and accuracy of every member of a learner over a whole set."""
    some = next(iter(learner.parameters.values()))
    population = some.shape[:2]
    loss = some.new_zeros(population, dtype=torch.float64)
    hits = some.new_zeros(population, dtype=torch.int64)
    loss_and_hits = _LOSS_AND_HITS[learner.loss]
    for indices in _in_order(examples):
        z = learner.outputs(examples.inputs(indices, some.dtype, learner.layout))
        chunk_loss, chunk_hits = loss_and_hits(z, examples.labels[indices])
        loss += chunk_loss
        hits += chunk_hits
    return Evaluation(loss=loss / len(examples), accuracy=hits.double() / len(examples))


def predictions(learner: Learner, examples: Examples) -> Int[Tensor, "seeds rates classes classes"]:
    """How often each class (rows) was taken for each class (columns), for every member."""
    some = next(iter(learner.parameters.values()))
    counts = []
    for indices in _in_order(examples):
        z = learner.outputs(examples.inputs(indices, some.dtype, learner.layout))
        labels = examples.labels[indices]
        predicted = F.one_hot(z.argmax(-1), examples.n_classes)  # (…, chunk, classes)
        actual = F.one_hot(labels, examples.n_classes)
        counts.append(torch.einsum("bi,srbj->srij", actual, predicted))
    return torch.stack(counts).sum(0)


def _in_order(examples: Examples) -> tuple[Tensor, ...]:
    """The places of all examples, chunk by chunk, on their device."""
    return torch.arange(len(examples), device=examples.labels.device).split(_CHUNK)


def examples_from(
    images: UInt8[Tensor, "all height width *channels"],
    labels: Int[Tensor, "all"],
    indices: Int[Tensor, "examples"] | None = None,
    *,
    classes: Sequence[str],
) -> Examples:
    """Lay out a set of images as rows of pixels; of all of them, or of those at `indices`."""
    chosen = slice(None) if indices is None else indices
    height, width, *channels = images.shape[1:]
    return Examples(
        images=images[chosen].flatten(1),
        labels=labels[chosen].to(torch.int64),
        n_classes=len(classes),
        image_shape=(height, width, channels[0] if channels else 1),
    )
