import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retroprop
from retroprop.data import image_files
from retroprop.data.pictures import bundled_picture, read_picture
from retroprop.errors import UserError

STATUS = Path("/proc/self/status")


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
    monkeypatch.setattr(image_files, "LARGEST_PIXELS", 1_999)
    with pytest.raises(UserError, match="50 × 40 pixels"):
        read_picture(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_500)
    with pytest.raises(UserError, match="50 × 40 pixels"):  # and no warning of Pillow's
        read_picture(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UserError, match="claims more pixels"):
        read_picture(tmp_path / "large.png")


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("EPS", "a PostScript document"),  # which Pillow has Ghostscript run
        ("WEBP", "a WebP picture"),
        ("GIF", "a GIF picture"),
        ("BMP", "a BMP picture"),
        ("TIFF", "a TIFF picture"),
        ("PDF", "a PDF document"),
        ("ICO", ""),
        ("PPM", ""),
    ],
)
def test_another_format_with_the_name_of_a_png_is_named_and_not_opened(tmp_path, format, kind):
    Image.new("RGB", (32, 32)).save(tmp_path / "other.png", format)
    with pytest.raises(UserError, match=f"{kind}.*not a picture that can be read; use PNG or JPEG"):
        read_picture(tmp_path / "other.png")


def test_pillow_opens_files_in_one_place():
    calls = []
    for module in Path(retroprop.__file__).parent.rglob("*.py"):
        calls += [module.name] * len(re.findall(r"Image\.open\(", module.read_text("utf-8")))
    assert calls == ["image_files.py"]


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def palette_png(width, height, *more):
    """A picture of one bit a pixel and two colours, one of them transparent, in a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    packed, rows = zlib.compressobj(9), bytes(1 + (width + 7) // 8) * 500
    pixels = b"".join(packed.compress(rows) for _ in range(height // 500)) + packed.flush()
    parts = [chunk(b"IHDR", header), chunk(b"PLTE", bytes(6)), chunk(b"tRNS", b"\0\1"), *more]
    return b"".join([b"\x89PNG\r\n\x1a\n", *parts, chunk(b"IDAT", pixels), chunk(b"IEND", b"")])


@pytest.mark.skipif(not STATUS.is_file(), reason="the system does not tell a process's memory")
def test_a_small_file_with_as_many_pixels_as_may_be_takes_less_than_a_gigabyte(tmp_path):
    (tmp_path / "large.png").write_bytes(palette_png(6_500, 8_000))
    assert (tmp_path / "large.png").stat().st_size < 20_000
    code = (
        "import sys; from pathlib import Path; from retroprop.data import pictures\n"
        "print(pictures.read_picture(Path(sys.argv[1]), side=28).shape)\n"
        f"print(Path({str(STATUS)!r}).read_text())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "large.png"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(retroprop.__file__).parents[1])},
    )
    assert done.stdout.startswith("(28, 28, 3)\n")
    # getrusage would give the most of this process too, from which the other one was made
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak is not None
    assert int(peak[1]) * 1024 < 700e6


@pytest.mark.parametrize("size", [(8_000, 8_000), (1_000_000, 1), (1, 70_000)])
def test_more_pixels_than_a_photograph_are_refused_from_the_header(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(palette_png(*size)[:100])  # nothing that could be decoded
    with pytest.raises(UserError, match=f"{size[0]} × {size[1]} pixels, more than a photograph"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    "more",
    [
        [chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(1 << 24)))],
        [chunk(b"zTXt", b"text%d\0\0" % i + zlib.compress(bytes(1 << 20))) for i in range(65)],
    ],
    ids=["profile", "texts"],
)
def test_text_that_expands_to_much_is_refused(tmp_path, more):
    (tmp_path / "bomb.png").write_bytes(palette_png(8, 500, *more))
    with pytest.raises(UserError, match=r"cannot be read .*(too large|Too much memory)"):
        read_picture(tmp_path / "bomb.png")


def test_a_jpeg_that_draws_its_pixels_again_and_again_is_refused(tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "bomb.jpg", progressive=True)
    whole = (tmp_path / "bomb.jpg").read_bytes()
    assert read_picture(tmp_path / "bomb.jpg").shape == (64, 64, 3)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    (tmp_path / "bomb.jpg").write_bytes(whole[:-2] + last * 1_000 + whole[-2:])
    with pytest.raises(UserError, match="draws its pixels 1010 times"):
        read_picture(tmp_path / "bomb.jpg")


def test_a_file_too_large_for_a_photograph_is_refused_unread(tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.write(palette_png(8, 500))
        file.truncate(1 << 30)
    with pytest.raises(UserError, match="1,073,741,824 bytes, more than a photograph"):
        read_picture(tmp_path / "large.png")
