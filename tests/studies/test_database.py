"""The database: made once by whoever comes first, whole or not at all, and read where it lies."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SERVERS = ["sqlite", "postgres"]


@pytest.fixture
def url(request, tmp_path):
    """The address of a database that does not exist yet."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    return f"sqlite:///{tmp_path / 'r.db'}"


def openings(*arguments):
    script = Path(__file__).with_name("openings.py")
    done = subprocess.run(
        [sys.executable, script, *arguments], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    return Counter(done.stdout.splitlines())


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_a_new_database_can_be_opened_by_many_at_once(url):
    assert openings("together", url) == {"opened": 16}


@pytest.mark.parametrize("old", [[], ["old"]], ids=["new", "of version 1"])
@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_an_opening_that_is_killed_anywhere_can_be_repeated(url, old):
    found = openings("killed", url, *old)
    assert found["killed"] >= 10
    assert found == {"killed": found["killed"], "right": found["killed"] + 1, "whole": 1}
