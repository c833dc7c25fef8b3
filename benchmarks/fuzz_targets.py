"""Every parser that takes what people, files or other programs give: the targets of fuzz.py.

A target has good inputs to begin with, words of its language, and a parser: a function of bytes
that answers, or raises `UserError`. A later part of the project adds its own parsers here.
"""

import contextlib
import gzip
import io
import json
import pickle
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import fuzz_grading

Parser = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        seeds: Makes good inputs.
        parser: Makes the function that reads one; a file that it needs lies in this folder.
        words: Of its language, to be put anywhere.
        share: Of all inputs: the slower a parser, the fewer.
    """

    seeds: Callable[[], list[bytes]]
    parser: Callable[[Path], Parser]
    words: Sequence[bytes] = ()
    share: float = 1.0


def _words(text: str) -> list[bytes]:
    return [word.encode() for word in text.split()]


def _of_text(read: Callable[[str], object]) -> Callable[[Path], Parser]:
    return lambda folder: lambda data: read(data.decode("utf-8", "replace"))


def _of_file(name: str, read: Callable[[Path], object]) -> Callable[[Path], Parser]:
    """A parser that opens a file of this name."""

    def make(folder: Path) -> Parser:
        path = folder / name

        def parse(data: bytes) -> object:
            path.write_bytes(data)
            return read(path)

        return parse

    return make


def _with_file(name: str, write: Callable[[Path], object]) -> bytes:
    """The bytes of a file that something writes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


# --- Bayesian networks ----------------------------------------------------------------------------

NUMBERS = "0 1 2 3 10 0.5 1e9 -1 1e999 NaN 10**9 99999999999999999999"
BAYES_WORDS = {
    "bif": "network variable probability type discrete table default property { } ( ) [ ] | , ; // "
    '/* */ " (0,1] [0_1] http://a.b \ufeff',
    "xmlbif": "<BIF <NETWORK> <VARIABLE> <NAME> <OUTCOME> <DEFINITION> <FOR> <GIVEN> <TABLE> </ > "
    "<!DOCTYPE <!ENTITY <![CDATA[ ]]> <?xml <!-- --> &amp; &# encoding= UTF-16",
    "uai": "BAYES MARKOV",
    "json": '{ } [ ] : , " "format" "variables" "states" "parents" "table" null true',
    "net": "net node decision utility potential data states = ( ) { } % | ; model_nodes",
    "xdsl": "<smile <nodes> <cpt <deterministic <state <parents> <probabilities> </ id= "
    "> <resultingstates> <extensions> <dynamic> <!DOCTYPE <!ENTITY <!-- agrum --> &amp; &#",
}


def _read_network(format: str) -> Callable[[Path], Parser]:
    def make(folder: Path) -> Parser:
        from retroprop.bayes import BayesNet
        from retroprop.bayes.files import parse, render

        def read(data: bytes) -> None:
            network = parse(data, format, "net")
            BayesNet(network.spec, network.states)
            again = parse(render(network, format).encode(), format, "again")
            if format == "uai":  # which has no names, nor an order but that of the file
                pairs = list(zip(network.tables.values(), again.tables.values(), strict=True))
            else:
                assert network.states == again.states, "other names are read back"
                pairs = [(table, again.tables[name]) for name, table in network.tables.items()]
            assert all(np.array_equal(*pair) for pair in pairs), "other numbers are read back"

        return read

    return make


def _networks(format: str) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        from retroprop.bayes.files import render
        from retroprop.bayes.networks import NETWORKS, describe

        return [render(describe(name), format).encode()[:8000] for name in NETWORKS]

    return make


def _zipped_network() -> list[bytes]:
    return [gzip.compress(data, mtime=0) for data in _networks("bif")()[:1]]


def _ask(folder: Path) -> Parser:
    from retroprop.bayes.networks import load

    net = load("inf8225")

    def ask(data: bytes) -> None:
        found = np.asarray(net.ask(data.decode("utf-8", "replace")))
        assert np.isfinite(found).all(), "an answer that is no number"

    return ask


