"""The command line; `entry` has its commands, and what each way to end is told."""

import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit: 0; 2 or 1 with one sentence; 130 after Ctrl-C.

    Args:
        arguments: The words after the program's name; by default those that it was called with.
    """
    try:
        from retroprop.cli.entry import run  # here, so that Ctrl-C is answered while it loads

        run(arguments)
    except KeyboardInterrupt:
        with contextlib.suppress(ValueError):  # not in the main thread, which alone is interrupted
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one
        if sys.stderr is not None:  # the shell may have closed it
            print("retroprop: stopped.", file=sys.stderr)
        sys.exit(130)
