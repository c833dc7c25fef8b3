"""Feed damaged inputs to every parser of the project: only answers and clean errors are allowed.

    python -m benchmarks.fuzz --inputs 5000000
    python -m benchmarks.fuzz --inputs 20000 --targets bif study

Each target (fuzz_targets.py) starts from good inputs and damages them, blindly, or with atheris
installed (pip install atheris) and --guided towards lines that were not reached yet. What was found
before lies in corpus/TARGET and is tried first. An input is known by target, seed and number.

A finding is anything but an answer or a `UserError`: another exception, a warning, a message longer
than a screen, a second of processor time, a gigabyte of memory, a wrong answer, a program started,
a connection, a file written elsewhere, the end of the process. One input of each kind is kept.
"""

import argparse
import contextlib
import functools
import json
import math
import mmap
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fuzz_targets import TARGETS, Target
from benchmarks.harness import keep, say
from retroprop.bayes.files import DoubtfulFile
from retroprop.errors import UserError

SLOW_S = 1.0
HANGS_S = 10.0
"""A second is noted by a signal; code that lets no signal through is ended after so many."""
MEMORY = 2**30
LONGEST_ERROR = 2000
LONGEST_INPUT = 1 << 14
CORPUS = Path(__file__).with_name("corpus")
RUN = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen",
       "pty.spawn", "socket.connect", "socket.bind", "socket.getaddrinfo", "pickle.find_class",
       "urllib.Request")  # fmt: skip
CHANGE = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")


class Slow(BaseException):
    """Raised inside a parser that computes too long; no `except Exception` there takes it."""


class Escape(BaseException):
    """Raised where a parser reaches for something that an input must never reach."""


def input_of(seed: int, number: int, seeds: list[bytes], words: Sequence[bytes]) -> bytes:
    """The input of a seed and a number."""
    return damaged(random.Random(f"{seed} {number}"), seeds, words)


def damaged(chance: random.Random, seeds: list[bytes], words: Sequence[bytes]) -> bytes:
    """A good input after a few small accidents."""
    data = chance.choice(seeds)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 6])):
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice([1, 1, 2, 4, 8, 30, 200]))
        match chance.randint(0, 6):
            case 0:
                data = data[:at] + data[end:]
            case 1:
                data = data[:at] + data[at:end] * chance.randint(2, 4) + data[end:]
            case 2:
                data = data[:at] + chance.randbytes(end - at) + data[end:]
            case 3 if words:
                data = data[:at] + chance.choice(words) + data[at:]
            case 4:
                other = chance.choice(seeds)
                start = chance.randint(0, len(other))
                data = data[:at] + other[start : start + chance.choice([4, 30, 200])] + data[end:]
            case 5 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << chance.randint(0, 7)]) + data[at + 1 :]
            case _:
                other = chance.randint(0, len(data))
                data = data[:at] + data[other : other + end - at] + data[at:]
    return data[:LONGEST_INPUT]


# --- one input ------------------------------------------------------------------------------------


class Trial:
    """Runs inputs of one target, and says what is wrong with them."""

    running: "Trial | None" = None
    """The one that has an input in hand; what the process does otherwise is its own affair."""

    def __init__(self, target: Target, folder: Path) -> None:
        """Make the parser ready; it may write in this folder only."""
        self.folder = str(folder.resolve())
        self.parse: Callable[[bytes], object] = target.parser(folder)
        self.accepted = 0
        for good in target.seeds():  # imports what an input needs, before anything is bounded
            with contextlib.suppress(UserError):
                self.parse(good)

    def __call__(self, data: bytes) -> str | None:
        """What is wrong with what an input does; None if nothing is."""
        try:
            with self._limits():
                self.parse(data)
            self.accepted += 1
            return None
        except UserError as error:
            return self._wrong_error(error)
        except (Slow, Escape) as error:
            return f"{type(error).__name__}: {error}"
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            return f"{type(error).__name__} in {where}: {str(error)[:80]}"

    def _wrong_error(self, error: BaseException) -> str | None:
        if len(str(error)) > LONGEST_ERROR:
            return "a message without an end"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                return "a gigabyte of memory"
            cause = cause.__cause__ or cause.__context__
        return None

    @contextlib.contextmanager
    def _limits(self) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_PROF, SLOW_S)
        Trial.running = self
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("ignore", DoubtfulFile)
                yield
        finally:
            Trial.running = None
            signal.setitimer(signal.ITIMER_PROF, 0)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Stop what no input may cause."""
        if event in RUN:
            raise Escape(f"{event} {str(arguments)[:80]}")
        writes = event == "open" and self._writes(arguments)
        if (writes or event in CHANGE) and not self._is_ours(arguments[0]):
            raise Escape(f"{event} {str(arguments)[:80]}")

    @staticmethod
    def _writes(arguments: tuple[Any, ...]) -> bool:
        flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def _is_ours(self, path: Any) -> bool:
        if isinstance(path, int):  # a descriptor that was opened before
            return True
        return os.path.abspath(os.fsdecode(path)).startswith((self.folder, os.devnull))


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Called by Python before it opens, runs or connects anything."""
    if Trial.running is not None:
        Trial.running.check(event, arguments)


