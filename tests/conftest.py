"""Shared fixtures: no test may reach the network or the user's own cache and database."""

import os
import signal
import socket

import pytest
import torch

from retroprop.languages import untranslated

pytest_plugins = ["tests.watchdog"]  # no test is limited in seconds

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["PYTHONFAULTHANDLER"] = (
    "1"  # programs of tests that the watchdog ends say where they were
)
os.environ["RETROPROP_LANGUAGE"] = "en"  # whatever the locale of whoever runs the tests
torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job ignores Ctrl-C,
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and so would what the tests start


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """One cache of decoded data for all tests: decoding takes half a second."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch, shared_cache):
    """Keep tests out of the user's cache, and give each its own working folder."""
    monkeypatch.setenv("RETROPROP_CACHE", str(shared_cache))
    monkeypatch.delenv("RETROPROP_DATA", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def _ordinary_arithmetic():
    """A command that trains sets denormal numbers to 0 in its process: here, that of the tests."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _every_text_has_its_french():
    """Fail where a test said a text that is not in the French catalog."""
    untranslated.clear()
    yield
    assert not untranslated, "add their French to src/retroprop/languages/fr"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Fail on any connection that is not to this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise AssertionError(f"a test tried to reach {host}: the project works offline")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
