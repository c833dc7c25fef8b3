"""The cache is filled once, checked, and replaced whole or not at all."""

import errno
import io
import json
import multiprocessing
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from retroprop import data
from retroprop.data import cache, catalog, sources
from retroprop.data.catalog import ARRAY_NAMES, find
from retroprop.errors import UserError

SAMPLE = "cifar10-sample"
BUNDLED = [name for name, info in data.CATALOG.items() if info.bundled]


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    """An empty cache folder of the test's own."""
    folder = tmp_path / "fresh"
    monkeypatch.setenv("RETROPROP_CACHE", str(folder))
    return folder / "data"


def forbid_decoding(monkeypatch):
    def refuse(*_args, **_keywords):
        raise AssertionError("the data were decoded again")

    monkeypatch.setattr(data, "_decode", refuse)
    monkeypatch.setattr(data, "_read_bundled", refuse)


def fill_with_zeros(folder, name):
    """Put arrays of the right type and shape, and the wrong values, into the cache."""
    info = find(name)
    (folder / name).mkdir(parents=True)
    for array in ARRAY_NAMES:
        np.save(folder / name / f"{array}.npy", np.zeros(info.shape(array), np.uint8))


def contents(folder):
    """Every file below a folder with its bytes, locks aside."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def folders(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


# --- filling and opening --------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLED)
def test_the_first_load_fills_the_cache_and_the_second_one_decodes_nothing(
    name, fresh_cache, monkeypatch
):
    first = data.load(name)
    assert sorted(path.name for path in (fresh_cache / name).iterdir()) == sorted(
        [cache.CHECKSUMS, *(f"{array}.npy" for array in ARRAY_NAMES)]
    )
    assert folders(fresh_cache) == [name]
    forbid_decoding(monkeypatch)
    second = data.load(name)
    for array in ARRAY_NAMES:
        assert getattr(second, array).shape == find(name).shape(array)
        np.testing.assert_array_equal(getattr(first, array), getattr(second, array))


def test_arrays_are_memory_mapped_and_read_only_from_the_first_load_on():
    for dataset in (data.load(SAMPLE), data.load(SAMPLE)):
        for name in ARRAY_NAMES:
            array = getattr(dataset, name)
            assert isinstance(array, np.memmap)
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("RETROPROP_CACHE", str(tmp_path / "elsewhere"))
    data.load(SAMPLE)
    assert (tmp_path / "elsewhere" / "data" / SAMPLE / "train_images.npy").is_file()
    assert not (tmp_path / "fresh").exists()


def test_without_the_variable_the_cache_is_in_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("RETROPROP_CACHE")
    folder = cache.cache_folder()
    assert folder.name == "data"
    assert "retroprop" in folder.parts[:-1]


@pytest.mark.parametrize("name", BUNDLED)
def test_fetching_bundled_data_needs_no_network(name, monkeypatch):
    forbid_connections(monkeypatch)
    assert [(a.source, a.error) for a in data.fetch(name)] == [
        ("cache", "it is not there yet"),
        ("package", None),
    ]
    assert [a.source for a in data.fetch(name)] == ["cache"]


def forbid_connections(monkeypatch):
    def refuse(*_args, **_keywords):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(sources.subprocess, "run", refuse)


def test_loading_cifar10_without_its_data_says_how_to_fetch_it_and_opens_no_connection(
    monkeypatch, fresh_cache
):
    forbid_connections(monkeypatch)
    with pytest.raises(UserError, match=r"170 MB.*run retroprop data fetch cifar10 once"):
        data.load("cifar10")
    assert not fresh_cache.exists()


def test_loading_cifar10_from_a_folder_opens_no_connection(monkeypatch, tmp_path):
    forbid_connections(monkeypatch)
    with pytest.raises(UserError, match="not asked, because the network is off"):
        data.load("cifar10", folder=tmp_path / "nothing-here")


@pytest.mark.parametrize("use", [data.load, data.fetch, data.verify])
def test_an_unknown_name_is_answered_with_the_nearest_one(use):
    with pytest.raises(UserError, match=r"unknown data set 'fashon-mnist'.*'fashion-mnist'"):
        use("fashon-mnist")


# --- damage ---------------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def wrong_shape(path):
    np.save(path, np.zeros((3, 3), np.uint8))


def wrong_type(path):
    array = np.load(path)
    np.save(path, array.astype(np.int16))


def pickled(path):
    np.save(path, np.array([print, "hello"], dtype=object), allow_pickle=True)


def several(path):
    np.savez(path.with_suffix(""), np.zeros(3))  # an .npz, which np.load does not map
    path.with_suffix(".npz").replace(path)


def header(text):
    """A file of the right length whose header is this text."""

    def damage(path):
        length = len(text).to_bytes(2, "little")
        path.write_bytes(b"\x93NUMPY\x01\x00" + length + text + bytes(path.stat().st_size))

    return damage


DAMAGES = [
    truncate, empty, remove, wrong_shape, wrong_type, pickled, several,
    header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999999,), }\n"),
    header(b"{[]: 1}\n"),
    header(b"(" * 9000),
    header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (500L,), }\n"),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("array", ["train_images", "test_labels"])
def test_a_damaged_file_of_bundled_data_is_made_anew_by_load(damage, array, fresh_cache):
    good = data.load(SAMPLE)
    path = fresh_cache / SAMPLE / f"{array}.npy"
    expected = np.array(getattr(good, array))
    del good
    damage(path)
    again = data.load(SAMPLE)
    assert isinstance(getattr(again, array), np.memmap)
    np.testing.assert_array_equal(getattr(again, array), expected)
    assert all(check.ok for check in data.verify(SAMPLE))
    assert folders(fresh_cache) == [SAMPLE]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_cifar10_is_answered_with_how_to_fetch_it_anew(damage, fresh_cache):
    fill_with_zeros(fresh_cache, "cifar10")
    damage(fresh_cache / "cifar10" / "train_labels.npy")
    with pytest.raises(UserError) as caught:
        data.load("cifar10")
    assert "train_labels.npy in the cache is damaged" in str(caught.value)
    assert "run retroprop data fetch cifar10 to make it anew" in str(caught.value)


def alter(path):
    """Change one number of an array in place, and the date of the file with it."""
    with path.open("r+b") as file:
        file.seek(-1, io.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, io.SEEK_END)
        file.write(bytes([(last + 1) % 10]))


def alter_and_set_the_date_back(path):
    before = path.stat()
    alter(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_another_of_the_same_date(path):
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    alter(other)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


ALTERATIONS = [alter, alter_and_set_the_date_back, replace_by_another_of_the_same_date]


@pytest.mark.parametrize("change", ALTERATIONS)
def test_altered_bytes_are_refused_until_they_are_fetched_anew(change, fresh_cache):
    published = data.load(SAMPLE).checksum
    change(fresh_cache / SAMPLE / "train_labels.npy")
    for _ in range(2):
        with pytest.raises(
            UserError, match=r"train_labels\.npy in the cache is damaged .* SHA-256"
        ):
            data.load(SAMPLE)
    with pytest.raises(UserError, match=f"run retroprop data fetch {SAMPLE} to make it anew"):
        data.load(SAMPLE)
    data.fetch(SAMPLE)
    assert data.load(SAMPLE).checksum == published == find(SAMPLE).checksum


@pytest.fixture
def hashed(monkeypatch):
    """The shapes of the arrays that the cache hashes from now on."""
    shapes = []

    def sha256_of(array):
        shapes.append(array.shape)
        return catalog.sha256_of(array)

    monkeypatch.setattr(cache, "sha256_of", sha256_of)
    return shapes


def test_an_unchanged_file_is_not_hashed_again_and_a_touched_one_is_alone(fresh_cache, hashed):
    for _ in range(3):
        data.load(SAMPLE)
    assert hashed == []
    (fresh_cache / SAMPLE / "test_labels.npy").touch()
    for _ in range(3):
        data.load(SAMPLE)
    assert hashed == [(500,)]
    data.verify(SAMPLE)
    assert len(hashed) == 5


def without(path):
    path.unlink()


def say(text):
    return lambda path: path.write_text(text)


def blocked(path):
    """As where the cache may only be read: root may write anywhere."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "hashed_each_time"),
    [
        (without, False),  # a cache of an earlier version
        (say(""), False),
        (say("[]"), False),
        (say('{"train_images": 3, "train_labels": {"sha256": 0}}'), False),
        (say("[" * 100_000), False),
        (say("9" * 5_000), False),
        (blocked, True),
    ],
)
def test_without_kept_checksums_the_arrays_are_hashed_and_nothing_is_said(
    damage, hashed_each_time, fresh_cache, hashed
):
    data.load(SAMPLE)
    damage(fresh_cache / SAMPLE / cache.CHECKSUMS)
    for _ in range(2):
        assert data.load(SAMPLE).checksum == find(SAMPLE).checksum
    assert len(hashed) == (8 if hashed_each_time else 4)
    alter(fresh_cache / SAMPLE / "train_labels.npy")
    with pytest.raises(UserError, match="SHA-256"):
        data.load(SAMPLE)


