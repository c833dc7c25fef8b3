"""The rooms of the design: who may import whom, and who may open a connection."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import python, run

import retroprop

SOURCE = Path(retroprop.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

ROOMS = {
    "data", "mathematics", "calculus", "byhand", "models", "bayes", "parity", "training", "studies",
    "figures", "report", "labs", "grading", "web", "cli", "languages",
}  # fmt: skip
TOP = {"labs", "grading", "cli"}
READERS = {"figures", "report", "web"}  # they read records, and never train

FORBIDDEN = {  # room -> the rooms of which it knows nothing
    **dict.fromkeys(
        ("data", "byhand"),
        {"models", "parity", "training", "studies", "languages"} | READERS | TOP,
    ),
    "calculus": ROOMS - {"calculus"},
    "bayes": ROOMS - {"bayes"},
    "mathematics": ROOMS - {"mathematics"},
    "models": ROOMS - {"models"},
    "parity": ROOMS - {"parity", "byhand", "models", "data"},
    "training": {"parity", "studies", "languages"} | READERS | TOP,
    "studies": {"parity", "languages"} | READERS | TOP,
    **dict.fromkeys(READERS, {"training", "byhand", "models", "parity"} | TOP),
    **dict.fromkeys(TOP, frozenset()),
    "languages": ROOMS - {"languages"},
    "errors": ROOMS,
    "files": ROOMS,
    "lazy": ROOMS,
    "progress": ROOMS,
    "randomness": ROOMS,
}
# "retroprop.cli.studies:run", "retroprop.studies.worker": imported by their names
_MODULE_NAME = re.compile(r"retroprop(\.\w+)+(:\w+)?")
NO_ROOMS = {"__init__", "__main__", "py.typed"}


def imported_names(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Everything that a module imports, wherever the import stands, with its line.

    `package` is where a relative import starts: ("retroprop", "data") for retroprop/data/x.py.
    """
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and _MODULE_NAME.fullmatch(str(node.value)):
            names = [str(node.value).split(":")[0]]
        for name in names:
            yield name, node.lineno


