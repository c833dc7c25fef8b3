"""Audit the pinned dependencies by what pip's own package index serves.

    python scripts/audit.py constraints.txt .venv/bin/python

Faults, which end it with code 1: a pin that the index no longer has, or has yanked; a known
vulnerability; installed packages that are not pinned or contradict each other. An index that does
not serve the list of vulnerabilities (many mirrors do not) is no fault, and what was not checked is
said last.

Runs in an environment with a pip that reports (26) and with pip-audit; see the Makefile.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def main(pins: Path, python: Path) -> int:
    """Print what was checked, what was not, and every fault; the exit code."""
    names = [line for line in pins.read_text().splitlines() if line and not line.startswith("#")]
    print(f"Asking the package index about {len(names)} pinned releases…", flush=True)
    code, releases = _json_of(
        *("pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"),
        *("--report", "-", "--requirement", str(pins)),
    )
    faults = (
        list(withdrawn(releases)) if code == 0 else ["a pinned release cannot be had; see above"]
    )
    _, audited = _json_of(
        *("pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip"),
        *("--progress-spinner", "off", "--format", "json"),
    )
    faults += vulnerable(audited)
    own_pip = (sys.executable, "-m", "pip", "--python", str(python))
    listed = subprocess.run([*own_pip, "list", "--format", "json"], stdout=subprocess.PIPE)
    faults += unpinned(names, json.loads(listed.stdout))
    if subprocess.run([*own_pip, "check"]).returncode != 0:
        faults.append("the installed packages contradict each other; see above")
    for fault in faults:
        print(f"FAULT: {fault}")
    print(*summary(names, releases, audited), sep="\n")
    return 1 if faults else 0


def withdrawn(releases: dict[str, Any]) -> Iterator[str]:
    """A sentence for each release that was yanked: of a report of `pip install`."""
    for release in releases.get("install", []):
        if release.get("is_yanked"):
            yield f"{_name(release['metadata'])} was yanked by its authors; pin another release"


def vulnerable(audited: dict[str, Any]) -> Iterator[str]:
    """A sentence for each known vulnerability: of a report of pip-audit."""
    for release in audited.get("dependencies", []):
        for found in release.get("vulns", []):
            mended = ", ".join(found["fix_versions"]) or "no release yet"
            yield f"{_name(release)} has the vulnerability {found['id']}; mended by {mended}"


def unpinned(names: Sequence[str], installed: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A sentence for each installed package whose release is not pinned: it was not looked at."""
    pinned = {_plain(name.partition("==")[0]) for name in names}
    for package in installed:
        ours = package["name"] in ("pip", "setuptools") or "editable_project_location" in package
        if not ours and _plain(package["name"]) not in pinned:
            yield f"{_name(package)} is installed and not pinned; add it to constraints.txt"


def summary(
    names: Sequence[str], releases: dict[str, Any], audited: dict[str, Any]
) -> Iterator[str]:
    """What was checked, and what was not."""
    served = len(releases.get("install", []))
    yield f"Checked: the index serves {served} of {len(names)} pinned releases."
    asked = audited.get("dependencies", [])
    unknown = len(names) - sum("vulns" in release for release in asked)
    if unknown:
        yield (
            f"NOT CHECKED: known vulnerabilities of {unknown} of {len(names)} releases, since the "
            "package index does not serve them. Run make audit where it does."
        )
    else:
        yield f"Checked: known vulnerabilities of all {len(names)} releases."


def _plain(name: str) -> str:
    """A package's name as the index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(release: dict[str, Any]) -> str:
    return f"{release['name']} {release['version']}"


def _json_of(module: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and output of a program of this environment; {} if it printed no JSON."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, encoding="utf-8"
    )
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        print(done.stderr.strip()[-2000:])
        return done.returncode or 1, {}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
