"""What was handed in: a folder, a zip, files or Gradescope's export as a list of submissions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What one student, or one group, handed in.

    Attributes:
        name: Unique in a class: of the file or folder.
        files: Module name → Python source.
        students: Names of the submitters, where the export says them.
        notes: What a teacher should know of how it was read; sentences.
        unreadable: Why there is nothing to grade, in one sentence; None where there is.
    """

    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    students: Sequence[str] = ()
    notes: Sequence[str] = ()
    unreadable: str | None = None
