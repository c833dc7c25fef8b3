"""Two processes train like one; a lost one ends the job with a sentence."""

import json
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
import torch
from safetensors import safe_open
from tests.processes import python, run, started
from two_ranks import main, model_of

from retroprop.errors import UserError
from retroprop.training.ranks import Ranks, SynchronizedBatchNorm2d, joined_ranks

SCRIPT = Path(__file__).with_name("two_ranks.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
KINDS = ("mlp-mixer", "cnn", "batch-norm")


def program(command):
    return python(*command, OMP_NUM_THREADS="1", COLUMNS="200")


def printed(command):
    """Run a program that must succeed."""
    done = run(**program(command))
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What one process gives, and what two give, of all networks."""
    folder = tmp_path_factory.mktemp("ranks")
    main(folder / "one.json", list(KINDS))
    printed([*TORCHRUN, str(SCRIPT), str(folder / "two.json"), *KINDS])
    return [json.loads((folder / f"{name}.json").read_text()) for name in ("one", "two")]


def test_the_shares_of_all_ranks_are_the_whole_minibatch():
    for n in (1, 2, 7, 128):
        chosen = torch.arange(n)
        shares = [chosen[Ranks(rank=r, size=3).share(chosen)] for r in range(3)]
        assert torch.equal(torch.cat(shares), chosen)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_train_like_one(results, kind):
    one, two = (result[kind] for result in results)
    assert one["losses"][0] != one["losses"][-1]
    for ours, theirs in zip(two["losses"], one["losses"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert two["accuracies"] == one["accuracies"]
    assert two["norms"] == pytest.approx(one["norms"], rel=1e-4)
    for name, values in one["state"].items():
        torch.testing.assert_close(
            torch.tensor(two["state"][name]), torch.tensor(values), rtol=1e-3, atol=1e-5, msg=name
        )


def test_a_synchronized_batch_norm_evaluates_as_the_plain_one():
    plain, ours = (model_of("batch-norm")[1] for _ in range(2))
    ours.__class__ = SynchronizedBatchNorm2d
    x = torch.randn(5, 4, 3, 3)
    assert torch.equal(plain.eval()(x), ours.eval()(x))
    assert plain.state_dict().keys() == ours.state_dict().keys()


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"WORLD_SIZE": "2"}, "the environment has WORLD_SIZE=2; use torchrun, or unset"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "RANK=0, WORLD_SIZE=2"),
        ({"WORLD_SIZE": "two", "RANK": "0", "LOCAL_RANK": "0"}, "WORLD_SIZE=two"),
    ],
)
def test_half_of_what_torchrun_sets_is_refused(monkeypatch, variables, shown):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as raised, joined_ranks("cpu"):
        pass
    assert shown in str(raised.value)


def test_one_process_has_nothing_to_join(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1" if name == "WORLD_SIZE" else "0")
    with joined_ranks("cpu") as ranks:
        assert ranks == Ranks()


# --- retroprop train under torchrun ---------------------------------------------------------------


def train_command(folder, epochs, *more):
    return [
        "-m", "retroprop", "train", "mlp", "--dataset", "cifar10-sample", "--set",
        "hidden_sizes=64", "--epochs", str(epochs), "--device", "cpu", "--threads", "1",
        "--folder", str(folder), "--db", str(folder.with_suffix(".db")), *more,
    ]  # fmt: skip


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


def metadata_of(folder):
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    assert len(about.pop("sha256")) == 64  # of the numbers, which differ in their last digits
    return about


def test_training_with_two_processes_gives_the_record_of_one(tmp_path):
    more = ("--augment", "--images", "301", "--batch-size", "100", "--clip-norm", "1")
    one = printed([*train_command(tmp_path / "one", 2, *more)])
    two = printed([*TORCHRUN, *train_command(tmp_path / "two", 2, *more)])
    assert ", 2 processes; Ctrl-C stops" in two
    assert len(two.splitlines()) == len(one.splitlines())  # one process speaks for both
    first, second = (record_of(tmp_path / name) for name in ("one", "two"))
    assert second["environment"]["workers"] == 2
    for ours, theirs in zip(second["epochs"], first["epochs"], strict=True):
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
        if ours["epoch"] > 0:
            assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-4)
    for key in ("settings", "study", "best_epoch", "diverged_epoch", "test_confusion", "status"):
        assert second[key] == first[key]
    assert metadata_of(tmp_path / "one") == metadata_of(tmp_path / "two")
    again = printed([*TORCHRUN, *train_command(tmp_path / "two", 2, *more)])
    assert again.count("is finished already: nothing to train") == 1  # both leave in peace


def test_a_killed_rank_ends_the_job_and_the_next_job_continues(tmp_path):
    folder, epochs = tmp_path / "run", 60
    command = [*TORCHRUN, *train_command(folder, epochs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with started(**program(command), **pipes) as job:
        for line in job.stdout:  # until some epochs are done
            if re.match(r" +3 ", line):
                break
        ranks = [
            process
            for process in psutil.Process(job.pid).children(recursive=True)
            if "retroprop" in process.cmdline()
        ]
        ranks[-1].send_signal(signal.SIGKILL)
        output, _ = job.communicate()  # the others leave too: else it never returns
    assert job.returncode != 0
    assert re.search(
        r"lost another process of the job; what is saved is\s+kept|every finished epoch is kept",
        output,
    ), output[-2000:]
    assert not (folder / "record.json").exists()

    output = printed(command)
    continued = re.search(r"Continuing train-mlp-cifar10-sample-\w+ after epoch (\d+)\.", output)
    assert 3 <= int(continued[1]) < epochs
    record = record_of(folder)
    assert [epoch["epoch"] for epoch in record["epochs"]] == list(range(epochs + 1))


def test_a_state_that_is_lost_starts_all_processes_again(tmp_path):
    folder = tmp_path / "run"
    command = [*TORCHRUN, *train_command(folder, 60)]
    with started(**program(command), stdout=subprocess.PIPE, text=True) as job:
        for line in job.stdout:
            if re.match(r" +3 ", line):
                break
        job.send_signal(signal.SIGINT)
        job.communicate()
    (state,) = tmp_path.rglob("state-*")
    state.write_bytes(b"half a file")
    output = printed([*TORCHRUN, *train_command(folder, 60)])
    assert output.count("seed=0 starts again: ") == 1
    assert [epoch["epoch"] for epoch in record_of(folder)["epochs"]] == list(range(61))


def test_what_the_first_process_refuses_ends_all_of_them(tmp_path):
    (tmp_path / "run.db").write_text("no database, but long enough to be read as one" * 100)
    done = run(**program([*TORCHRUN, *train_command(tmp_path / "run", 2)]))
    assert done.returncode != 0
    assert done.stderr.count("is not a readable database") == 1
    assert "lost another process" not in done.stderr
