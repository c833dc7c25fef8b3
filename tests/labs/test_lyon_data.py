"""The document's data structure, from this package or from anybody's file."""

import gzip
import io
import os
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from retroprop.errors import UserError
from retroprop.labs.lyon_tp.data import load_data, presentations, save_data

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (7, 784), dtype=np.uint8), np.array([5, 0, 4, 1, 9, 2, 1])
FRACTIONS, ONE_HOT = X.astype(np.float32) / np.float32(255), np.eye(10, dtype=np.float32)[Y]


def test_without_a_path_the_bundled_mnist_comes_as_the_document_says():
    (train_images, train_labels), (test_images, test_labels) = load_data()
    assert train_images.shape == (60_000, 784)
    assert train_labels.shape == (60_000, 10)
    assert test_images.shape == (10_000, 784)
    assert test_labels.shape == (10_000, 10)
    for array in (train_images, train_labels, test_images, test_labels):
        assert array.dtype == np.float32
        assert array.min() == 0
        assert array.max() == 1
    assert train_labels[0].tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]  # the first image is a 5
    assert (train_labels.sum(1) == 1).all()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (X, Y),
        (X.reshape(-1, 28, 28), ONE_HOT),
        (X.astype(np.int64), ONE_HOT.astype(bool)),
        (FRACTIONS.astype(np.float64), Y.tolist()),
        (FRACTIONS, ONE_HOT.astype(np.int64)),
    ],
)
def test_any_common_form_of_the_file_gives_the_same_arrays(protocol, gzipped, images, labels):
    write(((images, labels), [images[:2], labels[:2]]), protocol=protocol, gzipped=gzipped)
    (train_x, train_t), (test_x, test_t) = load_data("mnist.pkl.gz")
    np.testing.assert_allclose(train_x, FRACTIONS, rtol=1e-7)
    np.testing.assert_array_equal(train_t, ONE_HOT)
    assert train_x.dtype == train_t.dtype == np.float32
    assert len(test_x) == len(test_t) == 2
    torch.from_numpy(train_x)  # writable: torch warns otherwise, and a warning fails


def test_a_validation_set_is_joined_to_the_training_set():
    write(((X[:3], Y[:3]), (X[3:5], Y[3:5]), (X[5:], Y[5:])))
    (train_x, train_t), (test_x, _) = load_data("mnist.pkl.gz")
    np.testing.assert_array_equal(train_x, FRACTIONS[:5])
    np.testing.assert_array_equal(train_t, ONE_HOT[:5])
    np.testing.assert_array_equal(test_x, FRACTIONS[5:])


@pytest.mark.parametrize("name", ["mnist.pkl.gz", "mnist.pkl"])
def test_what_is_saved_is_read_back_and_plain_pickle_reads_it_too(name):
    data = ((FRACTIONS, ONE_HOT), (FRACTIONS[:2], ONE_HOT[:2]))
    save_data(name, data)
    opened = gzip.open if name.endswith("gz") else open
    with opened(name, "rb") as file:
        by_pickle = pickle.load(file)
    for read in (load_data(name), by_pickle):
        for ours, expected in zip(sum(read, ()), sum(data, ()), strict=True):
            np.testing.assert_array_equal(ours, expected)
    assert [path.name for path in Path().iterdir()] == [name]


class _Runs:
    def __reduce__(self):
        return os.system, ("echo > marker",)


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_hostile_pickle_is_refused_and_does_not_run(gzipped):
    hostile = ((X, Y), (X, _Runs()))
    write(hostile, gzipped=gzipped)
    with pytest.raises(UserError, match=rf"asks for {os.name}\.system"):
        load_data("mnist.pkl.gz")
    assert not Path("marker").exists()
    pickle.loads(pickle.dumps(hostile))  # the same object does run in pickle itself
    assert Path("marker").exists()


