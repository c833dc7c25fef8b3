"""Kill trainings and gradings in every way and at every moment, and compare what comes out.

    python -m benchmarks.kills --kills 500
    python -m benchmarks.kills --kills 0 --power-cuts 50     # as root, on Linux: ext4 in a file

Each subject (a study by hand, one by automatic differentiation, one of networks, a training by
`retroprop train`, and the grading of a class) runs once in peace. Then it is run again and again,
and struck each time after a random part of the processor time that it needs: parent, worker or
all, by KILL, TERM, INT, INT twice, HUP, or STOP and CONT. A power cut is a copy of the disk as it
is at that moment: what no fsync asked for is gone. Whenever a subject has got to its end, every
number, weight and file must be that of the peaceful run, and on the way no finished run may be
lost, nothing may be left behind and no traceback be seen.

The moment is drawn in processor time and nothing waits for seconds, so a busy machine changes
nothing but the time that it takes.
"""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from safetensors import safe_open

import retroprop
from benchmarks.harness import arguments_of, end_on_interrupt, keep, say
from retroprop.labs.catalog import find_grading
from retroprop.studies.records import Records

DATABASE = "r.db"
STUDY = """
name = "{name}"
title = {{ en = "To be killed", fr = "À tuer" }}
dataset = "cifar10-sample"
split = {{ images = 300, validation_images = 100, seed = 1 }}
epochs = {epochs}
seeds = [0, 1]
{settings}
[selection]
best_per = ["{varied}"]
"""
BY_HAND = """
[model]
kind = "mlp"
[training]
depth = 1
width = 16
batch_size = 20
[grid]
derivation = ["{derivation}"]
optimizer = ["sgd", "adam"]
learning_rate = [0.01, 0.001]
"""
NETWORKS = """
[model]
kind = "mlp-mixer"
[training]
patch_size = 8
embedding = 16
blocks = 2
learning_rate = 0.001
[grid]
optimizer = ["adam", "adamw"]
"""


@dataclass(frozen=True)
class Subject:
    """What is killed: a command, and the files that it reads: name → text."""

    name: str
    command: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    def prepare(self, folder: Path) -> None:
        """Write what the command reads, and make the folder for its temporary files."""
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        folder.mkdir(exist_ok=True)
        temporary(folder).mkdir(mode=0o711)  # graded files run as a user of their own


def temporary(folder: Path) -> Path:
    """Where what runs in a folder has its temporary files: whoever it is can get there."""
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"retroprop-kills-{name}"


