"""Worker processes that never run the program which started them.

The "spawn" of multiprocessing imports the parent's main module again in each child: a script that
trains without a `__main__` guard would start its study once more there. So a worker is a Python of
its own, which is told through a pipe where modules are found, and then what `studies.worker` needs.
It has the environment, the working folder and the error output of its parent.
"""

import contextlib
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

_PROGRAM = """
import sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
sys.path[:] = pipe.recv()
from retroprop.studies.worker import main
main(pipe, *pipe.recv())
"""


def start_worker(*arguments: Any) -> tuple[subprocess.Popen[bytes], Connection]:
    """A process that runs `studies.worker.main`, and our end of its pipe.

    Args:
        arguments: What `main` takes after the pipe; pickle knows them.
    """
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            # -P: a module of ours must not be hidden by a file of the working folder
            [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,  # the parent may read its program from its own
            pass_fds=[theirs.fileno()],
        )
    with contextlib.suppress(ConnectionError):  # it is dead: whoever listens to it finds out why
        ours.send(sys.path)
        ours.send(arguments)
    return process, ours  # pyright: ignore[reportReturnType] - that of Windows is another
