"""Which files a submission can read and write: Landlock, which asks for no rights."""

import os
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .kernel import LIBC, checked

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # calls, the same on every machine
LANDLOCK_VERSION = 1 << 0  # a flag: tell the version, make nothing
LANDLOCK_PATH_BENEATH = 1  # a kind of rule
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
RIGHTS_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
NEW_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: TRUNCATE, 5: IOCTL_DEVICE}  # from this version on
TCP_BIND_CONNECT = 0b11  # version 4
ABSTRACT_SOCKETS_SIGNALS = 0b11  # version 6


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a confined process sees of the files of this machine.

    Attributes:
        readable: Files, and folders with all that is in them.
        hidden: What is not readable all the same, beneath one of those.
        folder: Its own: there it can write.
    """

    readable: Sequence[str]
    hidden: Sequence[str]
    folder: str


def without(path: str, hidden: Collection[str]) -> list[str]:
    """A path; or, where something beneath is hidden, the paths of all the rest.

    >>> without("/usr/lib", ["/home"])
    ['/usr/lib']
    >>> without("/usr/lib", ["/usr/lib"])
    []
    """
    beneath = [one for one in hidden if one == path or one.startswith(f"{path}/")]
    if not beneath:
        return [path]
    if path in beneath:
        return []
    inside = [os.path.join(path, name) for name in sorted(os.listdir(path))]
    return [visible for one in inside for visible in without(one, beneath)]


def version(at_most: int) -> int:
    """Of this kernel's Landlock; 0 without. Tests take versions away with `at_most`."""
    found = LIBC.syscall(CREATE_RULESET, None, 0, LANDLOCK_VERSION)
    return max(0, min(found, at_most))


def restrict(places: Places, version: int) -> None:
    """From now on, these files alone can be read or written; no TCP, no signal to others.

    Args:
        places: The files.
        version: Of Landlock, at least 1.
    """
    rights = sum(new for since, new in NEW_RIGHTS.items() if since <= version)
    handled = [rights]
    if version >= 4:
        handled.append(TCP_BIND_CONNECT)
    if version >= 6:
        handled.append(ABSTRACT_SOCKETS_SIGNALS)
    attributes = struct.pack(f"{len(handled)}Q", *handled)
    ruleset = checked(LIBC.syscall(CREATE_RULESET, attributes, len(attributes), 0), "landlock")
    for path in places.readable:
        if os.path.isdir(path):
            _allow(ruleset, path, READ_DIR)
        for visible in without(path, places.hidden):
            _allow(ruleset, visible, READ_FILE | READ_DIR)
    _allow(ruleset, places.folder, rights & ~EXECUTE)
    checked(LIBC.syscall(RESTRICT_SELF, ruleset, 0), "landlock")
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return
    if not os.path.isdir(path):
        rights &= RIGHTS_OF_FILES
    rule = struct.pack("=Qi", rights, beneath)
    checked(
        LIBC.syscall(ADD_RULE, ruleset, LANDLOCK_PATH_BENEATH, rule, 0),
        "landlock",
    )
    os.close(beneath)
