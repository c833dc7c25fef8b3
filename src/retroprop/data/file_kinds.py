"""What a file is by its first bytes, so that the wrong file is named for what it is."""

from pathlib import Path

_ENOUGH = 512  # a tar archive says what it is after 257 bytes
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"%!PS", "a PostScript document"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"MATLAB 5.0", "a MATLAB file"),
    (b"PAR1", "a Parquet file"),
    (b"\x93NUMPY", "a single NumPy array (.npy)"),
    (b"\0\0\x08\x03", "IDX images, one of the four files of MNIST"),
    (b"\0\0\x08\x01", "IDX labels, one of the four files of MNIST"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file"),
    (b"label,", "comma-separated text, as Kaggle has MNIST"),
)


def kind_of(start: bytes) -> str | None:
    """What begins like this, for a sentence; None if it is not one of the kinds that are known.

    Args:
        start: The first 512 bytes.

    >>> kind_of(b"GIF89a")
    'a GIF picture'
    """
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "a WebP picture"
    if start[4:8] == b"ftyp":
        return "a HEIC, AVIF or MP4 file"
    if start[257:262] == b"ustar":
        return "a tar archive"
    for magic, kind in _STARTS:
        if start.startswith(magic):
            return kind
    return _kind_of_text(start)


def kind_of_file(path: Path) -> str | None:
    """As `kind_of`, of a file; None too if it cannot be read."""
    try:
        with path.open("rb") as file:
            return kind_of(file.read(_ENOUGH))
    except OSError:
        return None


def _kind_of_text(start: bytes) -> str | None:
    if not start or b"\0" in start:
        return None
    line = start.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0].lower()
    if line.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a web page"
    if line.count(b",") >= 10 and not line.strip(b"0123456789,.-+e \r"):
        return "comma-separated text"
    return None
