"""Every row of the table holds, and everything public by hand has a row."""

import dataclasses
import importlib
import inspect
import pkgutil
import sys

import pytest

import retroprop.byhand
from retroprop.errors import UserError
from retroprop.parity.comparisons import check_case, check_row
from retroprop.parity.rows import KINDS, FunctionRow
from retroprop.parity.table import HELPERS, TABLE, find_row, rows_of


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_what_is_derived_by_hand_equals_its_twin(row):
    result = check_row(row)
    wrong = [(str(one.case), one.comparisons) for one in result.cases if not one.passed]
    assert wrong == []
    assert result.passed


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.kind in ("layer", "loss", "network")], ids=lambda r: r.name
)
def test_every_function_is_compared_with_central_differences_too(row):
    assert check_case(row, row.cases[0]).against_differences is not None


def public_names(package):
    """Every public class and function that a module of the package defines, as "module.name"."""
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            defined_here = getattr(value, "__module__", None) == module.__name__
            is_one = inspect.isclass(value) or inspect.isfunction(value)
            if is_one and defined_here and not name.startswith("_"):
                yield f"{info.name.rpartition('.')[2]}.{name}", value


PUBLIC = dict(public_names(retroprop.byhand))


def without_a_row(public, table, helpers):
    covered = {thing for row in table for thing in row.covers}
    return sorted(
        name for name, value in public.items() if value not in covered and name not in helpers
    )


def test_every_public_class_and_function_has_a_row_or_a_reason():
    assert without_a_row(PUBLIC, TABLE, HELPERS) == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_that_is_taken_out_is_missed(row):
    rest = [other for other in TABLE if other is not row]
    only_here = set(row.covers) - {thing for other in rest for thing in other.covers}
    known = {name: value for name, value in PUBLIC.items() if value in only_here}
    missed = without_a_row(known, rest, HELPERS)
    assert len(missed) == len(only_here)
    if row.kind != "training":  # trainings repeat what other rows cover
        assert missed


def test_a_helper_is_public_has_a_reason_and_no_row():
    covered = {thing for row in TABLE for thing in row.covers}
    assert set(HELPERS) <= set(PUBLIC)
    assert not {PUBLIC[name] for name in HELPERS} & covered
    assert all(HELPERS.values())


def test_what_the_rows_cover_is_public():
    assert {thing for row in TABLE for thing in row.covers} <= set(PUBLIC.values())


def code_of(thing):
    """The functions that must run before one may say that a thing was checked."""
    if inspect.isfunction(thing):
        return {thing.__code__}
    names = {"forward", "backward", "forward_", "backward_", "step", "gradient"} & set(vars(thing))
    if names & {"forward", "forward_"}:
        names -= {"step", "gradient"}  # other ways of doing the same; tests/byhand compares them
    if "gradient" in names:
        names -= {"step"}
    return {getattr(thing, name).__code__ for name in names or {"__init__"}}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_checking_a_row_runs_everything_that_the_row_says_it_covers(row):
    wanted = set().union(*map(code_of, row.covers))
    assert wanted
    seen = set()

    def note(frame, event, _argument):
        if event == "call" and frame.f_code in wanted:
            seen.add(frame.f_code)

    small = min(row.cases, key=lambda one: (len(one.population) == 0, sum(one.shape)))
    if row.kind == "training":
        small = dataclasses.replace(small, options={"steps": 2})
    if isinstance(row, FunctionRow):
        row = dataclasses.replace(row, elements=0)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        check_case(row, small)
    finally:
        sys.setprofile(before)
    assert {code.co_qualname for code in wanted - seen} == set()


def test_names_and_kinds_are_found_however_they_are_written():
    assert find_row("linear") is find_row("LINEAR") is find_row("Linear")
    assert find_row("softmax-cross-entropy") is find_row("softmax_cross_entropy")
    assert {row.kind for row in rows_of("Optimizer")} == {"optimizer"}
    assert [row.kind for row in TABLE] == [row.kind for kind in KINDS for row in rows_of(kind)]


def test_no_two_rows_have_the_same_name():
    assert len({row.name.lower() for row in TABLE}) == len(TABLE)


def test_no_row_has_the_same_case_twice():
    for row in TABLE:
        cases = [str(one) for one in row.cases]
        assert len(set(cases)) == len(cases), row.name


@pytest.mark.parametrize(
    ("find", "word", "meant"),
    [(find_row, "liner", "'linear'"), (rows_of, "optimiser", "'optimizer'")],
)
def test_an_unknown_name_is_answered_with_a_suggestion(find, word, meant):
    with pytest.raises(UserError, match=f"Did you mean {meant}"):
        find(word)
