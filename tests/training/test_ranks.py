"""Two processes train like one; a lost one ends the job with a sentence."""

import contextlib
import json
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest
import torch
from safetensors import safe_open
from tests.processes import python, run, started
from torch.distributed import TCPStore
from two_ranks import main, model_of

from retroprop import cli
from retroprop.errors import UserError
from retroprop.training.ranks import Ranks, SynchronizedBatchNorm2d, joined_ranks
from retroprop.training.trainer import Trainer

SCRIPT = Path(__file__).with_name("two_ranks.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
KINDS = ("mlp-mixer", "cnn", "batch-norm")


def program(command, **environment):
    return python(*command, OMP_NUM_THREADS="1", COLUMNS="200", **environment)


def said_by_two(command):
    """Run two processes that must succeed, as torchrun does; what both said.

    torchrun is a third process that imports torch. Here they meet at a store of this process.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    job = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    job["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
        ranks = [
            stack.enter_context(
                started(
                    **program(command, RANK=rank, LOCAL_RANK=rank, **job),
                    stdout=said,
                    stderr=said,
                )
            )
            for rank in ("0", "1")
        ]
        codes = [rank.wait() for rank in ranks]
        said.seek(0)
        text = said.read()
    assert codes == [0, 0], text[-3000:]
    return text


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
    said_by_two([str(SCRIPT), str(folder / "two.json"), *KINDS])
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


# --- retroprop train, with two processes ----------------------------------------------------------


def train_command(folder, epochs, *more):
    return [
        "-m", "retroprop", "train", "mlp", "--dataset", "cifar10-sample", "--set",
        "hidden_sizes=64", "--epochs", str(epochs), "--device", "cpu", "--threads", "1",
        "--folder", str(folder), "--db", str(folder.with_suffix(".db")), *more,
    ]  # fmt: skip


def train_here(folder, epochs, *more):
    """Train in this process: the exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(train_command(folder, epochs, *more)[2:])
    return ended.value.code


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


def metadata_of(folder):
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    assert len(about.pop("sha256")) == 64  # of the numbers, which differ in their last digits
    return about


def test_training_with_two_processes_gives_the_record_of_one(tmp_path, capsys):
    more = ("--augment", "--images", "301", "--batch-size", "100", "--clip-norm", "1")
    train_here(tmp_path / "one", 2, *more)
    one = capsys.readouterr().out
    two = said_by_two(train_command(tmp_path / "two", 2, *more))
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
    again = said_by_two(train_command(tmp_path / "two", 2, *more))
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


def test_a_state_that_is_lost_starts_all_processes_again(tmp_path, monkeypatch):
    folder, epochs = tmp_path / "run", 6
    train_epoch = Trainer.train_epoch

    def stopped(self, number, *, on_step):
        if number > 3:
            raise KeyboardInterrupt
        return train_epoch(self, number, on_step=on_step)

    monkeypatch.setattr(Trainer, "train_epoch", stopped)
    assert train_here(folder, epochs) == 130
    (state,) = tmp_path.rglob("state-*")
    state.write_bytes(b"half a file")
    output = said_by_two(train_command(folder, epochs))
    assert output.count("seed=0 starts again: ") == 1
    assert [epoch["epoch"] for epoch in record_of(folder)["epochs"]] == list(range(epochs + 1))


def test_what_the_first_process_refuses_ends_all_of_them(tmp_path):
    (tmp_path / "run.db").write_text("no database, but long enough to be read as one" * 100)
    done = run(**program([*TORCHRUN, *train_command(tmp_path / "run", 2)]))
    assert done.returncode != 0
    assert done.stderr.count("is not a readable database") == 1
    assert "lost another process" not in done.stderr
