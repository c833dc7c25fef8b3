"""Architectures in one line of text, as study files and figures write them.

    mlp 256-256                          hidden layers of 256 units, twice
    mlp 64x53                            53 hidden layers of 64 units
    cnn 16-32-45 k3                      three convolutions of 3 × 3, then 256-256
    cnn 29 k28 dense 256-256             one convolution of 28 × 28
    cnn 8-16 k5-3 s2-1 p2-0 dense 64     kernels, strides and paddings, each its own or one for all

It imports no torch: study files are read without it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from retroprop.errors import UserError, in_short

LARGEST = 100_000
"""Most units or channels of a layer."""
MOST_LAYERS = 1_000
"""Of an architecture."""

USUAL_DENSE = (256, 256)
"""The dense layers of a CNN that names none."""

_NUMBER = "[0-9]{1,9}"
_SIZES = re.compile(f"{_NUMBER}(x{_NUMBER})?(-{_NUMBER}(x{_NUMBER})?)*")
_GEOMETRY = {"k": "kernel_sizes", "s": "strides", "p": "paddings"}


@dataclass(frozen=True)
class Architecture:
    """An MLP (without `channels`) or a CNN: see `parse_architecture`.

    Attributes:
        kind: "mlp" or "cnn".
        dense: Units of each hidden dense layer.
        channels: Channels of each convolution.
        kernel_sizes, strides, paddings: In pixels, one for each convolution.
    """

    kind: str
    dense: tuple[int, ...]
    channels: tuple[int, ...] = ()
    kernel_sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    paddings: tuple[int, ...] = ()

    @property
    def options(self) -> dict[str, tuple[int, ...]]:
        """What `models.catalog.build` wants beside the kind."""
        if self.kind == "mlp":
            return {"hidden_sizes": self.dense}
        return {
            "n_channels": self.channels,
            "kernel_sizes": self.kernel_sizes,
            "strides": self.strides,
            "paddings": self.paddings,
            "dense_hiddens": self.dense,
        }

    @property
    def text(self) -> str:
        """The shortest text that is read as this architecture.

        >>> parse_architecture("cnn 8-8 k3-3 s1 p0 dense 256-256").text
        'cnn 8x2 k3'
        """
        if self.kind == "mlp":
            return f"mlp {_written(self.dense)}"
        words = ["cnn", _written(self.channels)]
        usual = {"k": (), "s": (1,), "p": (0,)}
        for letter, name in _GEOMETRY.items():
            sizes: tuple[int, ...] = getattr(self, name)
            sizes = sizes[:1] if len(set(sizes)) == 1 else sizes
            if sizes != usual[letter]:
                words.append(letter + "-".join(map(str, sizes)))
        if self.dense != USUAL_DENSE:
            words += ["dense", _written(self.dense)]
        return " ".join(words)


def parse_architecture(text: str) -> Architecture:
    """Read an architecture.

    Raises:
        UserError: If it is not written as above.

    >>> parse_architecture("mlp 1024-512-64x2").dense
    (1024, 512, 64, 64)
    >>> parse_architecture("cnn 16-32-45 k3").kernel_sizes
    (3, 3, 3)
    """
    match text.split():
        case ["mlp", sizes] if _SIZES.fullmatch(sizes):
            return Architecture("mlp", _layers(sizes, text))
        case ["cnn", sizes, *words] if _SIZES.fullmatch(sizes):
            channels, dense = _layers(sizes, text), USUAL_DENSE
            if words[-2:-1] == ["dense"] and _SIZES.fullmatch(words[-1]):
                dense, words = _layers(words[-1], text), words[:-2]
            geometry = _geometry(words, len(channels), text)
            if geometry is not None:
                return Architecture("cnn", dense, channels, **geometry)
    raise UserError(
        f"architecture {in_short(text)} is not understood; write for example 'mlp 256-256', "
        "'mlp 64x53' or 'cnn 16-32-45 k3 dense 256-256'."
    )


def _geometry(
    words: Sequence[str], convolutions: int, whole: str
) -> dict[str, tuple[int, ...]] | None:
    """k3 s1 p0, or lists with one value for each convolution; None if it is something else."""
    found: dict[str, tuple[int, ...]] = {"strides": (1,), "paddings": (0,)}
    letters = [word[0] for word in words]
    if letters[:1] != ["k"] or sorted(set(letters), key="ksp".find) != letters:
        return None
    for word in words:
        if not re.fullmatch(f"{_NUMBER}(-{_NUMBER})*", word[1:]):
            return None
        sizes = tuple(map(int, word[1:].split("-")))
        least = 0 if word[0] == "p" else 1
        if not all(least <= size <= LARGEST for size in sizes):
            what = {"k": "a kernel", "s": "a stride", "p": "a padding"}[word[0]]
            side = " a side" if word[0] == "k" else ""
            raise UserError(
                f"architecture {in_short(whole)}: {what} has from {least} to {LARGEST:,} pixels"
                f"{side}."
            )
        found[_GEOMETRY[word[0]]] = sizes
    for name, sizes in found.items():
        if len(sizes) not in (1, convolutions):
            raise UserError(
                f"architecture {in_short(whole)} has {len(sizes)} {name.replace('_', ' ')} for "
                f"{convolutions} convolutions; give one for all, or one for each."
            )
    return {n: sizes * convolutions if len(sizes) == 1 else sizes for n, sizes in found.items()}


def _layers(text: str, whole: str) -> tuple[int, ...]:
    """256-64x2 is (256, 64, 64)."""
    sizes: list[int] = []
    for part in text.split("-"):
        units, _, times = part.partition("x")
        count = int(times or 1)
        if not (1 <= int(units) <= LARGEST and 1 <= count <= LARGEST):
            raise UserError(
                f"architecture {in_short(whole)}: layers have from 1 to {LARGEST:,} units, and "
                f"{part!r} has not."
            )
        if len(sizes) + count > MOST_LAYERS:
            raise UserError(f"architecture {in_short(whole)} has more than {MOST_LAYERS:,} layers.")
        sizes += [int(units)] * count
    return tuple(sizes)


def _written(sizes: Sequence[int]) -> str:
    """(256, 64, 64) is 256-64x2."""
    runs = [(size, len(list(same))) for size, same in groupby(sizes)]
    return "-".join(f"{size}x{times}" if times > 1 else str(size) for size, times in runs)
