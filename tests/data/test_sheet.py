"""The sheet of samples shows every class of a data set, under its name."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from retroprop.data import CATALOG, Dataset, find, load
from retroprop.data.sheet import _TEXT_WIDTH, draw_sample_sheet
from retroprop.errors import UserError

BUNDLED = [name for name, info in CATALOG.items() if info.bundled]
MARGIN = 12  # to the right of the images


def drawn(path):
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
        return np.asarray(sheet.convert("RGB")).astype(int)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_class_has_a_row_with_its_name_and_all_its_images(name, tmp_path):
    sheet = drawn(draw_sample_sheet(load(name), tmp_path / "s.png", per_class=4))
    info = find(name)
    side = 2 * info.image_shape[0]
    inked = (sheet != 255).any(axis=2)
    rows = bands(inked[:, -side:].any(axis=1))  # the last image of each class
    rows = [band for band in rows if band[1] - band[0] > side // 2]
    assert len(rows) == len(info.classes)
    for top, bottom in rows:
        assert inked[top:bottom, : sheet.shape[1] - 4 * (side + 6) - 6].any(), "no name"


def bands(marked):
    """The runs of True: pairs of their first index and the one after their last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(int)))
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("name", BUNDLED)
def test_the_images_on_the_sheet_are_the_first_of_each_class(name, tmp_path):
    dataset = load(name)
    sheet = drawn(draw_sample_sheet(dataset, tmp_path / "s.png", per_class=3))
    for label in (0, 9):
        for index in np.flatnonzero(dataset.train_labels == label)[:3]:
            pixels = np.asarray(dataset.train_images[index]).astype(int)
            if pixels.ndim == 2:
                pixels = np.repeat(pixels[..., None], 3, axis=2)
            assert contains(sheet, pixels.repeat(2, axis=0).repeat(2, axis=1))


def contains(sheet, image):
    """Whether the image stands somewhere on the sheet, pixel for pixel."""
    height, width = image.shape[:2]
    # A row through the middle of the image finds the candidates.
    probe = image[height // 2]
    windows = np.lib.stride_tricks.sliding_window_view(sheet, width, axis=1)  # (y, x, 3, width)
    for y in range(sheet.shape[0] - height + 1):
        same = (windows[y + height // 2] == probe.T).all(axis=(1, 2))
        for x in np.flatnonzero(same):
            if (sheet[y : y + height, x : x + width] == image).all():
                return True
    return False


def test_more_images_per_class_make_the_sheet_wider_and_no_taller(tmp_path):
    dataset = load("cifar10-sample")
    few = drawn(draw_sample_sheet(dataset, tmp_path / "few.png", per_class=4))
    many = drawn(draw_sample_sheet(dataset, tmp_path / "many.png", per_class=12))
    assert many.shape[0] == few.shape[0]
    assert many.shape[1] - few.shape[1] == 8 * (2 * 32 + 6)


def test_the_default_is_ten_images_per_class(tmp_path):
    dataset = load("cifar10-sample")
    ten = draw_sample_sheet(dataset, tmp_path / "ten.png", per_class=10)
    default = draw_sample_sheet(dataset, tmp_path / "default.png")
    assert default.read_bytes() == ten.read_bytes()


def test_french_names_differ_from_english_ones_and_leave_the_images_as_they_are(tmp_path):
    dataset = load("cifar10-sample")
    english = drawn(draw_sample_sheet(dataset, tmp_path / "en.png", per_class=3))
    french = drawn(draw_sample_sheet(dataset, tmp_path / "fr.png", per_class=3, lang="fr"))
    images = MARGIN + 3 * (2 * 32 + 6)
    assert english.shape == french.shape
    assert (english[:, :-images] != french[:, :-images]).any()
    assert (english[:, -images:] == french[:, -images:]).all()


def test_every_letter_of_the_french_sheet_is_in_its_font(tmp_path, monkeypatch):
    """A letter that the font lacks is drawn as the same box as U+FFFF, which no font has."""
    font = ImageFont.load_default(17)
    box = bytes(font.getmask("\uffff"))
    letters = set().union(*(info.title for info in CATALOG.values()))
    for info in CATALOG.values():
        letters.update(*info.class_names("fr"), *info.class_names("en"))
    written = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ImageDraw.ImageDraw, "text", lambda _, place, text, **__: written.append(text)
        )
        for lang in ("en", "fr"):
            dataset = load("fashion-mnist")
            draw_sample_sheet(dataset, tmp_path / "s.png", per_class=1, lang=lang)
    assert "6 000 images" in written
    assert "6,000 images" in written
    assert [c for c in sorted(letters.union(*written)) if bytes(font.getmask(c)) == box] == []


def test_a_narrow_sheet_shows_its_whole_title(tmp_path):
    sheet = drawn(draw_sample_sheet(load("cifar10-sample"), tmp_path / "s.png", per_class=1))
    title = (sheet[:50] != 255).any(axis=(0, 2))
    assert title.any()
    assert not title[-MARGIN:].any()


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("name", BUNDLED)
def test_no_name_runs_into_the_images(name, lang, tmp_path):
    sheet = drawn(draw_sample_sheet(load(name), tmp_path / "s.png", per_class=1, lang=lang))
    first_image = _TEXT_WIDTH
    assert (sheet[80:, first_image - 6 : first_image] == 255).all()
    assert (sheet[80:, first_image] != 255).any()


def test_a_class_without_examples_keeps_its_row(tmp_path):
    whole = load("cifar10-sample")
    dataset = Dataset(
        info=whole.info,
        train_images=whole.train_images[whole.train_labels != 3],
        train_labels=whole.train_labels[whole.train_labels != 3],
        test_images=whole.test_images,
        test_labels=whole.test_labels,
    )
    with_all = drawn(draw_sample_sheet(whole, tmp_path / "all.png", per_class=2))
    without = drawn(draw_sample_sheet(dataset, tmp_path / "without.png", per_class=2))
    assert without.shape == with_all.shape


@pytest.mark.parametrize("per_class", [0, -1, 101])
def test_a_number_of_images_that_makes_no_sheet_is_refused(per_class, tmp_path):
    with pytest.raises(UserError, match=f"from 1 to 100, and got {per_class}"):
        draw_sample_sheet(load("cifar10-sample"), tmp_path / "s.png", per_class=per_class)


def test_the_folder_of_the_sheet_is_created(tmp_path):
    path = draw_sample_sheet(load("cifar10-sample"), tmp_path / "a" / "b" / "s.png", per_class=1)
    assert path.is_file()


def test_a_place_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"the sheet .* cannot be written"):
        draw_sample_sheet(load("cifar10-sample"), tmp_path / "file" / "s.png", per_class=1)


def test_a_file_that_is_no_picture_is_explained(tmp_path):
    with pytest.raises(UserError, match=r"name a \.png file"):
        draw_sample_sheet(load("cifar10-sample"), tmp_path / "s.words", per_class=1)
