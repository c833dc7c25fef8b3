r"""Our docstrings are plain text: made into the reStructuredText that Sphinx reads.

In a docstring, `name` is code, an indented paragraph is a formula that keeps its lines, and * and |
are what they are in mathematics. In reStructuredText they would be a reference, a quotation, the
start of emphasis and of a substitution. Sections in Google's manner (Args:, Raises:) and doctests
are left for napoleon and docutils.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")
_ITEM = re.compile(r"(\s*)([-*]|\d+\.)\s+\S")
_ENTRY = re.compile(r" {4}[\w.]+: ")
_NEW_PARAGRAPH = re.compile(r"Sources?: ")
_CODE = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_STRESSED = r"(?<![\w*(])\*[A-Za-z][\w -]*\*(?![\w*])"
_SPECIAL = re.compile(rf"({_STRESSED})|[*|\\]|(?<=\w)_(?!\w)")


def as_rst(lines: Iterable[str]) -> list[str]:
    r"""The same text as reStructuredText, to be read by napoleon afterwards.

    >>> as_rst(["The linear map.", "", "    z = x W + b", "", "`W` has (*population, in, out)."])
    ['The linear map.', '', '.. code-block:: text', '', '   z = x W + b', '',
     '`W` has (\\*population, in, out).', '']
    """
    written: list[str] = []
    in_section = False
    for kind, part in _parts(lines):
        if kind == "section":
            in_section = True
            written += [part[0], *_entries(part[1:])]
        elif kind == "indented" and in_section:
            written += _entries(part)
        elif kind == "indented":
            written += [".. code-block:: text", "", *("   " + line for line in _dedented(part))]
        elif kind == "doctest":
            written += part
        else:
            in_section = False
            written += _prose(part)
        written.append("")
    return written


def _parts(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Paragraphs and pieces of them, each with what it is; indented ones that follow are one."""
    waiting: list[str] = []
    for paragraph in _paragraphs(lines):
        for kind, piece in _pieces(paragraph):
            if kind == "indented":
                waiting += ["", *piece] if waiting else piece
                continue
            if waiting:
                yield "indented", waiting
                waiting = []
            yield kind, piece
    if waiting:
        yield "indented", waiting


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    for is_text, group in groupby(lines, key=lambda line: bool(line.strip())):
        if is_text:
            yield list(group)


def _pieces(paragraph: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A paragraph, cut where prose turns into a formula or into a doctest."""
    if SECTION.match(paragraph[0]):
        yield "section", paragraph
        return
    start, kind = 0, ""
    for end, line in enumerate(paragraph):
        now = _kind(line, kind)
        if now != kind and kind:
            yield kind, paragraph[start:end]
            start = end
        kind = now
    yield kind, paragraph[start:]


def _kind(line: str, before: str) -> str:
    if before == "doctest" or line.lstrip().startswith(">>> "):
        return "doctest"
    if _ITEM.match(line) and not line.startswith(" "):
        return "list"
    if line.startswith(" "):
        return "list" if before == "list" else "indented"
    return "prose"


def _entries(lines: list[str]) -> list[str]:
    """Lines of a section: "name: text", where the name is left to napoleon."""
    written = []
    for line in lines:
        entry = _ENTRY.match(line)
        name = entry.group() if entry else ""
        written.append(name + _inline(line[len(name) :]))
    return written


def _prose(lines: list[str]) -> list[str]:
    written: list[str] = []
    for line in _inline("\n".join(lines)).split("\n"):
        if written and _NEW_PARAGRAPH.match(line):
            written.append("")
        written.append(line)
    return written


def _dedented(lines: list[str]) -> list[str]:
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [line[margin:] for line in lines]


def _inline(text: str) -> str:
    """Code as code or, where it is a name, as a link if there is such a name; the rest as it is."""
    written, end = "", 0
    for code in _CODE.finditer(text):
        written += _escaped(text[end : code.start()])
        inside = code.group(1)
        marked = f"`{inside}`" if _NAME.fullmatch(inside) else f"``{inside}``"
        if written and not (written[-1].isspace() or written[-1] in "([{<-/:'\"’"):
            written += r"\ "
        written += marked
        end = code.end()
        if text[end : end + 1].isalnum():
            written += r"\ "
    return written + _escaped(text[end:])


def _escaped(text: str) -> str:
    """Text without a special meaning, but for *words* that are stressed."""
    return _SPECIAL.sub(lambda found: found.group(1) or "\\" + found.group(), text)


def _rewrite(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def find_nearby(
    app: Sphinx, env: BuildEnvironment, reference: addnodes.pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """What a docstring calls `winograd` or `calculus.functions`: a neighbour, or from the top."""
    if reference.get("refdomain") != "py":
        return None
    package = str(reference.get("py:module") or "").rpartition(".")[0]
    described = env.domains.python_domain.objects
    for above in (package, "retroprop"):
        name = f"{above}.{reference['reftarget']}"
        if name in described:
            place = described[name]
            return make_refnode(
                app.builder, reference["refdoc"], place.docname, place.node_id, content, name
            )
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite each docstring before napoleon (priority 500) sees it."""
    app.connect("autodoc-process-docstring", _rewrite, priority=400)
    app.connect("missing-reference", find_nearby)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
