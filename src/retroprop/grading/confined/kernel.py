"""The kernel, asked directly: Linux, ctypes, no package.

Every number here and in the modules beside it is from the kernel's interface, which never changes:
<linux/landlock.h>, <linux/seccomp.h>, <linux/filter.h>, <asm/unistd.h>, <linux/sched.h>,
<linux/prctl.h>.
"""

import ctypes
import os
import platform
import sys
from typing import Any

LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
MACHINE = platform.machine()

# Of prctl: what the process asks for itself.
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 8, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38


def checked(result: int, what: str) -> int:
    """Raises: OSError: If a system call failed; else its result."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result
