"""INF8225, TP1, part 2, with the names of its template: logistic regression by hand.

    from retroprop.labs.inf8225_tp1.regression import *

in place of the notebook's own definitions, and its cells run unchanged. As in the document, the
gradient of a minibatch is *summed*, and its loss is the cross-entropy of probabilities clamped at
1e-12. Three things differ, on purpose:

- the best model is a copy, not a reference to the model that goes on training;
- the data ship with this package, and the loaders hold them in memory;
- evaluating on a whole set uses large batches, whatever the loader's batch size.

Source: INF8225, TP1 (2025), part 2; Kingma & Ba (2015) for Adam.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import TensorDataset

from retroprop.byhand import losses
from retroprop.byhand.linear import linear, linear_weight_gradient
from retroprop.byhand.optimizers import SGD
from retroprop.data import load
from retroprop.data.splits import training_size
from retroprop.errors import UserError
from retroprop.labs.inf8225_tp1.adam_state import AdamState

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "LinearModel",
    "Logger",
    "accuracy",
    "accuracy_and_loss_whole_dataset",
    "cross_entropy",
    "get_fashion_mnist_dataloaders",
    "inputs_tilde",
    "plot_samples",
    "reshape_input",
    "softmax",
    "train",
]

_LARGE_BATCH = 2000


@runtime_checkable
class Classifier(Protocol):
    """What training and evaluation need of a model of the assignment."""

    def forward(self, x: Tensor) -> Tensor:
        """The probability of each class."""
        ...

    def sgd_update(self, lr: float, grads: Any) -> None:
        """One step of stochastic gradient descent."""
        ...

    def adam_update(self, lr: float, grads: Any) -> None:
        """One step of Adam."""
        ...


Model = TypeVar("Model", bound=Classifier)


class InMemoryLoader:
    """Minibatches of images in memory, in a new random order at each pass.

    Iterating gives `(x, y)`: x (batch, 1, 28, 28) float32 in [0, 1], y (batch,) int64. The order
    is drawn from torch's global generator, as that of torch's own loader, so `torch.manual_seed`
    fixes it.
    """

    def __init__(
        self,
        images: Float[Tensor, "examples 1 height width"],
        labels: Int[Tensor, "examples"],
        batch_size: int,
        num_workers: int = 0,
    ) -> None:
        """Hold the examples.

        Args:
            images: Grey levels from 0 to 1.
            labels: Whole numbers.
            batch_size: The length of all minibatches but the last.
            num_workers: Kept from torch's loader; what is in memory needs nobody to fetch it.
        """
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.num_workers = num_workers

    @property
    def dataset(self) -> TensorDataset:
        """The examples one by one, as torch's loader has them: `dataset[i]` is image and label."""
        return TensorDataset(self.images, self.labels)

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for indices in torch.randperm(len(self.labels)).split(self.batch_size):
            yield self.images[indices], self.labels[indices]

    def in_large_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, for evaluation."""
        yield from zip(
            self.images.split(_LARGE_BATCH), self.labels.split(_LARGE_BATCH), strict=True
        )


def get_fashion_mnist_dataloaders(
    val_percentage: float = 0.1, batch_size: int = 1, num_workers: int = 0
) -> tuple[InMemoryLoader, InMemoryLoader, InMemoryLoader]:
    """Loaders of the training, validation and test sets; the split is drawn at random.

    Args:
        val_percentage: Fraction in (0, 1) of the 60,000 training images kept for validation.
        batch_size: Examples per minibatch, from 1.
        num_workers: As of `InMemoryLoader`.

    Raises:
        UserError: If a value is out of its range.
    """
    dataset = load("fashion-mnist")
    n_train = training_size(dataset.info.n_train, val_percentage)
    if not 0 < n_train < dataset.info.n_train:
        raise UserError(
            f"val_percentage must be a fraction between 0 and 1, and got {val_percentage}."
        )
    if not isinstance(batch_size, int) or not 1 <= batch_size <= n_train:
        raise UserError(
            f"batch_size must be a whole number from 1 to {n_train}, and got {batch_size}."
        )
    images = _as_images(dataset.train_images)
    labels = torch.from_numpy(dataset.train_labels.copy()).long()
    order = torch.randperm(len(labels))
    train, validation = order[:n_train], order[n_train:]
    test_labels = torch.from_numpy(dataset.test_labels.copy()).long()
    return (
        InMemoryLoader(images[train], labels[train], batch_size, num_workers),
        InMemoryLoader(images[validation], labels[validation], batch_size, num_workers),
        InMemoryLoader(_as_images(dataset.test_images), test_labels, batch_size, num_workers),
    )


def reshape_input(
    x: Float[Tensor, "batch 1 28 28"], y: Int[Tensor, "batch"]
) -> tuple[Float[Tensor, "batch 784"], Float[Tensor, "batch 10"]]:
    """Images as rows of 784 pixels, and labels as one-hot rows."""
    return x.reshape(-1, 784), losses.one_hot(y, 10)


def accuracy(
    y: Float[Tensor, "batch classes"], y_pred: Float[Tensor, "batch classes"]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The fraction of examples whose most probable class is the label's, and its two counts.

    Returns:
        |C| / |D|, and (|C|, |D|): how many are well classified, and how many there are.
    """
    card_D = torch.tensor(y.shape[0])
    card_C = (y_pred.argmax(dim=1) == y.argmax(dim=1)).sum()
    return card_C / card_D, (card_C, card_D)


