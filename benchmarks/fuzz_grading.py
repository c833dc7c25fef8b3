"""What students and teachers hand in to grading: good inputs and parsers for fuzz_targets.py.

What a parser needs is imported when it is made, so that no process of fuzz.py loads it for another.
"""

import contextlib
import functools
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = b"import torch\n\ndef f(x):\n    return x\n"


@functools.cache
def _grading() -> Any:
    from retroprop.labs.catalog import find_grading

    return find_grading("ift3395-devoir3")


def read_handed_in(path: Path) -> None:
    """A file is read, searched and compared; nothing of it is run."""
    from retroprop.errors import UserError
    from retroprop.grading.by_hand import evidence_in
    from retroprop.grading.confined.healing import healed
    from retroprop.grading.similarity import similar_pairs
    from retroprop.grading.submissions import Submission, read_submission

    found = read_submission([path], _grading(), str)
    if found.unreadable is not None:
        raise UserError(found.unreadable)
    evidence_in(found.files, _grading(), str)
    similar_pairs([found, Submission(name="template", files=_grading().template)], {})
    for module, source in found.files.items():
        with contextlib.suppress(SyntaxError):  # too much of it is no Python
            healed(source, module)


def programs() -> list[bytes]:
    """A short one, and the beginning of a template."""
    return [PROGRAM, "".join(_grading().template.values()).encode()[:3000]]


def notebooks() -> list[bytes]:
    """One, with magics and a file that a cell writes."""
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "x = !ls\n"]},
        {"cell_type": "markdown", "source": "# title"},
        {"cell_type": "code", "source": "%%writefile solution.py\ndef f(x):\n    return x\n"},
    ]
    return [json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}).encode()]


def zips() -> list[bytes]:
    """One, with a folder and what macOS adds."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a/solution.py", PROGRAM)
        archive.writestr("__MACOSX/._solution.py", b"junk")
    return [made.getvalue()]


def export(folder: Path) -> Callable[[bytes], None]:
    """The metadata of a folder that Gradescope exports."""
    from retroprop.grading.submissions import read_class

    (folder / "class" / "submission_7").mkdir(parents=True, exist_ok=True)
    (folder / "class" / "submission_7" / "solution.py").write_bytes(PROGRAM)

    def read(data: bytes) -> None:
        (folder / "class" / "submission_metadata.yml").write_bytes(data)
        found = read_class(folder / "class", _grading(), str)
        assert "submission_7" in {one.name for one in found}, "a submission is lost"

    return read


def read_a_rubric(text: str) -> None:
    """A teacher's TOML."""
    from retroprop.grading.rubric import rubric_from

    rubric_from(text, _grading(), "rubric.toml")


def rubrics() -> list[bytes]:
    """The beginning of a lab's own, and a short one."""
    from retroprop.grading.rubric import default_rubric

    whole = default_rubric(_grading(), str)
    return [whole.encode()[:4000], b"[limits]\nmemory_mib = 500\n[questions.1]\npoints = 3\n"]


def read_answer(data: bytes) -> None:
    """What a submission's process sends."""
    from retroprop.errors import UserError
    from retroprop.grading.comparison import Unknown
    from retroprop.grading.confined.messages import Incoming

    incoming = Incoming(Unknown)
    incoming.add(data)
    try:
        while incoming.message() is not None:
            pass
    except ValueError as error:
        raise UserError(str(error)) from error


def answers() -> list[bytes]:
    """Two messages."""
    import torch

    from retroprop.grading.confined.messages import packed

    values = [{"tensor": torch.arange(6.0).view(2, 3), "number": 0.5}, ["a", None, True, (1, 2)]]
    return [packed({"id": 7, "value": value}) for value in values]
