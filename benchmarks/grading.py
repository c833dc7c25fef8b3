"""Grade a class of a hundred: seconds from start to reports, and what a submission costs.

    python -m benchmarks.grading
    python -m benchmarks.grading --otter PYTHON      # an environment with otter-grader, beside it

The class is made of lab A's own variants (right, unusual, wrong), two files that never end and one
that ends its process. It is graded by the command, as a teacher does, on two workers, and the
processor time of the command with all its processes is taken. One submission alone is measured with
the memory of all its processes together, as a container of Gradescope sees it.

otter-grader, where it is named, grades a file of one line with one question, by `otter run`, in the
same round.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.labs.catalog import find_variants

LAB = "ift3395-devoir3"
LOAD_S = 5.0
"""Of processor time: what no ordinary file takes."""
ENDLESS, LEAVES = "\nwhile True:\n    pass\n", "\nimport os\nos._exit(0)\n"

OTTER_TEST = """OK_FORMAT = True
test = {"name": "q1", "points": 1, "suites": [{"type": "doctest", "scored": True, "cases": [
    {"code": ">>> x == 1\\nTrue", "hidden": False, "locked": False}]}]}
"""


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--otter", type=Path, help="a Python that has otter-grader")
    options = parser.parse_args()
    walls, processors, alone, memories, otter = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        handed_in, one = Path(folder) / "class", Path(folder) / "one"
        write_class(handed_in, options.submissions)
        write_class(one, 1)
        for number in range(options.rounds):
            out = Path(folder) / f"grades{number}"
            wall_s, processor_s, endless_s, _ = graded(handed_in, out, options.workers)
            walls.append(wall_s)
            processors.append(processor_s - endless_s)
            say(
                f"round {number + 1}: {options.submissions} submissions in {wall_s:.1f} s, "
                f"{processor_s:.1f} s of processor time, {endless_s:.1f} s of them in endless loops"
            )
            wall_s, _, _, memory_mb = graded(one, Path(folder) / f"alone{number}", 1)
            alone.append(wall_s)
            memories.append(memory_mb)
            say(f"  one alone: {wall_s:.1f} s, {memory_mb:.0f} MB with all its processes")
            if options.otter:
                otter.append(otter_s(options.otter, Path(folder) / f"otter{number}"))
                say(f"  otter-grader, one trivial file: {otter[-1]:.1f} s")
    each_s = [processor_s / options.submissions for processor_s in processors]
    say(f"{options.submissions} submissions: {spread(walls)} s (asked: at most 60)")
    say(f"processor time of one: {spread(each_s)} s, start included (asked: at most 0.6)")
    say(f"one alone: {spread(alone)} s, {max(memories):.0f} MB (asked: 15 s, 768 MB)")
    if otter:
        ratio = statistics.median(otter) / (statistics.median(walls) / options.submissions)
        say(f"otter-grader's trivial file takes {ratio:.0f} times as long as one of these")
    keep(
        "grading",
        {
            "submissions": options.submissions,
            "workers": options.workers,
            "wall_s": walls,
            "processor_s": processors,
            "one_alone_s": alone,
            "one_alone_mb": memories,
            "otter_trivial_s": otter,
        },
    )


def write_class(folder: Path, count: int) -> None:
    """So many files of lab A's variants; of a hundred, two never end and one ends its process."""
    folder.mkdir()
    variants = find_variants(LAB)
    sources = [variants.right, *(one.files for one in (*variants.unusual, *variants.wrong))]
    for number in range(count):
        source = sources[number % len(sources)]["solution"]
        end = {17: ENDLESS, 40: LEAVES, 63: ENDLESS}.get(number, "")
        (folder / f"student{number:03}.py").write_text(source + end, encoding="utf-8")


def graded(submissions: Path, out: Path, workers: int) -> tuple[float, float, float, float]:
    """Of `retroprop grade`, all included: seconds, seconds of processor time and megabytes.

    Before the megabytes stand the seconds of processor time of files that never ended.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "retroprop", "grade", LAB, str(submissions)]
    command += ["--out", str(out), "--workers", str(workers)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak_mb = [0.0]

    def watch() -> None:
        while process.poll() is None:
            peak_mb[0] = max(peak_mb[0], memory_mb(process.pid))
            time.sleep(0.5)  # reading the maps of a process stops it for some milliseconds

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    wall_s = time.perf_counter() - started
    watcher.join()
    if process.returncode:
        raise SystemExit(f"`{' '.join(command)}` ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    confined = [  # the system counts forgotten children nowhere
        json.loads(results.read_text(encoding="utf-8"))["extra_data"]["processor_s"]
        for results in out.glob("*/results.json")
    ]
    endless_s = sum(one for one in confined if one > LOAD_S)
    return wall_s, processor_s + sum(confined), endless_s, peak_mb[0]


def memory_mb(pid: int) -> float:
    """The proportional memory of a process with all that it started."""
    total = 0.0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_full_info().pss / 1e6
    except psutil.Error:  # one of them has just ended
        pass
    return total


def otter_s(python: Path, folder: Path) -> float:
    """Seconds of `otter run` on a file of one line with one question."""
    tests = folder / "tests"
    tests.mkdir(parents=True)
    (tests / "q1.py").write_text(OTTER_TEST, encoding="utf-8")
    (folder / "solution.py").write_text("x = 1\n", encoding="utf-8")
    otter = [str(python), "-m", "otter"]
    subprocess.run(
        [*otter, "generate", "-t", "tests", "--no-environment"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    started = time.perf_counter()
    subprocess.run(
        [*otter, "run", "-a", "autograder.zip", "-o", ".", "solution.py"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
