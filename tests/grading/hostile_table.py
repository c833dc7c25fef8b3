"""What each hostile file may reach: nothing. One row a file, and how each row is tried.

`hostile/NAME.hostile` is the hostile part of a submission: it stands before or after a small right
one. The files have no name of Python's, so that nothing but a confined process ever runs them.

As a program, tries files in confinement as whoever runs it, and prints what went wrong, as JSON:

    python -m tests.grading.hostile_table SETTINGS NAME…
"""

import contextlib
import json
import os
import platform
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from tests.processes import wait_until

import retroprop
from retroprop.grading.confined import seccomp
from retroprop.grading.sessions import ForkServer, Limits, NoAnswer, Session

FOLDER = Path(__file__).parent / "hostile"
NAMES = sorted(path.stem for path in FOLDER.glob("*.hostile"))
LIMITS = Limits(
    memory_bytes=300 << 20, load_s=0.4, total_s=20, printed_bytes=4 << 20, folder_bytes=8 << 20,
    file_bytes=4 << 20, files=200, threads=24, idle_looks=8,
)  # fmt: skip

RIGHT_SUBMISSION = """
import torch


def double(x):
    return 2 * x


def total(x):
    return float(x.sum())
"""
PROBES = """
def double(submission, values):
    return submission.solution.double(values["x"])


def total(submission, values):
    return submission.solution.total(values["x"])
"""
TRIED = """
def tried(name, action):
    try:
        found = action()
        print("nothing" if found in (None, False, set(), []) else "ESCAPED", name, repr(found)[:80])
    except BaseException as error:
        print("blocked", name, type(error).__name__)
"""
X = torch.tensor([1.0, 2.0, 3.0])
RIGHT = {"double": 2 * X, "total": 6.0}

WRONG, ANY = "wrong", "any"


@dataclass(frozen=True)
class Hostile:
    """What is expected of a file.

    Attributes:
        last: Whether it stands after the right submission; else before.
        double: "right", "wrong", "any", or the beginning of why there is no answer.
        total: Likewise.
        notes: The beginning of each sentence about loading, in order; "…" for any more.
        blocked: How many of its attempts fail, at least.
        machine: The only one on which it can be tried.
        seconds: Of processor time that it is given for an answer.
    """

    last: bool = False
    double: str = "right"
    total: str = "right"
    notes: tuple[str, ...] = ()
    blocked: int = 0
    machine: str | None = None
    seconds: float = 0.6


TOOK = "it took more than"
WAITED = "it waited for something"
ENDED = "it(s process was ended| ended its process itself)"
NO_ANSWER = "it sent what is no answer"
MEMORY = "(it used more than 300 MiB|.*(MemoryError|RuntimeError|OSError))"


def in_total(why, **named):
    """A function of the submission that is hostile; the other answers all the same."""
    return Hostile(last=True, total=why, **named)


def at_load(*notes, **named):
    """Something hostile while the file is run; the rest of it answers all the same."""
    return Hostile(notes=tuple(f"line .* of solution.py: {note}" for note in notes), **named)


