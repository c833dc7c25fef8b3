"""Runs a program as an ordinary user, for tests that root runs.

    python ordinary_user.py PROGRAM ARGUMENTS…

Where root's Python is in a folder that nobody else may enter, the program gets a mount namespace in
which that folder holds this Python alone, and everybody may enter it.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib

NOBODY = 65_534
NEW_MOUNTS, PRIVATE_ALL, BIND_ALL = 0x20000, 0x4000 | 0x40000, 0x1000 | 0x4000

libc = ctypes.CDLL(None, use_errno=True)


def main(command):
    needed = {sys.base_prefix, sys.prefix, os.getcwd(), *filter(os.path.isdir, sys.path)}
    open_up(sorted(str(Path(path).resolve()) for path in needed))
    with tempfile.TemporaryDirectory(prefix="retroprop-nobody-") as home:
        fonts = os.path.join(home, "matplotlib")  # to find the fonts takes seconds
        shutil.copytree(matplotlib.get_cachedir(), fonts)
        for path in (home, fonts, *Path(fonts).iterdir()):
            os.chown(path, NOBODY, NOBODY)
        environment = os.environ | {"HOME": home, "MPLCONFIGDIR": fonts, "TMPDIR": "/tmp"}
        nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.run(command, env=environment, check=False, **nobody).returncode


def open_up(paths):
    """Let everybody enter the folders above these, and see nothing else there."""
    closed = {path: folder for path in paths if (folder := closed_folder(path)) is not None}
    if not closed:
        return
    if libc.unshare(NEW_MOUNTS) or libc.mount(b"none", b"/", None, PRIVATE_ALL, None):
        sys.exit("no mount namespace: an ordinary user cannot reach this Python")
    held = {path: tempfile.mkdtemp(prefix="retroprop-held-") for path in closed}
    for path, place in held.items():
        mount(path, place, None, BIND_ALL)
    for folder in set(closed.values()):
        mount("open", folder, "tmpfs", 0, "mode=755")
    for path, place in held.items():
        os.makedirs(path, exist_ok=True)
        mount(place, path, None, BIND_ALL)
        libc.umount2(place.encode(), 2)
        os.rmdir(place)


def closed_folder(path):
    """The first folder above a path that only its owner may enter."""
    above = reversed([Path(path), *Path(path).parents])
    return next((str(folder) for folder in above if not folder.stat().st_mode & 0o001), None)


def mount(source, target, kind, flags, options=""):
    texts = [text and text.encode() for text in (source, target, kind)]
    if libc.mount(*texts, flags, options.encode()):
        sys.exit(f"{target} cannot be mounted: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
