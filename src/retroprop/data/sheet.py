"""A labelled sheet of samples: one row per class, so that people see what the images are."""

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retroprop.errors import UserError, in_short
from retroprop.files import replace_file

if TYPE_CHECKING:
    from retroprop.data import Dataset

_SCALE = 2  # screen pixels per image pixel, at 28 pixels a side
_GAP = 6
_TEXT_WIDTH = 150
_INK, _PAPER = "#1a1a1a", "#ffffff"


def draw_sample_sheet(
    dataset: "Dataset", path: Path, *, per_class: int = 10, lang: str = "en"
) -> Path:
    """Draw the first training images of each class, a row per class, as a PNG file.

    Args:
        dataset: An open data set.
        path: The file to write; its folder is created.
        per_class: Images per class, 1 to 100.
        lang: Language of the class names, "en" or "fr".

    Returns:
        The file.

    Raises:
        UserError: If `per_class` is out of range or the file cannot be written.
    """
    if not 1 <= per_class <= 100:
        raise UserError(f"per_class must be from 1 to 100, and got {per_class}.")
    from PIL import Image, ImageDraw, ImageFont

    info = dataset.info
    height, width = (side * _SCALE for side in info.image_shape[:2])
    names = info.class_names(lang)
    title_height = 58
    title_font = ImageFont.load_default(24)
    size = (
        max(
            _TEXT_WIDTH + per_class * (width + _GAP) + _GAP,
            math.ceil(title_font.getlength(info.title)) + 4 * _GAP,
        ),
        title_height + len(names) * (height + _GAP) + _GAP,
    )
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    counts = np.bincount(dataset.train_labels, minlength=len(names))
    draw.text((_GAP * 2, 12), info.title, fill=_INK, font=title_font)
    for row, name in enumerate(names):
        top = title_height + row * (height + _GAP)
        draw.text(
            (_GAP * 2, top + height / 2 - 18), name, fill=_INK, font=ImageFont.load_default(17)
        )
        # Pillow's font has no narrow no-break space.
        count = f"{counts[row]:,} images".replace(",", " " if lang == "fr" else ",")
        draw.text(
            (_GAP * 2, top + height / 2 + 4), count, fill="#666666", font=ImageFont.load_default(13)
        )
        for column, index in enumerate(np.flatnonzero(dataset.train_labels == row)[:per_class]):
            pixels = np.asarray(dataset.train_images[index])
            image = (
                Image.fromarray(pixels)
                .convert("RGB")
                .resize((width, height), Image.Resampling.NEAREST)
            )
            sheet.paste(image, (_TEXT_WIDTH + column * (width + _GAP), top))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = io.BytesIO()
        sheet.save(picture, format=Image.registered_extensions().get(path.suffix.lower()))
        replace_file(path, picture.getvalue())
    except (OSError, ValueError) as error:
        raise UserError(
            f"the sheet {path} cannot be written ({in_short(error)}); name a .png file in a folder "
            "that you may write to, with --output."
        ) from error
    return path
