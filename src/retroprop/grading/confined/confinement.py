"""Confine the calling process, for good: Linux, ctypes, no package, and no need to be root.

    limits → Landlock → another user → no capabilities → seccomp

Each layer that this machine has is applied, and `confine` says which held. Namespaces are made
earlier, by the process that stands between the grader and the submission (`namespaces`). Nothing
here can be undone by the confined process.

Every number is from the kernel's interface, which never changes: <linux/landlock.h>,
<linux/seccomp.h>, <linux/filter.h>, <asm/unistd.h>, <linux/sched.h>, <linux/prctl.h>.
"""

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

try:
    import resource
except ImportError:  # Windows, where nothing is confined
    resource: Any = None

LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
MACHINE = platform.machine()


def checked(result: int, what: str) -> int:
    """Raises: OSError: If a system call failed; else its result."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


# --- numbers of system calls ----------------------------------------------------------------------

COLUMNS = ("x86_64", "aarch64")
NONE = -1  # a call that a machine does not have

FORBIDDEN = {  # name: its number on each machine of COLUMNS
    # other machines, and other processes' sockets
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "io_uring_setup": (425, 425),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "setsid": (112, 157), "setpgid": (109, 154),
    # other programs, and processes of its own
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, NONE), "vfork": (58, NONE),
    # memory that outlives the process, or is counted nowhere
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # the machine
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "fsopen": (430, 430), "open_tree": (428, 428), "move_mount": (429, 429),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "init_module": (175, 105), "finit_module": (313, 273),
    "kexec_load": (246, 104), "reboot": (169, 142), "swapon": (167, 224),
    "personality": (135, 92), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "quotactl": (179, 60), "modify_ldt": (154, NONE),
    "open_by_handle_at": (304, 265), "syslog": (103, 116),
}  # fmt: skip

UNKNOWN = {  # as if the kernel were older: what these do, the filter could not see
    "clone3": (435, 435), "openat2": (437, 437),
}  # fmt: skip

WITHOUT_EFFECT = {  # Landlock lets them change any file of this user; shutil.copy must go on
    "chmod": (90, NONE), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, NONE), "lchown": (94, NONE), "fchown": (93, 55), "fchownat": (260, 54),
    "utime": (132, NONE), "utimes": (235, NONE), "futimesat": (261, NONE),
    "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466),
}  # fmt: skip

CHANGES_FILES = {  # forbidden where nothing else keeps a submission from the files of its user
    "truncate": (76, 45), "mkdir": (83, NONE), "mkdirat": (258, 34), "rmdir": (84, NONE),
    "creat": (85, NONE), "unlink": (87, NONE), "unlinkat": (263, 35), "rename": (82, NONE),
    "renameat": (264, 38), "renameat2": (316, 276), "link": (86, NONE), "linkat": (265, 37),
    "symlink": (88, NONE), "symlinkat": (266, 36), "mknod": (133, NONE), "mknodat": (259, 33),
}  # fmt: skip

ON_ITSELF_ALONE = {  # their first argument is a process
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "prlimit64": (302, 261), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
}  # fmt: skip
ZERO_IS_ITSELF = set(ON_ITSELF_ALONE) - {"kill"}  # kill(0): the whole process group

OTHERS = {  # whose arguments are looked at, one by one
    "clone": (56, 220), "prctl": (157, 167), "fcntl": (72, 25), "ioctl": (16, 29),
    "open": (2, NONE), "openat": (257, 56),
}  # fmt: skip

ALL_CALLS = FORBIDDEN | UNKNOWN | WITHOUT_EFFECT | CHANGES_FILES | ON_ITSELF_ALONE | OTHERS


def number(name: str) -> int:
    """Of a system call on this machine."""
    return ALL_CALLS[name][COLUMNS.index(MACHINE)]


# --- Landlock -------------------------------------------------------------------------------------

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # calls, the same on every machine
LANDLOCK_VERSION = 1 << 0  # a flag: tell the version, make nothing
LANDLOCK_PATH_BENEATH = 1  # a kind of rule
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
RIGHTS_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
NEW_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: TRUNCATE, 5: IOCTL_DEVICE}  # from this version on
TCP_BIND_CONNECT = 0b11  # version 4
ABSTRACT_SOCKETS_SIGNALS = 0b11  # version 6


def landlock_version(at_most: int) -> int:
    """Of this kernel's Landlock; 0 without. Tests take versions away with `at_most`."""
    found = LIBC.syscall(CREATE_RULESET, None, 0, LANDLOCK_VERSION)
    return max(0, min(found, at_most))


