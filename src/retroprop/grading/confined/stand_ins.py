"""What assignments import and this machine need not have: torchvision, tqdm, matplotlib.

A stand-in has the names that the templates use, opens no connection and shows nothing. Its data
sets are small and random: a submission that loads its data when it is imported gets on, and what
it computes there is not graded.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def install() -> list[str]:
    """Put stand-ins where a library is missing, and return their names."""
    missing = [name for name in MAKERS if importlib.util.find_spec(name) is None]
    for name in missing:
        MAKERS[name]()
    replace_data()
    return missing


def replace_data() -> None:
    """torchvision's own data sets, too, would be downloaded."""
    datasets: Any = importlib.import_module("torchvision.datasets")
    for name, data in DATA.items():
        setattr(datasets, name, data)


def module(name: str, **contents: Any) -> types.ModuleType:
    """A module of these contents, that can be imported."""
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)  # torch asks for that of tqdm
    made.__dict__.update(contents)
    sys.modules[name] = made
    return made


class Anything:
    """Takes every call and has every attribute, and each is itself: axes, a colour map."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __call__(self, *arguments: Any, **named: Any) -> "Anything":
        """Itself."""
        return self

    def __getattr__(self, name: str) -> "Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> "Anything":
        return self

    def __enter__(self) -> "Anything":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Any:
        return iter([self])


# --- tqdm -----------------------------------------------------------------------------------------


class Progress:
    """`tqdm(iterable)` without a bar."""

    def __init__(self, iterable: Iterable | None = None, *_: Any, **named: Any) -> None:
        self.iterable = iterable if iterable is not None else range(named.get("total") or 0)

    def __iter__(self) -> Any:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable)  # pyright: ignore[reportArgumentType]

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        """Its methods `update`, `set_description`, … do nothing."""
        return Anything()

    @staticmethod
    def write(text: str, *_: Any, **__: Any) -> None:
        """Print, as tqdm does."""
        print(text)


def make_tqdm() -> None:
    """tqdm, tqdm.auto and tqdm.notebook."""

    def trange(n: int, *_: Any, **__: Any) -> Progress:
        return Progress(range(n))

    names = {"tqdm": Progress, "trange": trange}
    package = module("tqdm", __path__=[], **names)
    for part in ("auto", "notebook", "autonotebook"):
        setattr(package, part, module(f"tqdm.{part}", tqdm_notebook=Progress, **names))


# --- matplotlib -----------------------------------------------------------------------------------


def make_matplotlib() -> None:
    """matplotlib and pyplot: nothing is drawn; a saved figure is an empty file."""

    def savefig(file: Any, *_: Any, **__: Any) -> None:
        if isinstance(file, str) or hasattr(file, "__fspath__"):
            with open(file, "wb"):
                pass

    class Figure(Anything):
        """A figure."""

        def __init__(self, *_: Any, **__: Any) -> None:
            self.savefig = savefig

    def subplots(nrows: int = 1, ncols: int = 1, **named: Any) -> tuple[Figure, Any]:
        axes = np.full((nrows, ncols), Anything(), dtype=object)
        if named.get("squeeze", True):
            axes = axes.squeeze()
        return Figure(), axes if axes.ndim else axes.item()

    def anything(name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    drawing = {"subplots": subplots, "savefig": savefig, "figure": Figure, "Figure": Figure}
    package = module("matplotlib", __path__=[], __getattr__=anything)
    for part in ("pyplot", "cm", "colors", "ticker", "figure", "gridspec", "patches"):
        contents = drawing if part in ("pyplot", "figure") else {}
        setattr(package, part, module(f"matplotlib.{part}", __getattr__=anything, **contents))


# --- torchvision ----------------------------------------------------------------------------------


class FashionMNIST:
    """Images of 28 × 28 grey pixels, as the data set of this name has them, but random and few."""

    SIZE: tuple[int, ...] = (28, 28)
    TRAIN, TEST = 640, 2_600  # the assignments take the first 2,000 of the second for validation

    def __init__(
        self, root: Any = None, train: bool = True, transform: Any = None, **_: Any
    ) -> None:
        generator = torch.Generator().manual_seed(7 if train else 8)
        count = self.TRAIN if train else self.TEST
        self.data: Any = torch.randint(
            0, 256, (count, *self.SIZE), generator=generator, dtype=torch.uint8
        )
        self.targets: Any = torch.randint(0, 10, (count,), generator=generator)
        self.classes = [str(number) for number in range(10)]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.as_tensor(torch.as_tensor(self.data[index]))
        return (self.transform(image) if self.transform else image), int(self.targets[index])

    def as_tensor(self, image: Tensor) -> Tensor:
        """(height, width) of bytes → (1, height, width) in [0, 1]."""
        return image[None].float() / 255


class CIFAR10(FashionMNIST):
    """Images of 32 × 32 coloured pixels; its data are a NumPy array, its targets a list."""

    SIZE = (32, 32, 3)
    TEST = 640

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.data, self.targets = self.data.numpy(), self.targets.tolist()

    def as_tensor(self, image: Tensor) -> Tensor:
        """(height, width, 3) of bytes → (3, height, width) in [0, 1]."""
        return image.permute(2, 0, 1).float() / 255


def affine(
    img: Tensor,
    angle: float = 0,
    translate: Any = (0, 0),
    scale: float = 1,
    shear: Any = 0,
    **_: Any,
) -> Tensor:
    """Shift by whole pixels, and turn by the nearest right angle."""
    shifted = torch.roll(img, (int(translate[1]), int(translate[0])), (-2, -1))
    return torch.rot90(shifted, round(angle / 90), (-2, -1))


def rotate(img: Tensor, angle: float, **_: Any) -> Tensor:
    """Turn by the nearest right angle."""
    return affine(img, angle)


class Compose:
    """Transformations, one after the other."""

    def __init__(self, transforms: list) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        """Args: image: (channels, height, width), as for each of them."""
        for transform in self.transforms:
            image = transform(image)
        return image


class Unchanged:
    """A transformation that does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, image: Any) -> Any:
        """The image."""
        return image


