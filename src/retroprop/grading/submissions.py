"""What was handed in: a folder, a zip, files or Gradescope's export as a list of submissions.

A class is a folder or zip of folders, of zips, or of single files, each of them a submission; a
folder that holds a file of the lab by its name is one submission itself. What cannot be read is a
submission with the reason, so that one student's mistake is no other's.
"""

import codecs
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from retroprop.data.file_kinds import kind_of
from retroprop.errors import UserError
from retroprop.grading.checks import LabGrading
from retroprop.grading.gradescope_export import METADATA, read_metadata
from retroprop.grading.gradescope_export import MOST_BYTES as MOST_METADATA_BYTES
from retroprop.grading.notebooks import read_notebook
from retroprop.grading.trees import Leaf, empty_folders, leaves_in_zip, leaves_of, shown
from retroprop.languages import Say, say_later

MOST_SOURCE_BYTES = 1_000_000
"""Of a Python file: a solution has some thousands."""
MOST_NOTEBOOK_BYTES = 20_000_000
"""Of a notebook, whose pictures count."""
MOST_ZIP_BYTES = 100_000_000
"""Of a zip that one student hands in."""
MOST_SOURCES = 50
"""Python files of one submission."""
MOST_ZIPS = 10
"""In one submission, those in zips included."""
DEEPEST_ZIP = 3
"""Zips inside one another."""

_CODE = (".py", ".ipynb")
_NOT_HANDED_IN = {".yml", ".yaml", ".csv", ".toml", ".md", ".json", ".html", ".xlsx", ".ods", ""}
_ENCODINGS = {"utf-8", "utf-8-sig", "iso8859-1", "iso8859-15", "cp1252", "ascii", "mac-roman"}
_COPY = r"(?:[ _-]*(?:\(\d+\)|copy|copie)|[ _-]+\d+)*"  # what browsers and systems add to a name
_DEFINED = re.compile(r"^[ \t]*(?:class|def)[ \t]+(\w+)", re.MULTILINE)
_KINDS = (
    say_later("a PDF document"),
    say_later("a zip archive"),
    say_later("a gzip file"),
    say_later("a RAR archive"),
    say_later("a 7z archive"),
    say_later("a PNG picture"),
    say_later("a web page"),
)
"""What students hand in in place of code, as `kind_of` calls it."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What one student, or one group, handed in.

    Attributes:
        name: Unique in a class: of the file or folder.
        files: Module name → Python source. In a lab of one file it has the lab's name.
        students: Names of the submitters, where the export says them.
        notes: What a teacher should know of how it was read; sentences.
        unreadable: Why there is nothing to grade, in one sentence; None where there is.
    """

    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    students: Sequence[str] = ()
    notes: Sequence[str] = ()
    unreadable: str | None = None


def read_class(
    path: Path, grading: LabGrading, say: Say, results: Path | None = None
) -> list[Submission]:
    """The submissions of a class, in the order of their names.

    Args:
        path: A folder, a zip or a file.
        grading: Of the lab, whose files are looked for.
        say: The language of notes and reasons.
        results: The folder for the results, which may lie among the submissions.

    Raises:
        UserError: If the path cannot be read, or nothing was handed in there.
    """
    leaves = leaves_of(path, say, results)
    students = _students(leaves)
    groups = _groups(leaves, grading, shown(path.stem), students)
    found = [
        replace(_submission(name, group, grading, say), students=students.get(name, ()))
        for name, group in groups.items()
    ]
    if groups.keys() & {leaf.parts[0] for leaf in leaves if len(leaf.parts) > 1}:  # of folders
        empty = say("the folder is empty")
        for folder in empty_folders(path, leaves, results):
            name = _unused(folder, {one.name: one for one in found})
            whose = students.get(folder, ())
            found.append(Submission(name=name, students=whose, unreadable=empty))
    missing = say("Gradescope's export names it, and its folder is missing")
    for name in students.keys() - {one.name for one in found}:
        found.append(Submission(name=name, students=students[name], unreadable=missing))
    if not found:
        nothing = say("there is no submission in {path}; put .py files, notebooks or zips there.")
        raise UserError(nothing.format(path=shown(str(path))))
    return sorted(found, key=lambda one: one.name)


def read_submission(
    paths: Sequence[Path], grading: LabGrading, say: Say, name: str = ""
) -> Submission:
    """One submission: these files, or everything in a folder.

    Raises:
        UserError: If a path is not there.
    """
    leaves = [leaf for path in paths for leaf in leaves_of(path, say)]
    return _submission(name or shown(paths[0].stem), leaves, grading, say)


