"""The documentation site: builds without a warning, needs no network, leads nowhere in vain.

The tutorials are shown and not run here; they have a test of their own.
"""

import html
import re
import sys
import zlib
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.processes import run

pytest.importorskip("myst_nb", reason="what builds the site is an extra, docs")

DOCS = Path(__file__).parents[1] / "docs"
PACKAGE = DOCS.parent / "src" / "retroprop"


_ID = re.compile(r'\bid="([^"]+)"')
_LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]+)"')
_RESOURCE = re.compile(
    r'<(?:script|img|iframe|source|embed|use)\b[^>]*?\b(?:src|href)="([^"]+)"'
    r'|<link\b(?=[^>]*\brel="(?:stylesheet|preload|icon|search)")[^>]*?\bhref="([^"]+)"'
)
_OF_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
_OUTSIDE = re.compile(r"(?:https?|ftp|wss?):|//")


def outside_resources(page: str) -> list[str]:
    """What a browser would fetch from elsewhere to show this page or this style sheet."""
    found = [*_RESOURCE.findall(page), *_OF_STYLE.findall(page)]
    return [address for pair in found for address in pair if _OUTSIDE.match(address)]


def broken_links(pages: dict[str, str]) -> list[str]:
    """Links inside the site whose page or place does not exist; pages by their path."""
    places = {path: set(map(html.unescape, _ID.findall(text))) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for address in set(_LINK.findall(text)):
            target, _, place = unquote(html.unescape(address)).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            target = target.partition("?")[0]
            there = _joined(path, target) if target else path
            if there not in pages or (place and place not in places[there]):
                broken.append(f"{path}: {address}")
    return broken


def _joined(page: str, target: str) -> str:
    parts = page.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built from nothing, with every warning an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--builder", "html", "--quiet", "--fail-on-warning"]
    command += ["--keep-going", "--define", "nb_execution_mode=off", "--doctree-dir"]
    command += [str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    built = run(command)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    """The text of every page, by its path."""
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8")
        for path in site.rglob("*.html")
    }


@pytest.fixture
def extensions(monkeypatch):
    """Where the site's own extensions can be imported from."""
    monkeypatch.syspath_prepend(str(DOCS / "_extensions"))


def test_no_page_and_no_style_fetches_anything_from_elsewhere(site, pages):
    styles = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    assert styles
    outside = {name: outside_resources(text) for name, text in (pages | styles).items()}
    assert {name: found for name, found in outside.items() if found} == {}


@pytest.mark.parametrize(
    "page",
    [
        '<script defer src="https://cdn.example/mathjax.js"></script>',
        '<link rel="stylesheet" type="text/css" href="//fonts.example/a.css">',
        '<link href="https://fonts.example/a.css" rel="stylesheet">',
        '<img alt="x" src="http://images.example/x.png">',
        "@font-face { src: url('https://fonts.example/a.woff2') }",
    ],
)
def test_a_resource_from_elsewhere_is_found(page):
    assert len(outside_resources(page)) == 1


def test_every_link_inside_the_site_leads_somewhere(pages):
    assert broken_links(pages) == []


def test_a_link_that_leads_nowhere_is_found():
    pages = {"a/b.html": '<a href="../c.html#x">', "c.html": '<p id="y"><a href="#y">'}
    assert broken_links(pages) == ["a/b.html: ../c.html#x"]
    assert broken_links({"a.html": '<a class="z" href="b.html">'}) == ["a.html: b.html"]


def test_every_public_module_is_in_the_reference(site):
    inventory = (site / "objects.inv").read_bytes()
    listing = zlib.decompress(inventory.split(b"\n", 4)[4]).decode("utf-8")
    described = set(re.findall(r"^(\S+) py:module ", listing, re.MULTILINE))
    names = {
        ".".join(("retroprop", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in PACKAGE.rglob("*.py")
    }
    public = {name.removesuffix(".__init__") for name in names}
    public = {name for name in public if not re.search(r"\._", name)} - {"retroprop"}
    assert public - described == set()


def test_every_formula_of_a_derivation_is_mathml(pages):
    for source in sorted((DOCS / "derivations").glob("*.md")):
        text = source.read_text(encoding="utf-8")
        page = pages[f"derivations/{source.stem}.html"]
        blocks = text.count("```math\n")
        prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
        assert (
            page.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"') == blocks
        )
        assert page.count('display="inline"') == prose.count("$") // 2, source.name


def test_source_pages_have_the_lines_that_links_name(pages):
    named = re.findall(r'href="(_modules/[^"#]+)#L(\d+)"', pages["theory.html"])
    assert named
    for path, line in named:
        assert f'id="L{line}"' in pages[path]


def test_shapes_are_readable_in_signatures(pages):
    text = re.sub(r"<[^>]+>", "", pages["api/retroprop.byhand.losses.html"])
    assert "Float[Tensor, '*population batch classes']" in html.unescape(text)


@pytest.mark.parametrize("latex", [r"\nosuchcommand x", r"\frac{a", r"a & b"])
def test_a_formula_that_cannot_be_read_is_refused(latex, extensions):
    from mathml import to_mathml

    with pytest.raises(ValueError, match="cannot read"):
        to_mathml(latex, block=False)


def test_letters_of_other_alphabets_are_characters(extensions):
    from mathml import to_mathml

    written = to_mathml(r"\mathbf 1 \mathcal{LA} \mathbb{Rk} \mathbf{Xy}", block=False)
    assert re.sub(r"<[^>]+>", "", written) == "𝟏ℒ𝒜ℝ𝕜𝐗𝐲"


def test_both_bars_of_a_norm_are_alike(extensions):
    from mathml import to_mathml

    bars = re.findall(r"<mo([^>]*)>‖</mo>", to_mathml(r"\lVert x \rVert^2", block=True))
    assert len(bars) == 2
    assert bars[0] == bars[1]
    assert 'stretchy="false"' in bars[0]


def test_docstrings_keep_their_formulas_lists_and_signs(extensions):
    from plain_docstrings import as_rst

    lines = [
        "What `a` does: |x| and `f(x)`s, *exactly*.",
        "",
        "    z = x W",
        "",
        "    y = z",
        "",
        "- first",
        "  goes on",
        "- second",
        "",
        "Args:",
        "    theta_: Of (*population, n).",
        "        More of it.",
        "",
        ">>> 1 * 2",
        "2",
    ]
    assert as_rst(lines) == [
        r"What `a` does: \|x\| and ``f(x)``\ s, *exactly*.", "",
        ".. code-block:: text", "", "   z = x W", "   ", "   y = z", "",
        "- first", "  goes on", "- second", "",
        "Args:", r"    theta_: Of (\*population, n).", "        More of it.", "",
        ">>> 1 * 2", "2", "",
    ]  # fmt: skip
