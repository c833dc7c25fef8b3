"""One fork server for all tests of grading: to import torch takes seconds."""

import pytest

from retroprop.grading.sessions import ForkServer


@pytest.fixture(scope="session")
def fork_server():
    with ForkServer() as server:
        yield server
