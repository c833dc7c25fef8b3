"""IFT3395, devoir 3, with the names of its template: gradients, and a Trainer for two networks.

    from retroprop.labs.ift3395_devoir3.solution import *

in place of the template's own definitions, and its scripts run unchanged. What the template fixes
is kept, down to the numbers:

- the minibatches are consecutive slices of the training set, in the same order every epoch;
- the network ends with a softmax; its probabilities p are clamped to [ε, 1 − ε] with ε = 1e-9, and
  the loss is the mean of −Σ_c y_c ln p_c (nats);
- the validation set is the first 2,000 images of the test file;
- `train_loop` logs before the first epoch and after each one, on the first 2,000 training images
  and on the validation set; the gradient norm is that of the last minibatch of each epoch;
- importing the module seeds Python, NumPy and torch with 197331.

Three things differ, on purpose: the images come with this package instead of from the network; a
feature that is constant in the training set is left at 0 instead of becoming NaN; labels, shapes
and sizes that cannot be are explained in a sentence.

Sets stay in memory, nothing loops over examples, and the CNN is a `PooledSequential`. The numbers
are those of the same Trainer written with loops, bit for bit (`benchmarks/template_trainer.py`).
Nothing that is common to the whole process is changed: `torch.set_num_threads(1)` is the caller's
choice, and a good one while other programs work.

Source: IFT3395, devoir 3, partie pratique; Kingma & Ba (2015) for Adam.
"""

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from retroprop.calculus.norms import gradient_norm, jacobian_norm
from retroprop.data import load
from retroprop.errors import UserError, did_you_mean
from retroprop.labs.ift3395_devoir3.equivariance import Equivariance, compare_movements
from retroprop.models.activations import activation_class
from retroprop.models.cnn import POOLED, convolutions_of, pooled_size
from retroprop.models.pooling import PooledSequential

__all__ = ["Equivariance", "NetworkConfiguration", "Trainer", "gradient_norm", "jacobian_norm"]

SEED = 197331
np.random.seed(SEED)
torch.manual_seed(SEED)
random.seed(SEED)

LOGGED = 2000
"""How many training images `train_loop` logs, and how many test images validate."""

Examples = tuple[Tensor, Tensor]
"""Images (n, channels, height, width) and labels (n,)."""


class NetworkConfiguration(NamedTuple):
    """The hidden layers of a network; an MLP has the dense ones alone.

    Attributes:
        n_channels: Channels that each convolution gives.
        kernel_sizes: Height and width of each kernel.
        strides: Stride of each convolution.
        paddings: Zeros around the input of each convolution.
        dense_hiddens: Neurons of each fully connected hidden layer.
    """

    n_channels: tuple[int, ...] = (16, 32, 48)
    kernel_sizes: tuple[int, ...] = (3, 3, 3)
    strides: tuple[int, ...] = (1, 1, 1)
    paddings: tuple[int, ...] = (0, 0, 0)
    dense_hiddens: tuple[int, ...] = (256, 256)