def _observe(folder: Path) -> Parser:
    from retroprop.bayes.files.source import Source
    from retroprop.bayes.files.uai import parse_evidence
    from retroprop.bayes.networks import load

    net = load("inf8225")
    return lambda data: parse_evidence(
        Source(data.decode("utf-8", "replace"), "evidence"), net.states
    )


# --- data -----------------------------------------------------------------------------------------


def _pickles() -> list[bytes]:
    values: list[Any] = [
        {"labels": [1, 2], b"data": np.arange(12, dtype=np.uint8).reshape(3, 4)},
        [np.arange(4.0), ("a", b"b", None, True, 2**70, 1.5)],
    ]
    return [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4, 5)]


def _torch_files() -> list[bytes]:
    import torch

    value = {"x": torch.arange(6.0).reshape(2, 3), "y": torch.tensor([1, 2])}
    files = []
    for new in (True, False):
        file = io.BytesIO()
        torch.save(value, file, _use_new_zipfile_serialization=new)
        files.append(file.getvalue())
    return files


def _read_torch_pickle(data: bytes) -> object:
    """The pickle inside a file of torch.save: what lies beside it is good."""
    from retroprop.data.safe_torch import read_torch_file

    with zipfile.ZipFile(io.BytesIO(_torch_files()[0])) as good:
        members = {info.filename: good.read(info) for info in good.infolist()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, data if name.endswith("data.pkl") else content)
    return read_torch_file(file.getvalue(), name="file")


def _torch_pickles() -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(_torch_files()[0])) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]


def _npz() -> list[bytes]:
    file = io.BytesIO()
    np.savez(file, x_train=np.zeros((2, 28, 28), np.uint8), y_train=np.zeros(2, np.uint8))
    return [file.getvalue()]


def _read_npz(data: bytes) -> object:
    from retroprop.data.safe_npz import read_npz

    return read_npz(data, name="mnist.npz")


def _idx() -> list[bytes]:
    return [bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(24))]


def _read_idx(data: bytes) -> object:
    from retroprop.data.idx import decode_idx

    return decode_idx(data, name="images", shape=(2, 3, 4))


def _cifar_pickle(rows: int) -> bytes:
    images = np.zeros((rows, 3072), dtype=np.uint8)
    return pickle.dumps({b"data": images, b"labels": [i % 10 for i in range(rows)]}, 2)


def _archives() -> list[bytes]:
    members = {f"cifar-10-batches-py/data_batch_{i}": _cifar_pickle(1) for i in range(1, 6)}
    members["cifar-10-batches-py/test_batch"] = _cifar_pickle(1)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return [file.getvalue()]


def _read_archive(path: Path) -> object:
    from retroprop.data.cifar import decode_archive

    return decode_archive(path, rows=1)


def _pictures() -> list[bytes]:
    from PIL import Image

    files = []
    picture = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for mode, format in (("RGB", "PNG"), ("P", "PNG"), ("RGB", "JPEG"), ("L", "GIF"),
                         ("RGB", "WEBP"), ("RGB", "BMP"), ("I;16", "PNG")):  # fmt: skip
        file = io.BytesIO()
        source = picture.convert("L") if mode == "I;16" else picture
        source.convert(mode).save(file, format)
        files.append(file.getvalue())
    return files


def _read_picture(path: Path) -> object:
    from retroprop.data.pictures import read_picture

    path.write_bytes(_with_true_checksums(path.read_bytes()))
    return read_picture(path)


