"""What is wrong with a file that people write in TOML, in our words rather than the library's.

Study files and rubrics are validated by pydantic; each of its problems becomes one sentence that
names the key and the fix.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from retroprop.errors import did_you_mean, in_short

MOST_PROBLEMS = 20
"""Of a file that are said at once."""

Location = tuple[int | str, ...]


class Strict(BaseModel):
    """A table of such a file: frozen, without unknown keys, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def explained(
    source: str,
    error: ValidationError,
    known_keys: Callable[[Location], Iterable[str]],
    place: Callable[[Location], Location] = tuple,
    *,
    whole: str,
) -> str:
    """What is wrong with a file, one line each.

    Args:
        source: The file, for the sentence.
        error: What the validation found.
        known_keys: The keys that the table at a place of the file may have.
        place: From where the validation found a value to where somebody wrote it.
        whole: What the file describes, as "the study".
    """
    problems = error.errors(include_url=False)[:MOST_PROBLEMS]
    lines = [_sentence(problem, place(problem["loc"]), known_keys, whole) for problem in problems]
    return listed(source, lines, error.error_count())


def listed(source: str, lines: Sequence[str], count: int) -> str:
    """Problems of a file as one text; the first ones, and how many more there are."""
    if count == 1:
        return f"{source}: {lines[0]}" + ("" if lines[0][-1] in ".?" else ".")
    rest = [f"and {count - len(lines):,} more"] if count > len(lines) else []
    return f"{source} has {count:,} problems:\n" + "\n".join(f"  - {x}" for x in [*lines, *rest])


def part_of_key(part: int | str) -> str:
    """A part of a key as TOML writes it, if it is a word; else shortened."""
    plain = isinstance(part, int) or (len(part) <= 40 and part.isprintable())
    return str(part) if plain else in_short(part, 40)


def _sentence(
    problem: Mapping[str, Any],
    place: Location,
    known_keys: Callable[[Location], Iterable[str]],
    whole: str,
) -> str:
    """What is wrong with one key."""
    key = ".".join(map(part_of_key, place))
    given, more = problem.get("input"), dict(problem.get("ctx", {}))
    match problem["type"]:
        case "extra_forbidden":
            known = known_keys(problem["loc"][:-1])
            return f"unknown key {key}. {did_you_mean(str(problem['loc'][-1]), known)}"
        case "missing":
            return f"{key} is missing; add it to the file"
        case "value_error":
            said = str(more.get("error"))
            return said if not key or said.startswith(f"{key}.") else f"{key}: {said}"
        case "too_short" if isinstance(given, str):
            return f"{key} is an empty text; write a word at least"
        case "too_short":
            return f"{key} is an empty list; give at least one value"
        case "too_long" if isinstance(given, list):
            return f"{key} lists {len(given):,} values; give at most {more['max_length']:,}"
        case "setting":
            wanted = problem["msg"]
        case kind:
            more = {name: f"{x:g}" if isinstance(x, float) else x for name, x in more.items()}
            wanted = _WANTED.get(kind, "another value").format(**more)
    return f"{key or whole} must be {wanted}, and got {in_short(given)}"


_WANTED = {
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing_size"), "a whole number"),
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    **dict.fromkeys(("string_too_long", "too_long"), "at most {max_length} characters long"),
    "string_pattern_mismatch": "made of lower-case letters, digits and hyphens, 61 at most",
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "a list"),
    **dict.fromkeys(("model_type", "dict_type", "mapping_type"), "a table"),
    "literal_error": "{expected}",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "greater than or equal to {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "less than or equal to {le}",
}
"""What a key must be, by the kind of pydantic's error; "{limit}" is from its context."""
