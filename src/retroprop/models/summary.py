"""What a network is made of: layers, output shapes, parameters, multiply-adds, memory.

One example goes through the network, and hooks note what each layer gives. A multiply-add is one
product that is added to a sum: those of convolutions and linear layers are counted, as is usual;
normalizations, activations and pooling are small beside them.

Memory is that of float32. For training with Adam it is four numbers per parameter (itself, its
gradient, two moments) and what the backward pass needs of every example, which is not estimated
from the shapes but noted as autograd keeps it.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from retroprop.errors import UserError
from retroprop.models.mlp import Linear
from retroprop.models.mlpmixer import DropPath

BYTES = 4
"""Of a float32."""


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """One layer, in the order in which layers are used.

    Attributes:
        name: Its place in the network ("layer1.0.conv1").
        kind: The class of the module.
        output_shape: Of one example, without the batch.
        parameters: Numbers that it learns; a layer that is used again counts 0.
        multiply_adds: For one example.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """A network and what one example costs.

    Attributes:
        input_shape: Of one example.
        layers: In the order in which they are used.
        parameters: Of the whole network.
        buffers: Numbers that it keeps but does not learn, such as running means.
        kept_bytes: What autograd keeps of one example for the backward pass, input included.
    """

    input_shape: tuple[int, ...]
    layers: tuple[LayerSummary, ...]
    parameters: int
    buffers: int
    kept_bytes: int

    @property
    def multiply_adds(self) -> int:
        """For one example, forward."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def model_bytes(self) -> int:
        """The weights file, about."""
        return BYTES * (self.parameters + self.buffers)

    def training_bytes(self, batch_size: int) -> int:
        """Parameters, gradients, Adam's two moments, and what is kept of each example."""
        return BYTES * (4 * self.parameters + self.buffers) + batch_size * self.kept_bytes

    def grouped(self, depth: int) -> tuple[LayerSummary, ...]:
        """Neighbouring layers whose names begin with the same `depth` parts, as one row.

        The output is that of the last layer of a row.
        """
        rows: list[LayerSummary] = []
        for layer in self.layers:
            parts = layer.name.split(".")
            name = ".".join(parts[:depth])
            if rows and rows[-1].name == name:
                before = rows.pop()
                rows.append(
                    LayerSummary(
                        name=name,
                        kind="",
                        output_shape=layer.output_shape,
                        parameters=before.parameters + layer.parameters,
                        multiply_adds=before.multiply_adds + layer.multiply_adds,
                    )
                )
            else:
                kind = layer.kind if len(parts) <= depth else ""
                rows.append(
                    LayerSummary(
                        name=name,
                        kind=kind,
                        output_shape=layer.output_shape,
                        parameters=layer.parameters,
                        multiply_adds=layer.multiply_adds,
                    )
                )
        return tuple(rows)


def summarize(model: nn.Module, input_shape: Sequence[int]) -> ModelSummary:
    """Send one example of zeros through a network, in evaluation mode, and note every layer.

    The network is left as it was. It may be on torch's "meta" device, where nothing is computed.

    Args:
        model: Any module of one input.
        input_shape: Of one example, such as (3, 32, 32).

    Raises:
        UserError: If the network cannot take such an input.
    """
    first = next(model.parameters(), None)
    device = torch.device("cpu") if first is None else first.device
    example = torch.zeros(1, *input_shape, device=device)
    layers: list[LayerSummary] = []
    with _hooks(model, layers), _evaluating(model), _Kept(model) as kept:
        try:
            model(example)
        except RuntimeError as error:
            shape = " × ".join(map(str, input_shape))
            reason = str(error).splitlines()[0].rstrip(".")
            raise UserError(
                f"the model cannot take an input of {shape}: {reason}; change the input's shape or "
                "the model's options."
            ) from error
    return ModelSummary(
        input_shape=tuple(input_shape),
        layers=tuple(layers),
        parameters=sum(p.numel() for p in model.parameters()),
        buffers=sum(b.numel() for b in model.buffers()),
        kept_bytes=kept.bytes,
    )


def multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Products that a layer adds up to give an output; 0 for layers without a matrix."""
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        per_output = layer.weight[0].numel()  # in_channels / groups × kernel
        return output.numel() * per_output
    if isinstance(layer, nn.Linear | Linear):
        return output.numel() * layer.weight.shape[1]
    return 0


@contextlib.contextmanager
def _hooks(model: nn.Module, layers: list[LayerSummary]) -> Iterator[None]:
    """Append a row for each use of a layer that computes something."""
    seen: set[int] = set()

    def note(name: str, layer: nn.Module, output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        own = [p for p in layer.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        layers.append(
            LayerSummary(
                name=name,
                kind=type(layer).__name__,
                output_shape=tuple(output.shape[1:]),
                parameters=sum(p.numel() for p in own),
                multiply_adds=multiply_adds(layer, output),
            )
        )

    handles = [
        module.register_forward_hook(lambda layer, _, output, name=name: note(name, layer, output))
        for name, module in model.named_modules()
        if _is_layer(module)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_layer(module: nn.Module) -> bool:
    """Whether a module computes something itself, rather than by its parts or not at all."""
    if isinstance(module, nn.Identity | nn.Dropout | DropPath):
        return False  # nothing in evaluation
    has_parts = next(module.children(), None) is not None
    owns = next(module.parameters(recurse=False), None) is not None
    return owns or (not has_parts and not isinstance(module, nn.Sequential))


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every part gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


class _Kept:
    """A context that counts the bytes autograd keeps, each storage once, without the parameters."""

    def __init__(self, model: nn.Module) -> None:
        own = (*model.parameters(), *model.buffers())
        # References, not addresses: an address is used again when a tensor is freed.
        self.seen = {StorageWeakRef(tensor.untyped_storage()) for tensor in own}
        self.bytes = 0

    def __enter__(self) -> "_Kept":
        self.enabled = torch.enable_grad()
        self.enabled.__enter__()
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor)
        self.hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.hooks.__exit__(*error)
        self.enabled.__exit__(*error)

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        reference = StorageWeakRef(storage)
        if reference not in self.seen:
            self.seen.add(reference)
            self.bytes += storage.nbytes()
        return tensor
