"""Batches of evidence with PyTorch, on the processor or on a GPU: only where it is asked for.

The program is the same, in float64; products are `torch.einsum`. Torch is imported
when a query is compiled with a device: nothing else in the room needs it.
"""

from collections.abc import Iterable

import numpy as np

from retroprop.bayes.circuit import Circuit
from retroprop.bayes.contraction import BATCH, Axes, Product
from retroprop.bayes.program import Program, Value
from retroprop.errors import UserError


class TorchProgram(Program):
    """A program for many rows whose values are torch tensors on a device."""

    def __init__(self, circuit: Circuit, wanted: Iterable[int], device: str):
        """Move the tables to the device.

        Raises:
            UserError: If torch is not installed or has no such device.
        """
        try:
            import torch
        except ImportError as error:
            raise UserError("A device needs PyTorch: pip install torch.") from error
        try:
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"PyTorch cannot use the device {device!r}: {reason}") from error
        self.torch = torch
        self.device = device
        super().__init__(circuit, wanted, batched=True)

    def _contract(self, left: Axes, right: Axes, keep: frozenset[int]) -> tuple[Axes, Product]:
        kept = [v for v in dict.fromkeys((*left, *right)) if v in keep and v != BATCH]
        batch = (BATCH,) if BATCH in (*left, *right) else ()
        out = (*kept, *batch)
        code = {v: i for i, v in enumerate(dict.fromkeys((*left, *right)))}
        a_axes, b_axes, out_axes = ([code[v] for v in axes] for axes in (left, right, out))
        einsum = self.torch.einsum
        return out, lambda a, b: einsum(a, a_axes, b, b_axes, out_axes)

    def _reduce(self, axes: Axes, kept: Axes) -> Product:
        summed = tuple(i for i, v in enumerate(axes) if v not in kept)
        return lambda a, _: a.sum(summed) if summed else a

    def _load(self, array: np.ndarray) -> Value:
        return self.torch.tensor(array, dtype=self.torch.float64, device=self.device)

    def _unload(self, value: Value) -> np.ndarray:
        return value.cpu().numpy() if isinstance(value, self.torch.Tensor) else value

    def _take(self, value: Value, places: np.ndarray) -> Value:
        return value.index_select(-1, self.torch.from_numpy(places).to(self.device))

    def _largest(self, value: Value) -> np.ndarray:
        return value.reshape(-1, value.shape[-1]).amax(0).cpu().numpy()
