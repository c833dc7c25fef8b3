import pytest

from retroprop.cli.report import report
from retroprop.errors import UserError


def test_the_command_prints_one_line_for_each_file(data, tmp_path, capsys):
    data.make_records(tmp_path / "c.db", stop_after=3)
    report("inf8225-logistic", lang="fr", output=tmp_path / "out", db=str(tmp_path / "c.db"))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"wrote {tmp_path / 'out' / f'inf8225-logistic-fr.{name}'}" for name in ("html", "pdf")
    ]


@pytest.mark.parametrize("format", ["", " , "])
def test_an_empty_format_is_explained(format, data, tmp_path):
    data.make_records(tmp_path / "c.db", stop_after=3)
    with pytest.raises(UserError, match="--format is empty"):
        report("inf8225-logistic", format=format, db=str(tmp_path / "c.db"))


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(UserError, match="run a study first"):
        report("inf8225-logistic", db=str(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()