def _too_slow(*_: object) -> None:
    raise Slow(f"{SLOW_S:g} s of processor time")


@functools.cache
def guard_process() -> None:
    """Let this process see what parsers do, and how long; once, for it cannot be undone."""
    sys.addaudithook(_watch)
    signal.signal(signal.SIGPROF, _too_slow)


# --- one target, in a process of its own ----------------------------------------------------------


class Progress:
    """What the process says of itself in shared memory, so that it is known when it is gone."""

    SIZE = 32 + LONGEST_INPUT

    def __init__(self, file: Path) -> None:
        """Share a file of `SIZE` bytes."""
        with file.open("r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), self.SIZE)

    def begin(self, number: int, data: bytes) -> None:
        """An input is about to be tried."""
        self.memory[:16] = number.to_bytes(8, "little") + len(data).to_bytes(8, "little")
        self.memory[32 : 32 + len(data)] = data

    @property
    def number(self) -> int:
        """The input that is or was tried last."""
        return int.from_bytes(self.memory[:8], "little")

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self.memory[32 : 32 + int.from_bytes(self.memory[8:16], "little")]


def fuzz(name: str, numbers: range, seed: int, folder: Path, *, guided: bool) -> None:
    """Try inputs of a target, and write report.json."""
    atheris: Any = import_module("atheris") if guided else None
    target = TARGETS[name]
    work = folder / "work"
    work.mkdir(exist_ok=True)
    os.chdir(work)
    if guided:
        with atheris.instrument_imports(include=["retroprop"]):
            trial = Trial(target, work)
    else:
        trial = Trial(target, work)
    seeds = [data[:LONGEST_INPUT] for data in (*corpus_of(name), *target.seeds())]
    _bound_memory()
    guard_process()
    progress = Progress(folder / "progress")
    findings: dict[str, dict[str, Any]] = {}
    tried = 0

    def write() -> None:
        report = {"inputs": tried, "accepted": trial.accepted, "findings": findings}
        (folder / "report.new").write_text(json.dumps(report), encoding="utf-8")
        os.replace(folder / "report.new", folder / "report.json")

    def once(data: bytes) -> None:
        nonlocal tried
        progress.begin(numbers.start + tried, data)
        tried += 1
        if what := trial(data):
            entry = findings.setdefault(what, {"times": 0, "input": data.hex()})
            entry["times"] += 1
            write()

    if guided:
        _guide(atheris, once, seeds, target.words, folder, runs=len(numbers), seed=seed)
    for number in numbers:
        known = number < len(seeds)
        once(seeds[number] if known else input_of(seed, number, seeds, target.words))
        if tried % 10_000 == 0:
            write()
    write()


def corpus_of(name: str) -> list[bytes]:
    """Inputs that once were findings."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def _bound_memory() -> None:
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def _guide(
    atheris: Any,
    once: Callable[[bytes], None],
    seeds: list[bytes],
    words: Sequence[bytes],
    folder: Path,
    *,
    runs: int,
    seed: int,
) -> None:
    inputs = folder / "inputs"
    inputs.mkdir(exist_ok=True)
    for i, data in enumerate(seeds):
        (inputs / str(i)).write_bytes(data)
    known = folder / "words"
    quoted = ["".join(f"\\x{byte:02x}" for byte in word) for word in words]
    known.write_text("".join(f'"{word}"\n' for word in quoted if word))
    arguments = [f"-runs={runs}", f"-max_len={LONGEST_INPUT}", f"-seed={seed + 1}", "-verbosity=0"]
    arguments += ["-rss_limit_mb=4000", f"-dict={known}"]
    atheris.Setup([sys.argv[0], *arguments, str(inputs)], once)
    atheris.Fuzz()


# --- all targets ----------------------------------------------------------------------------------


def watch(name: str, inputs: int, seed: int, *, guided: bool) -> dict[str, Any]:
    """Try so many inputs of a target; a process that an input ended or hung is replaced."""
    total: dict[str, Any] = {"inputs": 0, "accepted": 0, "findings": {}}
    first, processor_s = 0, 0.0
    while first < inputs:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "progress").write_bytes(bytes(Progress.SIZE))
            command = [sys.executable, "-m", "benchmarks.fuzz", "--child", name, folder]
            command += ["--seed", str(seed), "--first", str(first), "--inputs", str(inputs)]
            with (Path(folder) / "said").open("wb") as said:
                child = psutil.Popen(
                    command + ["--guided"] * guided,
                    stdout=said,
                    stderr=said,
                    env=os.environ | {"OMP_NUM_THREADS": "1"},
                )
                progress = Progress(Path(folder) / "progress")
                ended, used = _until_it_ends(child, progress)
            processor_s += used
            _add(total, Path(folder) / "report.json")
            if ended is None:
                break
            last = (Path(folder) / "said").read_text(errors="replace").strip()[-300:]
            if not progress.number and not total["inputs"]:
                raise SystemExit(f"{name} does not begin:\n{last}")
            entry = {"times": 1, "input": progress.data.hex()}
            total["findings"].setdefault(f"{ended}: {last}", entry)
            first = progress.number + 1
    return total | {"processor_s": round(processor_s, 1)}


def _until_it_ends(child: Any, progress: Progress) -> tuple[str | None, float]:
    """How a process ended, None if as it should, and the processor time that it took."""
    number, since, used = -1, 0.0, 0.0
    while child.poll() is None:
        time.sleep(0.2)
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used = times.user + times.system
        if progress.number != number:
            number, since = progress.number, used
        elif used - since > HANGS_S:
            child.kill()
            child.wait()
            return "a hang that no signal ends", used
    return (None if child.returncode == 0 else f"the process ended with {child.returncode}"), used


def _add(total: dict[str, Any], report: Path) -> None:
    if not report.exists():
        return
    found = json.loads(report.read_text(encoding="utf-8"))
    total["inputs"] += found["inputs"]
    total["accepted"] += found["accepted"]
    for what, entry in found["findings"].items():
        known = total["findings"].setdefault(what, {"times": 0, "input": entry["input"]})
        known["times"] += entry["times"]


def main() -> None:
    """Divide the inputs over the targets, and write the record; exit status 1 with findings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by coverage; needs atheris")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-record", action="store_true", help="print only")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, folder = options.child
        numbers = range(options.first, options.inputs)
        fuzz(name, numbers, options.seed, Path(folder), guided=options.guided)
        return
    shares = {name: TARGETS[name].share for name in options.targets}
    counts = {
        name: math.ceil(options.inputs * share / sum(shares.values()))
        for name, share in shares.items()
    }
    results: dict[str, Any] = {}

    def one(name: str) -> None:
        found = watch(name, counts[name], options.seed, guided=options.guided)
        results[name] = found
        say(
            f"{name:<14}{found['inputs']:>10,} inputs, {found['accepted']:>10,} accepted, "
            f"{found['processor_s']:>6.0f} s, {len(found['findings'])} kinds of findings"
        )
        for what, entry in found["findings"].items():
            say(f"    {entry['times']:,} × {what}\n        {entry['input'][:400]}")

    with ThreadPoolExecutor(options.workers) as pool:
        list(pool.map(one, sorted(counts, key=lambda name: -counts[name])))
    everything = sum(found["inputs"] for found in results.values())
    kinds = sum(len(found["findings"]) for found in results.values())
    say(f"{everything:,} inputs in all, {kinds} kinds of findings")
    record = {"seed": options.seed, "guided": options.guided, "inputs": everything}
    if not options.no_record:
        keep("fuzz", record | {"targets": dict(sorted(results.items()))})
    if kinds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