def imported_rooms(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Every room that a module imports, with the line."""
    for name, line in imported_names(tree, package):
        parts = name.split(".")
        if parts[0] == "retroprop" and len(parts) > 1 and parts[1] in ROOMS:
            yield parts[1], line


def wrong_imports(path: Path, text: str) -> list[str]:
    """One sentence for every import that the design forbids to the module at this path."""
    place = path.relative_to(SOURCE)
    room = place.parts[0].removesuffix(".py")
    package = ("retroprop", *place.parts[:-1])
    forbidden = FORBIDDEN[room]
    return [
        f"{place}:{line}: {room} must know nothing of {other}"
        for other, line in imported_rooms(ast.parse(text), package)
        if other in forbidden
    ]


def test_every_module_is_in_a_room_that_the_rule_knows():
    rooms = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms - NO_ROOMS <= set(FORBIDDEN), "add the new room to DESIGN.md and to this test"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.stem not in NO_ROOMS or path.parent != SOURCE],
    ids=lambda path: path.relative_to(SOURCE).as_posix(),
)
def test_imports_point_one_way(path):
    assert wrong_imports(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("place", "planted"),
    [
        ("byhand/losses.py", "from retroprop.training import populations"),
        ("data/cache.py", "import retroprop.studies.records"),
        ("data/cache.py", "from retroprop import cli"),
        ("data/cache.py", "from ..studies import records"),
        ("data/cache.py", "from .. import report"),
        ("training/populations.py", "def later():\n    from retroprop.studies.plan import Plan"),
        ("studies/plan.py", "if False:\n    import retroprop.figures.curves as curves"),
        ("studies/plan.py", "importlib.import_module('retroprop.report.html')"),
        ("figures/curves.py", "from retroprop.byhand import losses"),
        ("report/html.py", "from retroprop.training.populations import Population"),
        ("errors.py", "from retroprop.data import load"),
        ("bayes/network.py", "from retroprop.byhand.losses import softmax"),
        ("bayes/files/bif.py", "from retroprop.data import load"),
        ("models/cnn.py", "from retroprop.byhand.cnn import CNN"),
        ("byhand/cnn.py", "from retroprop.models.cnn import CNN"),
        ("parity/table.py", "from retroprop.training import populations"),
        ("languages/__init__.py", "from retroprop.report.words import SETTINGS"),
        ("training/deep.py", "from retroprop.languages import translator"),
        ("training/learners.py", "from retroprop.parity.names import to_state_dict"),
        ("studies/plan.py", "import retroprop.parity.table"),
        ("calculus/functions.py", "from retroprop.byhand.losses import softmax"),
        ("calculus/norms.py", "from retroprop.byhand import linear"),
        ("mathematics/latex.py", "from retroprop.calculus import functions"),
        ("calculus/stack.py", "from retroprop.models.mlp import MLP"),
        ("byhand/losses.py", "from retroprop.labs.ift3395_theorie import sheet"),
        ("calculus/functions.py", "import retroprop.labs.ift3395_theorie"),
    ],
)
def test_the_rule_finds_a_planted_wrong_import(place, planted):
    (sentence,) = wrong_imports(SOURCE / place, planted)
    assert sentence.startswith(place)


@pytest.mark.parametrize(
    ("place", "allowed"),
    [
        ("training/populations.py", "from retroprop.byhand.losses import softmax"),
        ("report/html.py", "from retroprop.studies.records import Records"),
        ("data/cache.py", "from . import catalog\nfrom ..errors import UserError"),
        ("data/cache.py", "word = 'studies'"),
        ("figures/curves.py", "from retroprop.languages import say_later"),
        ("cli/studies.py", "from retroprop.studies.runner import run_study"),
        ("cli/verify.py", "from retroprop.parity.table import TABLE"),
        ("parity/training.py", "from retroprop.data import load"),
        ("byhand/losses.py", "from retroprop.calculus.functions import softmax"),
        ("labs/ift3395_theorie/network.py", "from retroprop.byhand.linear import Linear"),
        ("byhand/losses.py", "from retroprop.calculus.norms import gradient_norm"),
    ],
)
def test_the_rule_lets_the_allowed_imports_pass(place, allowed):
    assert wrong_imports(SOURCE / place, allowed) == []


def test_bayesian_networks_do_not_even_load_torch():
    program = "import sys, retroprop.bayes; sys.exit('torch' in sys.modules)"
    assert run(**python("-c", program)).returncode == 0


# --- circles --------------------------------------------------------------------------------------

FREE_OF_CIRCLES = {
    "bayes", "byhand", "calculus", "cli", "data", "errors", "figures", "files", "grading", "labs",
    "languages", "lazy", "mathematics", "models", "parity", "progress", "randomness",
    "report", "studies",
}  # fmt: skip


def module_name(path: Path) -> str:
    """retroprop.data.cache; a package is its __init__."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(("retroprop", *(part for part in parts if part != "__init__")))


def imports_of(texts: dict[str, str]) -> dict[str, set[str]]:
    """Module to the modules that it imports, in a function and for types alone too.

    `from retroprop.bayes import queries` imports the module `retroprop.bayes.queries`; where the
    package has no such module, the name is from its __init__.
    """
    found: dict[str, set[str]] = {}
    for module, text in texts.items():
        parts = module.split(".")
        is_package = any(other.startswith(f"{module}.") for other in texts)
        package = tuple(parts if is_package else parts[:-1])
        names = {name for name, _ in imported_names(ast.parse(text), package)}
        known = {name if name in texts else name.rpartition(".")[0] for name in names}
        found[module] = (known & texts.keys()) - {module}
    return found


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The largest sets of modules of which each leads to each other one (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(imports[module]):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            start = stack.index(module)
            if len(stack) - start > 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    for module in imports:
        if module not in number:
            visit(module)
    return found


@pytest.fixture(scope="module")
def all_circles() -> list[list[str]]:
    return circles(
        imports_of({module_name(path): path.read_text(encoding="utf-8") for path in MODULES})
    )


@pytest.mark.parametrize("room", sorted(FREE_OF_CIRCLES))
def test_no_module_of_a_room_leads_back_to_itself(room, all_circles):
    start = f"retroprop.{room}"
    assert [
        circle
        for circle in all_circles
        if any(module == start or module.startswith(f"{start}.") for module in circle)
    ] == []


@pytest.mark.parametrize(
    ("planted", "circle"),
    [
        ("from retroprop.room.b import y", ["a", "b"]),
        ("import retroprop.room.b", ["a", "b"]),
        ("from . import b", ["a", "b"]),
        ("from .b import y", ["a", "b"]),
        ("def later():\n    from retroprop.room import b", ["a", "b"]),
        ("if TYPE_CHECKING:\n    from retroprop.room.b import y", ["a", "b"]),
        ("importlib.import_module('retroprop.room.b')", ["a", "b"]),
        ("from retroprop.room.c import z", ["a", "b", "c"]),
        ("from retroprop.room import other", ["", "a", "b"]),
    ],
)
def test_a_planted_circle_is_found(planted, circle):
    texts = {
        "retroprop.room": "from retroprop.room.b import y",
        "retroprop.room.a": planted,
        "retroprop.room.b": "from retroprop.room.a import x",
        "retroprop.room.c": "from retroprop.room.b import y",
    }
    assert circles(imports_of(texts)) == [
        [f"retroprop.room.{name}".removesuffix(".") for name in circle]
    ]


@pytest.mark.parametrize("allowed", ["import numpy", "x = 1", "from retroprop.other import room"])
def test_a_row_of_imports_is_no_circle(allowed):
    texts = {
        "retroprop.room": "from retroprop.room.b import y",
        "retroprop.room.a": allowed,
        "retroprop.room.b": "from retroprop.room.a import x\nfrom retroprop.room import a",
    }
    assert circles(imports_of(texts)) == []


# --- connections ----------------------------------------------------------------------------------

MAY_CONNECT = {"data/sources.py"}
IDENTIFIERS = {  # strings that look like addresses and are names: nothing opens them
    "http://www.w3.org/",  # namespaces of SVG, MathML and XHTML
}
LOOPBACK = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)")


def addresses(text: str) -> Iterator[tuple[str, int]]:
    """Every non-loopback http(s) address in the strings of a module, docstrings left out.

    In the catalog, licence notes and citations are for people: they are left out too.
    """
    tree = ast.parse(text)
    for_people = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant() as docstring):  # of a module or of an attribute
                for_people.add(id(docstring))
            case ast.keyword(arg="licence_note" | "citation", value=value):
                for_people.update(map(id, ast.walk(value)))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if name.endswith(("_NOTE", "_CITATION")):
                    for_people.update(map(id, ast.walk(value)))
    for node in ast.walk(tree):
        if id(node) in for_people or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str):
            for found in re.finditer(r"https?://[^\s'\"<>]*", node.value):
                address = found.group()
                if not LOOPBACK.match(address) and not address.startswith(tuple(IDENTIFIERS)):
                    yield address, node.lineno


def test_only_the_sources_of_the_data_name_an_address():
    found = {
        f"{place}:{line}: {address}"
        for path in MODULES
        if (place := path.relative_to(SOURCE).as_posix()) not in MAY_CONNECT
        for address, line in addresses(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_the_sources_of_the_data_do_name_one():
    (place,) = MAY_CONNECT
    assert list(addresses((SOURCE / place).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("x = 'https://example.org/data.gz'", 1),
        ("get(f'http://example.org/{name}')", 1),
        ("x = '<script src=\"https://example.org/a.js\">'", 1),
        ("'''https://example.org in a docstring'''", 0),
        ("x = Info(licence_note='https://example.org')", 0),
        ("x = 'http://127.0.0.1:8000/'", 0),
        ("x = 'http://localhost.example.org/'", 1),
        ("x = 'http://www.w3.org/2000/svg'", 0),
    ],
)
def test_the_search_for_addresses_finds_those_that_code_would_open(text, count):
    assert len(list(addresses(text))) == count
