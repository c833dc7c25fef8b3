"""Hostile files reach nothing: as whoever runs the tests, as an ordinary user, with fewer layers.

They are never run but in confinement, and where a layer is taken away, another one holds.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.grading.hostile_table import HOSTILE, NAMES, Surroundings, complaints, tried_on
from tests.processes import run

from retroprop.errors import UserError
from retroprop.grading.sessions import ForkServer

ROOT = Path(__file__).parents[2]
ORDINARY = [sys.executable, Path(__file__).with_name("ordinary_user.py")]
REACHING_OUT = (
    "becomes_root", "changes_rights", "deep_folders", "downloads", "environment", "executes",
    "fills_folder", "fork_and_stay", "fork_bomb", "imports_retroprop", "many_files", "network",
    "other_processes", "owner_of_files", "reads_secrets", "shared_memory", "signals",
    "writes_outside",
)  # fmt: skip
"""What the layers of confinement keep in, each by itself where others are missing."""


def test_every_hostile_file_has_its_row():
    assert set(HOSTILE) == set(NAMES)
    assert len(NAMES) >= 40
    assert set(REACHING_OUT) <= set(NAMES)


@pytest.fixture(scope="module")
def here():
    with tried_on() as server_and_surroundings:
        yield server_and_surroundings


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_gets_its_score_and_leaves_nothing(name, here):
    server, surroundings = here
    assert complaints(server, name, surroundings) == []


def complaints_of_all(names, **settings):
    try:
        with tried_on(**settings) as (server, surroundings):
            return [line for name in names for line in complaints(server, name, surroundings)]
    except UserError as refused:
        pytest.skip(str(refused))  # this system has less


def test_landlock_holds_alone_where_there_are_no_namespaces():
    assert complaints_of_all(REACHING_OUT, namespaces=()) == []


def test_a_root_of_its_own_holds_where_there_is_no_landlock():
    assert complaints_of_all(REACHING_OUT, landlock_at_most=0) == []


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2, 3, 5])
def test_older_landlocks_hold_too(version):
    assert complaints_of_all(REACHING_OUT, namespaces=(), landlock_at_most=version) == []


def test_without_both_it_is_refused_in_one_sentence_that_says_what_to_do():
    with pytest.raises(
        UserError, match=r"neither Landlock .* nor namespaces .* in Docker"
    ) as error:
        ForkServer(landlock_at_most=0, namespaces=())
    assert "\n" not in str(error.value)


def test_without_both_the_best_is_that_no_file_changes():
    names = ("changes_rights", "writes_outside", "network", "signals", "fork_bomb", "executes")
    settings = {"landlock_at_most": 0, "namespaces": ()}
    assert complaints_of_all(names, confine="best", **settings) == []


def as_somebody_else(prefix, names, **settings):
    """What is found when a command's user grades: their number, layers that held, complaints."""
    command = [*prefix, sys.executable, "-m", "tests.grading.hostile_table"]
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [*map(str, command), json.dumps(settings), *names]
    ended = run(command, cwd=ROOT, env=environment, check=True)
    found = json.loads(ended.stdout.splitlines()[-1])
    user, held = found.pop("user"), found.pop("held")
    return user, held, [sentence for sentences in found.values() for sentence in sentences]


only_root = pytest.mark.skipif(os.getuid() != 0, reason="these tests run as an ordinary user")


@only_root
def test_an_ordinary_user_confines_as_well():
    user, held, found = as_somebody_else(ORDINARY, REACHING_OUT)
    assert user != 0
    assert found == []
    assert {"limits", "seccomp"} <= set(held)


@only_root
@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "names"),
    [({}, NAMES), ({"namespaces": ()}, REACHING_OUT), ({"landlock_at_most": 0}, REACHING_OUT)],
)
def test_an_ordinary_user_confines_with_fewer_layers_and_every_file(settings, names):
    assert as_somebody_else(ORDINARY, names, **settings)[2] == []


IN_CONTAINER = (
    "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,"
    "+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"
)
"""The capabilities that Docker leaves to root."""


@only_root
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is missing")
def test_root_in_a_container_confines_as_well():
    prefix = ["setpriv", "--bounding-set", IN_CONTAINER, "--inh-caps", "-all"]
    user, held, found = as_somebody_else(prefix, REACHING_OUT)
    assert user == 0
    assert found == []
    assert "namespace mount" not in held


# --- the surroundings themselves ------------------------------------------------------------------


def test_the_surroundings_notice_what_changes(tmp_path):
    surroundings = Surroundings(tmp_path)
    assert surroundings.seen() == surroundings.before
    surroundings.secret.chmod(0o600)
    assert surroundings.seen() != surroundings.before
    surroundings.secret.chmod(0o644)
    (surroundings.neighbour / "escaped").touch()
    assert surroundings.seen() != surroundings.before