def test_kept_checksums_are_on_the_disk_and_a_killed_write_leaves_nothing(fresh_cache, monkeypatch):
    synced, fsync = [], os.fsync
    data.load(SAMPLE)
    folder = fresh_cache / SAMPLE
    (folder / cache.CHECKSUMS).unlink()
    (folder / ".checksums.json.0badcafe.tmp").touch()  # of a process that was killed as it wrote

    def noted(handle):
        synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    data.load(SAMPLE)
    assert synced[-1] == folder
    assert any(path.name.startswith(".checksums.json.") for path in synced[:-1])
    assert sorted(path.name for path in folder.glob("*checksums*")) == [cache.CHECKSUMS]


def test_what_verify_found_is_not_forgotten(fresh_cache):
    """The disk lost a bit, and nothing about the file changed."""
    data.load(SAMPLE)
    path = fresh_cache / SAMPLE / "test_labels.npy"
    kept = json.loads((fresh_cache / SAMPLE / cache.CHECKSUMS).read_text())
    alter(path)
    status = path.stat()
    kept["test_labels"] |= {"mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}
    (fresh_cache / SAMPLE / cache.CHECKSUMS).write_text(json.dumps(kept))
    data.load(SAMPLE)  # as if it were whole
    assert [check.array for check in data.verify(SAMPLE) if not check.ok] == ["test_labels"]
    with pytest.raises(UserError, match="SHA-256"):
        data.load(SAMPLE)


def test_everybody_may_read_a_cache_that_is_shared(fresh_cache):
    data.load(SAMPLE)
    usual = fresh_cache / "usual"
    usual.mkdir()
    assert (fresh_cache / SAMPLE).stat().st_mode == usual.stat().st_mode


def test_fetch_replaces_data_that_have_the_shape_but_not_the_bytes(fresh_cache):
    fill_with_zeros(fresh_cache, SAMPLE)
    attempts = data.fetch(SAMPLE)
    assert attempts[0].error is not None
    assert "should have the SHA-256" in attempts[0].error
    assert attempts[1:] == [sources.SourceAttempt(source="package", error=None)]
    assert all(check.ok for check in data.verify(SAMPLE))
    assert folders(fresh_cache) == [SAMPLE]


def test_verify_reports_a_flipped_bit_in_the_cache(fresh_cache):
    data.load(SAMPLE)
    path = fresh_cache / SAMPLE / "test_images.npy"
    content = bytearray(path.read_bytes())
    content[-12345] ^= 1
    path.write_bytes(content)
    assert [(c.where, c.array) for c in data.verify(SAMPLE) if not c.ok] == [
        ("cache", "test_images")
    ]


def test_verify_hashes_the_package_and_the_cache():
    assert {check.where for check in data.verify(SAMPLE)} == {"package"}
    data.load(SAMPLE)
    checks = data.verify(SAMPLE)
    assert {(c.where, c.array) for c in checks} == {
        (where, array) for where in ("package", "cache") for array in ARRAY_NAMES
    }
    assert all(check.ok for check in checks)


def test_verify_of_data_that_are_not_here_says_how_to_fetch_them():
    with pytest.raises(UserError, match="run retroprop data fetch cifar10 first"):
        data.verify("cifar10")


def test_wrong_bytes_are_refused_and_the_cache_stays_as_it_was(fresh_cache):
    info = find(SAMPLE)
    data.load(SAMPLE)
    before = contents(fresh_cache)
    arrays = {name: np.array(getattr(data.load(SAMPLE), name)) for name in ARRAY_NAMES}
    arrays["train_images"][7, 7, 7, 0] ^= 1
    with cache.locked(info.name), pytest.raises(UserError, match="should have the SHA-256"):
        cache.store(info, arrays)
    assert contents(fresh_cache) == before
    assert folders(fresh_cache) == [SAMPLE]


# --- a cache that cannot be written ---------------------------------------------------------------


def block(fresh_cache):
    """Put a file where the cache folder should be: root may write to any folder."""
    fresh_cache.parent.write_text("no folder")


def test_bundled_data_load_into_memory_with_one_warning_when_the_cache_cannot_be_written(
    fresh_cache,
):
    block(fresh_cache)
    with pytest.warns(RuntimeWarning, match=r"cannot be written.*RETROPROP_CACHE") as caught:
        dataset = data.load(SAMPLE)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # it points at the caller
    assert dataset.train_images.shape == find(SAMPLE).shape("train_images")
    assert not isinstance(dataset.train_images, np.memmap)


def test_fetch_into_a_cache_that_cannot_be_written_is_explained(fresh_cache):
    block(fresh_cache)
    with pytest.raises(UserError, match=r"cannot be written.*RETROPROP_CACHE"):
        data.fetch(SAMPLE)


@pytest.fixture
def full_disk(monkeypatch):
    """The disk is full from the second array on."""
    save = np.save
    saved = []

    def refuse(path, array, **keywords):
        saved.append(path)
        if len(saved) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, array, **keywords)

    monkeypatch.setattr(np, "save", refuse)
    return saved