def accuracy_and_loss_whole_dataset(
    data_loader: Iterable[tuple[Tensor, Tensor]], model: Classifier
) -> tuple[Tensor, Tensor]:
    """Accuracy and mean cross-entropy (nats) over all examples of a loader."""
    batches = data_loader
    if isinstance(data_loader, InMemoryLoader):
        batches = data_loader.in_large_batches()
    loss, n_accurate, n_examples = torch.tensor(0.0, dtype=torch.float64), torch.tensor(0), 0
    for images, labels in batches:
        x, y = reshape_input(images, labels)
        y_pred = model.forward(x)
        loss += cross_entropy(y, y_pred)
        n_accurate += accuracy(y, y_pred)[1][0]
        n_examples += len(labels)
    return n_accurate / n_examples, (loss / n_examples).float()


def cross_entropy(
    y: Float[Tensor, "batch classes"], y_pred: Float[Tensor, "batch classes"]
) -> Tensor:
    """−Σ_i log p(y_i): summed over the minibatch, natural logarithm, p clamped at 1e-12.

    >>> cross_entropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    tensor(0.6931)
    """
    return -(y * y_pred.clamp(min=1e-12).log()).sum()


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Probabilities proportional to exp(x) along an axis, stable for any finite x.

    >>> softmax(torch.tensor([[1000, 10000, 100000]]))
    tensor([[0., 0., 1.]])
    """
    return losses.softmax(_as_floats(x), axis)


def inputs_tilde(x: Tensor, axis: int = -1) -> Tensor:
    """Append ones along an axis: x̃ = [x, 1]; whole numbers become float32.

    >>> inputs_tilde(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """
    x = _as_floats(x)
    shape = list(x.shape)
    shape[axis] = 1
    return torch.cat((x, x.new_ones(shape)), dim=axis)


class LinearModel(AdamState):
    """p(y | x) = softmax(x̃ params); `params` has shape (num_features + 1, num_classes)."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        """Draw the parameters from N(0, 0.01²) with torch's global generator."""
        self.params = torch.normal(0.0, 0.01, (num_features + 1, num_classes))

    def forward(self, x: Float[Tensor, "batch features"]) -> Float[Tensor, "batch classes"]:
        """The probability of each class."""
        return softmax(linear(inputs_tilde(x), self.params))

    def get_grads(
        self,
        y: Float[Tensor, "batch classes"],
        y_pred: Float[Tensor, "batch classes"],
        X: Float[Tensor, "batch features"],
    ) -> Float[Tensor, "features_and_one classes"]:
        """dL/dparams = X̃ᵀ (p − y), summed over the minibatch."""
        return linear_weight_gradient(inputs_tilde(X), y_pred - y)

    def sgd_update(self, lr: float, grads: Tensor) -> None:
        """One step of stochastic gradient descent."""
        SGD(self.params, lr).step(self.params, grads)

    def adam_update(self, lr: float, grads: Tensor) -> None:
        """One step of Adam, with β₁ = 0.9, β₂ = 0.999, ε = 1e-8."""
        (adam,) = self.adams()
        adam.learning_rate = torch.as_tensor(lr, dtype=self.params.dtype)
        adam.step(self.params, grads)


class Logger:
    """Losses and accuracies after each epoch, and their curves."""

    def __init__(self) -> None:
        self.losses_train: list[Tensor] = []
        self.losses_valid: list[Tensor] = []
        self.accuracies_train: list[Tensor] = []
        self.accuracies_valid: list[Tensor] = []

    def log(
        self,
        accuracy_train: Tensor | float = 0,
        loss_train: Tensor | float = 0,
        accuracy_valid: Tensor | float = 0,
        loss_valid: Tensor | float = 0,
    ) -> None:
        """Append the metrics of one epoch."""
        self.losses_train.append(torch.as_tensor(loss_train))
        self.accuracies_train.append(torch.as_tensor(accuracy_train))
        self.losses_valid.append(torch.as_tensor(loss_valid))
        self.accuracies_valid.append(torch.as_tensor(accuracy_valid))

    def plot_loss_and_accuracy(self, train: bool = True, valid: bool = True) -> "Figure":
        """Draw both curves with pyplot, so that a notebook shows them.

        Raises:
            UserError: If neither curve is asked for.
        """
        if not train and not valid:
            raise UserError("nothing to plot: ask for train=True, valid=True or both.")
        import matplotlib.pyplot as plt

        figure, (of_loss, of_accuracy) = plt.subplots(nrows=1, ncols=2, figsize=(12, 6))
        for wanted, label, marker, loss, share in (
            (train, "Training", "o-", self.losses_train, self.accuracies_train),
            (valid, "Validation", "s--", self.losses_valid, self.accuracies_valid),
        ):
            if wanted:
                of_loss.plot([float(value) for value in loss], marker, label=label)
                of_accuracy.plot([float(value) for value in share], marker, label=label)
        of_loss.set(title="CrossEntropy Loss", ylabel="mean cross-entropy (nats)")
        of_accuracy.set(title="Accuracy", ylabel="fraction well classified")
        for axes in (of_loss, of_accuracy):
            axes.set_xlabel("Epoch")
            axes.legend(loc="best")
            axes.set_axisbelow(True)
            axes.grid(True, color="lightgrey")
        return figure

    def print_last(self) -> None:
        """Print the metrics of the last epoch."""
        print(
            f"Epoch {len(self.losses_train) - 1:2d}, "
            f"Train: loss={self.losses_train[-1]:.3f}, "
            f"accuracy={self.accuracies_train[-1] * 100:.1f}%, "
            f"Valid: loss={self.losses_valid[-1]:.3f}, "
            f"accuracy={self.accuracies_valid[-1] * 100:.1f}%",
            flush=True,
        )


def train(
    model: LinearModel,
    lr: float = 0.1,
    nb_epochs: int = 10,
    sgd: bool = True,
    data_loader_train: Iterable[tuple[Tensor, Tensor]] | None = None,
    data_loader_val: Iterable[tuple[Tensor, Tensor]] | None = None,
) -> tuple[LinearModel, Tensor, Logger]:
    """Train by minibatches; epoch 0 evaluates the untrained model.

    Returns:
        A copy of the model at its best validation accuracy, that accuracy, and the logger.

    Raises:
        UserError: If a loader is missing.
    """
    return train_by(
        lambda x, y, y_pred: model.get_grads(y, y_pred, x),
        model,
        lr=lr,
        nb_epochs=nb_epochs,
        sgd=sgd,
        data_loader_train=data_loader_train,
        data_loader_val=data_loader_val,
    )


def train_by(
    gradients: Callable[[Tensor, Tensor, Tensor], Any],
    model: Model,
    *,
    lr: float,
    nb_epochs: int,
    sgd: bool,
    data_loader_train: Iterable[tuple[Tensor, Tensor]] | None,
    data_loader_val: Iterable[tuple[Tensor, Tensor]] | None,
) -> tuple[Model, Tensor, Logger]:
    """`train` for any model: `gradients` takes x, y and y_pred to what the updates take.

    Raises:
        UserError: If a loader is missing.
    """
    if data_loader_train is None or data_loader_val is None:
        raise UserError(
            "train needs data_loader_train and data_loader_val; get them from "
            "get_fashion_mnist_dataloaders()."
        )
    best_model, best_val_accuracy = copy.deepcopy(model), torch.tensor(0.0)
    logger = Logger()
    for epoch in range(nb_epochs + 1):
        if epoch > 0:
            for images, labels in data_loader_train:
                x, y = reshape_input(images, labels)
                y_pred = model.forward(x)
                grads = gradients(x, y, y_pred)
                if sgd:
                    model.sgd_update(lr, grads)
                else:
                    model.adam_update(lr, grads)
        accuracy_train, loss_train = accuracy_and_loss_whole_dataset(data_loader_train, model)
        accuracy_val, loss_val = accuracy_and_loss_whole_dataset(data_loader_val, model)
        if accuracy_val > best_val_accuracy:
            best_model, best_val_accuracy = copy.deepcopy(model), accuracy_val
        logger.log(accuracy_train, loss_train, accuracy_val, loss_val)
        logger.print_last()
    return best_model, best_val_accuracy, logger


def plot_samples() -> "Figure":
    """Ten training images with their labels."""
    import matplotlib.pyplot as plt

    dataset = load("fashion-mnist")
    figure, axes = plt.subplots(2, 5, figsize=(7.5, 4))
    for ax, image, label in zip(
        axes.flat, dataset.train_images, dataset.train_labels, strict=False
    ):
        ax.imshow(image, cmap="gray")
        ax.set_title(f"Label: {label}\n{dataset.info.classes[label]}", fontsize=9)
        ax.axis("off")
    figure.tight_layout()
    return figure


def _as_floats(x: Tensor) -> Tensor:
    """Whole numbers as float32; what is floating already stays as it is."""
    return x if x.is_floating_point() else x.float()


def _as_images(pixels: "object") -> Float[Tensor, "examples 1 height width"]:
    """Bytes to floats in [0, 1] with a channel axis, as torchvision's ToTensor gives them."""
    return torch.tensor(pixels).unsqueeze(1).float().div_(255)
