"""All keys of a study file, read from the schema: type, bounds, default, meaning, kinds of models.

`retroprop studies keys` and docs/study_keys.md show them, so both say what the validation does. The
meaning of a key is the docstring below its field.
"""

import ast
import inspect
import itertools
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.studies.kinds import KINDS, settings_of_kind
from retroprop.studies.schema import Study, Training
from retroprop.training.settings import Hyperparameters, OneOf, RunSettings, Words

_PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "value"}


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a study file.

    Attributes:
        name: With its tables, as "training.learning_rate".
        type: What may be given, with its bounds.
        default: What it is where it is left out; None if it may not be.
        meaning: In a sentence.
        kinds: The kinds of models that have it.
    """

    name: str
    type: str
    default: str | None
    meaning: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KeyTable:
    """A table of a study file; the first one is the file itself, without a name.

    Attributes:
        many: Whether there may be several, each below [[name]].
        of_settings: Whether its keys are those of [training], with another type each.
    """

    name: str
    meaning: str
    keys: tuple[Key, ...]
    many: bool = False
    of_settings: bool = False


def key_tables() -> list[KeyTable]:
    """Every table of a study file with its keys, in the order of the schema."""
    return list(_tables(Study, "", many=False))


def find_keys(name: str) -> list[Key]:
    """The keys of that name, with or without their tables; or all keys of a table.

    Raises:
        UserError: If there is none.
    """
    every = {key.name: key for table in key_tables() for key in table.keys}
    found = [
        key
        for whole, key in every.items()
        if whole == name or whole.endswith(f".{name}") or whole.startswith(f"{name}.")
    ]
    if not found:
        known = {part for whole in every for part in (whole, whole.rpartition(".")[2])}
        raise UserError(
            f"no key of a study is called {in_short(name)}. {did_you_mean(name, known)}"
        )
    return found


def _tables(model: type[BaseModel], name: str, *, many: bool) -> Iterator[KeyTable]:
    """The table of a model, and those inside it."""
    below: list[tuple[str, type[BaseModel], bool]] = []
    keys = []
    settings = {field.name for field in fields(Hyperparameters)} <= model.model_fields.keys()
    for key, info in model.model_fields.items():
        place = f"{name}.{key}" if name else key
        inner = _model_in(info.annotation)
        if inner is not None and not _is_text(inner):
            if settings:  # each has a range of the same keys
                place = f"{name}.SETTING"
            if place not in [one for one, *_ in below]:
                below.append((place, inner, get_origin(info.annotation) is list))
        else:
            keys.append(_key(model, place, key, info))
    yield KeyTable(
        name=name,
        meaning=_paragraphs(inspect.getdoc(model)),
        keys=tuple(keys),
        many=many,
        of_settings=settings and model is not Training,
    )
    for place, inner, several in below:
        yield from _tables(inner, place, many=several)


def _key(model: type[BaseModel], place: str, name: str, info: FieldInfo) -> Key:
    kinds = tuple(kind for kind in KINDS if "." in place and name in settings_of_kind(kind))
    usual = info.get_default(call_default_factory=True)
    return Key(
        name=place,
        type=_words(info.annotation, info.metadata),
        default=None if info.is_required() else _default(name, usual, model is Training),
        meaning=(_SETTINGS | _meanings(model)).get(name, ""),
        kinds=kinds or tuple(KINDS),
    )


def _default(name: str, usual: Any, of_kind: bool) -> str:
    """A default as a study file writes it, and those of some kinds that have another."""
    if not of_kind:
        return _value(usual)
    kinds: dict[str, list[str]] = {_value(usual): []} if usual is not None else {}
    for kind, row in KINDS.items():
        if name in settings_of_kind(kind):
            value = row.initial_scale if name == "initial_scale" else usual
            kinds.setdefault(_value(row.defaults.get(name, value)), []).append(kind)
    first, *others = sorted(kinds, key=lambda value: -len(kinds[value])) or ["none"]
    return "; ".join([first, *(f"{value} of {', '.join(kinds[value])}" for value in others)])


def _value(value: Any) -> str:
    """A value as a study file writes it."""
    if isinstance(value, BaseModel):
        return _value("; ".join(dict.fromkeys(map(str, value.model_dump().values()))))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if value is None:
        return "none"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


# -- types -----------------------------------------------------------------------------------------


def _words(kind: Any, given: Sequence[Any] = ()) -> str:
    """What a value of a type is, with its bounds."""
    marks = [one for mark in given for one in getattr(mark, "metadata", [mark])]
    if get_origin(kind) is Annotated:
        plain, *inner = get_args(kind)
        return _words(plain, [*inner, *marks])
    checks = [mark.func if isinstance(mark, AfterValidator) else mark for mark in marks]
    for check in checks:
        if (setting := getattr(check, "setting", None)) is not None:
            return _words(setting)
        if isinstance(check, OneOf | Words):
            return _either([f'"{word}"' for word in check.known])
        if said := getattr(check, "said", None):
            return str(said)
    if get_origin(kind) is Literal:
        return _either([*map(_value, get_args(kind))])
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_words(one, marks) for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) in (list, tuple):
        some = [one for one in get_args(kind) if one is not ...]
        count = str(len(some)) if get_origin(kind) is tuple else _bounds(checks)
        return (f"list of {count} values: " if count else "list: ") + _words(some[0])
    if _model_in(kind) is not None:
        return 'text, or one for each language: { en = "…", fr = "…" }'
    bounds = "" if kind is str else _bounds(checks)
    return ", ".join(filter(None, [_PLAIN.get(kind, "table"), bounds]))


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


_LEAST = {"above": "above", "gt": "above"} | dict.fromkeys(
    ("least", "ge", "min_length"), "at least"
)
_MOST = {"below": "below", "lt": "below"} | dict.fromkeys(("most", "le", "max_length"), "at most")


def _bounds(checks: Sequence[Any]) -> str:
    """What limits a number, or the length of a list: "above 0, at most 1e38", "1 to 9"; or ""."""
    said = []
    for words in (_LEAST, _MOST):
        for name, word in words.items():
            limits = [getattr(check, name, None) for check in checks]
            for limit in (one for one in limits if one is not None and abs(one) != math.inf):
                said.append((word, f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"))
    if [word for word, _ in said] == ["at least", "at most"]:
        return " to ".join(limit for _, limit in said)
    return ", ".join(map(" ".join, said))


def _model_in(kind: Any) -> type[BaseModel] | None:
    """The model of a table, or of a list of tables."""
    for one in (kind, *get_args(kind)):
        if inspect.isclass(one) and issubclass(one, BaseModel):
            return one
        if one is not kind and (found := _model_in(one)) is not None:
            return found
    return None


def _is_text(model: type[BaseModel]) -> bool:
    """Whether a table is a text in several languages."""
    return {"en", "fr"} == set(model.model_fields)


# -- meanings --------------------------------------------------------------------------------------


@cache
def _meanings(of: type) -> dict[str, str]:
    """The docstrings below the fields of a class."""
    try:
        source = textwrap.dedent(inspect.getsource(of))
    except (OSError, TypeError):  # a class that was made, or a program without its sources
        return {}
    (body,) = (node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    found = {}
    for field, text in itertools.pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(str(said))):
                found[name] = _paragraphs(said)
    return found


def _paragraphs(text: str | None) -> str:
    return " ".join((text or "").split())


_SETTINGS = _meanings(Hyperparameters) | _meanings(RunSettings)