# --- a class --------------------------------------------------------------------------------------


def _groups(
    leaves: list[Leaf], grading: LabGrading, name: str, students: Mapping[str, object]
) -> dict[str, list[Leaf]]:
    """The files of each submission by its name."""
    leaves = [leaf for leaf in leaves if leaf.name != METADATA]
    around = ""
    while len(folders := {leaf.parts[0] for leaf in leaves if len(leaf.parts) > 1}) == 1:
        if any(len(leaf.parts) == 1 for leaf in leaves) or folders & students.keys():
            break
        (around,) = folders  # one folder holds everything
        leaves = [leaf.below() for leaf in leaves]
    top = [leaf for leaf in leaves if len(leaf.parts) == 1]
    if any(leaf.suffix in _CODE and leaf.stem.lower() in grading.files for leaf in top):
        return {around or name: leaves}
    groups: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if len(leaf.parts) > 1:
            groups.setdefault(leaf.parts[0], []).append(leaf.below())
    for leaf in top:
        if leaf.refused or leaf.suffix not in _NOT_HANDED_IN:
            stem = leaf.stem if leaf.stem not in groups else leaf.name
            groups.setdefault(_unused(stem, groups), []).append(leaf)
    if around and top and len(groups) == 1:
        return {around: next(iter(groups.values()))}
    return groups


def _unused(name: str, taken: Mapping[str, object]) -> str:
    number, unused = 2, name
    while unused in taken:
        number, unused = number + 1, f"{name} ({number})"
    return unused


def _students(leaves: list[Leaf]) -> dict[str, tuple[str, ...]]:
    """Folder → names of the submitters, where Gradescope's export has them."""
    for leaf in leaves:
        if leaf.name == METADATA and len(leaf.parts) <= 2:
            try:
                text = leaf.read(MOST_METADATA_BYTES).decode("utf-8", "replace")
            except UserError:
                continue
            return {
                shown(name): tuple(map(shown, names)) for name, names in read_metadata(text).items()
            }
    return {}


# --- a submission ---------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Reading:
    """What was found in a submission so far: texts by their paths, and what to say of others."""

    say: Say
    texts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    zips: int = 0


def _submission(name: str, leaves: list[Leaf], grading: LabGrading, say: Say) -> Submission:
    reading = _Reading(say=say)
    _read_leaves(leaves, reading, 0)
    files = _chosen(reading, grading)
    unreadable = None
    if not files:
        wanted = ", ".join(f"{file}.py" for file in grading.files)
        none = say("it holds no Python file and no notebook; {files} was expected")
        unreadable = next(iter(reading.notes), none.format(files=wanted))
    return Submission(name=name, files=files, notes=tuple(reading.notes), unreadable=unreadable)


def _read_leaves(leaves: list[Leaf], reading: _Reading, depth: int) -> None:
    """Read every Python file and notebook, those in zips too; the files nearest to the top first.

    What is left alone (data, pictures, reports) is not opened.
    """
    say = reading.say
    code = [leaf for leaf in leaves if leaf.suffix in (*_CODE, ".zip") or leaf.refused]
    for leaf in sorted(code, key=lambda leaf: (len(leaf.parts), leaf.parts)):
        if leaf.note:
            reading.notes.append(leaf.note)
        try:
            if len(reading.texts) >= MOST_SOURCES:
                many = say("it holds more than {n} Python files; the others were not read")
                reading.notes.append(many.format(n=MOST_SOURCES))
                return
            if leaf.suffix == ".zip" and not leaf.refused:
                _read_zip(leaf, reading, depth)
            else:
                _read_code(leaf, reading)
        except UserError as error:
            reading.notes.append(str(error))
        except Exception as error:  # whatever was handed in, the others are read
            cannot = say("{name} cannot be read: {reason}")
            reading.notes.append(cannot.format(name=leaf.path, reason=type(error).__name__))
    if not code and leaves and depth == 0:
        reading.notes.append(_what_it_is(_start_of(leaves[0]), leaves[0].path, say))


def _start_of(leaf: Leaf) -> bytes:
    """The bytes of a file that is no code, for a word on what it is; none if it is large."""
    try:
        return leaf.read(MOST_SOURCE_BYTES)
    except UserError:
        return b""


def _read_zip(leaf: Leaf, reading: _Reading, depth: int) -> None:
    reading.zips += 1
    if depth >= DEEPEST_ZIP or reading.zips > MOST_ZIPS:
        deep = reading.say("{name} is one zip too many; hand in one zip with the files")
        raise UserError(deep.format(name=leaf.path))
    inside = leaves_in_zip(leaf, reading.say, MOST_ZIP_BYTES)
    _read_leaves([one.under(*leaf.parts) for one in inside], reading, depth + 1)


