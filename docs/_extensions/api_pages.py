"""The API reference: one page for each public module, under the page of its room.

The pages only name the modules; autodoc fills them from the docstrings. They are written into
docs/api before Sphinx looks for sources, and what is no module any more is removed.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "retroprop"
FOLDER = ROOT / "docs" / "api"
LAYOUT = ROOT / "docs" / "layout.md"


@dataclass(frozen=True)
class Module:
    """A module by its full name, and the file that holds it."""

    name: str
    path: Path

    @property
    def is_package(self) -> bool:
        """Whether other modules lie in it."""
        return self.path.name == "__init__.py"

    @property
    def summary(self) -> str:
        """The first line of its docstring; empty where there is none."""
        docstring = ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8")))
        return (docstring or "").partition("\n")[0]

    def exports(self) -> list[str]:
        """Where each name of `__all__` comes from, as "module.name"; none without `__all__`."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        offered: set[str] = set()
        origin: dict[str, str] = {}
        for node in _statements(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                origin |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                offered = set(ast.literal_eval(node.value))
        return sorted(origin[name] for name in offered & set(origin))


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Those of a module, and what it imports for types alone: names that it offers lazily."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.If) else [node]


def public_modules(package: Path = PACKAGE) -> list[Module]:
    """All modules whose path has no part that begins with an underscore, in order of name."""
    modules = []
    for path in package.rglob("*.py"):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        if not any(part.startswith("_") for part in parts):
            modules.append(Module(".".join(parts), path))
    return sorted(modules, key=lambda module: module.name)


def page(module: Module, modules: list[Module]) -> str:
    """The page of a module in reStructuredText; a package lists what it offers and what it holds.

    Only rooms are in the tree of the sidebar: all modules in it would cost more than half of the
    build. The others say where they are by a line of links.
    """
    exports = module.exports()
    lines: list[str] = []
    parents = module.name.split(".")[:-1]
    if len(parents) > 1:
        above = [".".join(parents[: i + 1]) for i in range(1, len(parents))]
        trail = " › ".join(f":doc:`{name.rpartition('.')[2]} <{name}>`" for name in above)
        lines += [":orphan:", "", ".. rst-class:: trail", "", f":doc:`API </api>` › {trail}", ""]
    lines += [module.name, "=" * len(module.name), ""]
    lines += [f".. automodule:: {module.name}", "   :members:"]
    if not module.summary:
        lines[-2:-2] = [*_knows(module), ""]
    if exports:  # their pages are those of the modules that define them
        lines += ["   :exclude-members: " + ", ".join(n.rpartition(".")[2] for n in exports), ""]
        lines += ["Offered here: " + ", ".join(f":py:obj:`~{name}`" for name in exports) + "."]
    lines.append("")
    held = [m for m in modules if m.name.rpartition(".")[0] == module.name]
    if held:
        lines += [".. list-table::", "   :class: modules", "   :widths: auto", ""]
        for other in held:
            short = other.name.rpartition(".")[2]
            lines += [f"   * - :doc:`{short} <{other.name}>`", f"     - {_escaped(other.summary)}"]
    return "\n".join([*lines, ""])


def _knows(module: Module) -> list[str]:
    """What the table of docs/layout.md says of a room."""
    room = re.escape(module.name.rpartition(".")[2])
    row = re.search(rf"^\|[^|]*`{room}/`[^|]*\|([^|]*)\|", LAYOUT.read_text("utf-8"), re.MULTILINE)
    said = re.sub(r"\s*\(\[.*?\]\(.*?\)\)", "", row.group(1)).strip() if row else ""
    return [_escaped(said[:1].upper() + said[1:] + ".")] if said else []


def _escaped(text: str) -> str:
    from plain_docstrings import as_rst

    return " ".join(as_rst([text])).strip()


def write_pages(app: Sphinx) -> None:
    """Write every page that has changed, and remove those of modules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    modules = [module for module in public_modules() if module.name != PACKAGE.name]
    pages = {FOLDER / f"{module.name}.rst": page(module, modules) for module in modules}
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(FOLDER.glob("*.rst")) - set(pages):
        path.unlink()


def list_rooms(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put every room below the page of the reference, in the order of its table."""
    if docname != "api":
        return
    rooms = [module.name for module in public_modules() if module.name.count(".") == 1]
    place = {name: content[0].find(f"/{name.replace('.', '/')}") for name in rooms}
    rooms.sort(key=lambda name: (place[name] < 0, place[name]))
    content[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(f"api/{n}" for n in rooms) + "\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages at the start of a build."""
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("source-read", list_rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
