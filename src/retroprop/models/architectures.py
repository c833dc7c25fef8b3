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

_SIZES = re.compile(r"\d+(x\d+)?(-\d+(x\d+)?)*")


@dataclass(frozen=True)
class Architecture:
    """An MLP (`convolutions` and `kernel_size` are None) or a CNN: see `parse_architecture`."""

    kind: str
    dense: tuple[int, ...]
    channels: tuple[int, ...] = ()
    kernel_size: int = 0

    @property
    def options(self) -> dict[str, object]:
        """What `build_model` wants beside the kind."""
        if self.kind == "mlp":
            return {"hidden": self.dense}
        return {
            "channels": self.channels,
            "kernel_size": self.kernel_size,
            "dense": self.dense,
        }


def parse_architecture(text: str) -> Architecture:
    """Read an architecture.

    Raises:
        UserError: If it is not written as above.

    >>> parse_architecture("mlp 1024-512-64x2")
    Architecture(kind='mlp', dense=(1024, 512, 64, 64), channels=(), kernel_size=0)
    >>> parse_architecture("cnn 16-32-45 k3").options
    {'channels': (16, 32, 45), 'kernel_size': 3, 'dense': (256, 256)}
    """
    match text.split():
        case ["mlp", sizes] if _SIZES.fullmatch(sizes):
            return Architecture("mlp", _layers(sizes, text))
        case ["cnn", sizes, kernel, *dense] if (
            _SIZES.fullmatch(sizes)
            and re.fullmatch(r"k\d+", kernel)
            and (not dense or (dense[0] == "dense" and len(dense) == 2))
            and (not dense or _SIZES.fullmatch(dense[1]))
        ):
            size = int(kernel[1:])
            if not 1 <= size <= LARGEST:
                raise UserError(f"architecture {text!r}: a kernel has at least 1 pixel a side.")
            last = _layers(dense[1] if dense else "256-256", text)
            return Architecture("cnn", last, _layers(sizes, text), size)
    raise UserError(
        f"architecture {text!r} is not understood; write for example 'mlp 256-256', 'mlp 64x53' "
        "or 'cnn 16-32-45 k3 dense 256-256'."
    )


def parse_layers(text: str) -> tuple[int, ...]:
    """Read the sizes of layers alone.

    Raises:
        UserError: If they are not written like 256-64x2.

    >>> parse_layers("256-64x2")
    (256, 64, 64)
    """
    if not _SIZES.fullmatch(text):
        raise UserError(f"layers are written like 256-64x2, and got {text!r}.")
    return _layers(text, text)


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