def _read_code(leaf: Leaf, reading: _Reading) -> None:
    if leaf.suffix == ".ipynb":
        notebook = read_notebook(leaf.read(MOST_NOTEBOOK_BYTES), leaf.path, reading.say)
        for name, text in notebook.files.items():
            if name.endswith(".py"):
                reading.texts.setdefault(f"{leaf.path}/{shown(name)}", text)
        if notebook.code.strip():
            reading.texts[leaf.path] = notebook.code
    else:
        text, note = _text_of(leaf.read(MOST_SOURCE_BYTES), leaf.path, reading.say)
        reading.texts[leaf.path] = text
        reading.notes += [note] if note else []


def _text_of(data: bytes, name: str, say: Say) -> tuple[str, str]:
    """The text of a Python file, and a sentence where its encoding is not what Python expects.

    Raises:
        UserError: If it is no text.
    """
    note = ""
    try:
        text = data.decode(_encoding_of(data))
    except ValueError:
        guess = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "cp1252"
        if kind_of(data[:512]) in _KINDS or (guess == "cp1252" and b"\0" in data):
            raise UserError(_what_it_is(data, name, say)) from None
        text = data.decode(guess, "replace")
        note = say("{name} is not written in UTF-8; it was read as {encoding}").format(
            name=name, encoding=guess
        )
    if "\0" in text:
        raise UserError(_what_it_is(data, name, say))
    return text.replace("\r\n", "\n").replace("\r", "\n"), note


def _encoding_of(data: bytes) -> str:
    """The encoding that a Python file says it has, UTF-8 if it says none.

    Raises:
        ValueError: If it names one that no editor writes: there are codecs that are programs.
    """
    try:
        named, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        encoding = codecs.lookup(named).name
    except (SyntaxError, LookupError) as error:
        raise ValueError(str(error)) from None
    if encoding not in _ENCODINGS:
        raise ValueError(encoding)
    return encoding


def _what_it_is(data: bytes, name: str, say: Say) -> str:
    """Why a file is no Python."""
    if (kind := kind_of(data[:512])) in _KINDS:
        is_kind = say("{name} is {kind}; hand in .py files, notebooks or a zip of them")
        return is_kind.format(name=name, kind=say(kind))
    return say("{name} is no Python file; hand in .py files, notebooks or a zip of them").format(
        name=name
    )


# --- which file is which --------------------------------------------------------------------------


def _chosen(reading: _Reading, grading: LabGrading) -> dict[str, str]:
    """Module name → text: the files of the lab, then others that they may import."""
    texts, say = reading.texts, reading.say
    if not texts:
        return {}
    paths = {file: path for file in grading.files if (path := _path_of(file, reading))}
    if not paths:  # one file under another name, or all in one notebook
        likeliest = max(texts, key=lambda path: _likeness(texts[path], grading))
        paths = dict.fromkeys(grading.files, likeliest)
        if len(texts) > 1:
            several = say("no file has the name {wanted}; {path} was taken")
            wanted = ", ".join(f"{file}.py" for file in grading.files)
            reading.notes.append(several.format(wanted=wanted, path=likeliest))
    missing = [f"{file}.py" for file in grading.files if file not in paths]
    if missing:
        reading.notes.append(say("it lacks {files}").format(files=", ".join(missing)))
    files = {file: texts[path] for file, path in paths.items()}
    for path, text in texts.items():
        module = PurePosixPath(path)
        if path not in paths.values() and module.suffix == ".py" and module.stem.isidentifier():
            files.setdefault(module.stem, text)
    return files


def _path_of(file: str, reading: _Reading) -> str | None:
    """The path of the text that has a file's name, or one that a browser makes of it."""
    by_stem = {path: PurePosixPath(path).stem for path in reading.texts}
    exact = [path for path, stem in by_stem.items() if stem == file]
    like = re.compile(re.escape(file) + _COPY, re.IGNORECASE)
    alike = [path for path, stem in by_stem.items() if like.fullmatch(stem)]
    found = sorted(exact or alike, key=lambda path: path.endswith(".ipynb"))
    if len(found) > 1:
        several = reading.say("{file} is there more than once; {path} was read")
        reading.notes.append(several.format(file=f"{file}.py", path=found[0]))
    return found[0] if found else None


def _likeness(text: str, grading: LabGrading) -> int:
    """How many classes and functions of the template a text defines."""
    wanted = {name for template in grading.template.values() for name in _DEFINED.findall(template)}
    return len(wanted & set(_DEFINED.findall(text)))
