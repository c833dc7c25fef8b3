"""The one place where Pillow opens a file: as a format that is meant, and with pixels that fit.

Pillow reads forty formats by what a file says it is, some of them with the help of other programs,
and reserves memory for any number of pixels that a header announces.
"""

import io
import warnings
from typing import BinaryIO

from PIL import Image

FORMATS = ("PNG", "JPEG")
LARGEST_PIXELS = 52_000_000
"""Most photographs have fewer; decoded in colour, so many take more than half a gigabyte."""
LARGEST_SIDE = 65_535
"""In pixels; a JPEG cannot have more."""


class TooLargeError(Exception):
    """A picture with more pixels than a photograph has; its text goes before "than"."""


class _Left:
    """A file of which a read takes no more than is left, whatever length a chunk announces."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.file = file.seek, file.tell, file
        start = file.tell()
        self.size = file.seek(0, io.SEEK_END)
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        left = max(self.size - self.tell(), 0)
        return self.file.read(left if size < 0 else min(size, left))


def open_image(file: BinaryIO, *, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Open a file as one of a few formats; its size is known, and its pixels are not decoded yet.

    Args:
        file: Open at its beginning; it must stay open until the pixels are decoded.
        formats: The formats that are meant, by Pillow's names.

    Raises:
        TooLargeError: If it has more pixels than a photograph.
        Exception: Whatever Pillow raises on a damaged file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a picture that is read needs no remarks of Pillow's
        try:
            image = Image.open(_Left(file), formats=formats)  # pyright: ignore[reportArgumentType]
        except Image.DecompressionBombError as error:
            raise TooLargeError("claims more pixels") from error
    if image.width * image.height > LARGEST_PIXELS or max(image.size) > LARGEST_SIDE:
        raise TooLargeError(f"has {image.width} × {image.height} pixels, more")
    return image