def _with_true_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold now: damage reaches the decoder."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    at, parts = 8, [data[:8]]
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        parts += [data[at:end], zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")]
        at = end + 4
    return b"".join(parts) + data[at:]


def _lyon_data() -> list[bytes]:
    pair = (np.zeros((3, 784), np.float32), np.eye(10, dtype=np.float32)[:3])
    files = [pickle.dumps([pair, pair], 2)]
    archive = io.BytesIO()
    np.savez(archive, x_train=pair[0], y_train=pair[1], x_test=pair[0], y_test=pair[1])
    return [*files, gzip.compress(files[0], mtime=0), archive.getvalue(), *_torch_files()]


def _read_lyon_data(path: Path) -> object:
    from retroprop.labs.lyon_tp.data import load_data

    return load_data(path)


def _cached(folder: Path) -> Parser:
    """An array of the cache of decoded data."""
    import os

    from retroprop.data.cache import open_cached
    from retroprop.data.catalog import ARRAY_NAMES, find

    os.environ["RETROPROP_CACHE"] = str(folder)
    info = find("mnist")
    place = folder / "data" / "mnist"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{ARRAY_NAMES[0]}.npy"

    def read(data: bytes) -> object:
        path.write_bytes(data)
        return open_cached(info)

    return read


def _checksums(folder: Path) -> Parser:
    """The checksums beside the cached arrays of a small set."""
    import os

    from retroprop.data import load
    from retroprop.data.cache import read_cached
    from retroprop.data.catalog import find

    os.environ["RETROPROP_CACHE"] = str(folder)
    load("cifar10-sample")
    path = folder / "data" / "cifar10-sample" / "checksums.json"

    def read(data: bytes) -> object:
        path.write_bytes(data)
        return read_cached(find("cifar10-sample"))

    return read


def _own_arrays() -> list[bytes]:
    images, labels = np.arange(40, dtype=np.uint8).reshape(5, 2, 4), np.arange(5) % 3
    keras = {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}
    return [
        _with_file("own.npz", lambda path: np.savez(path, images=images, labels=labels)),
        _with_file("own.npz", lambda path: np.savez_compressed(path, **keras)),
    ]


def _own_data(folder: Path) -> Parser:
    """Arrays of one's own as a data set, and its name with options."""
    import os

    from retroprop.data.own import open_own

    os.environ["RETROPROP_CACHE"] = str(folder / "cache")
    path = folder / "own.npz"

    def read(data: bytes) -> object:
        path.write_bytes(data)
        return open_own.__wrapped__(f"npz:{path}")

    return read


def _read_own_name(text: str) -> object:
    from retroprop.data.own import parse

    return parse(text)


def _arrays() -> list[bytes]:
    return [_with_file("a.npy", lambda path: np.save(path, np.zeros((2, 28, 28), np.uint8)))]


# --- models, studies, records ---------------------------------------------------------------------


def _models() -> list[bytes]:
    import torch

    from retroprop.models.catalog import build
    from retroprop.training.image_sets import Normalization
    from retroprop.training.model_files import ModelCard, save_model

    options = {"hidden_sizes": (4,), "activation": "tanh"}
    model = build("mlp", (1, 3, 3), 2, options, seed=0)
    card = ModelCard(
        kind="mlp", options=options, image_shape=(3, 3, 1), classes=("a", "b"), dataset="mnist"
    )
    normalization = Normalization(mean=torch.zeros(1, 1, 1), std=torch.ones(1, 1, 1))
    return [
        _with_file(
            "m.safetensors",
            lambda path: save_model(path, model.state_dict(), card, normalization),
        )
    ]


def _read_model(path: Path) -> object:
    from retroprop.training.model_files import load_model

    return load_model(path)


def _tensors() -> list[bytes]:
    import torch

    from retroprop.training.checkpoints import save_tensors

    tensors = {"W": torch.arange(6.0).reshape(2, 3), "epoch": torch.tensor(3)}
    return [_with_file("t.safetensors", lambda path: save_tensors(path, tensors, about="run"))]


def _read_tensors(path: Path) -> object:
    from retroprop.training.checkpoints import load_tensors

    return load_tensors(path, about="run")


def _studies() -> list[bytes]:
    from importlib import resources

    folder = resources.files("retroprop.studies") / "catalog"
    return [item.read_bytes() for item in folder.iterdir() if item.name.endswith(".toml")]


def _read_study(path: Path) -> object:
    from retroprop.studies.plan import plan_study
    from retroprop.studies.schema import load_study

    return plan_study(load_study(str(path)))


def _change_study(text: str) -> object:
    from retroprop.studies.schema import load_study

    return load_study("inf8225-logistic", changes=text.split("\n")[:3])


def _read_settings(text: str) -> object:
    from retroprop.errors import UserError
    from retroprop.training.settings import RunSettings, from_record

    try:
        recorded = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError("no JSON") from None
    return from_record(RunSettings, recorded) if isinstance(recorded, dict) else None


def _settings() -> list[bytes]:
    return [
        b'{"kind": "mlp", "depth": 2, "width": 16, "learning_rate": 0.1, "batch_size": 20}',
        b'{"kind": "resnet18", "schedule": "warmup-cosine", "epochs": 3, "precision": "float32"}',
    ]


def _read_option(text: str) -> object:
    from retroprop.models.catalog import MODELS, read_option

    name, _, rest = text.partition(" ")
    key, _, value = rest.partition("=")
    return read_option(MODELS.get(name, MODELS["mlp"]), key, value)


def _read_address(text: str) -> object:
    from retroprop.studies.records import Records

    return Records.open(text.replace("postgresql", "sqlite"), create=False).engine.dispose()


def _study_of_a_training() -> Any:
    from retroprop.models.catalog import MODELS
    from retroprop.studies.one_run import one_run_study

    options = MODELS["mlp"].options
    return one_run_study("mlp", options, "mnist", split={"validation": 0.1}, training={})


def _record(folder: Path) -> Parser:
    """The record.json of a training, which the same command finds in its folder."""
    from retroprop.studies.one_run import _check_same

    study = _study_of_a_training()

    def read(data: bytes) -> None:
        (folder / "record.json").write_bytes(data)
        _check_same(folder, study)

    return read


def _records() -> list[bytes]:
    return [
        json.dumps(
            {"study": _study_of_a_training().model_dump(mode="json", exclude_none=True)}
        ).encode()
    ]


def _small_database(path: Path) -> None:
    from retroprop.studies.records import NewRun, Records

    records = Records.open(path)
    run = NewRun(
        position=0, population="p", cell={"learning_rate": 0.1}, settings={"kind": "mlp"}, seed=0
    )
    records.add_study_run(
        id="s-1", study="s", fingerprint="f", config={"name": "s"}, data_checksum="c", runs=[run]
    )
    records.start_session("s-1", {"command": "retroprop run s"})
    records.engine.dispose()


def _database(folder: Path) -> Parser:
    """A database file, damaged in a few places: pages are too large to be put together blindly."""
    import os

    from retroprop.studies.records import Records

    _small_database(good := folder / "good.db")
    whole = good.read_bytes()
    path = folder / "r.db"

    def read(data: bytes) -> None:
        at = int.from_bytes(data[:4], "little") % len(whole)
        path.write_bytes(whole[:at] + data[4:40] + whole[at + len(data[4:40]) :])
        for more in ("-wal", "-shm"):
            shutil.rmtree(f"{path}{more}", ignore_errors=True)
            if os.path.exists(f"{path}{more}"):
                os.unlink(f"{path}{more}")
        records = Records.open(path, create=False)
        try:
            for study_run in records.study_runs():
                records.runs(study_run.id)
        finally:
            records.engine.dispose()

    return read


def _handed_on() -> bytes:
    """A file of a study run of two models, as `records export` writes it, without their weights."""
    from retroprop.studies.plan import plan_study
    from retroprop.studies.records import Records, RunUpdate
    from retroprop.studies.schema import load_study
    from retroprop.studies.transfer import export_records
    from retroprop.training.epochs import EpochRecord, Progress

    changes = ["grid.learning_rate=0.1", "grid.batch_size=20", "seeds=0"]
    study = load_study("inf8225-logistic", changes=changes, size="smoke")
    with tempfile.TemporaryDirectory() as folder:
        records = Records.open(Path(folder) / "r.db")
        id = f"{study.name}-{study.fingerprint[:8]}"
        records.add_study_run(
            id=id,
            study=study.name,
            fingerprint=study.fingerprint,
            config=study.model_dump(mode="json", exclude_none=True),
            data_checksum="0123456789abcdef",
            runs=plan_study(study).runs,
        )
        records.start_session(id, {"command": "retroprop run", "cores": 2, "memory_gb": 23.5})
        for run in records.runs(id):
            for number in range(study.epochs + 1):
                epoch = EpochRecord(
                    epoch=number,
                    train_loss=0.5,
                    train_accuracy=0.75,
                    validation_loss=0.25,
                    validation_accuracy=0.5,
                    train_s=1.0,
                    evaluate_s=0.5,
                )
                best = Progress(best_epoch=0, best_validation_accuracy=0.5)
                records.add_epoch([RunUpdate(run_id=run.id, epoch=epoch, progress=best)])
            records.finish_population([run.id], "checkpoints/x/best.safetensors")
            records.set_test(run.id, accuracy=0.5, loss=1.0, confusion=[[3] * 10] * 10)
        records.set_status(id, "finished")
        export_records(records, Path(folder) / "x.zip")
        records.engine.dispose()
        return (Path(folder) / "x.zip").read_bytes()


def _handed_on_lines() -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(_handed_on())) as archive:
        return [archive.read("1.jsonl")]


