"""Links from the pages to files of the repository, which on GitHub lead to the files themselves.

A Python module of the package leads to its source on the site, at the line that the link names; a
folder of modules leads to its page of the API reference; any other file gets a page that shows it,
and other folders are only named. A few files of the root are pages of the site too.
"""

import base64
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "project"
SCHEME = "repository"
PAGES = {
    "CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changelog",
    "README.fr.md": "readme-fr",
}
"""Files of the root, and their pages in the folder `project`."""

FILES = (".sh", ".yaml")
"""Files of this folder that are shown as those outside of it are; links to them say ../docs/."""

PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)\s]*)(\))")
_FENCE = re.compile(r"^(`{3,}).*?^\1", re.MULTILINE | re.DOTALL)
_ROOT_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s]+\))")
_LINE_NUMBER = re.compile(r'<span class="linenos">')


def write_pages(app: Sphinx) -> None:
    """Copy the files of the root into their folder, with links that start there."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        target = FOLDER / f"{page}.md"
        moved = _ROOT_LINK.sub(r"\1../../\2", text).replace("](../../docs/", "](../")
        if not target.exists() or target.read_text(encoding="utf-8") != moved:
            target.write_text(moved, encoding="utf-8")


def mark_links(app: Sphinx, docname: str, content: list[str]) -> None:
    """Give the links out of this folder a scheme of their own, outside of code."""
    folder = Path(app.srcdir, docname).parent

    def marked(link: re.Match[str]) -> str:
        path, mark, fragment = link.group(2).partition("#")
        target = (folder / path).resolve()
        of_this_folder = target.is_relative_to(app.srcdir) and target.suffix not in FILES
        if of_this_folder or not target.is_relative_to(ROOT):
            return link.group()
        return f"]({SCHEME}:{target.relative_to(ROOT).as_posix()}{mark}{fragment})"

    written, end = "", 0
    for fence in _FENCE.finditer(content[0]):
        written += _LINK.sub(marked, content[0][end : fence.start()]) + fence.group()
        end = fence.end()
    content[0] = written + _LINK.sub(marked, content[0][end:])


def page_of(path: PurePosixPath) -> str | None:
    """The page of the site that shows a file or folder of the repository; None if none does."""
    where = ROOT / path
    package = PurePosixPath("src/retroprop")
    if str(path) in PAGES:
        return f"project/{PAGES[str(path)]}"
    if str(path) == "README.md":
        return "index"
    if where.is_dir():
        if not (where / "__init__.py").is_file() or not path.is_relative_to(package):
            return None
        return "api/" + ".".join(path.relative_to("src").parts)
    if path.is_relative_to(package) and path.suffix == ".py":
        module = path.parent if path.name == "__init__.py" else path.with_suffix("")
        return "_modules/" + module.relative_to("src").as_posix()
    return f"files/{path}"


class LinksIntoTheRepository(SphinxTransform):
    """Lead each marked link to its page."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Replace the addresses; what leads nowhere is a warning."""
        for link in list(self.document.findall(nodes.reference)):
            scheme, _, target = link.get("refuri", "").partition(":")
            if scheme != SCHEME:
                continue
            path, mark, fragment = target.partition("#")
            if not (ROOT / path).exists():
                logging.getLogger(__name__).warning("there is no %s", path, location=link)
                continue
            page = page_of(PurePosixPath(path))
            if page is None:
                link.replace_self(link.children)
                continue
            if page.startswith("files/"):
                shown_files(self.env).add(path)
            address = relative_uri(f"{self.env.docname}.html", f"{page}.html")
            link["refuri"] = address + mark + fragment
            link["internal"] = True


def shown_files(env: Any) -> set[str]:
    """The files of the repository that links have asked for, kept from build to build."""
    if not hasattr(env, "retroprop_files"):
        env.retroprop_files = set()
    return env.retroprop_files


def pages_of_files(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file asked for, highlighted."""
    for name in sorted(shown_files(app.env)):
        title = posixpath.basename(name)
        heading = f"<h1>{title}</h1><p><code>{name}</code></p>"
        yield f"files/{name}", {"title": title, "body": heading + _shown(app, name)}, "page.html"


def _shown(app: Sphinx, name: str) -> str:
    content = (ROOT / name).read_bytes()
    kind = PICTURES.get(posixpath.splitext(name)[1])
    if kind:
        data = base64.b64encode(content).decode("ascii")
        return f'<p><img alt="{posixpath.basename(name)}" src="data:{kind};base64,{data}"></p>'
    try:
        lexer = get_lexer_for_filename(name).aliases[0]
    except ClassNotFound:
        lexer = "text"
    text = content.decode("utf-8")
    assert isinstance(app.builder, StandaloneHTMLBuilder)  # the others collect no pages
    return app.builder.highlighter.highlight_block(text, lexer, linenos="inline")


def forget_what_has_no_source(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Modules in C, which viewcode writes no page for, and names in its index all the same."""
    modules = getattr(app.env, "_viewcode_modules", {})
    for name in [name for name, source in modules.items() if not source]:
        del modules[name]
    return []


def number_lines(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Make #L72 the address of line 72 on a page that shows a file."""
    if not pagename.startswith(("_modules/", "files/")) or "body" not in context:
        return
    count = iter(range(1, 10**9))
    context["body"] = _LINE_NUMBER.sub(
        lambda _: f'<span class="linenos" id="L{next(count)}">', context["body"]
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Follow a page from its Markdown to its HTML."""
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("source-read", mark_links)
    app.add_transform(LinksIntoTheRepository)
    app.connect("html-collect-pages", forget_what_has_no_source, priority=100)
    app.connect("html-collect-pages", pages_of_files)
    app.connect("html-page-context", number_lines)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
