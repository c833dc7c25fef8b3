"""The files for clusters say what Slurm, KubeRay, torchrun and our own command line understand."""

import os
import re
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.processes import run
from torch.distributed.run import get_args_parser

from retroprop.cli.entry import app

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
MANIFESTS = sorted(FOLDER.glob("*.yaml"))

# -- what others understand ------------------------------------------------------------------------

COUNT, SIZE, NAME = r"\d+", r"\d+[KMGT]", r"[\w.%-]+"
SBATCH = {
    "--job-name": NAME,
    "--nodes": rf"{COUNT}(-{COUNT})?",
    "--ntasks-per-node": COUNT,
    "--gpus-per-node": rf"(\w+:)?{COUNT}",
    "--cpus-per-task": COUNT,
    "--mem": SIZE,
    "--time": r"(\d+-)?\d\d:\d\d:\d\d",
    "--output": NAME,
    "--open-mode": "append|truncate",
    "--exclusive": None,
    "--requeue": None,
}
"""Options of sbatch with what they take: sbatch(1) of Slurm 22.05, which reads both scripts."""
SRUN = {"--cpus-per-task": COUNT, "--kill-on-bad-exit": "1"}
SYMMETRIC_RUN = {"--address": rf"{NAME}:{COUNT}", "--min-nodes": COUNT, "--num-cpus": COUNT}
"""Options of `ray symmetric-run`, of Ray 2.49 and later."""


def record(*required, **fields):
    """An object with these fields and no other."""
    closed = {"type": "object", "properties": fields, "additionalProperties": False}
    return closed | {"required": list(required)}


def each(of):
    return {"type": "array", "items": of, "minItems": 1}


def texts_by(name):
    return {"type": "object", "propertyNames": {"pattern": name}, "additionalProperties": TEXT}