def test_bundled_data_load_into_memory_with_one_warning_when_the_disk_is_full(
    fresh_cache, full_disk
):
    with pytest.warns(RuntimeWarning, match=r"the disk of the cache folder .* is full") as caught:
        dataset = data.load(SAMPLE)
    assert len(caught) == 1
    assert len(full_disk) == 2
    assert dataset.test_labels.shape == (500,)
    assert contents(fresh_cache) == {}
    assert folders(fresh_cache) == []


def test_fetch_onto_a_full_disk_is_explained_and_the_cache_stays_as_it_was(fresh_cache, full_disk):
    (fresh_cache / SAMPLE).mkdir(parents=True)
    (fresh_cache / SAMPLE / "train_images.npy").write_bytes(b"damaged before")
    before = contents(fresh_cache)
    with pytest.raises(UserError, match=r"is full; free some space"):
        data.fetch(SAMPLE)
    assert len(full_disk) == 2
    assert contents(fresh_cache) == before
    assert folders(fresh_cache) == [SAMPLE]


# --- two at once ----------------------------------------------------------------------------------


def _fetch_at(barrier, results):
    barrier.wait()
    try:
        results.put([attempt.source for attempt in data.fetch(SAMPLE)])
    except BaseException as error:
        results.put(repr(error))