def landlock(places: "Places", version: int) -> None:
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


# --- seccomp: a program for the kernel's packet filter --------------------------------------------

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand
Program = list[Instruction]

LOAD_WORD, RETURN = 0x20, 0x06
JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_ANY_BIT = 0x15, 0x35, 0x45
AT_NUMBER, AT_MACHINE = 0, 4  # offsets in struct seccomp_data
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
SUCCESS = 0
AUDIT_MACHINE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_CALLS = 0x40000000  # of x86-64: a second set of numbers for the same calls

CLONE_THREAD = 0x10000
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 8, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SECCOMP_MODE_FILTER = 2
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15  # who is told of what happens to a file, by a signal
FIOSETOWN, SIOCSPGRP, TIOCSTI = 0x8901, 0x8902, 0x5412


def load(offset: int) -> Program:
    """Look at a word of the call's description."""
    return [(LOAD_WORD, 0, 0, offset)]


def argument(index: int) -> Program:
    """Look at the lower half of an argument."""
    return load(16 + 8 * index)


def answer(action: int) -> Program:
    """Decide."""
    return [(RETURN, 0, 0, action)]


def refuse(with_error: int) -> Program:
    """The call fails with this error; with SUCCESS, it does nothing."""
    return answer(ERROR | with_error)


def when_equal(value: int, then: Program) -> Program:
    """Run `then` if the word is this one."""
    return [(JUMP_IF_EQUAL, 0, len(then), value), *then]


def when_at_least(value: int, then: Program) -> Program:
    """Run `then` if the word is this large."""
    return [(JUMP_IF_AT_LEAST, 0, len(then), value), *then]


def when_any_bit(bits: int, then: Program) -> Program:
    """Run `then` if any of the bits is set."""
    return [(JUMP_IF_ANY_BIT, 0, len(then), bits), *then]


def unless_any_bit(bits: int, then: Program) -> Program:
    """Run `then` if none of the bits is set."""
    return [(JUMP_IF_ANY_BIT, len(then), 0, bits), *then]


def when_call(name: str, then: Program) -> Program:
    """Run `then`, which ends with an answer, for calls of this name."""
    return when_equal(number(name), then) if number(name) != NONE else []


def filter_program(own_number: int, read_only: bool) -> Program:
    """The whole filter.

    Args:
        own_number: Of the confined process, as it sees it.
        read_only: Whether no file may be changed.
    """
    code = load(AT_MACHINE)
    code += [(JUMP_IF_EQUAL, 1, 0, AUDIT_MACHINE[MACHINE]), *answer(KILL)]
    code += load(AT_NUMBER)
    if MACHINE == "x86_64":
        code += when_at_least(X32_CALLS, answer(KILL))
    for name in (*FORBIDDEN, *(CHANGES_FILES if read_only else ())):
        code += when_call(name, refuse(errno.EPERM))
    for name in UNKNOWN:
        code += when_call(name, refuse(errno.ENOSYS))
    for name in WITHOUT_EFFECT:
        code += when_call(name, refuse(SUCCESS))
    for name in ON_ITSELF_ALONE:
        itself = when_equal(own_number, answer(ALLOW))
        if name in ZERO_IS_ITSELF:
            itself += when_equal(0, answer(ALLOW))
        code += when_call(name, argument(0) + itself + refuse(errno.EPERM))
    code += when_call(
        "clone", argument(0) + unless_any_bit(CLONE_THREAD, refuse(errno.EPERM)) + answer(ALLOW)
    )
    code += when_call(
        "prctl", argument(0) + when_equal(PR_SET_PDEATHSIG, refuse(errno.EPERM)) + answer(ALLOW)
    )
    for name, index, commands in (
        ("fcntl", 1, (F_SETOWN, F_SETSIG, F_SETOWN_EX)),
        ("ioctl", 1, (FIOSETOWN, SIOCSPGRP, TIOCSTI)),
    ):
        looked_at = argument(index)
        for command in commands:
            looked_at += when_equal(command, refuse(errno.EPERM))
        code += when_call(name, looked_at + answer(ALLOW))
    for name, index in (("open", 1), ("openat", 2)):
        code += when_call(name, argument(index) + _opening(read_only) + answer(ALLOW))
    return code + answer(ALLOW)


