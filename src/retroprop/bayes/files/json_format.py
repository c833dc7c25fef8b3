"""Networks in JSON: our own format, which keeps every name and every number.

    {"format": "retroprop-bayes", "version": 1, "name": "…", "properties": ["…"],
     "variables": [{"name": "S", "states": ["s0", "s1"], "parents": [], "table": [0.2, 0.8]}, …]}

A table is nested lists, [parents…, child]. A message about what a file says names the place in the
text, found again by walking to it (`_locate`), for Python's reader of JSON forgets it.
"""

import json
import re
from typing import Any, NoReturn

import numpy as np

from retroprop.bayes.files.description import TOLERANCE, Builder, Description
from retroprop.bayes.files.source import LIMITS, Limits, Source, shortened, suggestion
from retroprop.bayes.validation import repeated

FORMAT, VERSION = "retroprop-bayes", 1
MOST_LISTS = 2**22  # each takes a hundred bytes; a row of a table is one
_KEYS = {"format", "version", "name", "properties", "variables"}
_VARIABLE_KEYS = {"name", "states", "parents", "table"}
_BLANK = re.compile(r"[ \t\n\r]*")
Path = tuple["str | int", ...]


def parse_json(
    source: Source, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in JSON.

    Raises:
        UserError: If it is malformed, with line and column.
    """
    return _Reader(source, limits, tolerance).network()


class _Twice(Exception):  # noqa: N818 - a verdict on the file
    """An object has a key twice."""


class _Reader:
    """Builds the network from the values; places are indices of `paths`."""

    def __init__(self, source: Source, limits: Limits, tolerance: float) -> None:
        self.source = source
        self.builder = Builder(self.fail_at, limits, tolerance)
        self.paths: list[Path] = [()]

    def network(self) -> Description:
        document = self.kind(self.loads(), (), dict, "an object")
        if document.get("format") != FORMAT:
            self.fail(("format",) if "format" in document else (), f'expected "format": "{FORMAT}"')
        if document.get("version") != VERSION:
            place = ("version",) if "version" in document else ()
            self.fail(place, f'expected "version": {VERSION}, the one that this retroprop reads')
        self.keys(document, (), _KEYS, {"variables"})
        name = self.kind(document.get("name", ""), ("name",), str, "a text")
        properties = self.texts(document.get("properties", []), ("properties",))
        entries = self.kind(document["variables"], ("variables",), list, "a list")
        for i, entry in enumerate(entries):
            here = ("variables", i)
            self.kind(entry, here, dict, "an object")
            self.keys(entry, here, _VARIABLE_KEYS, {"name", "states", "table"})
            variable = self.kind(entry["name"], (*here, "name"), str, "a text")
            states = self.texts(entry["states"], (*here, "states"))
            self.builder.add_variable(variable, states, self.place((*here, "name")))
        for i, entry in enumerate(entries):
            self.table(entry, ("variables", i))
        return self.builder.finish(name, properties)

    def loads(self) -> Any:
        def no_constant(text: str) -> NoReturn:
            place = re.search(rf"(?<![\w\"]){re.escape(text)}", self.source.text)
            self.source.fail(place.start() if place else 0, f"expected a number, and got {text}")

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                raise _Twice(repeated([key for key, _ in pairs]))
            return found

        lists = self.source.text.count("[") + self.source.text.count("{")
        if lists > MOST_LISTS:  # before Python makes them all
            self.source.fail(0, f"expected at most {MOST_LISTS:,} lists and objects, not {lists:,}")
        try:
            return json.loads(
                self.source.text, parse_constant=no_constant, object_pairs_hook=once, parse_int=_int
            )
        except json.JSONDecodeError as error:
            self.source.fail(error.pos, f"this is not JSON: {error.msg}")
        except _Twice as twice:
            self.source.fail(
                0, f"an object of the file has the key {shortened(str(twice))!r} twice"
            )
        except RecursionError:
            self.source.fail(0, "the file is nested too deeply for a network")

    def table(self, entry: dict[str, Any], here: Path) -> None:
        parents = self.texts(entry.get("parents", []), (*here, "parents"))
        at = self.place((*here, "parents") if "parents" in entry else here)
        shape = self.builder.add_family(entry["name"], parents, at)
        place = (*here, "table")
        values: list[float] = []
        self.flatten(entry["table"], shape, place, values)
        self.builder.add_table(
            entry["name"], np.array(values, np.float64).reshape(shape), self.place(place)
        )

    def flatten(self, item: Any, shape: tuple[int, ...], place: Path, values: list[float]) -> None:
        """Append the numbers of nested lists that must have this shape."""
        if not isinstance(item, list) or len(item) != shape[0]:
            got = f"{len(item)} items" if isinstance(item, list) else _kind(item)
            self.fail(place, f"expected a list of {shape[0]} items in a table of shape "
                      f"{_product(shape)}, and got {got}")  # fmt: skip
        for i, inner in enumerate(item):
            if len(shape) > 1:
                self.flatten(inner, shape[1:], (*place, i), values)
            elif isinstance(inner, int | float) and not isinstance(inner, bool):
                values.append(float(inner))
            else:
                self.fail((*place, i), f"expected a probability, and got {_kind(inner)}")

    # --- what is expected -------------------------------------------------------------------------

    def kind(self, item: Any, place: Path, kind: type, words: str) -> Any:
        if not isinstance(item, kind):
            self.fail(place, f"expected {words}, and got {_kind(item)}")
        return item

    def texts(self, item: Any, place: Path) -> list[str]:
        for i, text in enumerate(self.kind(item, place, list, "a list of texts")):
            self.kind(text, (*place, i), str, "a text")
        return item

    def keys(self, item: dict[str, Any], place: Path, known: set[str], needed: set[str]) -> None:
        for key in item:
            if key not in known:
                near = suggestion(key, known)
                self.fail((*place, key), f"unknown key {shortened(key)!r}. {near}")
        for key in sorted(needed - set(item)):
            self.fail(place, f"the key {key!r} is missing")

    # --- places -----------------------------------------------------------------------------------

    def place(self, path: Path) -> int:
        self.paths.append(path)
        return len(self.paths) - 1

    def fail_at(self, at: int, sentence: str) -> NoReturn:
        self.fail(self.paths[at], sentence)

    def fail(self, path: Path, sentence: str) -> NoReturn:
        self.source.fail(_locate(self.source.text, path), sentence)


def _int(text: str) -> int | float:
    """A whole number; one of more digits than a probability can need becomes a float."""
    return int(text) if len(text) < 20 else float(text)


def _kind(item: Any) -> str:
    match item:
        case None:
            return "null"
        case bool():
            return str(item).lower()
        case str():
            return f"the text {shortened(item)!r}"
        case int() | float():
            return f"the number {item}"
        case list():
            return f"a list of {len(item)} items"
        case _:
            return "an object"


def _product(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _locate(text: str, path: Path) -> int:
    """Where the value at a path begins in a text that is valid JSON.

    >>> _locate('{"a": [1, {"b": 2}]}', ("a", 1, "b"))
    16
    """
    decoder = json.JSONDecoder()

    def blank(at: int) -> int:
        return _BLANK.match(text, at).end()  # type: ignore[union-attr]

    def over(at: int) -> int:
        return blank(decoder.raw_decode(text, at)[1])

    at = blank(0)
    for step in path:
        at = blank(at + 1)  # over the bracket
        if isinstance(step, int):
            for _ in range(step):
                at = blank(over(at) + 1)  # over the comma
            continue
        while True:
            key, end = decoder.raw_decode(text, at)
            at = blank(blank(end) + 1)  # over the colon
            if key == step:
                break
            at = blank(over(at) + 1)
    return at


def write_json(network: Description) -> str:
    """The network in JSON; reading gives the same names and the same float64."""
    variables = []
    for name, states in network.states.items():
        fields = {
            "name": name,
            "states": list(states),
            "parents": list(network.parents[name]),
            "table": network.tables[name].tolist(),
        }
        inner = ",\n     ".join(
            f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in fields.items()
        )
        variables.append(f"    {{{inner}}}")
    head = {"format": FORMAT, "version": VERSION, "name": network.name}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    properties = json.dumps(list(network.properties), ensure_ascii=False)
    lines += [f'  "properties": {properties},', '  "variables": [', ",\n".join(variables), "  ]"]
    return "\n".join(["{", *lines, "}"]) + "\n"
