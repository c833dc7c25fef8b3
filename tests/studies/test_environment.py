import sys

import pytest

from retroprop.studies.environment import describe_environment


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/somewhere/bin/retroprop", "run", "a b"], "retroprop run 'a b'"),
        (["/somewhere/retroprop/__main__.py", "run", "x"], "retroprop run x"),
        ([""], "python"),
    ],
)
def test_the_recorded_command_can_be_typed_again(monkeypatch, argv, command):
    monkeypatch.setattr(sys, "argv", argv)
    assert describe_environment(1)["command"] == command
