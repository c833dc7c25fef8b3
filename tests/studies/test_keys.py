"""The reference of all keys of a study file says what the schema says."""

from typing import Annotated, Literal

import pytest
import study_keys
from pydantic import Field

from retroprop.errors import UserError
from retroprop.studies import keys
from retroprop.studies.keys import find_keys, key_tables
from retroprop.studies.kinds import KINDS
from retroprop.studies.schema import Strict, Study


def test_the_page_is_what_the_schema_says():
    written = study_keys.PAGE.read_text(encoding="utf-8")
    assert written == study_keys.page(), "run python scripts/study_keys.py"


def test_every_key_has_a_meaning():
    assert [key.name for table in key_tables() for key in table.keys if not key.meaning] == []


def test_every_table_of_the_schema_is_there():
    tables = {table.name for table in key_tables()}
    assert {"", "split", "model", "training", "grid", "selection", "report"} <= tables
    assert "report.tables" in tables


def test_a_key_is_found_with_and_without_its_table_and_its_kinds_are_those_that_have_it():
    (width,) = [key for key in find_keys("width") if key.name == "training.width"]
    assert width in find_keys("training.width")
    assert (width.type, width.default) == ("whole number, 1 to 100,000", "100")
    assert width.kinds == ("shallow", "mlp")
    (dataset,) = find_keys("dataset")
    assert dataset.default is None
    assert dataset.kinds == tuple(KINDS)


def test_a_table_gives_all_its_keys():
    assert {key.name for key in find_keys("split")} == {
        f"split.{name}" for name in Study.model_fields["split"].annotation.model_fields
    }


def test_a_misspelt_key_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'learning_rate'"):
        find_keys("learning_rat")


def test_a_table_that_is_added_to_the_schema_is_in_the_reference(monkeypatch):
    class Range(Strict):
        """From low to high."""

        low: Annotated[float, Field(gt=0)] | None = None

    class Search(Strict):
        """How a search goes."""

        trials: Annotated[int, Field(ge=1, le=1000)]
        sampler: Literal["tpe", "random"] = "tpe"
        ranges: Range | None = None
        steps: list[Range] = Field(default=[])

    class Larger(Study):
        search: Search | None = None

    monkeypatch.setattr(keys, "Study", Larger)
    found = {key.name: key for table in key_tables() for key in table.keys}
    assert found["search.trials"].type == "whole number, 1 to 1,000"
    assert found["search.sampler"].type == '"tpe" or "random"'
    assert found["search.ranges.low"].type == "number, above 0"
    (steps,) = [table for table in key_tables() if table.name == "search.steps"]
    assert steps.many
    assert study_keys.section(steps).startswith("\n## `[[search.steps]]`\n\nFrom low to high.")
