"""Network files: BIF, XMLBIF, UAI, JSON, NET, XDSL, read and written; any may be gzipped.

| format | suffixes | names | numbers |
|---|---|---|---|
| bif | .bif | kept | exact |
| xmlbif | .xmlbif .bifxml .xml | kept | exact |
| uai | .uai | the format has none: v0, v1, … | exact |
| json | .json | kept | exact |
| net (Hugin) | .net | kept | exact |
| xdsl (GeNIe) | .xdsl | kept | exact |

Exact: a network that we wrote is read back bit by bit. The rows of a table that comes from
elsewhere are divided by their sum when it is within 1e-3 of one, and refused otherwise. A malformed
file ends in a `UserError` with line and column, a hostile one meets `Limits`, and where a file can
be read but may mean something else, a `DoubtfulFile` warns.
"""

import gzip
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from retroprop.bayes.files.bif import parse_bif, write_bif
from retroprop.bayes.files.description import Description
from retroprop.bayes.files.hugin_net import parse_net, write_net
from retroprop.bayes.files.json_format import parse_json, write_json
from retroprop.bayes.files.source import LIMITS, Limits, decoded, read_bytes, unpacked
from retroprop.bayes.files.uai import parse_evidence, parse_uai, write_uai
from retroprop.bayes.files.uai import write_evidence as render_evidence
from retroprop.bayes.files.xdsl import parse_xdsl, write_xdsl
from retroprop.bayes.files.xmlbif import parse_xmlbif, write_xmlbif
from retroprop.bayes.network import Network
from retroprop.bayes.validation import TOLERANCE
from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.files import replace_file

__all__ = [
    "FORMATS",
    "Description",
    "DoubtfulFile",
    "Format",
    "Limits",
    "parse",
    "read_description",
    "read_evidence",
    "render",
    "write_evidence",
    "write_network",
]

Format = Literal["bif", "xmlbif", "uai", "json", "net", "xdsl"]

FORMATS: dict[str, tuple[str, ...]] = {
    "bif": (".bif",),
    "xmlbif": (".xmlbif", ".bifxml", ".xml"),
    "uai": (".uai",),
    "json": (".json",),
    "net": (".net",),
    "xdsl": (".xdsl",),
}
_OF_BYTES = {
    "xmlbif": parse_xmlbif,
    "xdsl": parse_xdsl,
}  # which say themselves how they are encoded
_OF_TEXT = {"bif": parse_bif, "uai": parse_uai, "json": parse_json, "net": parse_net}
_WRITERS = {
    "bif": write_bif,
    "xmlbif": write_xmlbif,
    "uai": write_uai,
    "json": write_json,
    "net": write_net,
    "xdsl": write_xdsl,
}


class DoubtfulFile(UserWarning):
    """A file that was read as its format has it, and was probably meant otherwise."""


def read_description(
    path: str | Path,
    *,
    format: Format | None = None,
    tolerance: float = TOLERANCE,
    limits: Limits = LIMITS,
) -> Description:
    """Read what a file says, with the network's own name and properties; see `BayesNet.read`.

    Raises:
        UserError: If the file cannot be read, is malformed (with line and column) or too large.
    """
    path = Path(path)
    name = format_of(path, format)
    return parse(read_bytes(path, limits), name, str(path), tolerance=tolerance, limits=limits)


def parse(
    data: bytes,
    format: str,
    name: str,
    *,
    tolerance: float = TOLERANCE,
    limits: Limits = LIMITS,
) -> Description:
    """Read the bytes of a file, which messages call `name`.

    Raises:
        UserError: If they are malformed (with line and column) or too large.

    Warns:
        DoubtfulFile: If the file shows that it was probably meant otherwise.
    """
    if not 0 <= tolerance < math.inf:
        raise UserError(f"the tolerance is a number of at least 0, and got {tolerance}.")
    data = unpacked(data, name, limits)
    if format in _OF_BYTES:
        found = _OF_BYTES[format](data, name, limits=limits, tolerance=tolerance)
    elif format in _OF_TEXT:
        found = _OF_TEXT[format](decoded(data, name), limits=limits, tolerance=tolerance)
    else:
        raise _unknown(format)
    for doubt in found.doubts:
        warnings.warn(f"{name}: {doubt}.", DoubtfulFile, stacklevel=2)
    return found


def write_network(
    net: Network,
    path: str | Path,
    *,
    format: Format | None = None,
    name: str = "",
    properties: Sequence[str] = (),
) -> Path:
    """Write a network to a file, in one step: a reader never sees half of it.

    Args:
        net: The network.
        path: The file; gzipped if it ends in .gz.
        format: One of FORMATS; by the suffix when left out.
        name: Of the network.
        properties: Lines about it, such as its source.

    Raises:
        UserError: If the file cannot be written, or the format cannot hold a name.
    """
    path = Path(path)
    text = render(describe(net, name, properties), format_of(path, format))
    _write(path, text)
    return path


def render(description: Description, format: str) -> str:
    """The text of a network file.

    Raises:
        UserError: If the format cannot hold a name.
    """
    if format not in _WRITERS:
        raise _unknown(format)
    return _WRITERS[format](description)


def describe(net: Network, name: str = "", properties: Sequence[str] = ()) -> Description:
    """A network as a file would say it."""
    return Description(net.states, net.parents, net.tables, name, tuple(properties))


def read_evidence(path: str | Path, net: Network) -> list[dict[str, int]]:
    """Read a UAI evidence file for a network: the observed states of each sample.

    Raises:
        UserError: If it is malformed, or does not fit the network.
    """
    data = unpacked(read_bytes(Path(path), LIMITS), str(path), LIMITS)
    return parse_evidence(decoded(data, str(path)), net.states)


def write_evidence(
    samples: Mapping[str, Any] | Sequence[Mapping[str, Any]], path: str | Path, net: Network
) -> Path:
    """Write observed states (names or positions) as a UAI evidence file.

    Raises:
        UserError: If the network has no such variable or state, or the file cannot be written.
    """
    several = [samples] if isinstance(samples, Mapping) else samples
    _write(Path(path), render_evidence([net.state_indices(one) for one in several], net.states))
    return Path(path)


def format_of(path: Path, format: str | None = None) -> str:
    """The format of a file: as named, or by its suffix.

    >>> format_of(Path("asia.bif.gz"))
    'bif'

    Raises:
        UserError: If there is no such format or the suffix is none of ours.
    """
    if format is not None:
        if format not in FORMATS:
            raise _unknown(format)
        return format
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    for name, known in FORMATS.items():
        if suffix in known:
            return name
    endings = [ending for known in FORMATS.values() for ending in known]
    raise UserError(
        f"the file {path} has a suffix of no network format; expected {', '.join(endings)} "
        "(or .gz after it), or name the format (--format bif)."
    )


def _unknown(format: str) -> UserError:
    return UserError(f"unknown format {format!r}. {did_you_mean(format, FORMATS)}")


def _write(path: Path, text: str) -> None:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(f"{path}: a name has a character that no text file can hold.") from None
    if path.suffix.lower() == ".gz":
        data = gzip.compress(data, mtime=0)
    try:
        replace_file(path, data)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {in_short(error)}.") from None