def test_two_processes_that_fetch_at_once_both_succeed(fresh_cache):
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(2), spawn.Queue()
    both = [spawn.Process(target=_fetch_at, args=(barrier, results)) for _ in range(2)]
    for process in both:
        process.start()
    outcomes = sorted([results.get() for _ in both], key=len)
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert outcomes == [["cache"], ["cache", "package"]]  # the second one found it there
    assert all(check.ok for check in data.verify(SAMPLE))
    assert folders(fresh_cache) == [SAMPLE]


def test_a_process_that_holds_the_place_for_too_long_is_explained(monkeypatch):
    monkeypatch.setattr(cache, "_LOCK_TIMEOUT_S", 0.1)
    info = find(SAMPLE)
    held, done = threading.Event(), threading.Event()

    def hold():
        with cache.locked(info.name):
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        held.wait()
        with pytest.raises(UserError, match=f"another process has been writing {SAMPLE}"):
            data.fetch(SAMPLE)
    finally:
        done.set()
        thread.join()


def test_a_load_that_decodes_is_noticed_by_these_tests(monkeypatch):
    forbid_decoding(monkeypatch)
    with pytest.raises(AssertionError, match="decoded again"):
        data.load(SAMPLE)


def test_a_failed_swap_leaves_the_cache_as_it_was(fresh_cache, monkeypatch):
    data.load(SAMPLE)
    place = fresh_cache / SAMPLE
    damaged = b"damaged"
    (place / "train_labels.npy").write_bytes(damaged)
    replace = os.replace

    def refuse_the_new_one(source, target):
        if Path(target) == place and ".old." not in str(source):
            raise OSError(errno.EIO, "the disk is failing")
        replace(source, target)

    monkeypatch.setattr(cache.os, "replace", refuse_the_new_one)
    with pytest.raises(UserError, match="the disk is failing"):
        data.fetch(SAMPLE)
    assert (place / "train_labels.npy").read_bytes() == damaged
    assert list(fresh_cache.glob(".*/")) == []


def test_what_a_killed_process_left_over_is_removed_by_the_next_one(fresh_cache):
    left_over = fresh_cache / f".{SAMPLE}.killed"
    left_over.mkdir(parents=True)
    (left_over / "train_images.npy").write_bytes(b"half of it")
    data.load(SAMPLE)
    assert not left_over.exists()


def test_datasets_can_be_compared_and_hashed():
    dataset = data.load(SAMPLE)
    assert dataset == dataset
    assert len({dataset, data.load(SAMPLE)}) == 2
