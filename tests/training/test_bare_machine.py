"""The training rooms run on a machine that has torch, numpy, safetensors and little else."""

from tests.processes import python, run

BARE = """
import sys
import importlib.abc

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {
            "pydantic", "cyclopts", "sqlalchemy", "platformdirs", "filelock", "psutil", "PIL",
            "jinja2", "typst", "sympy",
        }:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import pkgutil
import retroprop.byhand, retroprop.models, retroprop.training
for room in (retroprop.byhand, retroprop.models, retroprop.training):
    for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
        __import__(module.name)
        print(module.name)
import retroprop.data.parts
"""


def test_the_training_rooms_import_without_the_other_rooms_libraries():
    done = run(**python("-c", BARE), check=True)
    assert "retroprop.training.trainer" in done.stdout.split()