HOSTILE = {
    # it never ends, or ends its process
    "endless_loop": at_load(TOOK),
    "endless_loops": at_load(TOOK, TOOK),
    "endless_loop_in_class": at_load(TOOK),
    "endless_loop_in_function": in_total(TOOK),
    "endless_progress": at_load(f"({NO_ANSWER}|{TOOK}|{WAITED})"),
    "regular_expression": in_total(TOOK),
    "endless_recursion": in_total(f"({MEMORY}|{ENDED}|.*RecursionError)", seconds=6.0),
    "burns_after_answer": Hostile(last=True),
    "sleeps": at_load(WAITED),
    "waits_for_itself": in_total(WAITED),
    "stops_itself": Hostile(notes=("…",)),  # as the first of its namespace, it cannot
    "reads_input": at_load("EOFError"),
    "exit_0": at_load("it ended its process itself, with code 0"),
    "exit_with_atexit": Hostile(last=True, notes=("line .* of solution.py: SystemExit",)),
    "exit_in_function": in_total("it ended its process itself, with code 7"),
    "segfault": in_total("its process was ended by SIGSEGV"),
    "aborts": in_total("its process was ended by"),
    "alarms": Hostile(double=ANY, total=ANY, notes=("…",)),
    # it uses everything up
    "fork_bomb": at_load(TOOK),
    "fork_and_stay": at_load(blocked=4),
    "thread_bomb": at_load(),
    "allocates_50_gb": at_load("RuntimeError"),
    "allocates_slowly": in_total(MEMORY, seconds=6.0),
    "maps_memory": in_total(MEMORY, seconds=6.0),
    "prints_1_gib": at_load("it printed more than 4 MiB"),
    "prints_for_the_terminal": at_load(),
    "fills_folder": Hostile(notes=("…",)),
    "many_files": Hostile(notes=("…",)),
    "deep_folders": Hostile(notes=("…",)),
    "one_large_file": at_load(),
    "shared_memory": at_load(blocked=3),
    # it reaches out
    "network": at_load(blocked=7),
    "downloads": at_load(blocked=2),
    "writes_outside": at_load(blocked=29),
    "changes_rights": at_load(),
    "reads_secrets": at_load(blocked=7),
    "environment": at_load(),
    "imports_retroprop": at_load(blocked=3),
    "signals": at_load(blocked=7),
    "other_processes": at_load(blocked=6),
    "owner_of_files": at_load(blocked=3),
    "becomes_root": at_load(blocked=2),
    "executes": at_load(blocked=3),
    "x32_calls": at_load("its process was ended by SIGSYS", machine="x86_64"),
    "i386_calls": at_load("its process was ended by SIGSYS", machine="x86_64"),
    # it talks to the grader
    "forged_answer": at_load(NO_ANSWER),
    "forged_with_its_number": at_load(NO_ANSWER),
    "garbage": at_load(NO_ANSWER),
    "huge_lengths": at_load(NO_ANSWER),
    "deep_json": at_load(NO_ANSWER),
    "wrong_tensors": at_load(NO_ANSWER),
    "closes_connection": at_load(ENDED),
    "trickles": in_total(f"({WAITED}|{NO_ANSWER})"),
    "steals_orders": Hostile(double=ANY, total=ANY, notes=("…",)),
    "patches_the_messages": Hostile(double=ANY, total=ANY, notes=("…",)),
    "breaks_builtins": Hostile(double=ANY, total=ANY, notes=("…",)),
    # it answers what is no answer
    "always_equal": Hostile(last=True, double=WRONG, total=WRONG),
    "huge_answer": in_total("it answered with more than"),
    "much_text": in_total("it answered with more than"),
    "deep_answer": in_total(".*RecursionError"),
    "answer_in_itself": in_total(".*RecursionError"),
    "strange_answers": in_total(WRONG),
    "strange_tensors": in_total(WRONG),
    "evil_pickle": in_total(WRONG),
    "evil_exception": in_total(r"line .* of solution.py raised \[2J Fine"),
    "evil_text": in_total(r"line .* of solution.py raised ValueError: \[2J <script>"),
    "changes_torch": at_load(),
}


class Surroundings:
    """What a hostile file would like to reach, and whether it did."""

    def __init__(self, folder):
        """Args: folder: Which everybody can read, and its owner can write."""
        self.secret = folder / "secret.txt"
        self.secret.write_text("the teacher's")
        self.secret.chmod(0o644)
        self.neighbour = folder / "neighbour"
        self.neighbour.mkdir()
        self.neighbour.chmod(0o755)
        (self.neighbour / "solution.py").write_text("x = 1")
        self.folder = folder
        self.before = self.seen()

    def seen(self):
        """All that can have changed."""
        escaped = [
            Path(place, "escaped") for place in ("/tmp", "/dev/shm", "/var/tmp", "/etc", "/")
        ]
        escaped.append(Path(torch.__file__).parent / "escaped.py")
        status = [
            (path.name, path.stat().st_mode, path.stat().st_uid, path.stat().st_mtime_ns)
            for path in (self.secret, self.neighbour)
        ]
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        ours = [mount for mount in mounts if "retroprop-grading-" in mount]
        found = sorted(map(str, self.folder.rglob("*")))
        return (
            status,
            self.secret.read_text(),
            found,
            ours,
            [path for path in escaped if path.exists()],
        )

    def filled_in(self, head):
        """A hostile file, with the names of what it tries to reach."""
        source = Path(retroprop.__file__).parents[1]
        folders = {str(source), *(path for path in sys.path if path.endswith("-packages"))}
        names = {
            "SECRET": str(self.secret),
            "NEIGHBOUR": str(self.neighbour),
            "GRADER": str(os.getpid()),
            "SOURCE_FOLDERS": ":".join(sorted(folders)),
            "SOURCE_FOLDER": str(source),
            "EXECVE": str(seccomp.number("execve")),
            "BPF": str(seccomp.number("bpf")),
        }
        return re.sub(rf"\b({'|'.join(names)})\b", lambda found: names[found[0]], head)


