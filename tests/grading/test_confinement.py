"""The filter of system calls, run as the kernel runs it."""

import errno
import os
import re
from pathlib import Path

import pytest

from retroprop.grading.confined import fork_server, seccomp
from retroprop.grading.confined.landlock import without
from retroprop.grading.confined.seccomp import (
    ALL_CALLS,
    ALLOW,
    AUDIT_MACHINE,
    ERROR,
    KILL,
    NONE,
    filter_program,
)

OWN = 4_711


def decision(program, call, arguments=(), machine=None):
    """What the kernel does with a call: the instructions are few, and so is this."""
    words = {0: call, 4: AUDIT_MACHINE[machine or seccomp.MACHINE]}
    words |= {16 + 8 * i: argument for i, argument in enumerate(arguments)}
    word = at = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                word = words[operand]
            case 0x06:
                return operand
            case 0x15 | 0x35 | 0x45:
                holds = {0x15: word == operand, 0x35: word >= operand, 0x45: bool(word & operand)}
                at += if_true if holds[code] else if_false


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request, monkeypatch):
    monkeypatch.setattr(seccomp, "MACHINE", request.param)
    return request.param


def decides(name, *arguments, read_only=False):
    program = filter_program(OWN, read_only)
    return decision(program, seccomp.number(name), [*arguments, 0, 0, 0])


REFUSED = ERROR | errno.EPERM


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("socket", (), REFUSED),
        ("execve", (), REFUSED),
        ("ptrace", (), REFUSED),
        ("clone3", (), ERROR | errno.ENOSYS),
        ("fchmod", (), ERROR),
        ("clone", (0x11,), REFUSED),  # fork
        ("clone", (0x10000 | 0x100,), ALLOW),  # a thread
        ("kill", (OWN,), ALLOW),
        ("kill", (OWN + 1,), REFUSED),
        ("kill", (0,), REFUSED),
        ("kill", (0xFFFFFFFF,), REFUSED),  # -1: all
        ("tgkill", (OWN,), ALLOW),
        ("prlimit64", (0,), ALLOW),
        ("prlimit64", (OWN + 1,), REFUSED),
        ("sched_setaffinity", (1,), REFUSED),
        ("prctl", (1,), REFUSED),
        ("prctl", (15,), ALLOW),
        ("fcntl", (3, 8), REFUSED),
        ("fcntl", (3, 4), ALLOW),
        ("ioctl", (3, 0x8901), REFUSED),
        ("ioctl", (3, 0x5401), ALLOW),
        ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC), ALLOW),
        ("openat", (0, 0, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), ALLOW),
        ("openat", (0, 0, os.O_RDONLY | os.O_TRUNC), REFUSED),
        ("unlinkat", (), ALLOW),
    ],
)
def test_the_filter_decides(machine, name, arguments, expected):
    assert decides(name, *arguments) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("openat", (0, 0, os.O_RDONLY), ALLOW),
        ("openat", (0, 0, os.O_WRONLY), REFUSED),
        ("openat", (0, 0, os.O_RDWR), REFUSED),
        ("openat", (0, 0, os.O_RDONLY | os.O_CREAT), REFUSED),
        ("unlinkat", (), REFUSED),
        ("renameat2", (), REFUSED),
    ],
)
def test_where_nothing_else_keeps_files_the_filter_does(machine, name, arguments, expected):
    assert decides(name, *arguments, read_only=True) == expected


def test_calls_of_other_machines_end_the_process(machine):
    program = filter_program(OWN, False)
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[machine]
    assert decision(program, 0, machine=other) == KILL
    if machine == "x86_64":
        assert decision(program, 0x40000000 + 41) == KILL


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("column", HEADERS)
def test_the_numbers_are_those_of_the_kernels_headers(column):
    if not HEADERS[column].exists():
        pytest.skip("the kernel's headers are not installed")
    text = HEADERS[column].read_text(encoding="utf-8")
    known = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text))
    index = seccomp.COLUMNS.index(column)
    ours = {name: numbers[index] for name, numbers in ALL_CALLS.items()}
    compared = {name for name in ours if name in known}
    assert len(compared) > 50
    assert {name: ours[name] for name in compared} == {name: int(known[name]) for name in compared}
    newer = {"fchmodat2", "setxattrat", "removexattrat"}  # than some headers
    assert {name for name, number in ours.items() if number != NONE} <= compared | newer


def test_an_installed_retroprop_is_hidden_among_the_libraries(tmp_path, monkeypatch):
    packages = tmp_path / "site-packages"
    for name in ("torch", "retroprop", "retroprop-1.0.dist-info"):
        (packages / name).mkdir(parents=True)
    monkeypatch.setattr("sys.path", [str(packages)])
    readable, hidden = fork_server.readable_and_hidden()
    visible = [one for path in readable for one in without(path, hidden)]
    assert str(packages / "torch") in visible
    assert not [path for path in visible if "retroprop" in path.removeprefix(str(tmp_path))]


def test_hidden_folders_are_left_out_of_what_is_readable(tmp_path):
    for name in ("packages/torch", "packages/retroprop", "packages/numpy", "os"):
        (tmp_path / "lib" / name).mkdir(parents=True)
    visible = without(f"{tmp_path}/lib", [f"{tmp_path}/lib/packages/retroprop"])
    assert visible == [
        f"{tmp_path}/lib/{name}" for name in ("os", "packages/numpy", "packages/torch")
    ]
