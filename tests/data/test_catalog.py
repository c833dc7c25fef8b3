"""The data that ship are the published ones, bit for bit, and the catalog describes them."""

import gzip
import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from retroprop.data import catalog
from retroprop.data.catalog import ARRAY_NAMES, CATALOG, check_arrays, find
from retroprop.data.cifar import decode_sample
from retroprop.data.idx import read_idx_gzip
from retroprop.errors import UserError

BUNDLED = Path(str(files("retroprop") / "data" / "bundled"))

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}

MNIST_MD5 = {  # of the four decompressed files, as published
    "train_images": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_images": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}


def bundled(name: str) -> dict[str, np.ndarray]:
    if name == "cifar10-sample":
        return decode_sample(BUNDLED / name)
    info = find(name)
    return {
        array: read_idx_gzip(BUNDLED / name / f"{file}.gz", shape=info.shape(array))
        for array, file in IDX_FILES.items()
    }


@pytest.mark.parametrize("name", [name for name, info in CATALOG.items() if info.bundled])
def test_the_bundled_arrays_have_the_checksums_of_the_catalog(name):
    check_arrays(find(name), bundled(name))


@pytest.mark.parametrize("array", ARRAY_NAMES)
def test_decompressed_mnist_files_have_the_published_md5(array):
    content = gzip.decompress((BUNDLED / "mnist" / f"{IDX_FILES[array]}.gz").read_bytes())
    assert hashlib.md5(content).hexdigest() == MNIST_MD5[array]


def test_the_cifar10_sample_is_balanced():
    sample = bundled("cifar10-sample")
    assert np.bincount(sample["train_labels"]).tolist() == [200] * 10
    assert np.bincount(sample["test_labels"]).tolist() == [50] * 10


def test_the_licence_of_every_bundled_data_set_is_beside_it():
    text = (BUNDLED / "LICENSES.md").read_text(encoding="utf-8")
    for folder in sorted(path.name for path in BUNDLED.iterdir() if path.is_dir()):
        assert f"(`{folder}/`)" in text, folder
    for words in ("Zalando SE", "CC BY-SA 3.0", "Krizhevsky", "without a stated licence"):
        assert words in text


@pytest.mark.parametrize("name", CATALOG)
def test_every_entry_is_complete(name):
    info = find(name)
    assert info.name == name
    assert len(info.classes) == len(info.classes_fr) == 10
    assert set(info.sha256) == set(ARRAY_NAMES)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in info.sha256.values())
    assert info.bundled == (info.download_bytes == 0)
    assert info.decoded_bytes == sum(np.prod(info.shape(array)) for array in ARRAY_NAMES)


def test_data_sets_have_different_checksums():
    assert len({info.checksum for info in CATALOG.values()}) == len(CATALOG)


def test_a_changed_pixel_is_refused_by_the_name_of_its_array():
    arrays = bundled("cifar10-sample")
    changed = arrays["test_images"].copy()
    changed[123, 4, 5, 2] ^= 1
    with pytest.raises(UserError, match="cifar10-sample test_images should have the SHA-256"):
        check_arrays(find("cifar10-sample"), arrays | {"test_images": changed})


@pytest.mark.parametrize(
    ("change", "arrived"),
    [(lambda a: a[:-1], r"uint8 \(499,\)"), (lambda a: a.astype(np.int64), r"int64 \(500,\)")],
)
def test_a_wrong_shape_or_type_is_refused(change, arrived):
    arrays = bundled("cifar10-sample")
    arrays["test_labels"] = change(arrays["test_labels"])
    with pytest.raises(UserError, match=rf"test_labels should be uint8 \(500,\), got {arrived}"):
        check_arrays(find("cifar10-sample"), arrays)


def test_the_checksum_does_not_depend_on_the_memory_order():
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert catalog.sha256_of(np.asfortranarray(array)) == catalog.sha256_of(array)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown data set 'cifar'.*cifar10"):
        find("cifar")


def test_class_names_are_in_english_or_french():
    assert find("cifar10").class_names("fr")[4] == "cerf"
    assert find("cifar10").class_names()[4] == "deer"
    with pytest.raises(UserError, match="lang is 'de'; use 'en' or 'fr'"):
        find("cifar10").class_names("de")
