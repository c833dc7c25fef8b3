"""What each room offers to Python: `dir()` and `help()` show it, and importing it is light."""

import ast
import inspect
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import torch
from tests.processes import python, run

import retroprop

ROOMS = ("byhand", "models", "training", "studies", "figures", "report")
SOURCE = Path(retroprop.__file__).parent


def room(name):
    return import_module(f"retroprop.{name}")


def names_for_types(name):
    """What the package of a room imports for type checkers, or defines."""
    tree = ast.parse((SOURCE / name / "__init__.py").read_text(encoding="utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        for one in node.body if isinstance(node, ast.If) else ():
            found |= {alias.asname or alias.name for alias in one.names}
        if isinstance(node, ast.Assign):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return found


@pytest.mark.parametrize("name", ROOMS)
def test_dir_shows_what_a_room_offers_and_nothing_else(name):
    assert dir(room(name)) == sorted(room(name).__all__)
    assert room(name).__doc__


@pytest.mark.parametrize("name", ROOMS)
def test_everything_that_a_room_offers_is_there_for_programs_and_for_type_checkers(name):
    for one in room(name).__all__:
        assert getattr(room(name), one) is not None
    assert set(room(name).__all__) <= names_for_types(name)


@pytest.mark.parametrize("name", ROOMS)
def test_everything_that_a_room_offers_has_a_docstring(name):
    offered = [getattr(room(name), one) for one in room(name).__all__]
    assert [one for one in offered if callable(one) and not inspect.getdoc(one)] == []


@pytest.mark.parametrize("name", ROOMS)
def test_what_a_room_does_not_have_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"'retroprop.{name}' has no attribute 'nothing'"):
        _ = room(name).nothing


def test_importing_the_rooms_imports_no_library():
    rooms = ", ".join(f"retroprop.{name}" for name in ROOMS)
    heavy = "{'torch', 'numpy', 'matplotlib', 'sqlalchemy', 'pydantic'}"
    program = f"import sys, {rooms}; sys.exit(len({heavy} & set(sys.modules)))"
    assert run(**python("-c", program)).returncode == 0


def test_the_upper_bound_of_torch_is_the_version_that_is_tested():
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bound,) = [one for one in project["dependencies"] if one.startswith("torch")]
    (pin,) = re.findall(r"^torch==2\.(\d+)\.", (root / "constraints.txt").read_text(), re.MULTILINE)
    assert bound == f"torch>=2.8,<2.{int(pin) + 1}"
    assert torch.__version__.startswith(f"2.{pin}.")