def remove(folder: Path) -> None:
    """Remove what is in a folder, and the temporary files."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(temporary(folder), ignore_errors=True)


def _study(name: str, settings: str, *, epochs: int) -> Subject:
    text = STUDY.format(name=name, epochs=epochs, settings=settings, varied="optimizer")
    command = ("run", "study.toml", "--workers", "2", "--db", DATABASE)
    return Subject(name, command, {"study.toml": text})


def _class(pupils: int) -> Subject:
    """A class that handed in the template of a lab, each with another function."""
    lab = "ift3395-theorie"
    (template,) = find_grading(lab).template.values()
    files = {f"class/{k}.py": f"{template}\n\ndef own():\n    return {k}\n" for k in range(pupils)}
    command = f"grade {lab} class --out grades --secret secret --workers {min(2, pupils)}"
    return Subject("grade", tuple(command.split()), {"secret": "only the teacher has it", **files})


def subjects(epochs: int, pupils: int) -> tuple[Subject, ...]:
    """All that is struck; the slower ones have fewer epochs."""
    train = (
        f"train mlp --dataset cifar10-sample --images 300 --epochs {epochs} --set hidden_sizes=32 "
        f"--device cpu --threads 1 --folder out --db {DATABASE}"
    )
    return (
        _study("by-hand", BY_HAND.format(derivation="by-hand"), epochs=epochs),
        _study("autograd", BY_HAND.format(derivation="autograd"), epochs=max(1, epochs // 2)),
        _study("networks", NETWORKS, epochs=max(1, epochs // 4)),
        Subject("train", tuple(train.split())),
        _class(pupils),
    )


SUBJECTS = subjects(epochs=12, pupils=24)


# --- what is compared -----------------------------------------------------------------------------

MEASURED = re.compile(r'"(seconds|processor_s|peak_bytes|execution_time)": [\d.e-]+')
"""In the results of a submission: what differs from run to run."""


def outcome(folder: Path) -> dict[str, Any]:
    """Every number, weight and file of a finished training, but times and temporary names."""
    found: dict[str, Any] = {
        "files": sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(DATABASE + "-")
        ),
        "temporary files": sorted(path.name for path in temporary(folder).iterdir()),
    }
    for study_run, runs in _studies(folder):
        found[study_run.id] = (study_run.status, *map(_numbers, runs))
    for path in folder.glob("grades/*/results.json"):
        found[path.parent.name] = MEASURED.sub("", path.read_text(encoding="utf-8"))
    for path in (*folder.glob("grades/class.*"), *folder.glob("grades/students/*.html")):
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    for path in sorted(folder.rglob("*.safetensors")):
        found[path.relative_to(folder).as_posix()] = _digest_of_tensors(path)
    return found


def finished(folder: Path) -> list[Any]:
    """The runs of all study runs that have ended, in their order."""
    return [
        run
        for _, runs in _studies(folder)
        for run in runs
        if run.status in ("finished", "diverged") and run.checkpoint
    ]


def _studies(folder: Path) -> list[tuple[Any, list[Any]]]:
    """The study runs in the records of a folder, if it has any, each with its runs."""
    if not (folder / DATABASE).exists() or not (folder / DATABASE).stat().st_size:
        return []
    records = Records.open(folder / DATABASE)
    try:
        return [(one, records.runs(one.id)) for one in records.study_runs()]
    finally:
        records.engine.dispose()  # a disk with an open file cannot be unmounted


def _numbers(run: Any) -> tuple[Any, ...]:
    return (
        (run.study_run_id, run.position, run.seed, run.status, str(run.cell), str(run.settings)),
        (run.best_epoch, run.best_validation_accuracy, run.best_validation_loss),
        (run.test_accuracy, run.test_loss, str(run.test_confusion), run.parameters),
        *(
            (e.epoch, e.train_loss, e.train_accuracy, e.validation_loss, e.validation_accuracy,
             e.gradient_norm)
            for e in run.epochs
        ),
    )  # fmt: skip


def _digest_of_tensors(path: Path) -> str:
    digest = hashlib.sha256()
    with safe_open(path, framework="numpy") as file:
        for name in sorted(set(file.keys()) - {"history"}):  # of a state: it has seconds
            tensor = file.get_tensor(name)
            digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
            digest.update(tensor.tobytes())
    return digest.hexdigest()


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The keys of two outcomes that are not equal, with what a reader needs to look further."""
    different = [key for key in one | other if one.get(key) != other.get(key)]
    for key in ("files", "temporary files"):
        if key in different:
            only = set(one[key]) ^ set(other[key])
            different[different.index(key)] = f"{key}: {', '.join(sorted(only))[:300]}"
    return different


# --- one process, struck --------------------------------------------------------------------------


class Hang(Exception):  # noqa: N818 - it is what happened
    """A process tree that neither ends nor works."""


@dataclass
class Attempt:
    """One process that trains, in a session of its own; what it says goes into a file."""

    subject: Subject
    folder: Path
    output: Path

    def __enter__(self) -> "Attempt":
        """Start it."""
        environment = os.environ | {
            "PYTHONPATH": str(Path(retroprop.__file__).parents[1]),
            "OMP_NUM_THREADS": "1",
            "RETROPROP_LANGUAGE": "en",
            "TMPDIR": str(temporary(self.folder)),
        }
        with self.output.open("wb") as output:
            self.process = psutil.Popen(
                [sys.executable, "-m", "retroprop", *self.subject.command],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, whatever happened."""
        while left := self.session():
            for process in left:
                process.kill()
            time.sleep(0.01)
        self.process.wait()

    def session(self) -> list[psutil.Process]:
        """All processes that it started, and itself, as far as they live."""
        return [process for pid in psutil.pids() if (process := self._of_session(pid)) is not None]

    def _of_session(self, pid: int) -> psutil.Process | None:
        try:
            if os.getsid(pid) != self.process.pid:
                return None
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except (OSError, psutil.NoSuchProcess):
            return None  # it has ended meanwhile

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return [process for process in self.session() if process.pid != self.process.pid]

    def processor_s(self) -> float:
        """Seconds of processor time that it and all its processes took so far."""
        return sum(map(_processor_s, self.session()))

    def run_until(self, processor_s: float) -> bool:
        """Let it run so long; whether it still runs then."""
        for _ in self._looks():
            if self.process.poll() is not None:
                return False
            if self.processor_s() >= processor_s:
                return True
        return False

    def wait(self) -> int:
        """Let it run to its end, and all its processes; returns its exit status."""
        for _ in self._looks():
            if self.process.poll() is not None and not self.session():
                break
        return int(self.process.returncode)

    def said(self) -> str:
        """What it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def _looks(self) -> Iterator[None]:
        """Look at it again and again, as long as it works or waits for a turn to work."""
        before, idle = 0.0, 0
        while idle < 3000:
            yield
            time.sleep(0.02)
            now = self.processor_s()
            idle = 0 if now > before or any(map(_waits_for_a_turn, self.session())) else idle + 1
            before = now
        raise Hang(f"{self.subject.name} neither ends nor works")


def _processor_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _waits_for_a_turn(process: psutil.Process) -> bool:
    try:
        return process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
    except psutil.NoSuchProcess:
        return False


SIGNALS = {
    "KILL": (signal.SIGKILL,),
    "TERM": (signal.SIGTERM,),
    "INT": (signal.SIGINT,),
    "INT twice": (signal.SIGINT, signal.SIGINT),
    "HUP": (signal.SIGHUP,),
    "STOP and CONT": (signal.SIGSTOP, signal.SIGCONT),
}
WAYS = [(who, how) for who in ("parent", "worker", "all") for how in SIGNALS]


def strike(attempt: Attempt, who: str, how: str, chance: random.Random) -> None:
    """Send the signals of a way; processes that ended meanwhile have escaped."""
    targets = {
        "parent": lambda: [attempt.process],
        "worker": lambda: chance.sample(workers, 1) if (workers := attempt.workers()) else [],
        "all": attempt.session,
    }[who]()
    for number in SIGNALS[how]:
        for process in targets:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.05 * chance.random())  # between two signals; nothing depends on it


