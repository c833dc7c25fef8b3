"""Two processes train like one; a lost one ends the job with a sentence."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from retroprop.training.ranks import Ranks

SCRIPT = Path(__file__).with_name("two_ranks.py")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def test_the_shares_of_all_ranks_are_the_whole_minibatch():
    for n in (1, 2, 7, 128):
        chosen = torch.arange(n)
        shares = [chosen[Ranks(rank=r, size=3).share(chosen)] for r in range(3)]
        assert torch.equal(torch.cat(shares), chosen)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("kind", ["mlp-mixer", "batch-norm"])
def test_two_processes_train_like_one(tmp_path, kind):
    results = []
    for name, command in {"one": (sys.executable,), "two": (*TORCHRUN, "--standalone")}.items():
        file = tmp_path / f"{name}.json"
        done = subprocess.run(
            [*command, str(SCRIPT), kind, str(file)],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(file.read_text()))
    one, two = results
    assert one["losses"][0] != one["losses"][-1]
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert two["norms"] == pytest.approx(one["norms"], rel=1e-4)
    for name, values in one["state"].items():
        torch.testing.assert_close(
            torch.tensor(two["state"][name]), torch.tensor(values), rtol=1e-3, atol=1e-5, msg=name
        )


def train_command(folder, epochs):
    return [
        *TORCHRUN, "--standalone", "-m", "retroprop", "train", "mlp",
        "--dataset", "cifar10-sample", "--set", "hidden_sizes=64", "--epochs", str(epochs),
        "--device", "cpu", "--folder", str(folder),
    ]  # fmt: skip


def test_a_killed_rank_ends_the_job_and_the_next_job_continues(tmp_path):
    folder = tmp_path / "run"
    job = subprocess.Popen(
        train_command(folder, 10_000),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _ in range(600):
            if (folder / "last.safetensors").is_file() or job.poll() is not None:
                break
            time.sleep(0.1)
        ranks = [
            process
            for process in psutil.Process(job.pid).children(recursive=True)
            if "retroprop" in process.cmdline()
        ]
        ranks[-1].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        output, _ = job.communicate(timeout=60)
        assert time.monotonic() - killed < 30
    finally:
        job.kill()
    assert job.returncode != 0
    assert "lost another process of the job; what is saved is kept" in output, output[-2000:]