NAN = np.where(np.arange(784) == 3, np.nan, FRACTIONS)
BETWEEN = (ONE_HOT + np.roll(ONE_HOT, 1, axis=1)) / 2  # each row sums to 1
TWO_ONES = ONE_HOT + np.eye(10, dtype=np.float32)[3]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ((X, Y), "holds a part that is an array of shape \\(7, 784\\)"),
        (X, "holds an array of shape"),
        ({"train": (X, Y)}, "holds a dict"),
        (((X, Y),), "holds 1 parts"),
        (((X, Y), (X, Y, Y)), "a part that is a tuple of 3"),
        (((X[:, :783], Y), (X, Y)), r"part 1 of mnist.pkl.gz should have the shape .* \(7, 783\)"),
        (((X, Y), (X[:0], Y[:0])), "part 2 .* with n ≥ 1"),
        (((X, Y[:6]), (X, Y)), "7 images and 6 labels"),
        (((X, Y + 1), (X, Y)), "digits from 0 to 9, and reach from 1 to 10"),
        (((X, Y - 1), (X, Y)), "digits from 0 to 9, and reach from -1 to 8"),
        (((X, ONE_HOT[:, :9]), (X, Y)), r"one-hot of shape \(n, 10\)"),
        (((X, Y.astype(float)), (X, Y)), "type float64"),
        (((X, TWO_ONES), (X, Y)), "each row one 1 and nine 0"),
        (((X, BETWEEN), (X, Y)), "each row one 1 and nine 0"),
        (((X, ONE_HOT * 0), (X, Y)), "each row one 1 and nine 0"),
        (((X.astype(float), Y), (X, Y)), "between 0 and 1 .* divide them by 255"),
        (((-FRACTIONS, Y), (X, Y)), "between 0 and 1"),
        (((NAN, Y), (X, Y)), "reach from nan to nan"),
        (((X.astype(int) * 2, Y), (X, Y)), "between 0 and 255"),
        (((X.astype(complex), Y), (X, Y)), "array of complex128"),
        ((("images", Y), (X, Y)), "should be an array of numbers, and are a str"),
    ],
)
def test_what_is_not_mnist_is_refused_in_a_sentence(value, sentence):
    write(value)
    with pytest.raises(UserError, match=sentence) as caught:
        load_data("mnist.pkl.gz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("gzipped", [True, False])
def test_a_file_of_torch_save_gives_the_same_arrays(zipped, gzipped):
    images, labels = torch.from_numpy(FRACTIONS), torch.from_numpy(ONE_HOT)
    value = ((images, labels.double()), (images[:2].reshape(2, 28, 28), torch.tensor(Y[:2])))
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    raw = buffer.getvalue()
    Path("mnist.pkl.gz").write_bytes(gzip.compress(raw) if gzipped else raw)
    (train_x, train_t), (test_x, test_t) = load_data("mnist.pkl.gz")
    np.testing.assert_array_equal(train_x, FRACTIONS)
    np.testing.assert_array_equal(train_t, ONE_HOT)
    np.testing.assert_array_equal(test_x, FRACTIONS[:2])
    np.testing.assert_array_equal(test_t, ONE_HOT[:2])
    assert train_x.dtype == train_t.dtype == np.float32
    torch.from_numpy(test_x)  # writable


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_save_that_is_not_mnist_or_runs_is_refused(zipped):
    for value, sentence in (
        ({"x": torch.zeros(2)}, "holds a dict"),
        (((X, Y), (X, _Runs())), rf"asks for {os.name}\.system"),
    ):
        buffer = io.BytesIO()
        torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
        Path("mnist.pkl.gz").write_bytes(gzip.compress(buffer.getvalue()))
        with pytest.raises(UserError, match=sentence):
            load_data("mnist.pkl.gz")
    assert not Path("marker").exists()


def test_the_courses_own_file_is_read():
    """Written by Python 2, protocol 0: float32 images and float64 labels, as bytes in text."""

    def array(values):
        code, shape = values.dtype.str[1:].encode(), b"".join(b"I%d\n" % n for n in values.shape)
        raw = "".join(f"\\x{byte:02x}" for byte in values.tobytes()).encode()
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n("
            + shape + b"tcnumpy\ndtype\n(S'" + code
            + b"'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'" + raw + b"'\ntb"
        )  # fmt: skip

    def part(n):
        return b"(" + array(FRACTIONS[:n]) + array(ONE_HOT[:n].astype(np.float64)) + b"t"

    Path("mnist.pkl.gz").write_bytes(gzip.compress(b"(" + part(7) + part(2) + b"t."))
    (train_x, train_t), (test_x, test_t) = load_data("mnist.pkl.gz")
    np.testing.assert_array_equal(train_x, FRACTIONS)
    np.testing.assert_array_equal(train_t, ONE_HOT)
    np.testing.assert_array_equal(test_x, FRACTIONS[:2])
    np.testing.assert_array_equal(test_t, ONE_HOT[:2])


def test_a_missing_a_truncated_and_an_unpickled_file_are_refused():
    with pytest.raises(UserError, match="there is no file"):
        load_data("elsewhere.pkl")
    write(((X, Y), (X, Y)))
    whole = Path("mnist.pkl.gz").read_bytes()
    Path("half.pkl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot read half"):
        load_data("half.pkl.gz")
    Path("noise.pkl").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match="should be a pickle file"):
        load_data("noise.pkl")