# --- a subject, to its end ------------------------------------------------------------------------


@dataclass
class Tally:
    """What happened to a subject."""

    strikes: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, subject: Subject, what: str) -> None:
        """Note, and say at once, what must not happen."""
        self.faults.append(f"{subject.name}: {what}")
        say(f"  FAULT {self.faults[-1]}")


@dataclass(frozen=True)
class Peace:
    """What a subject gives when nobody strikes it."""

    outcome: dict[str, Any]
    processor_s: float


def in_peace(subject: Subject, folder: Path) -> Peace:
    """Run a subject to its end, in a folder that is removed."""
    subject.prepare(folder)
    with Attempt(subject, folder, folder.with_suffix(".txt")) as attempt:
        used = 0.0
        while attempt.run_until(used):
            used = attempt.processor_s() + 0.1
        if attempt.wait() != 0:
            raise SystemExit(f"{subject.name} fails in peace:\n{attempt.said()[-2000:]}")
    peace = Peace(outcome(folder), used)
    remove(folder)
    return peace


def strike_until_it_ends(
    subject: Subject,
    peace: Peace,
    folder: Path,
    chance: random.Random,
    tally: Tally,
    *,
    most: int,
) -> None:
    """Start a subject again and again, and strike it each time, until it has got to its end."""
    subject.prepare(folder)
    struck, way, done = 0, "nothing", False
    while not done:
        before = _finished_numbers(folder)
        with Attempt(subject, folder, folder.with_suffix(".txt")) as attempt:
            moment = chance.uniform(0, 0.9 * peace.processor_s)
            hit = struck < most and attempt.run_until(moment)
            way = "nothing"
            if hit:
                struck += 1
                way = " ".join(chosen := chance.choice(WAYS))
                strike(attempt, *chosen, chance)
                tally.strikes[way] += 1
            status = attempt.wait()
            done = status == 0
            check_attempt(attempt, status, way if hit else None, tally)
        _check_kept(subject, before, folder, way, tally)
        if status != 0 and not hit:
            return
    tally.ended += 1
    for what in differences(peace.outcome, outcome(folder)):
        tally.fault(subject, f"another {what} after {struck} strikes, at last {way}")


def _finished_numbers(folder: Path) -> dict[int, tuple[Any, ...]]:
    return {run.position: _numbers(run) for run in finished(folder)}


def _check_kept(
    subject: Subject, before: dict[int, tuple[Any, ...]], folder: Path, way: str, tally: Tally
) -> None:
    """Note each finished run that is not what it was before it was struck."""
    after = _finished_numbers(folder)
    for position, numbers in before.items():
        if not _kept(numbers, after.get(position)):
            tally.fault(subject, f"finished run {position} is lost after {way}")


def _kept(before: tuple[Any, ...], after: tuple[Any, ...] | None) -> bool:
    """Whether a finished run is what it was; its test may have been added."""
    if after is None:
        return False
    tested = before[2][0] is not None
    return (
        before[:2] == after[:2]
        and before[3:] == after[3:]
        and (before[2] == after[2] if tested else True)
    )


def check_attempt(attempt: Attempt, status: int, struck: str | None, tally: Tally) -> None:
    """Note a traceback, and an end without success that nobody asked for."""
    said = attempt.said()
    if "Traceback" in said:
        tally.fault(attempt.subject, f"a traceback after {struck}: …{said[-600:]}")
    if status != 0 and struck is None:
        tally.fault(attempt.subject, f"exit status {status} without a strike: …{said[-300:]}")


