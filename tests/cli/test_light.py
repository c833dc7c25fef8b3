"""Which libraries each light command imports: what it does not need, it does not wait for."""

import pytest
from tests.processes import python, run

from retroprop.studies.records import Records

HEAVY = {
    *("torch", "sympy", "matplotlib", "optuna", "pandas", "scipy", "ray", "typst", "jinja2"),
    *("sqlalchemy", "pydantic", "numpy", "PIL", "safetensors", "fsspec"),
}
OF_RECORDS = {"sqlalchemy", "numpy"}
OF_STUDIES = {"pydantic", "numpy"}
MAY_IMPORT = {
    "--version": set(),
    "--help": set(),
    "data --help": set(),
    "run --help": set(),
    "completion bash": HEAVY - {"torch", "sympy"},  # it knows all commands
    "budget mlp --target 1000 --width x --depth 1": set(),
    "data list": {"numpy", "PIL"},
    "studies": OF_STUDIES,
    "studies show inf8225-mlp": OF_STUDIES,
    "studies keys": OF_STUDIES,
    "run inf8225-mlp --dry-run": OF_STUDIES | OF_RECORDS,
    "run inf8225-mlp --epochs 0": OF_STUDIES,
    "train mlp --lr -1": OF_STUDIES | {"sqlalchemy"},
    "runs": OF_RECORDS,
    "runs inf8225-mlp": OF_RECORDS,
    "compare 1 2": OF_RECORDS,
    "show 1": OF_RECORDS,
    "lab list": OF_RECORDS,
    "lab run ift6135-devoir1 --dry-run": OF_RECORDS | OF_STUDIES | {"PIL"},
}


@pytest.mark.parametrize("command", MAY_IMPORT)
def test_a_light_command_imports_what_it_needs_and_no_more(command):
    Records.open("retroprop.db").engine.dispose()
    words = ["-X", "importtime", "-m", "retroprop", *command.split()]
    done = run(**python(*words))
    assert done.returncode in (0, 1, 2), done.stderr
    modules = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines())
    imported = {module.partition(".")[0] for module in modules}
    assert "retroprop" in imported
    assert (imported & HEAVY) - MAY_IMPORT[command] == set()