def _read_bundle(path: Path) -> object:
    from retroprop.studies.bundles import open_bundle

    return open_bundle(path).archive.close()


def _import_lines(folder: Path) -> Parser:
    """Lines of a study run, in a file with their checksum: damage reaches every value.

    What is imported is read again and reported: whatever was let in must be fit for that.
    """
    import hashlib

    from retroprop.report.content import compose
    from retroprop.report.study_report import StudyReport
    from retroprop.studies.records import Records
    from retroprop.studies.removal import delete_study_runs, plan_deletion
    from retroprop.studies.transfer import import_records

    with zipfile.ZipFile(io.BytesIO(_handed_on())) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    records = Records.open(folder / "r.db")
    path = folder / "x.zip"

    def read(data: bytes) -> None:
        says = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("1.jsonl", data)
            archive.writestr("manifest.json", json.dumps({**manifest, "files": {"1.jsonl": says}}))
        (done,) = import_records(records, str(path))
        try:
            compose(StudyReport.read(records, records.study_run(done.id), "en"))
        finally:
            delete_study_runs(records, plan_deletion(records, [done.id]))
            assert not records.study_runs(), "a row is left"

    return read


# --- notations ------------------------------------------------------------------------------------


def _show_formula(text: str) -> None:
    from retroprop.errors import UserError
    from retroprop.mathematics import drawing, latex, mathml, speaking

    try:
        for write in (drawing.draw, latex.latex, mathml.mathml):
            write(text)
        speaking.spoken(text, "fr")
    except ValueError as error:  # formulas are written by programmers
        raise UserError(str(error)) from error


