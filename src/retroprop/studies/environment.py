"""What a number was computed with: versions, processor, revision, command."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from retroprop import __version__
from retroprop.studies.addresses import without_passwords


def describe_environment(workers: int, device: str = "cpu") -> dict[str, Any]:
    """The setting of a session, for its record."""
    return {
        "retroprop": __version__,
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
        "numpy": importlib.metadata.version("numpy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "device": _device_name(device),
        "cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "workers": workers,
        "threads_per_worker": 1,
        "git_revision": _git_revision(),
        "command": typed_command(),
    }


def usable_cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def typed_command() -> str:
    """What was typed to start this process, without the password of a database."""
    program = Path(sys.argv[0]).name or "python"
    if program == "__main__.py":  # python -m retroprop
        program = "retroprop"
    return without_passwords(shlex.join([program, *sys.argv[1:]]))


def _device_name(device: str) -> str:
    """The name of the GPU that trains, or "cpu"."""
    if device != "cuda":
        return device
    import torch

    return torch.cuda.get_device_name()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git_revision() -> str | None:
    """The revision of the source tree that the package runs from, "+" if it was changed."""
    folder = Path(__file__).resolve().parent
    try:
        revision = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return revision + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    # However long it takes: on a busy machine too the record names the revision.
    result = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()
