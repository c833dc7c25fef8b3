"""Which system calls a submission may make: a program for the kernel's packet filter."""

import ctypes
import errno
import os
import struct

from .kernel import LIBC, MACHINE, PR_SET_PDEATHSIG, PR_SET_SECCOMP, checked

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


# --- the program ----------------------------------------------------------------------------------

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


def is_possible() -> bool:
    """Whether this kernel filters system calls, and we know this machine's numbers."""
    refused = LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, None, 0, 0)
    return refused < 0 and ctypes.get_errno() == errno.EFAULT and MACHINE in COLUMNS


def install(*, read_only: bool) -> None:
    """Install the filter, for this process and all that it starts."""
    program = filter_program(os.getpid(), read_only)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    described = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    checked(LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0), "seccomp")
