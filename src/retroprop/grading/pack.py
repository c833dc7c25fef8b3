"""A zip for Gradescope: what grades, how it is set up, and nothing that a student's user can read.

Gradescope unpacks it as root into /autograder/source, runs setup.sh once and run_autograder for
each submission. The submission's process is another user's, and the pack is root's alone.
"""

import io
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import retroprop
from retroprop.files import replace_file
from retroprop.languages import Language

PACKAGE = Path(retroprop.__file__).parent
LEFT_OUT = {"__pycache__", "bundled"}
"""Folders of the package that grading does without: the data sets are 40 MB."""

SETUP = """#!/bin/sh
# Run by Gradescope as root, once, when the autograder is built. It needs Python 3.11 or newer:
# choose the base image Ubuntu 24.04.
set -e
cd "$(dirname "$0")"
chmod -R go-rwx .
apt-get update
apt-get install -y python3 python3-venv
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
python3 -m venv ../venv
# PIP_EXTRA_INDEX_URL may name an index with PyTorch for the processor alone: it saves gigabytes
../venv/bin/pip install --no-cache-dir -r requirements.txt
"""

RUN = """#!/bin/sh
# Run by Gradescope as root for each submission.
cd "$(dirname "$0")"
PYTHONPATH="$PWD" OMP_NUM_THREADS=1 exec "${PYTHON:-../venv/bin/python}" \\
    -m retroprop.grading.autograder
"""


def write_pack(
    path: Path, *, lab: str, secret: bytes, language: Language, confine: str, rubric: str | None
) -> None:
    """Write the zip, whole or not at all.

    Args:
        path: Of the zip.
        lab: Name of the assignment.
        secret: The teacher's.
        language: Of what students read.
        confine: As for `retroprop grade`; a container of Gradescope has a submission to itself.
        rubric: A TOML text, or None for the assignment's own points.

    Raises:
        OSError: If it cannot be written.
    """
    said = {"lab": lab, "language": language, "confine": confine}
    texts = {
        "setup.sh": SETUP,
        "run_autograder": RUN,
        "requirements.txt": "".join(f"{line}\n" for line in requirements()),
        "grading.json": json.dumps(said),
    }
    if rubric is not None:
        texts["rubric.toml"] = rubric

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, text in texts.items():
            _add(pack, name, text.encode(), program=name in ("setup.sh", "run_autograder"))
        _add(pack, "secret", secret)
        for source in _package():
            name = source.relative_to(PACKAGE).as_posix()
            _add(pack, f"retroprop/{name}", source.read_bytes())
    replace_file(path, content.getvalue())


def requirements() -> list[str]:
    """What the package needs, in the versions that are installed here."""
    lines = [line for line in requires("retroprop") or () if "extra ==" not in line]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]


def _package() -> Iterator[Path]:
    for file in sorted(PACKAGE.rglob("*")):
        if file.is_file() and not LEFT_OUT & set(file.relative_to(PACKAGE).parts):
            yield file


def _add(pack: zipfile.ZipFile, name: str, content: bytes, *, program: bool = False) -> None:
    """A file of root's alone; with a fixed date, so that the same pack is the same bytes."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | (0o700 if program else 0o600)) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    pack.writestr(entry, content)
