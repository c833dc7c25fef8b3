"""Architectures in one line of text, as study files and figures write them.

    mlp 256-256                          hidden layers of 256 units, twice
    mlp 64x53                            53 hidden layers of 64 units
    cnn 16-32-45 k3                      three convolutions of 3 × 3, then 256-256
    cnn 29 k28 dense 256-256             one convolution of 28 × 28

It imports no torch: study files are read without it.
"""

import re
from dataclasses import dataclass

from retroprop.errors import UserError

LARGEST = 100_000
"""Most units or channels of a layer, and most layers."""

_NUMBER = "[0-9]{1,9}"
_SIZES = re.compile(f"{_NUMBER}(x{_NUMBER})?(-{_NUMBER}(x{_NUMBER})?)*")


@dataclass(frozen=True)
class Architecture:
    """An MLP (without `channels`, its `kernel_size` 0) or a CNN: see `parse_architecture`.

    Attributes:
        kind: "mlp" or "cnn".
        dense: Units of each hidden dense layer.
        channels: Channels of each convolution.
        kernel_size: Height and width of all kernels.
    """

    kind: str
    dense: tuple[int, ...]
    channels: tuple[int, ...] = ()
    kernel_size: int = 0

    @property
    def options(self) -> dict[str, tuple[int, ...]]:
        """What `catalog.build` wants beside the kind."""
        if self.kind == "mlp":
            return {"hidden_sizes": self.dense}
        return {
            "n_channels": self.channels,
            "kernel_sizes": (self.kernel_size,),
            "dense_hiddens": self.dense,
        }


def parse_architecture(text: str) -> Architecture:
    """Read an architecture.

    Raises:
        UserError: If it is not written as above.

    >>> parse_architecture("mlp 1024-512-64x2")
    Architecture(kind='mlp', dense=(1024, 512, 64, 64), channels=(), kernel_size=0)
    >>> parse_architecture("cnn 16-32-45 k3").options
    {'n_channels': (16, 32, 45), 'kernel_sizes': (3,), 'dense_hiddens': (256, 256)}
    """
    match text.split():
        case ["mlp", sizes] if _SIZES.fullmatch(sizes):
            return Architecture("mlp", _layers(sizes, text))
        case ["cnn", sizes, kernel, *dense] if (
            _SIZES.fullmatch(sizes)
            and re.fullmatch(f"k{_NUMBER}", kernel)
            and (not dense or (dense[0] == "dense" and len(dense) == 2))
            and (not dense or _SIZES.fullmatch(dense[1]))
        ):
            size = int(kernel[1:])
            if not 1 <= size <= LARGEST:
                raise UserError(
                    f"architecture {text!r}: a kernel has from 1 to {LARGEST:,} pixels a side."
                )
            last = _layers(dense[1] if dense else "256-256", text)
            return Architecture("cnn", last, _layers(sizes, text), size)
    raise UserError(
        f"architecture {text!r} is not understood; write for example 'mlp 256-256', 'mlp 64x53' "
        "or 'cnn 16-32-45 k3 dense 256-256'."
    )


def _layers(text: str, whole: str) -> tuple[int, ...]:
    """256-64x2 is (256, 64, 64)."""
    sizes: list[int] = []
    for part in text.split("-"):
        units, _, times = part.partition("x")
        count = int(times or 1)
        if not (1 <= int(units) <= LARGEST and 1 <= count <= LARGEST):
            raise UserError(
                f"architecture {whole!r}: layers have from 1 to {LARGEST:,} units, and {part!r} "
                "has not."
            )
        sizes += [int(units)] * count
        if len(sizes) > LARGEST:
            raise UserError(f"architecture {whole!r} has more than {LARGEST:,} layers.")
    return tuple(sizes)
