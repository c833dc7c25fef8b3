"""Reading files of torch.save, of both forms: tensors come through as arrays, nothing runs."""

import collections
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from retroprop.data.safe_torch import is_torch_file, read_torch_file
from retroprop.errors import UserError

FORMS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])


def saved(value, *, zipped):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


GRID = torch.arange(12, dtype=torch.float32).reshape(3, 4)
TENSORS = {
    "whole": GRID,
    "transposed": GRID.T,
    "part": GRID[1:, ::2],
    "number": torch.tensor(3),
    "empty": torch.zeros(0, 5),
    "double": GRID.double(),
    "half": GRID.half(),
    "bytes": torch.arange(256).to(torch.uint8),
    "small": torch.tensor([-3, 4], dtype=torch.int8),
    "short": torch.tensor([-300, 4], dtype=torch.int16),
    "int": torch.tensor([-70_000, 4], dtype=torch.int32),
    "long": torch.tensor([2**40]),
    "truth": torch.tensor([True, False]),
    "learned": torch.ones(2, requires_grad=True),
}


@FORMS
def test_tensors_arrays_and_containers_come_through(zipped):
    value = {**TENSORS, "array": GRID.numpy(), "plain": [1, (2.5, "é"), {3: None}]}
    file = saved(value, zipped=zipped)
    assert is_torch_file(file)
    read = read_torch_file(file, name="tensors.pt")
    assert list(read) == list(value)
    for name, tensor in TENSORS.items():
        expected = tensor.detach().numpy()
        assert read[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(read[name], expected)
    np.testing.assert_array_equal(read["array"], GRID.numpy())
    assert read["plain"] == value["plain"]


@FORMS
def test_a_hostile_file_is_refused_by_name_and_does_not_run(zipped):
    class Runs:
        def __reduce__(self):
            return os.system, ("echo > marker",)

    with pytest.raises(UserError, match=rf"asks for {os.name}\.system"):
        read_torch_file(saved({"x": GRID, "y": Runs()}, zipped=zipped), name="hostile.pt")
    assert not Path("marker").exists()


@FORMS
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (torch.nn.Linear(2, 2), r"asks for torch\.nn\.modules\.linear\.Linear|is no storage"),
        (torch.nn.Parameter(GRID), r"asks for torch\._utils\._rebuild_parameter"),
        (GRID.to(torch.bfloat16), r"asks for torch\.BFloat16Storage"),
        (GRID.to_sparse(), r"asks for torch\._utils\._rebuild_sparse_tensor"),
        (GRID.dtype, r"asks for torch\.float32"),
        (torch.device("cpu"), r"asks for torch\.device"),
        (collections.OrderedDict(a=1), r"OrderedDict|fills a|sets the state"),
        (torch.FloatStorage, "it is incomplete"),
        (torch.zeros(1).expand(10**9), "beyond its storage"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_plain_tensor_is_refused(value, sentence, zipped):
    if isinstance(value, collections.OrderedDict):
        assert read_torch_file(saved(value, zipped=zipped), name="x.pt") == {"a": 1}
        return
    with pytest.raises(UserError, match=f"x.pt should hold only .*({sentence})"):
        read_torch_file(saved(value, zipped=zipped), name="x.pt")


# --- written by hand ------------------------------------------------------------------------------


def zip_of(pickled, *, files=(("data/0", bytes(16)),), compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, raw in files:
            archive.writestr(f"archive/{name}", raw)
    return buffer.getvalue()


def tensor(
    offset=b"I0\n", size=b"(I4\nt", stride=b"(I1\nt", word=b"V" + b"storage\n",
    kind=b"ctorch\nFloatStorage\n", key=b"V0\n", length=b"I4\n", more=b"",
):  # fmt: skip
    """A pickle of one tensor, opcode by opcode."""
    storage = b"(" + word + kind + key + b"Vcpu\n" + length + more + b"tQ"
    hooks = b"I00\nccollections\nOrderedDict\n(tR"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + offset + size + stride + hooks + b"tR."
    )  # fmt: skip


def test_the_tensor_that_the_hostile_ones_differ_from_comes_through():
    assert read_torch_file(zip_of(tensor()), name="x.pt").tolist() == [0, 0, 0, 0]
    assert read_torch_file(zip_of(tensor(more=b"N")), name="x.pt").tolist() == [0, 0, 0, 0]


# A tuple of two times a tuple of two times …: its text would have 2^60 parts.
BOMB = b"(t" + b"".join(b"p%d\ng%d\n\x86" % (i, i) for i in range(60))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"offset": b"I1\n"}, "beyond its storage"),
        ({"offset": b"I-1\n"}, "impossible shape"),
        ({"offset": b"F0.0\n"}, "impossible shape"),
        ({"size": b"(I5\nt"}, "beyond its storage"),
        ({"size": b"(I-4\nt"}, "impossible shape"),
        ({"size": b"(I2\nI2\nt"}, "impossible shape"),
        ({"size": b"(" + b"I1\n" * 9 + b"t", "stride": b"(" + b"I1\n" * 9 + b"t"}, "impossible"),
        ({"size": b"(I4\nl"}, "not made of plain numbers"),
        ({"stride": b"(I2\nt"}, "beyond its storage"),
        ({"stride": b"(I-1\nt"}, "impossible shape"),
        ({"size": b"(I1000000000\nt", "stride": b"(I0\nt"}, "beyond its storage"),
        ({"word": b"Vmodule\n"}, "is no storage"),
        ({"kind": b"Vtorch.FloatStorage\n"}, "is no storage"),
        ({"kind": b"cnumpy\nndarray\n"}, "is no storage"),
        ({"kind": b"cos\nsystem\n"}, r"asks for os\.system"),
        ({"kind": b"ctorch\nDoubleStorage\n"}, "storage of 4 numbers in 16 bytes"),
        ({"key": b"V1\n"}, "storage of 4 numbers in 0 bytes"),
        ({"key": b"V../data.pkl\n"}, "storage of 4 numbers in 0 bytes"),
        ({"key": b"I0\n"}, "impossible storage"),
        ({"length": b"I5\n"}, "storage of 5 numbers in 16 bytes"),
        ({"length": b"I-4\n"}, "impossible storage"),
        ({"more": b"I1\n"}, "impossible storage"),
        ({"more": b"NN"}, "is no storage"),
        ({"word": BOMB}, "is no storage"),
        ({"key": BOMB}, "impossible storage"),
        ({"length": BOMB}, "impossible storage"),
        ({"more": BOMB}, "impossible storage"),
        ({"offset": BOMB}, "impossible shape"),
        ({"size": b"(" + BOMB + b"t"}, "impossible shape"),
        ({"length": b"L" + b"9" * 900 + b"\n"}, "impossible storage"),
        ({"size": b"(L" + b"9" * 900 + b"\nt"}, "impossible shape"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(changes, sentence):
    with pytest.raises(UserError, match=f"x.pt should hold only .*{sentence}"):
        read_torch_file(zip_of(tensor(**changes)), name="x.pt")


@pytest.mark.parametrize(
    ("pickled", "sentence"),
    [
        (b"S'0'\nQ.", "is no storage"),
        (b"P0\n.", "uses the instruction PERSID"),
        (b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI4\ntQ.", "it is incomplete"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(tR.", r"calls torch\._utils"),
        (b"ctorch\nFloatStorage\n(I4\ntR.", r"calls torch\.FloatStorage"),
        (b"ccollections\nOrderedDict\n.", "it is incomplete"),
        (b"ccollections\nOrderedDict\n((I1\nI2\nttR.", r"calls collections\.OrderedDict"),
        (b"ccollections\nOrderedDict\n(tR}S'os'\nI1\nsb.", "sets the state of a dict"),
    ],
)
def test_other_uses_of_the_new_names_are_refused(pickled, sentence):
    with pytest.raises(UserError, match=f"x.pt should hold only .*({sentence})"):
        read_torch_file(zip_of(pickled), name="x.pt")


def test_zips_that_torch_did_not_write_are_refused():
    deflated = zip_of(tensor(), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed zip"):
        read_torch_file(deflated, name="x.pt")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(UserError, match=r"a zip that torch\.save did not write"):
        read_torch_file(buffer.getvalue(), name="x.pt")


def test_parts_that_say_they_are_larger_than_the_file_are_refused():
    """Two entries of the directory that share one part, as in a zip that unpacks to much more."""
    whole = zip_of(tensor(), files=[("data/0", bytes(16)), ("data/1", bytes(16))])
    grown = whole.replace((16).to_bytes(4, "little") * 2, (2**28).to_bytes(4, "little") * 2)
    assert grown != whole
    with pytest.raises(UserError, match="larger than the file"):
        read_torch_file(grown, name="x.pt")


@FORMS
def test_a_truncated_file_is_refused_wherever_it_ends(zipped):
    whole = saved((torch.arange(3), torch.ones(2)), zipped=zipped)
    step = 1 if len(whole) < 1000 else 7
    for length in range(0, len(whole), step):
        with pytest.raises(UserError, match=r"cut\.pt should"):
            read_torch_file(whole[:length], name="cut.pt")


def test_an_old_file_whose_storage_has_another_length_is_refused():
    whole = saved(torch.arange(3, dtype=torch.int32), zipped=False)
    length = (3).to_bytes(8, "little")
    assert whole.count(length) == 1
    for other in (2, 4, 2**62):
        with pytest.raises(UserError, match=f"storage of {other} numbers in place of 3"):
            read_torch_file(whole.replace(length, other.to_bytes(8, "little")), name="x.pt")


def test_other_files_are_no_files_of_torch():
    assert not is_torch_file(pickle.dumps(TENSORS["whole"].numpy(), 2))
    assert not is_torch_file(b"\x1f\x8b")
    with pytest.raises(UserError, match=r"noise\.pt should be a pickle file"):
        read_torch_file(b"PK and nothing more", name="noise.pt")


def test_an_old_file_that_names_its_storages_by_a_deep_tuple_is_refused():
    """Hashing the tuple would overflow the interpreter's own stack."""
    whole = saved(torch.arange(3), zipped=False)
    keys = whole.rindex(b"\x80\x02")
    deep = b"(" * 120_000 + b"t" * 120_000
    with pytest.raises(UserError, match="impossible storage"):
        read_torch_file(whole[:keys] + b"(" + deep + b"l." + bytes(8), name="deep.pt")


def test_a_zip_of_very_many_files_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"N.")
    whole = buffer.getvalue()
    entry = whole[whole.index(b"PK\x01\x02") : whole.index(b"PK\x05\x06")]
    with pytest.raises(UserError, match="a zip of more than 10,000 files"):
        read_torch_file(whole.replace(entry, entry * 20_000), name="many.pt")