def _opening(read_only: bool) -> Program:
    """What the flags of open must not be.

    To open for reading alone, and to empty the file: before its version 3, Landlock lets this pass.
    """
    if read_only:
        return when_any_bit(os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC, refuse(errno.EPERM))
    return unless_any_bit(os.O_WRONLY | os.O_RDWR, when_any_bit(os.O_TRUNC, refuse(errno.EPERM)))


def has_seccomp() -> bool:
    """Whether this kernel filters system calls, and we know this machine's numbers."""
    refused = LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, None, 0, 0)
    return refused < 0 and ctypes.get_errno() == errno.EFAULT and MACHINE in COLUMNS


def seccomp(*, read_only: bool) -> None:
    """Install the filter, for this process and all that it starts."""
    program = filter_program(os.getpid(), read_only)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    described = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    checked(LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0), "seccomp")


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


# --- which files it sees --------------------------------------------------------------------------


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


# --- namespaces -----------------------------------------------------------------------------------

NAMESPACES = {  # in the order in which they are made
    "user": 0x10000000, "mount": 0x20000, "net": 0x40000000, "ipc": 0x8000000, "pid": 0x20000000,
}  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1 << 5, 1 << 12, 1 << 14, 1 << 18
MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 1 << 10, 1 << 11, 1 << 21
KEPT_FLAGS = {  # of a mount; a user namespace must not take them away
    "ST_NOSUID": MS_NOSUID, "ST_NODEV": MS_NODEV, "ST_NOEXEC": MS_NOEXEC,
    "ST_NOATIME": MS_NOATIME, "ST_NODIRATIME": MS_NODIRATIME, "ST_RELATIME": MS_RELATIME,
}  # fmt: skip


def namespaces(kinds: Collection[str]) -> list[str]:
    """New namespaces for this process (pid: for its next child); the names of those made."""
    made = []
    user, group = os.getuid(), os.getgid()
    for kind, flag in NAMESPACES.items():
        if kind not in kinds or (kind == "user" and user == 0) or LIBC.unshare(flag):
            continue
        made.append(kind)
        if kind == "user":
            _map_user(user, group)
    return made


def _map_user(user: int, group: int) -> None:
    """In the new namespace, the user and group are who they were."""
    lines = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
    for name, text in lines.items():
        try:
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
        except OSError:  # some systems forbid it; then the other namespaces are not made either
            return


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Raises: OSError: If it cannot be mounted."""
    texts = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    checked(LIBC.mount(*texts, flags, options.encode()), f"mount {target}")


def scratch(folder: str, user: int | None, *, most_bytes: int, most_files: int) -> None:
    """A file system in memory over a folder, seen by nobody else, gone with its last process."""
    options = f"size={most_bytes},nr_inodes={most_files},mode=0700"
    if user is not None:
        options += f",uid={user},gid={user}"
    mount("scratch", folder, "tmpfs", MS_NOSUID | MS_NODEV, options)


def keep_mounts_private() -> None:
    """What is mounted from now on is seen in this namespace alone."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def new_root(places: Places, user: int | None, *, most_bytes: int, most_files: int) -> None:
    """A tree with these places alone, in the folder's place; `os.chroot` makes it the root.

    It does what Landlock does, where there is none.
    """
    root = places.folder
    mount("root", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    for path in places.readable:
        bind_for_reading(path, root)
    for path in places.hidden:
        if os.path.exists(root + path):
            cover(root + path)
    folder = root + places.folder
    os.makedirs(folder)
    scratch(folder, user, most_bytes=most_bytes, most_files=most_files)
    mount("none", root, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def bind_for_reading(path: str, root: str) -> None:
    """The same files at the same path beneath `root`, but read-only."""
    target = root + path
    if not os.path.exists(path) or os.path.exists(target):
        return
    if os.path.isdir(path):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT))
    mount(path, target, None, MS_BIND | MS_REC)
    flags = os.statvfs(target).f_flag
    kept = sum(ours for theirs, ours in KEPT_FLAGS.items() if flags & getattr(os, theirs))
    mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept)


def cover(path: str) -> None:
    """Nothing is seen here any more."""
    if os.path.isdir(path):
        mount("none", path, "tmpfs", MS_RDONLY)
    else:
        mount("/dev/null", path, None, MS_BIND)


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
        landlock(wanted.places, wanted.landlock)
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
        seccomp(read_only=not (wanted.landlock or wanted.root))
        held.append("seccomp")
    return held
