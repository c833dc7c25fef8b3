"""One fork server for all tests of grading: to import torch takes seconds."""

import sys

import pytest

from retroprop.grading.sessions import ForkServer

CONFINED = {"test_confinement", "test_hostile", "test_sessions"}
"""Modules of tests of what Linux alone does."""


def pytest_collection_modifyitems(items):
    if sys.platform != "linux":
        for item in items:
            if item.module.__name__.rpartition(".")[2] in CONFINED:
                item.add_marker(pytest.mark.skip(reason="submissions are confined by Linux"))


@pytest.fixture(scope="session")
def fork_server():
    """For sessions; a test that needs another one starts it itself."""
    with ForkServer() as server:
        yield server
