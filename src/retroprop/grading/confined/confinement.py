"""Confine the calling process, for good, and no need to be root.

    limits → Landlock → another user → no capabilities → seccomp

Each layer that this machine has is applied, and `confine` says which held. Namespaces are made
earlier. Nothing here can be undone by the confined process.
"""

import os
import signal
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from . import landlock, seccomp
from .kernel import (
    LIBC,
    PR_CAPBSET_DROP,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_KEEPCAPS,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    checked,
)
from .landlock import Places

try:
    import resource
except ImportError:  # Windows, where nothing is confined
    resource: Any = None

# --- who the process is, and how much it may use --------------------------------------------------

CAPABILITY_VERSION = 0x20080522
CAP_DAC_READ_SEARCH = 2
MOST_CAPABILITIES = 64


def no_new_privileges() -> None:
    """No program that it starts gets more rights; both Landlock and seccomp ask for it."""
    checked(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def die_with_parent() -> None:
    """The process is ended when its keeper is; a change of the user would undo this."""
    checked(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent's death")


def adopt_orphans() -> None:
    """What this process's children leave behind becomes its own."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become(user: int) -> bool:
    """Another user, for good; capabilities are kept until `drop_capabilities`.

    Returns:
        Whether this root may; in some containers it may not.
    """
    LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except PermissionError:
        return False
    return True


def drop_capabilities(kept: Collection[int] = ()) -> None:
    """All of them, but those; a container may not have had even those."""
    for capability in range(MOST_CAPABILITIES):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("Ii", CAPABILITY_VERSION, 0)
    bits = sum(1 << capability for capability in kept)
    effective_permitted_inheritable = struct.pack("6I", bits, bits, 0, 0, 0, 0)
    if bits and LIBC.capset(header, effective_permitted_inheritable) == 0:
        return
    checked(LIBC.capset(header, bytes(24)), "capset")


def has_capability(capability: int) -> bool:
    """Whether this process has one; root in a container lacks most."""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        bits = next(line.split()[1] for line in file if line.startswith("CapEff:"))
    return bool(int(bits, 16) >> capability & 1)


def other_user_reads(path: str) -> bool:
    """Whether a file stays readable for who becomes another user."""
    return anybody_reads(path) or has_capability(CAP_DAC_READ_SEARCH)


def anybody_reads(path: str) -> bool:
    """Whether each folder above a path lets any user pass."""
    while path != "/":
        path = os.path.dirname(path)
        try:
            if not os.stat(path).st_mode & 0o001:
                return False
        except OSError:
            return False
    return True


@dataclass(frozen=True, kw_only=True)
class ResourceLimits:
    """What the system itself limits.

    Attributes:
        memory_bytes: Of memory beyond what the fork server has.
        processor_s: All in all.
        threads: Of its own.
        file_bytes: Of one file.
        open_files: At a time.
    """

    memory_bytes: int
    processor_s: int
    threads: int
    file_bytes: int
    open_files: int = 64


def threads_of_user() -> int:
    """All that this user has: the system counts those of a user, not those of a process."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:  # it has ended
            continue
    return count


def limit(limits: ResourceLimits) -> None:
    """Set the limits, which can only be lowered afterwards."""
    values = {
        "AS": _address_space() + limits.memory_bytes,
        "CPU": limits.processor_s,
        "NPROC": limits.threads,
        "FSIZE": limits.file_bytes,
        "NOFILE": limits.open_files,
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
    }
    for name, value in values.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, highest = resource.getrlimit(kind)
        if highest != resource.RLIM_INFINITY:
            value = min(value, highest)
        resource.setrlimit(kind, (value, value))


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


# --- all together ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a submission's process is confined to.

    Attributes:
        limits: Of the system.
        places: The files that it sees.
        user: Whom it becomes, where the grader is root.
        root: A tree that `new_root` made, or None.
        landlock: The version of Landlock; 0 for none.
        seccomp: Whether its system calls are filtered.
        required: Whether it is refused where neither Landlock nor a root of its own holds.
    """

    limits: ResourceLimits
    places: Places
    user: int | None
    root: str | None
    landlock: int
    seccomp: bool
    required: bool


def confine(wanted: Confinement) -> list[str]:
    """Apply the layers to this process; the names of those that hold.

    Raises:
        OSError: If one cannot be applied; the process must end then.
    """
    if wanted.required and not (wanted.landlock or wanted.root):
        raise OSError("neither Landlock nor namespaces")
    reader = os.__file__  # of Python's own files, which must stay readable
    needs_capability = not anybody_reads(reader)
    limit(wanted.limits)
    held = ["limits"]
    if wanted.root is not None:
        os.chroot(wanted.root)
        held.append("a root of its own")
    os.chdir(wanted.places.folder)
    kept = []
    if wanted.landlock:
        no_new_privileges()
        landlock.restrict(wanted.places, wanted.landlock)
        held.append(f"Landlock {wanted.landlock}")
    if wanted.user is not None and become(wanted.user):
        held.append("another user")
        # With Python under /root, nobody else can read the standard library. Where only listed
        # files can be read anyway, the capability to read those gives no more than that.
        if needs_capability and (wanted.landlock or wanted.root):
            kept.append(CAP_DAC_READ_SEARCH)
    if wanted.required or wanted.seccomp or wanted.landlock:
        drop_capabilities(kept)
        no_new_privileges()
    die_with_parent()
    if wanted.seccomp:
        seccomp.install(read_only=not (wanted.landlock or wanted.root))
        held.append("seccomp")
    return held