# --- power cuts -----------------------------------------------------------------------------------

# Nothing is written to the disk by the clock, and a rename does not write the file's data before.
MOUNT_OPTIONS = "loop,commit=600,noauto_da_alloc"
DISK_MIB = 96


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount the file system in a file; afterwards it is unmounted."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", MOUNT_OPTIONS, image, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def cut_until_it_ends(
    subject: Subject,
    peace: Peace,
    folder: Path,
    chance: random.Random,
    tally: Tally,
    *,
    most: int,
) -> None:
    """Start a subject on a disk again and again, and cut the power, until it has got to its end."""
    disk, copy = folder.with_suffix(".img"), folder.with_suffix(".cut")
    with disk.open("wb") as file:
        file.truncate(DISK_MIB * 2**20)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    with mounted(disk, folder):
        subject.prepare(folder)
    cuts, done = 0, False
    while not done:
        seen: dict[int, tuple[Any, ...]] = {}
        with (
            mounted(disk, folder),
            Attempt(subject, folder, folder.with_suffix(".txt")) as attempt,
        ):
            if cuts < most and attempt.run_until(chance.uniform(0, 0.9 * peace.processor_s)):
                cuts += 1
                tally.strikes["power cut"] += 1
                for process in attempt.session():
                    process.send_signal(signal.SIGSTOP)
                shutil.copyfile(disk, copy)
                seen = _finished_numbers(folder)
            else:
                status = attempt.wait()
                done = status == 0
                check_attempt(attempt, status, None, tally)
                if not done:
                    return
                # The cut that comes right after the end: all that was said to be finished is kept.
                shutil.copyfile(disk, copy)
        os.replace(copy, disk)
        with mounted(disk, folder):
            _check_kept(subject, seen, folder, "a power cut", tally)
            if done:
                tally.ended += 1
                for what in differences(peace.outcome, outcome(folder)):
                    tally.fault(subject, f"another {what} after {cuts} power cuts")
    disk.unlink()


# --- all subjects ---------------------------------------------------------------------------------


def torment(
    subjects: Sequence[Subject],
    until_it_ends: Callable[..., None],
    strikes: int,
    *,
    folder: Path,
    seed: int,
) -> Tally:
    """Strike the subjects in turn, about so many times in all, each attempt in a fresh folder.

    Ctrl-C ends it early.

    Args:
        subjects: What is struck.
        until_it_ends: `strike_until_it_ends` or `cut_until_it_ends`.
        strikes: How many at least.
        folder: Where everything happens.
        seed: Of the moments and the ways.

    Returns:
        What happened; no fault if everything is right.
    """
    peace = {subject.name: in_peace(subject, folder / subject.name) for subject in subjects}
    tally, chance, round_ = Tally(), random.Random(seed), 0
    while tally.strikes.total() < strikes:
        subject = subjects[round_ % len(subjects)]
        round_ += 1
        place = folder / f"{subject.name}-{round_}"
        try:
            until_it_ends(subject, peace[subject.name], place, chance, tally, most=12)
        except Hang as hang:
            tally.fault(subject, str(hang))
        except KeyboardInterrupt:
            strikes = 0
        remove(place)
        say(f"{tally.strikes.total():>4} strikes, {tally.ended} ended, {len(tally.faults)} faults")
    return tally


def main() -> None:
    """Strike, cut, and write the record; exit status 1 if something was wrong."""
    parser = arguments_of(__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--power-cuts", type=int, default=0, help="needs root")
    parser.add_argument("--seed", type=int, default=0)
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument("--subjects", nargs="+", choices=names, default=names)
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    end_on_interrupt()
    subjects = [subject for subject in SUBJECTS if subject.name in options.subjects]
    results = {}
    for name, function, strikes in (
        ("kills", strike_until_it_ends, options.kills),
        ("power cuts", cut_until_it_ends, options.power_cuts),
    ):
        if not strikes:
            continue
        with tempfile.TemporaryDirectory() as folder:
            tally = torment(subjects, function, strikes, folder=Path(folder), seed=options.seed)
        say(f"{tally.strikes.total()} {name}, {tally.ended} ended, {len(tally.faults)} faults")
        results[name] = {
            "subjects": options.subjects,
            "seed": options.seed,
            "ways": dict(sorted(tally.strikes.items())),
            "ended": tally.ended,
            "faults": tally.faults,
        }
    if not options.no_record:
        keep("kills", results)
    if any(result["faults"] for result in results.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
