"""What a power cut would leave of a folder, at every moment of what a program writes there.

A file system promises little: the content of a file after fsync of the file, a name after fsync of
its folder. What was not synced may be there or not. So each moment has two outcomes: the *least*,
which is what was synced alone, and the *most*, where every name is there, with zeros in files that
were not synced. SQLite with synchronous = FULL keeps every transaction that it has committed.
"""

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """Watches a folder and its database; `outcomes` has each different one once, in order."""

    def __init__(self, root, database):
        self.root, self.database = Path(root), Path(database)
        self.content, self.names = {}, {self.root: {}}  # inode: bytes; folder: {name: inode}
        self.outcomes = {}

    @contextmanager
    def watching(self):
        """Note what would be left before and after each call that changes the folder."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("fsync", "replace", "unlink"):
                patch.setattr(os, name, self._noting(getattr(os, name), synced=name == "fsync"))
            yield
        self._note()

    def restore(self, outcome, root):
        """Make a folder of an outcome."""
        files, database = outcome
        for path, content in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        root.mkdir(exist_ok=True)
        if database is not None:
            (root / self.database.name).write_bytes(database)

    def _noting(self, call, *, synced):
        def noted(*arguments, **options):
            self._note()
            result = call(*arguments, **options)
            if synced:
                self._sync(Path(os.readlink(f"/proc/self/fd/{arguments[0]}")))
            self._note()
            return result

        return noted

    def _sync(self, path):
        if path.is_dir():
            self.names[path] = {child.name: child.stat().st_ino for child in path.iterdir()}
        else:
            self.content[path.stat().st_ino] = path.read_bytes()

    def _note(self):
        database = self._committed()
        for files in (self._least(self.root), self._most()):
            kept = {
                str(path.relative_to(self.root)): content
                for path, content in files.items()
                if not path.name.startswith((self.database.name, ".lock"))
            }
            self.outcomes[tuple(sorted(kept.items())), database] = None

    def _committed(self):
        if not self.database.exists():
            return None
        with sqlite3.connect(self.database) as connection:
            content = connection.serialize()
        connection.close()
        return content or None

    def _least(self, folder):
        found = {}
        for name, inode in self.names.get(folder, {}).items():
            path = folder / name
            if path in self.names:
                found |= self._least(path)
            elif inode in self.content:
                found[path] = self.content[inode]
        return found

    def _most(self):
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return {
            path: self.content.get(path.stat().st_ino, bytes(path.stat().st_size)) for path in files
        }