TEXT, WHOLE, YES_OR_NO = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
QUANTITY = {"type": "string", "pattern": r"^\d+(\.\d+)?(m|[KMGT]i?)?$"}
QUANTITIES = {
    "type": "object",
    "properties": {"cpu": QUANTITY, "memory": QUANTITY, "nvidia.com/gpu": QUANTITY},
    "additionalProperties": False,
}
CONTAINER = record(
    "name",
    "image",
    name=TEXT,
    image=TEXT,
    env=each(record("name", name=TEXT, value=TEXT)),
    envFrom=each(record(secretRef=record("name", name=TEXT))),
    ports=each(record("containerPort", containerPort=WHOLE, name=TEXT)),
    resources=record(requests=QUANTITIES, limits=QUANTITIES),
)
POD = record("spec", spec=record("containers", containers=each(CONTAINER)))
START = texts_by(r"^[a-z-]+$")
CLUSTER = record(
    "headGroupSpec",
    rayVersion=TEXT,
    enableInTreeAutoscaling=YES_OR_NO,
    autoscalerOptions=record(idleTimeoutSeconds=WHOLE),
    headGroupSpec=record("rayStartParams", "template", rayStartParams=START, template=POD),
    workerGroupSpecs=each(
        record(
            *("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
            groupName=TEXT,
            replicas=WHOLE,
            minReplicas=WHOLE,
            maxReplicas=WHOLE,
            rayStartParams=START,
            template=POD,
        )
    ),
)
JOB = record(
    entrypoint=TEXT,
    backoffLimit=WHOLE,
    shutdownAfterJobFinishes=YES_OR_NO,
    ttlSecondsAfterFinished=WHOLE,
    rayClusterSpec=CLUSTER,
)
KUBERAY = {
    kind: record(
        *("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=record("name", name={"type": "string", "pattern": "^[a-z0-9-]+$"}),
        spec=spec,
    )
    for kind, spec in {"RayJob": JOB, "RayCluster": CLUSTER}.items()
}
"""The fields that our files use of ray.io/v1 and of Kubernetes' pods, and their types."""

# -- helpers ---------------------------------------------------------------------------------------


def check_options(words, known):
    """Each word is an option of the table, with a value of its form after "=" or a space."""
    words = list(words)
    while words:
        name, equals, value = words.pop(0).partition("=")
        assert name in known, name
        if known[name] is None:
            assert not equals, name
            continue
        value = value if equals else words.pop(0)
        assert re.fullmatch(known[name], value), f"{name} {value}"


def parse(words):
    """Bind a command of ours to its function, which refuses what it does not know."""
    assert words[0] == "retroprop"
    return app.parse_args(list(words[1:]), exit_on_error=False, print_error=False)[1].arguments


def commands_in(text):
    """The commands of a page or a comment, continued lines joined; what is after them left out."""
    plain = re.sub(r"\\\n[# ]*", "", text)
    return [
        shlex.split(command.partition("     (")[0].removesuffix(" &"))
        for command in re.findall(r"^(?:#     |\$ )(\S.*)$", plain, re.MULTILINE)
    ]


def sent(script):
    """What the first lines of a script tell to type after its name."""
    (command,) = [one for one in commands_in(script.read_text("utf-8")) if one[0] == "sbatch"]
    assert command[1] == script.relative_to(ROOT).as_posix()
    return command[2:]


def told_to_srun(script, tmp_path, **variables):
    """Run a script as Slurm does, with stand-ins for its programs; the words that srun got."""
    called = tmp_path / "called"
    for name, body in {
        "scontrol": "printf 'n1\\nn2\\n'",
        "srun": f"printf '%s\\n' \"$@\" > {called}",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {
        "SLURM_JOB_NODELIST": "n[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_GPUS_ON_NODE": "4",
        "SLURM_CPUS_PER_TASK": "16",
        "SLURM_JOB_ID": "7",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    done = run(["bash", str(script), *sent(script)], env=slurm | variables)
    return done, called.read_text("utf-8").splitlines() if called.exists() else []


# -- the tests -------------------------------------------------------------------------------------


def test_all_files_are_here():
    assert [file.name for file in SCRIPTS] == ["slurm.sh", "slurm_ray.sh"]
    assert [file.name for file in MANIFESTS] == ["raycluster.yaml", "rayjob.yaml"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_slurm_knows_every_option_of_a_script(script):
    text = script.read_text("utf-8")
    options = re.findall(r"^#SBATCH (.*)$", text, re.MULTILINE)
    assert len(options) >= 9
    check_options(options, SBATCH)
    assert text.startswith("#!/bin/bash\n")
    before, after = text.split("set -euo pipefail")
    assert "#SBATCH" not in after  # sbatch reads no further than the first command
    assert all(line.startswith("#") or not line for line in before.splitlines())
    assert run(["bash", "-n", str(script)]).returncode == 0


@pytest.mark.parametrize("option", ["--reqeue", "--mem=64", "--requeue=1", "--time=4h"])
def test_an_option_that_slurm_does_not_know_is_found(option):
    with pytest.raises(AssertionError):
        check_options([option], SBATCH)


def test_the_script_for_one_network_starts_a_process_for_each_gpu(tmp_path):
    done, words = told_to_srun(FOLDER / "slurm.sh", tmp_path)
    assert done.returncode == 0, done.stderr
    start = words.index("torchrun")
    check_options(words[:start], SRUN)
    given = get_args_parser().parse_args(words[start + 1 :])
    assert (given.nnodes, given.nproc_per_node, given.rdzv_endpoint) == ("2", "4", "n1:29400")
    assert given.module
    bound = parse([given.training_script, *given.training_script_args])
    assert bound["network"].device == "cuda"
    assert bound["network"].batch_size == 1024


def test_the_script_for_a_study_runs_it_once_on_a_cluster_of_all_machines(tmp_path):
    places = {"RETROPROP_DB": "postgresql+psycopg://me@db/retroprop", "RETROPROP_STORE": "/shared"}
    done, words = told_to_srun(FOLDER / "slurm_ray.sh", tmp_path, **places)
    assert done.returncode == 0, done.stderr
    start, end = words.index("ray"), words.index("--")
    check_options(words[:start], SRUN)
    assert words[start + 1] == "symmetric-run"
    check_options(words[start + 2 : end], SYMMETRIC_RUN)
    bound = parse(words[end + 1 :])
    assert bound["db"] == places["RETROPROP_DB"]
    assert words[words.index("--on") + 1] == "ray://n1:10001"
    assert words[words.index("--store") + 1] == "/shared"


def test_the_script_for_a_study_asks_for_a_database_and_a_store(tmp_path):
    done, words = told_to_srun(FOLDER / "slurm_ray.sh", tmp_path)
    assert done.returncode != 0
    assert "RETROPROP_DB: name a database that all machines reach" in done.stderr
    assert words == []


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_kuberay_knows_every_field_of_a_manifest(file):
    manifest = yaml.safe_load(file.read_text("utf-8"))
    jsonschema.validate(manifest, KUBERAY[manifest["kind"]])


def test_a_field_that_kuberay_does_not_know_is_found():
    manifest = yaml.safe_load((FOLDER / "rayjob.yaml").read_text("utf-8"))
    manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replica"] = 4
    with pytest.raises(jsonschema.ValidationError, match="'replica' was unexpected"):
        jsonschema.validate(manifest, KUBERAY["RayJob"])


def test_the_manifests_name_one_image_one_secret_and_the_pinned_ray():
    texts = [file.read_text("utf-8") for file in MANIFESTS]
    images, secrets, versions = (
        {found for text in texts for found in re.findall(pattern, text)}
        for pattern in (r"image: (.*)", r"secretRef:\n +name: (.*)", r'rayVersion: "(.*)"')
    )
    assert (len(images), secrets, len(versions)) == (1, {"retroprop"}, 1)
    pinned = re.findall(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert versions == set(pinned)


def test_our_command_line_knows_what_the_manifests_run():
    job = yaml.safe_load((FOLDER / "rayjob.yaml").read_text("utf-8"))
    entrypoint = shlex.split(job["spec"]["entrypoint"])
    assert parse(entrypoint)["study"] == "inf8225-logistic"
    (submitted,) = [
        command[command.index("--") + 1 :]
        for command in commands_in((FOLDER / "raycluster.yaml").read_text("utf-8"))
        if command[:3] == ["ray", "job", "submit"]
    ]
    assert submitted == entrypoint


def test_our_command_line_knows_every_command_of_the_page():
    commands = commands_in((ROOT / "docs" / "clusters.md").read_text("utf-8"))
    ours = [command for command in commands if command[0] == "retroprop"]
    ours += [one[one.index("--") + 1 :] for one in commands if one[:3] == ["ray", "job", "submit"]]
    assert len(ours) >= 4
    for command in ours:
        parse(command)
    for command in commands:
        if command[0] == "torchrun":
            given = get_args_parser().parse_args(command[1:])
            parse([given.training_script, *given.training_script_args])
        if command[0] == "sbatch":
            assert command[2:] == sent(ROOT / command[1])
