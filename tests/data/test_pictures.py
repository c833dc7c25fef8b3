import numpy as np
import pytest
from PIL import Image

from retroprop.data import pictures
from retroprop.data.pictures import bundled_picture, read_picture
from retroprop.errors import UserError


def test_the_bundled_picture_has_shades_edges_and_texture():
    picture = bundled_picture()
    assert picture.shape == (192, 192, 3)
    assert picture.dtype == np.uint8
    grey = picture.astype(float).mean(-1)
    steps = np.abs(np.diff(grey, axis=1))
    assert (steps > 40).mean() > 0.02  # edges
    assert (steps < 1).mean() > 0.3  # smooth parts


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_is_read_in_colour(tmp_path, suffix):
    pixels = np.zeros((20, 30, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    Image.fromarray(pixels).save(tmp_path / f"red{suffix}")
    read = read_picture(tmp_path / f"red{suffix}")
    assert read.shape == (20, 30, 3)
    assert np.abs(read.astype(int) - pixels).max() <= 3  # JPEG is not exact


def test_grey_transparent_and_16_bit_pictures_become_three_channels(tmp_path):
    Image.fromarray(np.full((4, 4), 77, np.uint8)).save(tmp_path / "grey.png")
    assert (read_picture(tmp_path / "grey.png") == 77).all()
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png") == 255).all()
    Image.fromarray(np.full((4, 4), 77 * 256 + 5, np.uint16)).save(tmp_path / "deep.png")
    assert (read_picture(tmp_path / "deep.png") == 77).all()


def test_a_photograph_is_turned_upright(tmp_path):
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: turn by 90 degrees
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=turned)
    assert read_picture(tmp_path / "turned.jpg").shape == (32, 16, 3)


def test_a_square_is_cut_from_the_middle(tmp_path):
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:, 20:60] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    square = read_picture(tmp_path / "wide.png", side=10)
    assert square.shape == (10, 10, 3)
    assert (square[:, 1:-1] > 250).all()  # enlarging and shrinking filters look a little beyond
    assert (square > 230).all()


def test_what_is_no_picture_is_explained(tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("RGB", (50, 50), "red").save(tmp_path / "whole.png")
    half = (tmp_path / "whole.png").read_bytes()[:80]
    (tmp_path / "half.png").write_bytes(half)
    for name in ("notes.png", "empty.png"):
        with pytest.raises(UserError, match="not a picture"):
            read_picture(tmp_path / name)
    with pytest.raises(UserError, match="damaged"):
        read_picture(tmp_path / "half.png")
    with pytest.raises(UserError, match="no file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(UserError, match="cannot be read"):
        read_picture(tmp_path)


def test_a_picture_that_claims_too_many_pixels_is_refused(tmp_path, monkeypatch):
    Image.new("L", (50, 40)).save(tmp_path / "large.png")
    monkeypatch.setattr(pictures, "LARGEST_PIXELS", 1_999)
    with pytest.raises(UserError, match="50 × 40 pixels"):
        read_picture(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_500)
    with pytest.raises(UserError, match="50 × 40 pixels"):  # and no warning of Pillow's
        read_picture(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UserError, match="claims more pixels"):
        read_picture(tmp_path / "large.png")
