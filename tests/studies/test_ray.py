"""Studies on a Ray cluster: the same numbers, on two machines of which one dies on the way.

The cluster of two nodes, the database server and the S3 server run on this machine, on loopback.
"""

import os
import signal
import socket
import subprocess
import warnings
from dataclasses import replace

import psutil
import pytest
from small import SMALL, as_toml, everything, small_study
from tests.processes import python, run, started, wait_until

from retroprop.errors import UserError
from retroprop.studies import messages
from retroprop.studies.addresses import parse_address
from retroprop.studies.plan import plan_study
from retroprop.studies.ray_engine import RayEngine, as_recorded
from retroprop.studies.records import Records
from retroprop.studies.runner import run_study
from retroprop.studies.stores import Folder

pytest.importorskip("ray", reason="Ray is not installed")

LONG = 25  # epochs of the study on two nodes of which one dies
GRID = SMALL["grid"] | {"batch_size": [50, 100]}  # four populations
SHARED = "postgresql+psycopg://me@127.0.0.1/name"


@pytest.fixture(scope="module")
def cluster(s3_server, shared_cache):
    """Two nodes of one core, and the address of the client server of the first."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own habits
        for name, value in python(RETROPROP_CACHE=str(shared_cache))["env"].items():
            patch.setenv(name, value)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else not on loopback
        from ray.cluster_utils import Cluster

        node = {
            "num_cpus": 1,
            "object_store_memory": 80 * 2**20,
            "node_ip_address": "127.0.0.1",
        }
        port = free_port()
        head = node | {"include_dashboard": False, "ray_client_server_port": port}
        found = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield found, node, f"ray://127.0.0.1:{port}"
        finally:
            found.shutdown()


@pytest.fixture
def shared_records(postgres):
    """The records on a server, which all nodes reach."""
    records = Records.open(postgres)
    yield records
    records.engine.dispose()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def typed(folder, study, *options):
    """The command line for a study, in a process of its own."""
    (folder / "study.toml").write_text(as_toml(study), encoding="utf-8")
    return {**python("-m", "retroprop", "run", "study.toml", *options), "cwd": folder}


def on_worker_processes(folder, study):
    """What the default gives."""
    records = Records.open(folder / "default.db")
    return everything(records, run_study(study, records, workers=2).id)


def test_a_client_of_two_nodes_of_which_one_is_killed_gets_the_same_numbers_on_postgresql_and_s3(
    tmp_path, cluster, postgres, shared_records, s3_server
):
    nodes, node, address = cluster
    study = small_study(epochs=LONG, grid=GRID)
    second, records = nodes.add_node(**node), shared_records
    shared = ("--db", postgres, "--store", f"{s3_server}/killed")
    options = typed(tmp_path, study, "--on", address, *shared)
    with started(**options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
        wait_until(lambda: len(begun(records)) == 2, driver)  # both nodes are at work
        (raylet,) = second.all_processes["raylet"]
        psutil.Process(raylet.process.pid).kill()
        out, _ = driver.communicate()
    assert driver.returncode == 0, out
    (result,) = records.study_runs()
    assert result.sessions[0].environment["machines"] == 2
    assert everything(records, result.id) == on_worker_processes(tmp_path, study)
    assert all(run.checkpoint.startswith(f"{s3_server}/killed/") for run in records.runs(result.id))


def begun(records):
    """The populations that have made some epochs, and are not through."""
    runs = [run for study in records.study_runs() for run in records.runs(study.id)]
    return {run.population for run in runs if 3 <= len(run.epochs) < LONG}


def test_a_machine_of_a_running_cluster_gets_the_same_numbers_and_reads_the_models_from_s3(
    tmp_path, cluster, postgres, shared_records, s3_server
):
    nodes, *_ = cluster
    shared = ("--db", postgres, "--store", f"{s3_server}/client")
    done = run(**typed(tmp_path, small_study(), "--on", nodes.address, *shared))
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = shared_records.study_runs()
    assert everything(shared_records, result.id) == on_worker_processes(tmp_path, small_study())
    one = shared_records.runs(result.id)[0].id
    command = ("-m", "retroprop", "evaluate", str(one), "--db", postgres)
    done = run(**python(*command), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ctrl_c_stops_a_cluster_of_this_machine_and_the_same_command_continues(tmp_path):
    study = small_study(epochs=LONG)
    options = typed(tmp_path, study, "--on", "ray", "--workers", "1", "--db", "r.db")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    records = Records.open(tmp_path / "r.db")
    with started(**options, **pipes) as driver:
        wait_until(lambda: begun(records), driver)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal sends it, to all processes
        out, _ = driver.communicate()
    assert driver.returncode == 130, out
    assert "Continue with" in out
    (stopped,) = records.study_runs()
    assert stopped.status == "interrupted"
    again = run(**options)
    assert again.returncode == 0, again.stdout + again.stderr
    assert everything(records, stopped.id) == on_worker_processes(tmp_path, study)


def test_a_later_try_of_a_task_goes_on_where_the_records_are(tmp_path):
    records = Records.open(tmp_path / "r.db")
    result = run_study(small_study(), records, workers=1)
    runs = records.runs(result.id)
    population = plan_study(small_study()).populations[0]
    mine = [run for run in runs if run.population == population.name]
    job = messages.TrainJob(
        study_run_id=result.id,
        population=population,
        run_ids=tuple(run.id for run in mine),
        recorded_epoch=-1,
    )
    assert as_recorded(job, records) is None  # an earlier try has ended it
    records.forget_epochs(job.run_ids, after=-1)
    assert as_recorded(job, records) == job
    rung = replace(job, until=1)  # of a search
    assert as_recorded(rung, records) == rung
    assert as_recorded(replace(rung, prune=True), records) == replace(rung, prune=True)
    tested = [run for run in runs if run.test_accuracy is not None]
    assert (
        as_recorded(messages.TestJob(study_run_id=result.id, runs=tuple(tested)), records)
        is not None
    )
    others = [run for run in tested if run not in mine]
    assert (
        as_recorded(messages.TestJob(study_run_id=result.id, runs=tuple(others)), records) is None
    )


@pytest.mark.parametrize("on", ["cluster", "ray://", "ray://host", "host:port", ""])
def test_an_address_that_is_none_is_refused_with_what_one_looks_like(on):
    with pytest.raises(UserError, match="ray://HOST:10001"):
        RayEngine(on, None)


def test_a_cluster_of_other_machines_needs_a_server_for_the_records_and_a_store(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_ADDRESS", "host:6379")  # as in a job of `ray job submit`
    shared = Folder(tmp_path / "shared", of_records=False)
    records = Records.open(tmp_path / "r.db")
    with pytest.raises(UserError, match="SQLite"):
        RayEngine("ray", None).check_reach(records, shared)
    records.url = parse_address(SHARED)
    with pytest.raises(UserError, match="--store"):
        RayEngine("ray", None).check_reach(records, Folder(tmp_path))
    RayEngine("ray", None).check_reach(records, shared)


def test_a_cluster_that_does_not_answer_ends_in_one_sentence(tmp_path, postgres):
    address = f"127.0.0.1:{free_port()}"
    shared = ("--db", postgres, "--store", str(tmp_path / "store"))
    done = run(**typed(tmp_path, small_study(), "--on", address, *shared))
    assert done.returncode == 2
    assert f"no Ray cluster answers at {address}" in done.stderr
    assert "Traceback" not in done.stderr
