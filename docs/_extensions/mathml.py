r"""Formulas as MathML, which browsers draw themselves: no script, no font to fetch, no image.

`latex2mathml` reads the LaTeX. Browsers implement MathML Core, which leaves out some of the MathML
that it writes; here the rest is said in the way that Core knows:

- a letter of another alphabet (`\mathcal L`, `\mathbf 1`) is a character of its own;
- the columns of an aligned formula are aligned by a style, and its seams have no gap;
- the name of a function has a small space before its argument, and bars do not grow by themselves.

A formula that cannot be read is a warning, so it fails the build.
"""

import re
from itertools import zip_longest
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
THIN_SPACE = "0.1667em"
_BARS = {"|", "‖"}
_UNREAD = re.compile(r"&|\\[A-Za-z]+|\\\\")
"""What is left in the text of a formula where a command was not understood."""

_ALPHABETS = {  # where A, a and 0 of an alphabet stand in Unicode; None: there are no such
    "bold": (0x1D400, 0x1D41A, 0x1D7CE),
    "double-struck": (0x1D538, 0x1D552, 0x1D7D8),
    "script": (0x1D49C, 0x1D4B6, None),
}
_EXCEPTIONS = {  # letters that Unicode had before it had these alphabets
    "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
}
_ADDED = {  # environments that latex2mathml knows by another name
    r"{aligned}": r"{align*}",
}


def to_mathml(latex: str, *, block: bool) -> str:
    """The formula as an element <math>, whose `alttext` is the LaTeX.

    Raises:
        ValueError: If the formula, or a command in it, is not understood.
    """
    bare = latex.replace(r"\{", "").replace(r"\}", "")
    if bare.count("{") != bare.count("}"):
        raise ValueError(f"cannot read the formula {latex!r}: its braces are not balanced")
    source = latex.strip()
    for ours, theirs in _ADDED.items():
        source = source.replace(ours, theirs)
    try:
        root = ElementTree.fromstring(convert(source, display="block" if block else "inline"))
    except Exception as error:  # it raises its own classes, IndexError and others
        raise ValueError(f"cannot read the formula {latex!r}: {error!r}") from error
    unread = _UNREAD.search("".join(root.itertext()))
    if unread:
        raise ValueError(f"cannot read {unread.group()!r} in the formula {latex!r}")
    for parent in root.iter():
        _align(parent)
        for child, following in zip_longest(parent, parent[1:]):
            _write_in_its_alphabet(child)
            _keep_short(child)
            _space_name(child, following, parent)
    root.set("alttext", " ".join(latex.split()))
    ElementTree.register_namespace("", NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _write_in_its_alphabet(element: ElementTree.Element) -> None:
    """Bold 1 is 𝟏: Core knows no `mathvariant` but "normal"."""
    variant = element.get("mathvariant")
    if variant in _ALPHABETS:
        del element.attrib["mathvariant"]
        element.text = "".join(_letter(character, variant) for character in element.text or "")


def _letter(character: str, variant: str) -> str:
    upper, lower, digits = _ALPHABETS[variant]
    if character in _EXCEPTIONS.get(variant, {}):
        return _EXCEPTIONS[variant][character]
    for first, start in (("A", upper), ("a", lower), ("0", digits)):
        offset = ord(character) - ord(first)
        if start is not None and 0 <= offset < (10 if first == "0" else 26):
            return chr(start + offset)
    return character


def _keep_short(element: ElementTree.Element) -> None:
    """A bar grows with what follows it unless told not to: two bars would grow differently."""
    if _tag(element) == "mo" and element.text in _BARS and not element.get("fence"):
        element.set("stretchy", "false")
        element.set("lspace", "0")
        element.set("rspace", "0")


def _space_name(
    element: ElementTree.Element,
    following: ElementTree.Element | None,
    parent: ElementTree.Element,
) -> None:
    """log p needs a space, log(p) none."""
    name = element.text or ""
    if _tag(element) not in ("mi", "mo") or len(name) < 2 or not name.isalpha():
        return
    if element.get("mathvariant") == "normal":
        return
    base = _tag(parent) in ("msup", "msub", "msubsup", "munder")
    opening = following is not None and (following.text or "") in "([{" and following.text != ""
    element.tag = f"{{{NAMESPACE}}}mo"
    element.set("form", "prefix")
    element.set("lspace", THIN_SPACE)
    element.set("rspace", "0" if base or opening else THIN_SPACE)


def _align(table: ElementTree.Element) -> None:
    """`columnalign` and `columnspacing` as styles of the cells."""
    if _tag(table) != "mtable":
        return
    aligned = table.attrib.pop("columnspacing", "").startswith("0em")
    table.attrib.pop("rowspacing", None)
    for row in table:
        for number, cell in enumerate(row):
            side = cell.attrib.pop("columnalign", "center")
            style = f"text-align:{side};justify-items:{side}" if side != "center" else ""
            if aligned:
                seam = "right" if number % 2 == 0 else "left"
                style += f";padding-{seam}:0"
            if style:
                cell.set("style", style)


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write an inline formula."""
    translator.body.append(_or_warning(node, block=False))
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula, which scrolls by itself where the page is narrow."""
    translator.body.append(
        f'<div class="math-block" tabindex="0">{_or_warning(node, block=True)}</div>\n'
    )
    raise nodes.SkipNode


def _or_warning(node: nodes.math | nodes.math_block, *, block: bool) -> str:
    try:
        return to_mathml(node.astext(), block=block)
    except ValueError as error:
        logging.getLogger(__name__).warning(str(error), location=node, type="mathml")
        return f"<code>{nodes.unescape(node.astext())}</code>"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
