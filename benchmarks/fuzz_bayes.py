"""Feed broken files and questions to the room `bayes`: only clean errors are allowed.

    python -m benchmarks.fuzz_bayes --minutes 20
    python -m benchmarks.fuzz_bayes --minutes 1 --targets bif notation

Each target starts from good files and damages them. With atheris installed (pip install atheris),
libFuzzer looks for inputs that reach new lines; without it, inputs are damaged blindly.

A finding is anything but an answer or a `UserError`: another exception, an answer with NaN, a
network that is not read back as it was written, an endless error, a second of computing, or a
process that grows to a gigabyte.
Findings are counted by kind, and one input of each kind is kept in the record.
"""

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import keep, say

TARGETS = ("bif", "xmlbif", "uai", "json", "net", "xdsl", "gzip", "evidence", "notation")
SLOW_S = 1.0
LARGE_KB = 10**6
LONGEST_ERROR = 1200
LONGEST_FILE_ERROR = 500
LONGEST_INPUT = 4096

WORDS = {
    "bif": "network variable probability type discrete table default property { } ( ) [ ] | , ; // "
    '/* */ " (0,1] [0_1] http://a.b \ufeff',
    "xmlbif": "<BIF <NETWORK> <VARIABLE> <NAME> <OUTCOME> <DEFINITION> <FOR> <GIVEN> <TABLE> </ > "
    "<!DOCTYPE <!ENTITY <![CDATA[ ]]> <?xml <!-- --> &amp; &# encoding= UTF-16",
    "uai": "BAYES MARKOV 0 1 2 3 10 0.5 1e9 -1 #",
    "net": "net node discrete continuous decision potential states = data model_nodes class 0.5 (( "
    '{ } ( ) | ; % " \\"',
    "xdsl": "<smile> <nodes> <cpt <deterministic <decision <state id=' <parents> <probabilities> "
    "<resultingstates> <extensions> <dynamic> </ > <!DOCTYPE <!ENTITY <!-- agrum --> &amp; &#",
    "json": '{ } [ ] : , " "format" "version" "variables" "states" "parents" "table" null true '
    "1e999 NaN",
    "gzip": "",
    "evidence": "0 1 2 3 4 5 -1",
    "notation": "P( Pr( | , = ) do( ~[ ] S R G L D 0 1 2 s0 g2 ' \" 0.5",
}