class Trainer:
    """Trains an MLP or a CNN on Fashion-MNIST with Adam, and keeps the metrics.

    Attributes:
        train, valid, test: Images (n, 1, 28, 28) float32 and labels (n,) int64; 60,000, 2,000 and
            8,000 of them.
        network_type: "mlp" or "cnn".
        network: The network, with probabilities as output.
        optimizer: Adam over its parameters.
        n_classes, lr, batch_size, datapath: As given.
        epsilon: Probabilities are clamped to [epsilon, 1 − epsilon].
        train_logs: Lists of train_accuracy, validation_accuracy, train_loss and validation_loss,
            one value before the first epoch and one after each, and train_gradient_norm, one value
            per epoch.
    """

    def __init__(
        self,
        network_type: str = "mlp",
        net_config: NetworkConfiguration = NetworkConfiguration(),  # noqa: B008 - it is immutable
        datapath: str = "./data",
        n_classes: int = 10,
        lr: float = 0.0001,
        batch_size: int = 128,
        activation_name: str = "relu",
        normalization: bool = True,
    ) -> None:
        """Load the sets, normalize them if asked to, and make the network and its optimizer.

        Args:
            network_type: "mlp" or "cnn".
            net_config: The hidden layers.
            datapath: Kept from the template, which downloads into it; nothing is read there.
            n_classes: How many classes there are.
            lr: Learning rate of Adam.
            batch_size: Examples per minibatch, from 1.
            activation_name: "relu", "tanh" or "sigmoid".
            normalization: Whether every pixel is centred and scaled by the training set.

        Raises:
            UserError: If a value is out of its range, or a kernel is larger than its input.
        """
        if network_type not in ("mlp", "cnn"):
            raise UserError(
                f"there is no network type {network_type!r}. "
                + did_you_mean(network_type, ("mlp", "cnn"))
            )
        if batch_size < 1:
            raise UserError(f"batch_size must be a whole number from 1, and got {batch_size}.")
        if not 0 <= lr < float("inf"):
            raise UserError(f"lr must be a number from 0, such as 0.0001, and got {lr}.")
        activation = self.create_activation_function(activation_name)
        self.train, self.valid, self.test = self.load_dataset(datapath)
        self._first_image = self.train[0][0] / 255
        if normalization:
            self.train, self.valid, self.test = self.normalize(self.train, self.valid, self.test)
        channels, height, width = self.train[0].shape[1:]
        if network_type == "mlp":
            pixels = channels * height * width
            self.network = self.create_mlp(pixels, net_config, n_classes, activation)
        else:
            pooled_size(height, width, convolutions_of(*net_config[:4]))
            self.network = self.create_cnn(channels, net_config, n_classes, activation)
        self.network_type = network_type
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=lr)
        self.datapath, self.n_classes = datapath, n_classes
        self.lr, self.batch_size = lr, batch_size
        self.epsilon = 1e-9
        self.train_logs: dict[str, list[float]] = {
            "train_accuracy": [],
            "validation_accuracy": [],
            "train_loss": [],
            "validation_loss": [],
            "train_gradient_norm": [],
        }

    # --- data -------------------------------------------------------------------------------------

    @staticmethod
    def load_dataset(datapath: str) -> tuple[Examples, Examples, Examples]:
        """Fashion-MNIST, raw grey levels from 0 to 255: 60,000, 2,000 and 8,000 examples.

        Args:
            datapath: Kept from the template; the files of this package are used, with known
                checksums.

        Returns:
            Training set; the first 2,000 images of the test file; the other 8,000.
        """
        dataset = load("fashion-mnist")
        train = examples(dataset.train_images, dataset.train_labels)
        images, labels = examples(dataset.test_images, dataset.test_labels)
        return train, (images[:LOGGED], labels[:LOGGED]), (images[LOGGED:], labels[LOGGED:])

    @staticmethod
    def normalize(
        train: Examples, valid: Examples, test: Examples
    ) -> tuple[Examples, Examples, Examples]:
        """Centre and scale every feature by its mean and standard deviation in the training set.

        The standard deviation divides by n − 1, as torch's does. A feature that is constant in the
        training set is only centred.

        Args:
            train: Images (n, …) and labels; so are the others.
            valid: Images of the same shape.
            test: Images of the same shape.

        Raises:
            UserError: If the images of the sets differ in shape, or there is none to train on.
        """
        X = train[0]
        shapes = [tuple(images.shape[1:]) for images, _ in (train, valid, test)]
        if len(set(shapes)) > 1 or not len(X):
            raise UserError(
                "normalize needs a training set and images of one shape, and got "
                f"{len(X)} to train on, of shapes {', '.join(map(str, shapes))}."
            )
        mean, constant = X.mean(dim=0), X.amin(dim=0) == X.amax(dim=0)
        std = X.std(dim=0) if len(X) > 1 else torch.ones_like(mean)
        std = torch.where(constant, torch.ones_like(std), std)
        train, valid, test = (((x - mean).div_(std), y) for x, y in (train, valid, test))
        return train, valid, test

    def one_hot(self, y: Integer[Tensor, "batch"]) -> Float[Tensor, "batch classes"]:
        """Labels as rows with a single 1.

        Raises:
            UserError: If a label is not in [0, n_classes).
        """
        if y.numel() and not (int(y.min()) >= 0 and int(y.max()) < self.n_classes):
            raise UserError(
                f"labels must be whole numbers from 0 to {self.n_classes - 1}, and reach from "
                f"{int(y.min())} to {int(y.max())}; n_classes says how many there are."
            )
        return nn.functional.one_hot(y.long(), self.n_classes).float()

    # --- networks ---------------------------------------------------------------------------------

    @staticmethod
    def create_activation_function(activation_str: str) -> nn.Module:
        """The activation function of this name: "relu", "tanh" or "sigmoid".

        Raises:
            UserError: If there is none.
        """
        return activation_class(activation_str)()

    @staticmethod
    def create_mlp(
        input_dim: int, net_config: NetworkConfiguration, n_classes: int, activation: nn.Module
    ) -> nn.Module:
        """Flatten, then linear layers with the activation after each but the last, then softmax.

        Args:
            input_dim: Numbers per image.
            net_config: Its `dense_hiddens` are the hidden layers.
            n_classes: How many probabilities come out.
            activation: Used after every hidden layer.

        Returns:
            (batch, …) → (batch, n_classes), rows that sum to 1.

        Raises:
            UserError: If a layer has no unit.
        """
        return nn.Sequential(
            nn.Flatten(), *_dense(input_dim, net_config.dense_hiddens, n_classes, activation)
        )

    @staticmethod
    def create_cnn(
        in_channels: int, net_config: NetworkConfiguration, n_classes: int, activation: nn.Module
    ) -> nn.Module:
        """Convolutions with the activation and a pooling after each, dense layers, softmax.

        The pooling is MaxPool2d(2), and after the last convolution AdaptiveMaxPool2d((4, 4)), so
        that images of any size do.

        Args:
            in_channels: Channels of the images.
            net_config: The hidden layers.
            n_classes: How many probabilities come out.
            activation: Used after every convolution and every hidden dense layer.

        Returns:
            (batch, in_channels, height, width) → (batch, n_classes), rows that sum to 1.

        Raises:
            UserError: If a size cannot be, or the lists of the convolutions differ in length.
        """
        convolutions = convolutions_of(*net_config[:4])
        layers: list[nn.Module] = []
        channels = in_channels
        for out, kernel, stride, padding in convolutions:
            layers += [nn.Conv2d(channels, out, kernel, stride, padding), activation]
            layers += [nn.MaxPool2d(kernel_size=2)]
            channels = out
        layers[-1] = nn.AdaptiveMaxPool2d((POOLED, POOLED))
        dense = _dense(channels * POOLED**2, net_config.dense_hiddens, n_classes, activation)
        return PooledSequential(*layers, nn.Flatten(), *dense)

    # --- training ---------------------------------------------------------------------------------

    def compute_loss_and_accuracy(self, X: Tensor, y: Tensor) -> tuple[Float[Tensor, ""], float]:
        """The cross-entropy of the network on a minibatch, and its accuracy.

        Args:
            X: Images (batch, channels, height, width).
            y: Their labels (batch, classes), as `one_hot` gives them.

        Returns:
            The mean loss (nats), from which autograd can go backwards, and the fraction of images
            whose most probable class is theirs.

        Raises:
            UserError: If the two do not belong together, or there is no image.
        """
        probabilities = self._probabilities(X, y)
        right = probabilities.argmax(dim=1) == y.argmax(dim=1)
        return _cross_entropy(probabilities, y), int(right.sum()) / len(right)

    @staticmethod
    def compute_gradient_norm(network: nn.Module) -> float:
        """Euclidean norm of the gradients of all parameters together; 0 where there is none yet."""
        squares = [
            p.grad.detach().square().sum() for p in network.parameters() if p.grad is not None
        ]
        return float(torch.stack(squares).double().sum().sqrt()) if squares else 0.0

    def training_step(self, X_batch: Tensor, y_batch: Tensor) -> float:
        """One step of Adam on a minibatch.

        Args:
            X_batch: Images (batch, channels, height, width).
            y_batch: Their labels (batch, classes), as `one_hot` gives them.

        Returns:
            The norm of the gradient of the loss, before the step.

        Raises:
            UserError: If the two do not belong together, or there is no image.
        """
        self._step(X_batch, y_batch)
        return self.compute_gradient_norm(self.network)

    def log_metrics(
        self, X_train: Tensor, y_train_oh: Tensor, X_valid: Tensor, y_valid_oh: Tensor
    ) -> None:
        """Append the losses and accuracies on these images to `train_logs`.

        Args:
            X_train: Training images; `train_loop` gives the first 2,000.
            y_train_oh: Their labels as `one_hot` gives them.
            X_valid: Validation images.
            y_valid_oh: Their labels as `one_hot` gives them.
        """
        for name, X, y in (("train", X_train, y_train_oh), ("validation", X_valid, y_valid_oh)):
            loss, accuracy = self.evaluate(X, y)
            self.train_logs[f"{name}_accuracy"].append(accuracy)
            self.train_logs[f"{name}_loss"].append(float(loss))

    def train_loop(self, n_epochs: int) -> dict[str, list[float]]:
        """Train on the whole training set, minibatch after minibatch in its order.

        Args:
            n_epochs: How many times, from 0; more epochs can follow in another call.

        Returns:
            `train_logs`.

        Raises:
            UserError: If the number of epochs is negative.
        """
        if n_epochs < 0:
            raise UserError(f"n_epochs must be a whole number from 0, and got {n_epochs}.")
        X, y = self.train[0], self.one_hot(self.train[1])
        X_valid, y_valid = self.valid[0], self.one_hot(self.valid[1])
        batches = list(zip(X.split(self.batch_size), y.split(self.batch_size), strict=True))
        # Only the last norm of an epoch is kept; a training_step of the user's is always called.
        its_own = getattr(self.training_step, "__func__", None) is Trainer.training_step
        step = self._step if its_own else self.training_step
        self.log_metrics(X[:LOGGED], y[:LOGGED], X_valid, y_valid)
        for _ in range(n_epochs):
            for X_batch, y_batch in batches[:-1]:
                step(X_batch, y_batch)
            self.train_logs["train_gradient_norm"].append(self.training_step(*batches[-1]))
            self.log_metrics(X[:LOGGED], y[:LOGGED], X_valid, y_valid)
        return self.train_logs

    @torch.no_grad()
    def evaluate(self, X: Tensor, y: Tensor) -> tuple[Float[Tensor, ""], float]:
        """Mean loss (nats) and accuracy on a whole set, 2,000 images at a time.

        Args:
            X: Images (n, channels, height, width).
            y: Their labels (n,), or as `one_hot` gives them.

        Raises:
            UserError: If the two do not belong together, there is no image, or a label is out of
                range.
        """
        y_one_hot = self.one_hot(y) if y.ndim == 1 else y
        self._check(X, y_one_hot)
        was_training = self.network.training
        self.network.eval()
        loss, right = torch.zeros((), dtype=torch.float64), 0.0
        for X_part, y_part in zip(X.split(LOGGED), y_one_hot.split(LOGGED), strict=True):
            part_loss, part_accuracy = self.compute_loss_and_accuracy(X_part, y_part)
            loss += len(X_part) / len(X) * part_loss
            right += round(len(X_part) * part_accuracy)
        self.network.train(was_training)
        return loss.to(X.dtype), right / len(X)

    # --- equivariance -----------------------------------------------------------------------------

    def test_equivariance(self) -> Equivariance:
        """Whether two convolutions commute with a shift, and with a rotation.

        Returns:
            The four panels, each (1, height, width); `.figure()` draws them.
        """
        return compare_movements(self._first_image, seed=SEED)

    # --- helpers ----------------------------------------------------------------------------------

    def _step(self, X_batch: Tensor, y_batch: Tensor) -> None:
        if not self.network.training:
            self.network.train()
        loss = _cross_entropy(self._probabilities(X_batch, y_batch), y_batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _probabilities(self, X: Tensor, y_one_hot: Tensor) -> Tensor:
        """What the network gives, clamped; the labels are checked only for their shape."""
        self._check(X, y_one_hot)
        return self.network(X).clamp(self.epsilon, 1 - self.epsilon)

    def _check(self, X: Tensor, y_one_hot: Tensor) -> None:
        if y_one_hot.shape != (len(X), self.n_classes) or not len(X):
            raise UserError(
                f"expected images and one row of {self.n_classes} per image, as one_hot gives "
                f"them, and got images {tuple(X.shape)} and labels {tuple(y_one_hot.shape)}."
            )


def _cross_entropy(probabilities: Tensor, y_one_hot: Tensor) -> Tensor:
    return -(y_one_hot * probabilities.log()).sum(dim=1).mean()


def _dense(
    n_in: int, hidden: Sequence[int], n_classes: int, activation: nn.Module
) -> list[nn.Module]:
    """Linear layers with the activation between them, then softmax."""
    sizes = [n_in, *hidden, n_classes]
    if min(sizes) < 1:
        raise UserError(f"dense layers must have 1 unit or more each, and got {tuple(sizes)}.")
    layers: list[nn.Module] = []
    for n_from, n_to in pairwise(sizes):
        layers += [nn.Linear(n_from, n_to), activation]
    layers[-1] = nn.Softmax(dim=1)
    return layers


def examples(pixels: np.ndarray, labels: np.ndarray) -> Examples:
    """Bytes to float32 images with a channel axis, and int64 labels."""
    return torch.tensor(pixels).unsqueeze(1).float(), torch.tensor(labels).long()
