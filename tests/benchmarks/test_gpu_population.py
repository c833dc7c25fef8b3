"""The benchmark for a GPU says that there is none, and writes no record that was not measured."""

import pytest
import torch
from benchmarks.harness import RESULTS
from tests.processes import python, run

RECORD = RESULTS / "gpu_population.json"
ROOT = RESULTS.parents[1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU: it would be used")
def test_without_a_gpu_it_says_so():
    before = RECORD.exists()
    done = run(**python("-m", "benchmarks.gpu_population"), cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith("nothing was measured: no CUDA GPU was found on this machine")
    assert RECORD.exists() == before


def test_on_a_cpu_it_runs_and_writes_no_record():
    before = RECORD.exists()
    small = ("--seeds", "1", "--rates", "2", "--examples", "200", "--rounds", "1")
    words = ("-m", "benchmarks.gpu_population", "--device", "cpu", *small)
    done = run(**python(*words), cwd=ROOT)
    assert "2 members on cpu / 16 on one CPU core: " in done.stdout, done.stderr
    assert done.stdout.endswith("no record is written: this was no GPU.\n")
    assert RECORD.exists() == before
