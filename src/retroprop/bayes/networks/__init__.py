"""The networks that ship: the assignment's own and small classics, each with its source.

They are BIF files beside this module, written by us from the published tables.
"""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from retroprop.bayes.bayes_net import BayesNet
from retroprop.bayes.files import Description, Format, parse
from retroprop.errors import UserError, did_you_mean

NETWORKS = ("inf8225", "asia", "cancer", "earthquake", "kidney-stones", "sprinkler")


def load(name: str) -> BayesNet:
    """A shipped network.

    >>> load("asia").variables
    ('asia', 'tub', 'smoke', 'lung', 'bronc', 'either', 'xray', 'dysp')

    Raises:
        UserError: If none has this name.
    """
    description = describe(name)
    return BayesNet(description.spec, description.states)


@lru_cache(maxsize=len(NETWORKS))
def describe(name: str) -> Description:
    """A shipped network as its file says it, with its title and source in `properties`.

    Raises:
        UserError: If none has this name.
    """
    if name not in NETWORKS:
        raise UserError(f"no network {name!r} ships with retroprop. {did_you_mean(name, NETWORKS)}")
    data = files("retroprop.bayes.networks").joinpath(f"{name}.bif").read_bytes()
    return parse(data, "bif", f"{name}.bif")


def property_of(description: Description, key: str) -> str:
    """The value of a line "key = value" of the properties, or "".

    >>> property_of(describe("asia"), "title")
    'A chest clinic'
    """
    for line in description.properties:
        name, equals, value = line.partition("=")
        if equals and name.strip() == key:
            return value.strip()
    return ""


def load_or_read(name: str, format: Format | None = None) -> BayesNet:
    """A shipped network by its name, or a network file by its path.

    Args:
        name: The name or the path.
        format: Of the file; then it is one, whatever its name.

    Raises:
        UserError: If it is neither.
    """
    if name in NETWORKS and format is None:
        return load(name)
    path = Path(name).expanduser()
    if name in NETWORKS and not path.exists():
        raise UserError(
            f"--format makes {name} the name of a file, and there is none; leave it out for the "
            f"network {name} that is shipped."
        )
    if path.suffix or path.exists() or format:
        return BayesNet.read(path, format=format)
    raise UserError(
        f"{name!r} is neither a network file nor the name of a shipped network. "
        f"{did_you_mean(name, NETWORKS)}"
    )