def main() -> None:
    """Divide the time over the targets, one process for each, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        fuzz(options.child, 60 * options.minutes, options.seed, Path(options.folder))
        return
    results: dict[str, Any] = {}
    for target in options.targets:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.fuzz_bayes", "--child", target]
            command += ["--minutes", str(options.minutes / len(options.targets))]
            command += ["--seed", str(options.seed), "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            report = Path(folder) / "report.json"
            if not report.exists():
                raise SystemExit(f"{target} ended without a report:\n{done.stderr[-2000:]}")
            results[target] = json.loads(report.read_text(encoding="utf-8"))
        found = results[target]
        say(
            f"{target:<10}{found['executions']:>12,} inputs in {found['seconds']:.0f} s "
            f"({found['engine']}), {found['accepted']:,} accepted, "
            f"{len(found['findings'])} kinds of findings"
        )
        for finding in found["findings"].values():
            say(f"    {finding['times']:,} × {finding['what']}")
    keep("fuzz_bayes", results)


# --- one target -----------------------------------------------------------------------------------


class Findings:
    """What came out so far, written to a file now and then: libFuzzer ends without a goodbye."""

    def __init__(self, folder: Path, engine: str) -> None:
        """Begin to count."""
        self.path, self.engine = folder / "report.json", engine
        self.started = time.monotonic()
        self.executions = self.accepted = 0
        self.found: dict[str, dict[str, Any]] = {}

    def add(self, what: str, data: bytes) -> None:
        """Count a finding, and keep the first input of its kind."""
        entry = self.found.setdefault(what, {"what": what, "times": 0, "input": repr(data)})
        entry["times"] += 1

    def write(self) -> None:
        """Replace the report."""
        report = {
            "engine": self.engine,
            "executions": self.executions,
            "accepted": self.accepted,
            "seconds": round(time.monotonic() - self.started, 1),
            "findings": self.found,
        }
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(report), encoding="utf-8")
        temporary.replace(self.path)


def fuzz(target: str, seconds: float, seed: int, folder: Path) -> None:
    """Run one target for some seconds."""
    try:
        atheris: Any = import_module("atheris")  # nobody needs it but this script
    except ImportError:
        atheris = None
    if atheris:
        with atheris.instrument_imports(
            include=["retroprop.bayes.files", "retroprop.bayes.notation"]
        ):
            run = runner(target)
    else:
        run = runner(target)
    findings = Findings(folder, "atheris" if atheris else "blind damage")
    seeds = corpus(target)

    def once(data: bytes) -> None:
        started = time.process_time()  # a busy machine makes nothing slow
        try:
            findings.accepted += run(data)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
            findings.add(f"{what}: {str(error)[:80]}", data)
        if time.process_time() - started > SLOW_S:
            findings.add("slow", data)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > LARGE_KB:
            findings.add("large, this one or one before", data)
        findings.executions += 1
        if findings.executions % 500 == 0:
            findings.write()

    if atheris:
        inputs = folder / "corpus"
        inputs.mkdir()
        for i, data in enumerate(seeds):
            (inputs / str(i)).write_bytes(data)
        words = folder / "words"
        words.write_text(
            "\n".join(json.dumps(word, ensure_ascii=True) for word in WORDS[target].split()) + "\n"
        )
        arguments = [f"-max_total_time={math.ceil(seconds)}", f"-max_len={LONGEST_INPUT}"]
        arguments += [f"-seed={seed + 1}", "-rss_limit_mb=3000", "-verbosity=0", "-timeout=60"]
        if WORDS[target]:
            arguments.append(f"-dict={words}")
        atheris.Setup([sys.argv[0], *arguments, str(inputs)], once)
        atheris.Fuzz()
        return
    generator = random.Random(seed)
    while time.monotonic() - findings.started < seconds:
        once(damaged(generator, generator.choice(seeds), WORDS[target].split()))
    findings.write()


def runner(target: str) -> Callable[[bytes], bool]:
    """What is done with an input; whether it was accepted."""
    from retroprop.bayes import BayesNet
    from retroprop.bayes.files import DoubtfulFile, parse, render
    from retroprop.bayes.files.source import Source
    from retroprop.bayes.files.uai import parse_evidence
    from retroprop.bayes.networks import load
    from retroprop.errors import UserError

    net = load("inf8225")
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DoubtfulFile)

    def explained(error: UserError, longest: int = LONGEST_ERROR) -> bool:
        assert 0 < len(str(error)) <= longest, "an endless error"
        return False

    def read(data: bytes, format: str) -> bool:
        try:
            network = parse(data, format, "net")
            BayesNet(network.spec, network.states)
            text = render(network, format)
        except UserError as error:
            return explained(error, LONGEST_FILE_ERROR)
        again = parse(text.encode(), format, "again")
        if format == "uai":  # which has no names, nor an order but that of the file
            pairs = list(zip(network.tables.values(), again.tables.values(), strict=True))
        else:
            assert network.states == again.states, "other names are read back"
            pairs = [(table, again.tables[name]) for name, table in network.tables.items()]
        assert all(map(np.array_equal, *zip(*pairs, strict=True))), "other numbers are read back"
        return True

    def answer(data: bytes) -> bool:
        try:
            found = net.ask(data.decode("utf-8", "replace"))
        except UserError as error:
            return explained(error)
        assert np.isfinite(np.asarray(found)).all(), "an answer that is no number"
        return True

    def observe(data: bytes) -> bool:
        try:
            parse_evidence(Source(data.decode("utf-8", "replace"), "evidence"), net.states)
        except UserError as error:
            return explained(error, LONGEST_FILE_ERROR)
        return True

    if target == "notation":
        return answer
    if target == "evidence":
        return observe
    if target == "gzip":
        return lambda data: read(b"\x1f\x8b" + data, "bif")
    return lambda data: read(data, target)


def corpus(target: str) -> list[bytes]:
    """Good inputs to begin with."""
    import gzip

    from retroprop.bayes.files import render
    from retroprop.bayes.networks import NETWORKS, describe

    if target == "notation":
        questions = ["P(G)", "P(G=1 | L=1)", "P(G | R=1, do(S=0))", "P(R, G | L~[0.2, 0.8], do(D))"]
        return [question.encode() for question in questions]
    if target == "evidence":
        return [b"2 0 1 4 0", b"2\n1 0 1\n1 3 2\n", b"0"]
    if target == "gzip":
        return [gzip.compress(render(describe("cancer"), "bif").encode(), mtime=0)[2:]]
    return [render(describe(name), target).encode()[:LONGEST_INPUT] for name in NETWORKS]


def damaged(generator: random.Random, data: bytes, words: list[str]) -> bytes:
    """A good input after a few small accidents."""
    for _ in range(generator.randint(1, 6)):
        at = generator.randint(0, len(data))
        end = min(len(data), at + generator.choice([1, 1, 2, 4, 8, 30, 200]))
        match generator.randint(0, 4):
            case 0:
                data = data[:at] + data[end:]
            case 1:
                data = data[:at] + data[at:end] * generator.randint(2, 4) + data[end:]
            case 2:
                data = data[:at] + generator.randbytes(end - at) + data[end:]
            case 3:
                data = (
                    data[:at] + (generator.choice(words).encode() if words else b"\0") + data[at:]
                )
            case _:
                other = generator.randint(0, len(data))
                data = data[:at] + data[other : other + end - at] + data[at:]
    return data[:LONGEST_INPUT]


if __name__ == "__main__":
    main()
