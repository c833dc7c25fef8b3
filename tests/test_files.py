"""Files are written whole or not at all, where they should be, for whom they should be."""

import errno
import os
from pathlib import Path

import pytest

from retroprop.files import is_as_written, make_folder, remove_file, replace_file


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    replace_file(path, b"old")

    def parts():
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace_file(path, parts(), durable=True)
    assert [file.read_bytes() for file in tmp_path.iterdir() if file.is_file()] == [b"old"]


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_device_is_written_to_and_stays_one():
    before = os.stat(os.devnull)
    replace_file(Path(os.devnull), b"text")
    assert os.path.samestat(before, os.stat(os.devnull))


def test_a_file_that_is_missing_or_other_is_not_as_written(tmp_path):
    path = tmp_path / "a"
    assert not is_as_written(path, None)
    path.write_bytes(b"a")
    assert is_as_written(path, None)
    assert not is_as_written(path, "0" * 64)


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (lambda folder: replace_file(folder / "new", b"x", durable=True), "new"),
        (lambda folder: remove_file(folder / "old"), ""),
        (lambda folder: make_folder(folder / "sub"), ""),
    ],
)
def test_an_error_of_the_device_says_at_which_file(tmp_path, monkeypatch, write, named):
    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error") as raised:
        write(tmp_path)
    assert raised.value.filename == str(tmp_path / named)