def test_a_file_that_unpacks_to_more_than_mnist_is_refused(monkeypatch):
    monkeypatch.setattr("retroprop.labs.lyon_tp.data._LARGEST", 1000)
    write(((X, Y), (X, Y)))
    with pytest.raises(UserError, match="holds more"):
        load_data("mnist.pkl.gz")


KERAS = {"x_train": X.reshape(-1, 28, 28), "y_train": Y, "x_test": X[:2], "y_test": Y[:2]}


@pytest.mark.parametrize("write_npz", [np.savez, np.savez_compressed])
def test_the_file_of_keras_gives_the_same_arrays(write_npz):
    write_npz("mnist.npz", **KERAS)
    (train_x, train_t), (test_x, test_t) = load_data("mnist.npz")
    np.testing.assert_array_equal(train_x, FRACTIONS)
    np.testing.assert_array_equal(train_t, ONE_HOT)
    np.testing.assert_array_equal(test_x, FRACTIONS[:2])
    np.testing.assert_array_equal(test_t, ONE_HOT[:2])


def test_a_file_of_other_arrays_is_not_that_of_keras():
    np.savez("mnist.npz", x_train=X, y_train=Y)
    with pytest.raises(UserError, match=r"arrays x_train, .* and lacks x_test, y_test; save_data"):
        load_data("mnist.npz")
    np.savez("mnist.npz", **KERAS | {"y_test": np.array([None, 1])})
    with pytest.raises(UserError, match=r"an \.npz file of NumPy, but it is damaged"):
        load_data("mnist.npz")


def zip_of_pictures():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("0/1.png", b"picture")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"label,pixel0,pixel1\n5,0,0\n", "comma-separated text, as Kaggle has MNIST"),
        (b"5" + b",0" * 784 + b"\n", "comma-separated text"),
        (b"\0\0\x08\x03\0\0\xea\x60" + bytes(99), "IDX images, one of the four files of MNIST"),
        (zip_of_pictures(), "a zip archive of other files"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (bytes(257) + b"ustar" + bytes(250), "a tar archive"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
    ],
)
def test_another_file_is_named_for_what_it_is(content, kind):
    Path("mnist.pkl").write_bytes(content)
    with pytest.raises(UserError, match=rf"mnist\.pkl is {kind}, and should be a pickle"):
        load_data("mnist.pkl")
    Path("mnist.pkl").write_bytes(gzip.compress(content))
    with pytest.raises(UserError, match=rf"mnist\.pkl unpacks to {kind}, and should be a pickle"):
        load_data("mnist.pkl")


def test_many_more_labels_than_mnist_has_are_refused_before_they_grow_tenfold():
    write(((X, np.zeros(150_001, np.uint8)), (X, Y)))
    with pytest.raises(UserError, match="at most 150,000, and are 150,001; take a part"):
        load_data("mnist.pkl.gz")


def test_a_file_that_expands_to_instructions_without_end_is_left_at_once(monkeypatch):
    Path("bomb.pkl.gz").write_bytes(gzip.compress(b"N0" * 5_000_000))
    unpacked = []
    read = gzip.GzipFile.read

    def counted(self, size=-1):
        unpacked.append(read(self, size))
        return unpacked[-1]

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(UserError, match="more than 300,000 instructions"):
        load_data("bomb.pkl.gz")
    assert sum(map(len, unpacked)) < 400_000


def test_saving_where_one_cannot_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="cannot write"):
        save_data("no/such/folder/mnist.pkl.gz", ((FRACTIONS, ONE_HOT), (FRACTIONS, ONE_HOT)))


def test_each_example_is_presented_once_before_any_is_again():
    order = presentations(10, 25, seed=3)
    assert order.shape == (25,)
    first, second, rest = order.split(10)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert len(set(rest.tolist())) == 5
    assert first.tolist() != second.tolist()
    assert order[:10].tolist() == presentations(10, 10, seed=3).tolist()
    assert order.tolist() != presentations(10, 25, seed=4).tolist()


def write(value, *, protocol=4, gzipped=True):
    raw = pickletools.optimize(pickle.dumps(value, protocol))
    Path("mnist.pkl.gz").write_bytes(gzip.compress(raw, 1) if gzipped else raw)
