"""The training loop of any `torch.nn` classifier of images, on a CPU or a GPU.

    for each epoch
        for each minibatch                         of images that lie on the device already
            x ← crop, mirror                       a tensor operation on the whole minibatch
            L ← loss(model(x), y)
            g ← ∂L/∂θ                              its norm is kept; clipped where asked
            θ ← optimizer(θ, g)                    at the learning rate of this step
        evaluate; keep the best parameters by validation accuracy

All random numbers depend on the seed and the epoch alone, so a trainer that is loaded from a
checkpoint goes on as if it had never stopped. Several processes share each minibatch: see `ranks`.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from retroprop.data.minibatches import epoch_order
from retroprop.errors import UserError
from retroprop.randomness import generator
from retroprop.training.augmentation import Augmentation
from retroprop.training.checkpoints import load_tensors, save_tensors
from retroprop.training.devices import (
    explain_memory,
    is_of_the_compiler,
    is_out_of_memory,
    now,
)
from retroprop.training.epochs import EpochRecord, Progress
from retroprop.training.image_sets import ImageSet
from retroprop.training.ranks import Ranks
from retroprop.training.settings import RunSettings
from retroprop.training.torch_optimizers import make_optimizer

CLAMP = 1e-9
"""Where probabilities are cut in the clamped loss: into [CLAMP, 1 − CLAMP]."""

_EVALUATION_BATCH = {"cpu": 250, "cuda": 2500}
_CHUNK = 1000
"""Examples whose losses are summed at once; fixed, so that sums do not depend on the machine."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Mean loss (nats) and accuracy (fraction) over a set; NaN where numbers were not finite."""

    loss: float
    accuracy: float


