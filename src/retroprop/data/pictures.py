"""Pictures from files, for models and figures: the one that ships with the package, or anybody's.

Only PNG and JPEG are opened. Before anything is decoded the size of a picture is read from its
header, and one that would fill the memory is refused.
"""

import warnings
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from retroprop.data.file_kinds import kind_of_file
from retroprop.data.image_files import LARGEST_PIXELS, LARGEST_SIDE, TooLargeError, open_image
from retroprop.errors import UserError, in_short

_LARGEST_BYTES = 320_000_000  # so many pixels of 6 bytes that do not compress
_SCANS = 100  # a progressive JPEG has some ten, and its thumbnail as many
_BAND = 4_000_000  # pixels that are laid on white at once


def bundled_picture() -> np.ndarray:
    """A house at a lake (192, 192, 3), uint8: drawn by `scripts/make_picture.py`, our own."""
    name = resources.files(str(__package__)) / "bundled" / "pictures" / "lake-house.png"
    with resources.as_file(name) as path:
        return read_picture(path)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture from a file.

    Attributes:
        pixels: (height, width, 3), uint8.
        size: Width and height of the whole, upright.
        on_white: Whether it has transparent pixels, which were laid on white.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    on_white: bool


def read_picture(path: Path, *, side: int | None = None) -> np.ndarray:
    """The pixels of `open_picture`."""
    return open_picture(path, side=side).pixels


def open_picture(path: Path, *, side: int | None = None) -> Picture:
    """A PNG or JPEG picture, upright, in colour.

    Args:
        path: The file.
        side: Cut the largest square from the middle, and make it so many pixels a side.

    Returns:
        Of an animation, the first picture.

    Raises:
        UserError: If there is no such file, it is no such picture, or it is damaged or too large.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a picture that is read needs no remarks of Pillow's
            _refuse_endless(path, file)
            with open_image(file) as image:
                ImageOps.exif_transpose(image, in_place=True)
                picture, on_white = _on_white(image)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}; name a PNG or JPEG picture.") from None
    except UnidentifiedImageError:
        kind = kind_of_file(path)
        arrived = f"{path} is {kind}, and " if kind else f"{path} is "
        raise UserError(f"{arrived}not a picture that can be read; use PNG or JPEG.") from None
    except TooLargeError as error:
        raise UserError(
            f"{path} {error} than a photograph; make it smaller than "
            f"{LARGEST_PIXELS // 10**6} million pixels and {LARGEST_SIDE + 1:,} a side."
        ) from None
    except UserError:
        raise
    except Exception as error:  # a damaged file makes Pillow fail in many ways; all mean the same
        raise UserError(
            f"the picture {path} cannot be read ({in_short(error)}); is it damaged?"
        ) from error
    size = picture.size
    if side is not None:
        picture = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
    return Picture(pixels=np.array(picture), size=size, on_white=on_white)


def is_on_light(grey: np.ndarray) -> bool:
    """Whether most of a grey picture's border is bright.

    Args:
        grey: (height, width), uint8.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return bool((border > 127).mean() > 0.5)


def luminance(pictures: np.ndarray) -> np.ndarray:
    """Coloured pictures (…, 3) in grey, uint8, as ITU-R BT.601 weighs the colours."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return (pictures @ weights).round().astype(np.uint8)


def _refuse_endless(path: Path, file: BinaryIO) -> None:
    """Refuse a file that takes very long to read, and leave it at its beginning.

    Raises:
        UserError: If it is too large, or a JPEG that draws its pixels again and again.
    """
    size = file.seek(0, 2)
    if size > _LARGEST_BYTES:
        raise UserError(
            f"{path} has {size:,} bytes, more than a photograph; name a PNG or JPEG picture of at "
            f"most {_LARGEST_BYTES:,} bytes."
        )
    file.seek(0)
    if file.read(2) == b"\xff\xd8":
        scans = sum(part.count(b"\xff\xda") for part in iter(lambda: file.read(1 << 20), b""))
        if scans > _SCANS:
            raise UserError(
                f"{path} draws its pixels {scans} times, and a JPEG does it some ten times; save "
                "it again as PNG or JPEG."
            )
    file.seek(0)


def _on_white(picture: Image.Image) -> tuple[Image.Image, bool]:
    """Any picture in red, green and blue, and whether pixels of it were transparent.

    16-bit grey is brought to 8 bits, and has no transparency here.
    """
    if picture.mode.startswith("I;16"):
        levels = np.asarray(picture)
        return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB"), False
    if not picture.has_transparency_data:
        return picture.convert("RGB"), False
    result, transparent = Image.new("RGB", picture.size), False
    rows = max(1, _BAND // picture.width)  # four copies of all of it would fill the memory
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        band = picture.crop((0, top, picture.width, bottom)).convert("RGBA")
        transparent |= np.asarray(band)[..., 3].min() < 255
        white = Image.new("RGBA", band.size, "white")
        result.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return result, bool(transparent)
