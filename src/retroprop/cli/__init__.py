"""The command line; `entry` has its commands, and what each way to end is told.

What is imported here is imported before Ctrl-C is answered, so it is built into Python: `signal` is
`_signal` with other names.
"""

import _signal  # pyright: ignore[reportMissingImports]
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(arguments: "Sequence[str] | None" = None) -> "NoReturn":
    """Run one command and exit: 0; 2 or 1 with one sentence; 130 after Ctrl-C.

    Args:
        arguments: The words after the program's name; by default those that it was called with.
    """
    try:
        sys.unraisablehook = _interrupt_again
        from retroprop.cli.entry import run

        run(arguments)
    except KeyboardInterrupt:
        _ignore_an_impatient_second_one()
        if sys.stderr is not None:  # the shell may have closed it
            print("retroprop: stopped.", file=sys.stderr)
        sys.exit(130)


def _ignore_an_impatient_second_one() -> None:
    try:
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    except ValueError:  # not in the main thread, which alone is interrupted
        return


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C that arrives in a callback of Python's own, where it is told and lost: once more.

    Imports have such callbacks, and most of a start is imports.
    """
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    import threading

    try:  # from another thread, so that the main one is back in its own code
        threading.Timer(0.01, _signal.raise_signal, [_signal.SIGINT]).start()
    except RuntimeError:  # the interpreter ends anyhow
        return
