"""Who handed in what, from the `submission_metadata.yml` of a folder that Gradescope exports.

    submission_123:
      :submitters:
      - :name: Ada Lovelace
        :sid: '17'

The file is YAML as Ruby writes it. Three kinds of its lines are read, and all others passed over:
a submission, the list of its submitters, and a name in that list.
"""

import json
import re

METADATA = "submission_metadata.yml"
MOST_BYTES = 50_000_000
"""Of the file, which also holds the results of all earlier submissions."""

_SUBMISSION = re.compile(r"""["']?([^\s"':#][^"':]*)["']?:\s*$""")
_SECTION = re.compile(r"""( +)["']?:?(\w+)["']?:(?:\s|$)""")
_NAME = re.compile(r"""\s*(?:- +)?["']?:?name["']?:\s+(.*\S)\s*$""")


def read_metadata(text: str) -> dict[str, tuple[str, ...]]:
    r"""The names of the submitters of every submission; none where no name is said.

    >>> read_metadata("submission_7:\n  :submitters:\n  - :name: Ada\n  - :name: 'O''Hara'\n")
    {'submission_7': ('Ada', "O'Hara")}
    """
    found: dict[str, list[str]] = {}
    names: list[str] | None = None  # those of the submission whose lines are being read
    in_submitters, indent = False, None
    for line in text.splitlines():
        if not line.startswith((" ", "-")):
            submission = _SUBMISSION.match(line)
            names = found.setdefault(submission[1], []) if submission else None
            in_submitters, indent = False, None
        elif names is None:
            continue
        elif in_submitters and (name := _NAME.match(line)):
            names.append(_scalar(name[1]))
        elif section := _SECTION.match(line):
            depth = len(section[1])
            indent = depth if indent is None else indent  # earlier hand-ins are further in
            if depth <= indent:
                in_submitters = section[2] == "submitters"
    return {submission: tuple(names) for submission, names in found.items()}


def _scalar(text: str) -> str:
    """A text as YAML writes it on one line: plain, or in quotes of either kind."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", text)))
        except ValueError:
            return text[1:-1]
    return text