def _formulas() -> list[bytes]:
    sources = (
        "bW_(k j)^((2)) bh_j^s",
        "frac(partial L, partial (a b)) - sum_(k = 1)^m x_k slash (n + 1)",
        "cases(x quad & x > 0, 0 quad & x <= 0)",
        'hat(R) cal(L) "if" mat(a, b; c, d) \\ theta^* &= sqrt(floor(x))',
    )
    return [source.encode() for source in sources]


def _read_architecture(text: str) -> object:
    from retroprop.calculus.architectures import parse_architecture

    return parse_architecture(text)


def _measure(text: str) -> object:
    from retroprop.calculus.stack import measure

    return measure(text)


def _calculate(*command: str) -> Callable[[Path], Parser]:
    """A command of the terminal that calculates; the input is its arguments, one in each line."""

    def make(folder: Path) -> Parser:
        from cyclopts import CycloptsError

        from retroprop.cli.entry import app
        from retroprop.errors import UserError

        def run(data: bytes) -> None:
            arguments = data.decode("utf-8", "replace").replace("\0", "").split("\n")
            with contextlib.redirect_stdout(io.StringIO()):
                try:
                    app([*command, *arguments], exit_on_error=False, print_error=False)
                except CycloptsError as error:
                    raise UserError(str(error)) from None
                except SystemExit as end:
                    if end.code:
                        raise UserError("an error that was printed") from None

        return run

    return make


