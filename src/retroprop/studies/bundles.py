"""One file with study runs: what `records export` writes, and `records import` reads.

    manifest.json        {"format", "written_by", "files": {NAME: {"bytes", "sha256"}},
                          "study_runs": [{"records": NAME, "weights": {POPULATION: NAME}}]}
    1.jsonl              a study run: a line for it, then one for each model (`bundle_checks`)
    1-1.safetensors      the best parameters of a population of it

It is a zip whose files are stored as they are, so that it can never hold more bytes than it has,
and the same records make the same bytes. Names in it are counted, and never become paths. A file
from a stranger is safe to read: nothing in it is run, every checksum is verified, and what it says
goes through `bundle_checks`.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from retroprop import __version__
from retroprop.data.bounded import PIECE
from retroprop.errors import UserError, in_short, unquoted
from retroprop.files import written_whole
from retroprop.studies.bundle_checks import CheckedRun, Refused, checked_run, lines_of
from retroprop.studies.whole_runs import WholeRun

FORMAT = "retroprop records 1"
MANIFEST = "manifest.json"
MOST_FILES = 200_000
MOST_BYTES = 2**28
"""Of the manifest, and of the records of one study run: a million epochs."""
_NAMES = re.compile(r"[1-9][0-9]{0,5}(\.jsonl|-[1-9][0-9]{0,5}\.safetensors)")


@dataclass(frozen=True)
class Bundle:
    """An open file of study runs.

    Attributes:
        archive: The zip.
        sha256: Of the whole file.
        runs: What it holds, checked.
        weights: For each study run, the file in the zip of each population that has one.
        files: The size and SHA-256 of each file in the zip.
    """

    archive: zipfile.ZipFile
    sha256: str
    runs: tuple[CheckedRun, ...]
    weights: tuple[dict[str, str], ...]
    files: dict[str, dict[str, Any]]

    def read(self, name: str) -> bytes:
        """A file of the zip, as its checksum says that it is.

        Raises:
            UserError: If it is another one, or damaged.
        """
        return _explained(Path(str(self.archive.filename)), lambda: self._read(name))

    def _read(self, name: str) -> bytes:
        content = self.archive.read(name)
        if hashlib.sha256(content).hexdigest() != self.files[name]["sha256"]:
            raise Refused(f"{name} in it is not what was written: its SHA-256 is another one")
        return content


def write_bundle(
    path: Path, whole: Sequence[WholeRun], weights: Sequence[Mapping[str, Path]]
) -> None:
    """Write study runs into one file, whole or not at all.

    Args:
        path: The file.
        whole: What to write.
        weights: For each of them, the file with the best parameters of each population.

    Raises:
        OSError: If it cannot be written, or a file of parameters cannot be read.
    """
    files: dict[str, dict[str, Any]] = {}
    runs: list[dict[str, Any]] = []
    with written_whole(path) as file, zipfile.ZipFile(file, "w") as archive:
        for number, (one, of_one) in enumerate(zip(whole, weights, strict=True), start=1):
            name, lines = f"{number}.jsonl", b"\n".join(lines_of(one))
            files[name] = _add(archive, name, iter([lines]), len(lines))
            named = {}
            for place, (population, source) in enumerate(sorted(of_one.items()), start=1):
                named[population] = f"{number}-{place}.safetensors"
                with source.open("rb") as tensors:
                    size = source.stat().st_size
                    files[named[population]] = _add(
                        archive, named[population], _pieces(tensors), size
                    )
            runs.append({"records": name, "weights": named})
        manifest = {
            "format": FORMAT,
            "written_by": f"retroprop {__version__}",
            "files": files,
            "study_runs": runs,
        }
        content = json.dumps(manifest, sort_keys=True, indent=1).encode()
        _add(archive, MANIFEST, iter([content]), len(content))


def open_bundle(path: Path) -> Bundle:
    """Open what `write_bundle` wrote, and check all that it says; parameters are checked later.

    Raises:
        UserError: If it is none, damaged, or says what cannot be.
    """
    return _explained(path, lambda: _open(path))


def _explained(path: Path, read: Any) -> Any:
    """What `read` gives, or one sentence for what goes wrong in reading the file."""
    try:
        return read()
    except Refused as error:
        reason = str(error)
    except OSError as error:
        raise UserError(f"{unquoted(path)} cannot be read ({in_short(error)}).") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        reason = f"it is damaged, or no such file: {in_short(error)}"
    raise UserError(
        f"{unquoted(path)} is refused: {reason}; nothing of it was imported. Ask for a new file "
        "that retroprop records export wrote."
    )


def _open(path: Path) -> Bundle:
    sha256 = _checked_list(path)
    archive = zipfile.ZipFile(path)
    members = {member.filename: member for member in archive.infolist()}
    size = path.stat().st_size
    if len(members) < len(archive.infolist()):
        raise Refused("two files in it have the same name")
    if any(
        member.compress_type != zipfile.ZIP_STORED
        or member.flag_bits & 1
        or member.file_size != member.compress_size
        for member in members.values()
    ):
        raise Refused("its files are compressed or encrypted, which ours never are")
    if sum(member.file_size for member in members.values()) > size:
        raise Refused("the files in it are longer than itself")
    if MANIFEST not in members:
        raise Refused(f"it has no {MANIFEST}")
    manifest = _manifest(_small(archive, members[MANIFEST]))
    files, runs = manifest["files"], manifest["study_runs"]
    used = [name for run in runs for name in (run["records"], *run["weights"].values())]
    if sorted(used) != sorted(files) or {*files, MANIFEST} != members.keys():
        raise Refused("the files in it are not those that its manifest lists")
    bundle = Bundle(archive, sha256, (), (), files)
    for name, says in files.items():
        if members[name].file_size != says["bytes"]:
            raise Refused(f"{name} in it is not as long as its manifest says")
    checked = []
    for run in runs:
        _small(archive, members[run["records"]])
        checked.append(checked_run(bundle._read(run["records"]).split(b"\n")))
        trained = {one.population for one in checked[-1].whole.runs if one.checkpoint}
        if not trained.issuperset(run["weights"]):
            raise Refused("it has parameters of models that it does not have")
    ids = [one.whole.record.id for one in checked]
    if len(set(ids)) < len(ids):
        raise Refused("it has a study run twice")
    weights = tuple(run["weights"] for run in runs)
    return Bundle(archive, sha256, tuple(checked), weights, files)


def _checked_list(path: Path) -> str:
    """The SHA-256 of a file that is a zip of not very many files: their list takes memory."""
    digest, listed = hashlib.sha256(), 0
    with path.open("rb") as file:
        for piece in _pieces(file):
            digest.update(piece)
            listed += piece.count(b"PK\x01\x02")
    if listed > MOST_FILES:
        raise Refused(f"it is a zip of more than {MOST_FILES:,} files")
    return digest.hexdigest()


def _small(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The manifest; any other file is only held to its bound."""
    if member.file_size > MOST_BYTES:
        raise Refused(f"{member.filename[:60]} in it has more than {MOST_BYTES:,} bytes")
    return archive.read(member) if member.filename == MANIFEST else b""