class Normalize(Unchanged):
    """(image − mean) / std, channel by channel."""

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std = torch.as_tensor(mean), torch.as_tensor(std)

    def __call__(self, image: Any) -> Any:
        """Args: image: (channels, height, width)."""
        return (image - self.mean.view(-1, 1, 1)) / self.std.view(-1, 1, 1)


class Lambda(Unchanged):
    """A function as a transformation."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, image: Any) -> Any:
        """What the function makes of it."""
        return self.function(image)


UNCHANGED = (
    "ToTensor", "ToPILImage", "RandomHorizontalFlip", "RandomVerticalFlip", "RandomResizedCrop",
    "RandomCrop", "CenterCrop", "Resize", "RandomRotation", "RandomAffine", "ColorJitter",
)  # fmt: skip


def make_grid(
    tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False, **_: Any
) -> Tensor:
    """Images (n, channels, height, width) side by side, `nrow` in a row."""
    images = torch.stack(list(tensor)) if isinstance(tensor, list | tuple) else tensor
    images = images[:, None] if images.ndim == 3 else images
    images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
    if normalize:
        low, high = images.min(), images.max()
        images = (images - low) / (high - low).clamp(min=1e-5)
    n, channels, height, width = images.shape
    across = min(nrow, n)
    down = -(-n // across)
    height, width = height + padding, width + padding
    grid = images.new_zeros(channels, height * down + padding, width * across + padding)
    for i, image in enumerate(images):
        top, left = i // across * height + padding, i % across * width + padding
        grid[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return grid


def save_image(tensor: Any, fp: Any, **named: Any) -> None:
    """Write the numbers of a grid, without a format."""
    with open(fp, "wb") as file:
        file.write(make_grid(tensor, **named).numpy().tobytes())


def make_torchvision() -> None:
    """torchvision with its data sets, transformations and grids."""
    functional = module("torchvision.transforms.functional", affine=affine, rotate=rotate)
    unchanged = {name: type(name, (Unchanged,), {}) for name in UNCHANGED}
    transforms = module(
        "torchvision.transforms", __path__=[], functional=functional, Compose=Compose,
        Normalize=Normalize, Lambda=Lambda, **unchanged,
    )  # fmt: skip
    parts = {
        "transforms": transforms,
        "datasets": module("torchvision.datasets"),
        "utils": module("torchvision.utils", make_grid=make_grid, save_image=save_image),
    }
    module("torchvision", __path__=[], __version__="0", **parts)


DATA = {"FashionMNIST": FashionMNIST, "MNIST": FashionMNIST, "CIFAR10": CIFAR10}
MAKERS = {"torchvision": make_torchvision, "tqdm": make_tqdm, "matplotlib": make_matplotlib}
