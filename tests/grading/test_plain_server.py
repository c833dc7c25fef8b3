"""A plain process answers as a confined one does: what `check` uses where there is no Linux."""

import pytest

from retroprop.grading.plain_server import PlainServer
from retroprop.grading.sessions import Ended, Limits, Raised, Session

PROBES = "def p(submission, values):\n    return getattr(submission.solution, values['f'])()"
SOURCE = """
import os
print("loaded")
class A:
    def __init__(self):
        self.me = self
def one(): return torch.ones(3)
def fails(): return [][1]
def exits(): os._exit(3)
def stays(): return os.getpid()
def loops():
    while True: pass
def waits():
    import time; time.sleep(1e9)
def prints():
    while True: print("x" * 1000)
import torch
"""


@pytest.fixture(scope="module")
def session():
    limits = Limits(printed_bytes=1 << 20, idle_looks=3)
    with (
        PlainServer() as server,
        Session(server, {"solution": SOURCE}, PROBES, limits) as session,
    ):
        yield session
    assert not server.folder.exists()


def ask(session, function):
    return session.ask("p", {"f": function}, seconds=1.0)


def test_values_come_back_and_exceptions_with_their_line(session):
    assert ask(session, "one").tolist() == [1, 1, 1]
    with pytest.raises(Raised, match="IndexError") as raised:
        ask(session, "fails")
    assert (raised.value.file, raised.value.line) == ("solution.py", 8)
    assert session.held == []


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("exits", "with code 3"),
        ("loops", "more than 1 s of processor time"),
        ("waits", "waited for something that never comes"),
        ("prints", "printed more than 1 MiB"),
    ],
)
def test_what_ends_or_never_answers_is_named_and_the_next_question_is_answered(
    session, function, reason
):
    with pytest.raises(Ended, match=reason):
        ask(session, function)
    assert ask(session, "one").tolist() == [1, 1, 1]
    assert session.processor_s > 0
    assert "loaded" in session.printed