def submission(name, surroundings):
    """A hostile file and the right one."""
    head = surroundings.filled_in((FOLDER / f"{name}.hostile").read_text())
    if HOSTILE[name].last:
        return f"{RIGHT_SUBMISSION}\n\n{head}"
    return f"{TRIED}\n\n{head}\n\n{RIGHT_SUBMISSION}"


def outcome(session, probe, seconds=Hostile.seconds):
    """ "right", "wrong", or why there is no answer."""
    try:
        answer = session.ask(probe, {"x": X}, seconds=seconds)
    except NoAnswer as error:
        sentence = error.said(str)
        assert sentence.isprintable()
        return sentence
    right = RIGHT[probe]
    same = type(answer) is type(right) and torch.equal(
        torch.as_tensor(answer), torch.as_tensor(right)
    )
    return "right" if same else "wrong"


def complaints(server, name, surroundings):
    """What is otherwise than the table says, one sentence each."""
    expected = HOSTILE[name]
    if expected.machine not in (None, platform.machine()):
        return []
    found = []
    files = {"solution": submission(name, surroundings)}
    with Session(server, files, PROBES, LIMITS) as session:
        for probe in RIGHT:
            wanted, came = getattr(expected, probe), outcome(session, probe, expected.seconds)
            if wanted != ANY and not re.match(wanted, came):
                found.append(f"{probe}: {came}, and {wanted} was expected")
    notes = [note.said(str) for note in session.notes]
    if expected.notes != ("…",) and not (
        len(notes) == len(expected.notes)
        and all(re.match(wanted, note) for wanted, note in zip(expected.notes, notes, strict=True))
    ):
        found.append(f"notes: {notes}")
    found += [line for line in session.printed.splitlines() if line.startswith("ESCAPED")]
    if session.printed.count("blocked ") < expected.blocked:
        found.append(f"not enough is blocked: {session.printed}")
    if not all(letter.isprintable() or letter in "\n\t" for letter in session.printed):
        found.append("what it printed reaches the terminal")
    return found + left_behind(server, session, surroundings) + next_one(server)


def left_behind(server, session, surroundings):
    """Processes, files and mounts of a session that is closed."""
    family = psutil.Process(server._process.pid)
    wait_until(lambda: not family.children(recursive=True), server._process)
    found = []
    if server.user is not None:
        for process in psutil.process_iter(["uids"]):
            with contextlib.suppress(psutil.Error):
                if process.info["uids"].real == server.user and process.is_running():
                    found.append(f"left running: {process}")
    if os.path.exists(session._folder):
        found.append("its folder is left")
    if surroundings.seen() != surroundings.before:
        found.append(f"changed: {surroundings.seen()}, before: {surroundings.before}")
    return found


def next_one(server):
    """Whether the next submission is unaffected."""
    with Session(server, {"solution": RIGHT_SUBMISSION}, PROBES, LIMITS) as session:
        outcomes = [outcome(session, probe) for probe in RIGHT]
    return [] if outcomes == ["right", "right"] and not session.notes else [f"the next: {outcomes}"]


@contextlib.contextmanager
def tried_on(**settings):
    """A fork server and surroundings, with a secret in the grader's environment."""
    with tempfile.TemporaryDirectory(prefix="retroprop-teacher-") as folder:
        os.chmod(folder, 0o755)
        os.environ["THE_SECRET"] = "in the environment"
        server = ForkServer(**settings)
        del os.environ["THE_SECRET"]
        with server:
            yield server, Surroundings(Path(folder))


def main(settings, names):
    """Try files, and print complaints by name; for a test that runs as somebody else."""
    torch.set_num_threads(1)
    with tried_on(**json.loads(settings)) as (server, surroundings):
        with Session(server, {"solution": RIGHT_SUBMISSION}, PROBES, LIMITS) as session:
            session.load()
        found = {"held": session.held, "user": os.getuid()}
        print(json.dumps(found | {name: complaints(server, name, surroundings) for name in names}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
