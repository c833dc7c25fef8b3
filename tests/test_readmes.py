"""The English and the French README say the same things, and what they show is what is printed."""

import re
import shlex
from pathlib import Path

import pytest

from retroprop import cli
from retroprop.studies.schema import load_study

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
FRENCH = (ROOT / "README.fr.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    """How deep each heading is, in order."""
    return re.findall(r"^(#+) ", _BLOCK.sub("", text), re.MULTILINE)


def blocks(text: str) -> list[str]:
    """The blocks of code without their comments, which are translated."""
    return [re.sub(r" +# .*$", "", block, flags=re.MULTILINE) for block in _BLOCK.findall(text)]


def links(text: str) -> list[str]:
    """Where the links lead, but for those from one language to the other."""
    targets = re.findall(r"\]\(([^)]+)\)", _BLOCK.sub("", text))
    return sorted(target for target in targets if target not in ("README.md", "README.fr.md"))


def inline_code(text: str) -> list[str]:
    """What stands between backticks."""
    return sorted(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text)))


def table_numbers(text: str, *, thousands: str, point: str) -> list[list[str]]:
    """The numbers of each row of the tables, written in one way."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    written = [re.sub(rf"(?<=\d){thousands}(?=\d{{3}}\b)", "", row) for row in rows]
    written = [re.sub(rf"(?<=\d){re.escape(point)}(?=\d)", ".", row) for row in written]
    return [re.findall(r"\d+(?:\.\d+)?", row) for row in written]


@pytest.mark.parametrize("part", [headings, blocks, links, inline_code])
def test_both_readmes_have_the_same(part):
    assert part(FRENCH) == part(ENGLISH)
    assert part(ENGLISH)


def test_the_numbers_of_the_tables_are_the_same():
    english = table_numbers(ENGLISH, thousands=",", point=".")
    assert table_numbers(FRENCH, thousands="\u202f", point=",") == english
    assert table_numbers("| 1,000 rows of 5 |", thousands=",", point=".")[0] == ["1000", "5"]


def test_each_readme_leads_to_the_other_in_its_first_lines():
    assert "](README.fr.md)" in "".join(ENGLISH.splitlines()[:4])
    assert "](README.md)" in "".join(FRENCH.splitlines()[:4])


def test_the_french_has_its_apostrophes_and_no_break_spaces():
    prose = _CODE.sub("code", FRENCH)
    assert re.findall(r"\w'\w", prose) == []
    assert re.findall(r"[ \w][;!?»](?:\s|$)|(?<![\u00a0\d]):\s|« ", prose) == []


@pytest.mark.parametrize("text", [ENGLISH, FRENCH], ids=["README.md", "README.fr.md"])
def test_every_link_of_a_readme_leads_somewhere(text):
    for target in links(text):
        assert target.startswith("http") or (ROOT / target).exists(), target


SHOWN = re.compile(r"^\$ retroprop (.*)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
COMMANDS = {command: printed for command, printed in SHOWN.findall(ENGLISH) if printed.strip()}


@pytest.mark.parametrize(
    "command",
    [
        'bayes query inf8225 --ask "P(G | R=1, do(S=0))"',
        "bayes do inf8225 G=g2 R",
        "run inf8225-logistic --set grid.optimizer=adma",
    ],
)
def test_a_command_prints_what_the_readmes_show(command, capsys):
    with pytest.raises(SystemExit):
        cli.main(shlex.split(command))
    assert "".join(capsys.readouterr()).strip() == COMMANDS[command].strip()


def test_the_run_that_the_readmes_show_is_the_one_of_their_command():
    (command,) = (one for one in COMMANDS if "--epochs 3" in one)
    words = shlex.split(command)
    changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    study = load_study(words[1], changes=changes, epochs=int(words[-1]))
    assert f"{study.name}-{study.fingerprint[:8]}: {study.models} models" in COMMANDS[command]
