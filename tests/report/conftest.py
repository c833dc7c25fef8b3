import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "make_records", Path(__file__).with_name("make_records.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)


@pytest.fixture(scope="session")
def data():
    """The module that writes made-up records."""
    return _MODULE


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Records of the finished study, made once; tests must not write to them."""
    return _MODULE.make_records(tmp_path_factory.mktemp("study") / "test.db")
