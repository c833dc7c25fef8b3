"""What a submission sees of the machine's mounts, networks and processes: namespaces.

They are made by the process that stands between the grader and the submission.
"""

import os
from collections.abc import Collection

from .kernel import LIBC, checked
from .landlock import Places

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


def unshare(kinds: Collection[str]) -> list[str]:
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
