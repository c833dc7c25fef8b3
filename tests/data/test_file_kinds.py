"""The wrong file is named for what it is."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest

from retroprop.data.file_kinds import kind_of, kind_of_file


def test_archives_are_told_apart(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("inner"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner", "")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b""))
    np.save(tmp_path / "a.npy", np.zeros(3))
    assert kind_of_file(tmp_path / "a.tar") == "a tar archive"
    assert kind_of_file(tmp_path / "a.zip") == "a zip archive"
    assert kind_of_file(tmp_path / "a.gz") == "a gzip file"
    assert kind_of_file(tmp_path / "a.npy") == "a single NumPy array (.npy)"
    assert kind_of_file(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"label,pixel0,pixel1\n1,0,0\n", "comma-separated text, as Kaggle has MNIST"),
        (b"5,0,0,0,0,0,0,0,0,0,0,0,0\n", "comma-separated text"),
        (b"\xef\xbb\xbf <!DOCTYPE html>\n", "a web page"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"\0\0\x08\x03\0\0\xea\x60", "IDX images, one of the four files of MNIST"),
        (b"\x80\x04\x95", None),
        (b"", None),
    ],
)
def test_a_file_is_named_by_its_first_bytes(start, kind):
    assert kind_of(start) == kind


def test_any_bytes_have_at_most_one_kind():
    rng = np.random.default_rng(0)
    for length in range(600):
        kind = kind_of(rng.bytes(length))
        assert kind is None or isinstance(kind, str)
    assert kind_of(io.BytesIO(b"," * 600).read(512)) == "comma-separated text"
