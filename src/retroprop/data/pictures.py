"""Pictures from files, for models and figures: the one that ships with the package, or anybody's.

Only files are opened here, and nothing of them is run. A picture that is too large to be one is
refused before it is decoded.
"""

import warnings
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from retroprop.errors import UserError

LARGEST_PIXELS = 150_000_000
"""A photograph has fewer; a small file that claims more would fill the memory."""


def bundled_picture() -> np.ndarray:
    """A house at a lake (192, 192, 3), uint8: drawn by `scripts/make_picture.py`, our own."""
    name = resources.files("retroprop.data") / "bundled" / "pictures" / "lake-house.png"
    with resources.as_file(name) as path:
        return read_picture(path)


def read_picture(path: Path, *, side: int | None = None) -> np.ndarray:
    """A PNG, JPEG or other picture that Pillow reads, upright, in colour.

    Args:
        path: The file.
        side: Cut the largest square from the middle, and make it so many pixels a side.

    Returns:
        (height, width, 3), uint8. Transparent pixels are laid on white; of an animation this is the
        first picture.

    Raises:
        UserError: If there is no such file, it is no picture, or it is damaged or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count ourselves
            file = Image.open(path)
        with file:
            if file.width * file.height > LARGEST_PIXELS:
                raise UserError(
                    f"{path} has {file.width} × {file.height} pixels, more than a photograph; make "
                    f"it smaller than {LARGEST_PIXELS // 10**6} million pixels."
                )
            picture = _on_white(ImageOps.exif_transpose(file))
    except FileNotFoundError:
        raise UserError(f"there is no file {path}; name a PNG or JPEG picture.") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture that can be read; use PNG or JPEG.") from None
    except Image.DecompressionBombError:
        raise UserError(
            f"{path} claims more pixels than a photograph has; make it smaller than "
            f"{LARGEST_PIXELS // 10**6} million pixels."
        ) from None
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
        if isinstance(error, UserError):
            raise
        raise UserError(f"the picture {path} cannot be read ({error}); is it damaged?") from error
    if side is not None:
        picture = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
    return np.array(picture)


def _on_white(picture: Image.Image) -> Image.Image:
    """Any picture in red, green and blue; 16-bit grey is brought to 8 bits."""
    if picture.mode.startswith("I;16"):
        levels = np.asarray(picture)
        return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        with_alpha = picture.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return picture.convert("RGB")