def _manifest(content: bytes) -> dict[str, Any]:
    """The manifest, of which every name and value is of its kind."""
    wrong = Refused("its manifest is not one that retroprop records export writes")
    try:
        manifest = json.loads(content)
        files, runs = manifest["files"], manifest["study_runs"]
        if manifest["format"] != FORMAT:
            raise Refused(f"it is of the format {in_short(manifest['format'])}, and not {FORMAT}")
        whole = all(
            _NAMES.fullmatch(name)
            and set(says) == {"bytes", "sha256"}
            and type(says["bytes"]) is int
            and isinstance(says["sha256"], str)
            for name, says in files.items()
        ) and all(
            set(run) == {"records", "weights"}
            and isinstance(run["records"], str)
            and run["records"].endswith(".jsonl")
            and all(
                isinstance(name, str) and name.endswith(".safetensors")
                for name in run["weights"].values()
            )
            for run in runs
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise wrong from None
    if not whole or not runs:
        raise wrong
    return manifest


def _add(
    archive: zipfile.ZipFile, name: str, content: Iterator[bytes], size: int
) -> dict[str, Any]:
    """Add a file to a zip, with no trace of when and where; its size and SHA-256."""
    member = zipfile.ZipInfo(name)  # of 1980
    member.create_system, member.external_attr = 3, 0o644 << 16
    member.file_size = size
    digest, written = hashlib.sha256(), 0
    with archive.open(member, "w") as file:
        for piece in content:
            digest.update(piece)
            written += file.write(piece)
    return {"bytes": written, "sha256": digest.hexdigest()}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