class Trainer:
    """A model on its way through its epochs, with the best parameters so far.

    Attributes:
        model: The network; its parameters are those after the last epoch.
        history: One entry for each finished epoch, from epoch 0, the untrained model.
        best_epoch, best: The epoch of the highest validation accuracy and the state dict after it.
        diverged_epoch: The epoch whose numbers were not finite, after which nothing is trained.
    """

    def __init__(
        self,
        model: nn.Module,
        train: ImageSet,
        validation: ImageSet,
        settings: RunSettings,
        *,
        device: torch.device | str = "cpu",
        ranks: Ranks | None = None,
    ) -> None:
        """Move model and images to the device and prepare the optimizer.

        Raises:
            UserError: If the minibatch is larger than the training set.
        """
        if settings.batch_size > len(train):
            raise UserError(
                f"batch_size {settings.batch_size} is larger than the {len(train)} training "
                f"images; use at most {len(train)}."
            )
        if settings.precision == "float64":
            raise UserError("the trainer computes in float32 or bfloat16, and got float64.")
        if settings.gradient != "mean":
            raise UserError(
                f"the trainer learns from the mean gradient of a minibatch, and got "
                f"{settings.gradient}."
            )
        self.settings, self.ranks = settings, ranks or Ranks()
        self._augmentation = Augmentation() if settings.augmentation == "flip-crop" else None
        self.device = torch.device(device)
        self.train, self.validation = train.to(self.device), validation.to(self.device)
        self._layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.model = model.to(self.device)
        self.model.to(memory_format=self._layout)  # pyright: ignore[reportCallIssue]
        called = torch.compile(self.model) if settings.compile else self.model
        self._called: nn.Module = self.ranks.wrap(called, self.device)  # pyright: ignore
        self.optimizer = make_optimizer(
            settings.optimizer,
            self.model.parameters(),
            settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.epoch = -1
        self.history: list[EpochRecord] = []
        self.best_epoch = -1
        self.best: dict[str, Tensor] = {}
        self.diverged_epoch: int | None = None

    @property
    def done(self) -> bool:
        """Whether all epochs are made, or no more are worth making."""
        return self.epoch >= self.settings.epochs or self.stopped

    @property
    def progress(self) -> Progress:
        """Its best epoch so far, and whether it diverged."""
        if self.best_epoch < 0:
            return Progress(diverged_epoch=self.diverged_epoch)
        best = self.history[self.best_epoch]
        return Progress(
            best_epoch=self.best_epoch,
            best_validation_accuracy=best.validation_accuracy,
            best_validation_loss=best.validation_loss,
            diverged_epoch=self.diverged_epoch,
        )

    @property
    def stopped(self) -> bool:
        """Whether the training diverged or has lost its patience."""
        patience = self.settings.patience
        tired = patience is not None and self.epoch - max(self.best_epoch, 0) >= patience
        return self.diverged_epoch is not None or (self.epoch > 0 and tired)

    def fit(
        self,
        *,
        on_epoch_end: Callable[[EpochRecord], None] = lambda _: None,
        on_step: Callable[[int], None] = lambda _: None,
    ) -> list[EpochRecord]:
        """Make all epochs that are missing; returns the history."""
        while not self.done:
            on_epoch_end(self.advance(on_step=on_step))
        return self.history

    def advance(self, *, on_step: Callable[[int], None] = lambda _: None) -> EpochRecord:
        """Make the next epoch; epoch 0 evaluates the untrained model.

        Args:
            on_step: Called after each step with the images it visited; what it raises stops the
                epoch, and the trainer must then be loaded again.

        Raises:
            UserError: If the memory does not suffice, with a batch size that fits, or torch cannot
                compile the model.
        """
        epoch = self.epoch + 1
        started = now(self.device)
        running, norm = None, None
        try:
            if epoch > 0:
                running, norm = self.train_epoch(epoch, on_step=on_step)
            trained = now(self.device)
            validation = self.evaluate(self.validation)
            if running is None or self.settings.train_metrics == "evaluated":
                running = self.evaluate(self.train)
        except (RuntimeError, MemoryError) as error:
            if is_of_the_compiler(error):
                raise UserError(
                    f"torch cannot compile the model ({str(error).splitlines()[0]}); leave compile "
                    "out, or install the compiler that it asks for."
                ) from error
            if not is_out_of_memory(error):
                raise
            raise UserError(
                explain_memory(self.model, self.train, self.settings.batch_size, self.device)
            ) from error
        result = EpochRecord(
            epoch=epoch,
            train_loss=running.loss,
            train_accuracy=running.accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            train_s=trained - started if epoch > 0 else 0.0,
            evaluate_s=now(self.device) - trained,
            gradient_norm=norm,
        )
        self._keep_best(result)
        self.epoch = epoch
        self.history.append(result)
        return result

    def train_epoch(
        self, epoch: int, *, on_step: Callable[[int], None] = lambda _: None
    ) -> tuple[Scores, float]:
        """Visit every training image once; the running scores and the mean gradient norm."""
        settings, parameters = self.settings, list(self.model.parameters())
        steps = -(-len(self.train) // settings.batch_size)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)  # loss, hits, norms
        self._called.train()
        with torch.enable_grad(), _seeded(settings.seed, epoch, self.ranks.rank, self.device):
            for step, (x, y, n) in enumerate(self.minibatches(epoch), (epoch - 1) * steps):
                for group in self.optimizer.param_groups:
                    group["lr"] = settings.learning_rate * settings.rate_factor(step, steps)
                with self.precision():
                    z = self._called(x)  # (batch, classes)
                loss = self._summed_loss(z.float(), y)
                self.optimizer.zero_grad(set_to_none=True)
                # the ranks' gradients are averaged: together they give that of the mean over n
                (loss * (self.ranks.size / n)).backward()
                norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
                if settings.clip_norm is not None:
                    nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, norm)
                self.optimizer.step()
                hits = (z.detach().argmax(1) == y).sum()
                sums += torch.stack((loss.detach().double(), hits.double(), norm.double()))
                on_step(n)
        mine = self.ranks.total(sums[:2].clone())
        return _scores(mine, len(self.train)), float(sums[2]) / steps

    def evaluate(self, images: ImageSet) -> Scores:
        """Mean loss and accuracy over a whole set, without augmentation."""
        mine = self.ranks.share(images.labels)
        z, y = (
            outputs(self.model, images.images[mine], self.device, self.precision(), self._layout),
            images.labels[mine].to(self.device),
        )
        with torch.inference_mode():
            loss = torch.stack(
                [
                    self._summed_loss(part, labels).double()
                    for part, labels in zip(z.split(_CHUNK), y.split(_CHUNK), strict=True)
                ]
            ).sum()
            sums = torch.stack((loss, (z.argmax(1) == y).sum().double()))
        return _scores(self.ranks.total(sums), len(images))

    def minibatches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, int]]:
        """This rank's share of each minibatch of an epoch, augmented.

        Yields:
            Images (share, channels, height, width), labels (share,), and the images of all ranks.
        """
        settings, train = self.settings, self.train
        order = torch.arange(len(train))
        if settings.shuffle:
            order = epoch_order(len(train), seed=settings.seed, epoch=epoch)
        order = order.to(self.device)
        for step, chosen in enumerate(order.split(settings.batch_size)):
            share = self.ranks.share(chosen)
            if self._augmentation is None:
                x = train.images[chosen[share]]
            else:
                x = self._augmented(chosen, share, epoch, step, self._augmentation)
            yield x.contiguous(memory_format=self._layout), train.labels[chosen[share]], len(chosen)

    def save(self, path: Path, *, about: str) -> None:
        """Write everything that continuing needs; one rank writes for all."""
        if not self.ranks.first:
            return
        history = json.dumps([asdict(epoch) for epoch in self.history])
        tensors = {
            **{f"model.{name}": tensor for name, tensor in self.model.state_dict().items()},
            **{f"best.{name}": tensor for name, tensor in self.best.items()},
            **{f"optimizer.{name}": tensor for name, tensor in self._optimizer_state().items()},
            "history": torch.frombuffer(bytearray(history.encode()), dtype=torch.uint8),
        }
        save_tensors(path, tensors, about=about)

    def load(self, path: Path, *, about: str) -> None:
        """Continue from what `save` wrote.

        Raises:
            UserError: If the file is missing, damaged, about something else, or of another model.
        """
        tensors = load_tensors(path, about=about)
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        try:
            history = json.loads(bytes(tensors.pop("history").numpy()))
            epochs = [EpochRecord(**epoch) for epoch in history]
            for name, tensor in tensors.items():
                part, _, key = name.partition(".")
                parts[part][key] = tensor.to(self.device)
            optimizer = self._optimizer_state_of(parts["optimizer"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(
                f"{path} is damaged (it does not hold what a training saves); train again."
            ) from error
        if parts["best"]:
            check_weights(self.model, parts["best"], path)
        load_weights(self.model, parts["model"], path)
        self.best = parts["best"]
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": optimizer})
        self.history, self.best_epoch, self.diverged_epoch = [], -1, None
        for epoch in epochs:
            self._keep_best(epoch, parameters=False)
            self.history.append(epoch)
        self.epoch = len(self.history) - 1

    def _augmented(
        self, chosen: Int[Tensor, "n"], share: slice, epoch: int, step: int, augment: Augmentation
    ) -> Tensor:
        """This rank's images, changed by the numbers that one process would draw for them."""
        height, width, _ = self.train.image_shape
        if step == 0:
            self._augmenting = generator("augmentation", self.settings.seed, epoch)
        crops = augment.draw(len(chosen), height, width, generator=self._augmenting)
        return augment.apply(self.train.images, chosen[share], crops.part(share))

    def _summed_loss(self, z: Float[Tensor, "batch classes"], y: Int[Tensor, "batch"]) -> Tensor:
        if self.settings.loss == "cross-entropy":
            # smoothed targets are learnt from, and never measured
            smoothing = self.settings.label_smoothing if torch.is_grad_enabled() else 0.0
            return F.cross_entropy(z, y, reduction="sum", label_smoothing=smoothing)
        p = z.softmax(1).clamp(CLAMP, 1 - CLAMP)
        return -p.log().gather(1, y[:, None]).sum()

    def precision(self) -> torch.autocast:
        """The context in which the model computes."""
        half = self.settings.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def _keep_best(self, result: EpochRecord, *, parameters: bool = True) -> None:
        losses = (result.train_loss, result.validation_loss)
        if not all(loss is not None and math.isfinite(loss) for loss in losses):
            self.diverged_epoch = result.epoch
            return
        best = self.progress.best_validation_accuracy
        if best is None or (result.validation_accuracy or 0.0) > best:
            self.best_epoch = result.epoch
            if parameters:
                self.best = {k: t.detach().clone() for k, t in self.model.state_dict().items()}

    def _optimizer_state(self) -> dict[str, Tensor]:
        return {
            f"{parameter}.{name}": torch.as_tensor(value)
            for parameter, remembered in self.optimizer.state_dict()["state"].items()
            for name, value in remembered.items()
            if value is not None
        }

    def _optimizer_state_of(self, tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
        """What the optimizer remembers of each parameter, by its number.

        Raises:
            IndexError, ValueError: If there is no such parameter, or it has another shape.
        """
        parameters = list(self.model.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            parameter = parameters[int(number)]
            if tensor.shape not in (parameter.shape, ()):
                raise ValueError(f"{key} is {tuple(tensor.shape)}")
            if tensor.shape == parameter.shape:  # fused steps need both in one memory layout
                tensor = torch.empty_like(parameter).copy_(tensor)
            state.setdefault(int(number), {})[name] = tensor
        return state


@torch.inference_mode()
def outputs(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    device: torch.device,
    precision: torch.autocast,
    layout: torch.memory_format = torch.contiguous_format,
) -> Float[Tensor, "n classes"]:
    """Logits of a whole set in evaluation mode, in float32, on the device."""
    model.eval()
    size = _EVALUATION_BATCH.get(device.type, 250)
    with precision:
        parts = [
            model(part.to(device).contiguous(memory_format=layout)).float()
            for part in images.split(size)
        ]
    return torch.cat(parts)


def evaluate_model(
    model: nn.Module,
    images: ImageSet,
    *,
    device: torch.device | str = "cpu",
    squared: bool = False,
) -> tuple[Scores, Int[Tensor, "n"]]:
    """Loss and accuracy of a model over a whole set, and the classes that it gives.

    The loss is the cross-entropy, or the squared error ½ Σ (z − t)² with one-hot targets t.
    """
    on = torch.device(device)
    exactly = torch.autocast(on.type, enabled=False)
    z = outputs(model.to(on), images.images, on, exactly).cpu()
    predicted, labels = z.argmax(1), images.labels.cpu()
    if squared:
        loss = (z.double() - F.one_hot(labels, z.shape[1])).square().sum() / 2
    else:
        loss = F.cross_entropy(z.double(), labels, reduction="sum")
    hits = (predicted == labels).sum()
    return _scores(torch.stack((loss, hits.double())), len(images)), predicted


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], source: Path | str) -> None:
    """Put tensors into a model, all of them.

    Raises:
        UserError: If a name or a shape is not the model's.
    """
    check_weights(model, tensors, source)
    model.load_state_dict(tensors)


def check_weights(model: nn.Module, tensors: Mapping[str, Tensor], source: Path | str) -> None:
    """Compare names and shapes with a model's, which may be on the meta device.

    Raises:
        UserError: If a name or a shape is not the model's.
    """
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - tensors), sorted(tensors.keys() - own)
    if missing or unknown:
        found = f"has {unknown[0]!r}" if unknown else f"lacks {missing[0]!r}"
        raise UserError(f"{source} belongs to another architecture: it {found}; name its model.")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            raise UserError(
                f"{source} belongs to another architecture: {name} is {tuple(tensor.shape)} and "
                f"not {tuple(own[name].shape)}; give the same options as in training."
            )


class _seeded:  # noqa: N801 - a context manager in the manner of torch.no_grad
    """Dropout draws from torch's own generator: set it for an epoch, and put it back afterwards."""

    def __init__(self, seed: int, epoch: int, rank: int, device: torch.device) -> None:
        number = generator("dropout", seed, epoch, rank).initial_seed()
        devices = [device] if device.type == "cuda" else []
        self._fork, self._number = torch.random.fork_rng(devices=devices), number

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._number)

    def __exit__(self, *error: Any) -> None:
        self._fork.__exit__(*error)


def _scores(sums: Tensor, n: int) -> Scores:
    loss, hits = sums.tolist()
    return Scores(loss=loss / n, accuracy=hits / n)
