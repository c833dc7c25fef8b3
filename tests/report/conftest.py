import importlib.util
from pathlib import Path

import pytest

from retroprop.report.study_report import StudyReport


def _load(name):
    file = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_MODULE = _load("make_records")
_STUDIES = _load("make_studies")
_NETWORKS = _load("make_networks")


@pytest.fixture(scope="session")
def data():
    """The module that writes made-up records."""
    return _MODULE


@pytest.fixture(scope="session")
def lab():
    """The module that makes up a lab document."""
    return _load("make_lab")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Records of the finished study, made once; tests must not write to them."""
    return _MODULE.make_records(tmp_path_factory.mktemp("study") / "test.db")


@pytest.fixture(scope="session")
def studies():
    """The module with made-up studies of every kind of model."""
    return _STUDIES


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """A function from a study of deep networks, with changes, to its report in a language."""

    def tell(name, language="en", **changes):
        folder = tmp_path_factory.mktemp(name)
        records = _NETWORKS.make_networks(_MODULE, folder, name, **changes)
        return StudyReport.read(records, records.study_run(name), language)

    return tell


@pytest.fixture
def made(tmp_path):
    """A function from a made-up study's name, with changes, to its open records."""

    def make(name, *, config=None, **changes):
        config = config or _STUDIES.STUDIES[name]
        options = {
            "accuracy": _STUDIES.accuracy,
            "seconds": _STUDIES.seconds,
            "epochs": config["epochs"],
            "tested": False,
            "study_run_id": config["name"],
        }
        file = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.db"
        return _MODULE.make_records(file, config=config, **(options | changes))

    return make
