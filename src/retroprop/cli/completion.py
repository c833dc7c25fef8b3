"""`retroprop completion`."""

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what makes a shell complete retroprop's commands and options.

    Args:
        shell: bash, zsh or fish.
    """
    from retroprop.cli.entry import app

    sys.stdout.write(app.generate_completion(shell=shell))