TARGETS: dict[str, Target] = {
    **{
        format: Target(_networks(format), _read_network(format), _words(f"{words} {NUMBERS}"), 0.5)
        for format, words in BAYES_WORDS.items()
    },
    "gzip": Target(_zipped_network, _read_network("bif"), share=0.5),
    "evidence": Target(
        lambda: [b"2 0 1 4 0", b"2\n1 0 1\n1 3 2\n", b"0"], _observe, _words(NUMBERS)
    ),
    "question": Target(
        lambda: [
            b"P(G)",
            b"P(G=1 | L=1)",
            b"P(G | R=1, do(S=0))",
            b"P(R, G | L~[0.2, 0.8], do(D))",
        ],
        _ask,
        _words("P( Pr( | , = ) do( ~[ ] S R G L D s0 g2 ' \" " + NUMBERS),
        0.5,
    ),
    "idx": Target(_idx, lambda folder: _read_idx),
    "pickle": Target(_pickles, lambda folder: _pickle_parser(), _words("cnumpy.core.multiarray i")),
    "torch": Target(_torch_files, lambda folder: _torch_parser(), share=0.5),
    "archive": Target(_archives, _of_file("cifar-10-python.tar.gz", _read_archive), share=0.2),
    "torch pickle": Target(_torch_pickles, lambda folder: _read_torch_pickle, share=0.3),
    "npz": Target(_npz, lambda folder: _read_npz, share=0.5),
    "checksums": Target(
        lambda: [b'{"train_images": {"sha256": "00", "size": 1, "mtime_ns": 2, "inode": 3}}'],
        _checksums,
        _words('" : , { } [ ] train_labels null ' + NUMBERS),
        0.05,
    ),
    "picture": Target(_pictures, _of_file("picture.png", _read_picture), share=0.3),
    "lab data": Target(_lyon_data, _of_file("mnist.pkl", _read_lyon_data), share=0.3),
    "cache": Target(_arrays, _cached, _words("descr fortran_order shape |u1 (2,28,28) True")),
    "own arrays": Target(_own_arrays, _own_data, _words("x_train labels |u1 <i8 True"), 0.2),
    "own name": Target(
        lambda: [b"folder:photos,side=64,grey", b"npz:a.npz,test=0.1,seed=3,skip"],
        _of_text(_read_own_name),
        _words("folder: npz: , side= test= seed= grey skip ~ / .. " + NUMBERS),
        0.2,
    ),
    "model": Target(_models, _of_file("m.safetensors", _read_model), share=0.2),
    "tensors": Target(_tensors, _of_file("t.safetensors", _read_tensors)),
    "study": Target(
        _studies,
        _of_file("study.toml", _read_study),
        _words(
            "[grid] [training] [sizes.smoke] = { } [ ] , . seeds epochs 0x 1e308 nan " + NUMBERS
        ),
        0.1,
    ),
    "set": Target(
        lambda: [b"grid.learning_rate=0.1,0.01\nseeds=0", b"training.batch_size=20", b"title.en=x"],
        _of_text(_change_study),
        _words("grid. training. split. = . , [ ] { } ' inf nan " + NUMBERS),
        0.1,
    ),
    "settings": Target(_settings, _of_text(_read_settings), _words('" : , { } [ ] ' + NUMBERS)),
    "option": Target(
        lambda: [b"mlp hidden_sizes=64,32", b"mlp-mixer patch_size=4", b"cnn drop_rate=0.1"],
        _of_text(_read_option),
        _words("= , . e _ " + NUMBERS),
    ),
    "address": Target(
        lambda: [b"r.db", b"sqlite:///r.db", b"postgresql+psycopg://me:secret@host:1/name?x=y"],
        _of_text(_read_address),
        _words("sqlite:/// :// @ : ? & = % [/b] ../ \\ :memory: mysql oracle"),
        0.5,
    ),
    "record": Target(_records, _record, _words('" : , { } [ ] null ' + NUMBERS), 0.3),
    "database": Target(lambda: [bytes(40), bytes(range(40))], _database, share=0.05),
    "handed on": Target(lambda: [_handed_on()], _of_file("x.zip", _read_bundle), share=0.1),
    "imported": Target(
        _handed_on_lines,
        _import_lines,
        _words('" : , { } [ ] null true \\u0000 \\ud800 "epochs" "sessions" ' + NUMBERS),
        0.02,
    ),
    "program": Target(
        fuzz_grading.programs,
        _of_file("solution.py", fuzz_grading.read_handed_in),
        _words(
            'def class return import torch.nn ( [ { : # \\ """ coding: utf-16 async f\'{ lambda'
        ),
        0.02,
    ),
    "notebook": Target(
        fuzz_grading.notebooks,
        _of_file("solution.ipynb", fuzz_grading.read_handed_in),
        _words(
            '{ } [ ] "cell_type" "code" "source" %%writefile %%bash %cd ! ? \\n null ' + NUMBERS
        ),
        0.1,
    ),
    "zip": Target(
        fuzz_grading.zips,
        _of_file("class.zip", fuzz_grading.read_handed_in),
        _words("PK ../ / .py"),
        0.1,
    ),
    "export": Target(
        lambda: [b"submission_7:\n  :submitters:\n  - :name: Ada\n    :email: a@b\n  :score: 1\n"],
        fuzz_grading.export,
        [*_words("submission_8: :submitters: :name: - ' \" : \\x41 null "), b"\n  ", b"\n"],
        0.05,
    ),
    "rubric": Target(
        fuzz_grading.rubrics,
        _of_text(fuzz_grading.read_a_rubric),
        _words("[questions.1] [limits] [[manual]] points shares strict = [ ] { } " + NUMBERS),
        0.1,
    ),
    "answer": Target(
        fuzz_grading.answers,
        lambda folder: fuzz_grading.read_answer,
        _words('{ } [ ] "tensor" : , F32 I64'),
    ),
    "formula": Target(
        _formulas,
        _of_text(_show_formula),
        _words("sum_ ^ / ( ) sqrt( cases( , ; alpha odot T hat( _ \" ' | ||"),
        0.3,
    ),
    "architecture": Target(
        lambda: [b"mlp 1024-512-64x2", b"cnn 16-32-45 k3 s1 p0 dense 256-256", b"cnn 8x2 k3-5"],
        _of_text(_read_architecture),
        _words("mlp cnn dense - k5 s2 p1 x " + NUMBERS),
    ),
    "stack": Target(
        lambda: [b"3x32x32 > conv 8 k3 s2 p1 > maxpool 2 > flatten > linear 10"],
        _of_text(_measure),
        _words("conv maxpool avgpool linear flatten > x k s p d " + NUMBERS),
    ),
    "convolution": Target(
        lambda: [b"32 > 28", b"3x32x32 > 28x4x4\n--kernel\n3", b"32x16 > 8x4\n--stride\n2"],
        _calculate("conv", "--solve"),
        _words("> x --kernel --stride --padding --dilation " + NUMBERS),
        0.02,
    ),
    "budget": Target(
        lambda: [
            b"mlp\n--target=269322\n--width=64\n--depth=x",
            b"cnn\n--target=9000\n--channels=x\n--kernel=28",
            b"cnn\n--channels=8,16\n--kernel=1\n--dense=256,256",
        ],
        _calculate("budget"),
        _words("mlp cnn x 2x --width --depth --tolerance --hidden --dense 3x8x8 " + NUMBERS),
        0.02,
    ),
}


def _pickle_parser() -> Parser:
    from retroprop.data.safe_pickle import read_pickle

    return lambda data: repr(type(read_pickle(data, name="file")))


def _torch_parser() -> Parser:
    from retroprop.data.safe_torch import read_torch_file

    return lambda data: repr(type(read_torch_file(data, name="file")))
