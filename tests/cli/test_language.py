"""The command line speaks the language of whoever reads it."""

from pathlib import Path

import pytest


@pytest.fixture
def french_locale(monkeypatch):
    monkeypatch.delenv("RETROPROP_LANGUAGE")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LC_MESSAGES", "fr_CA.UTF-8")


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["--help"], ["Utilisation\u00a0: retroprop COMMANDE", "─ Études ─", "elle-même\u00a0:"]),
        (["run", "--help"], ["Entraîner chaque", "[obligatoire]", "[par\u00a0défaut\u00a0: cpu]"]),
        (["bayes", "draw", "--help"], ["[choix\u00a0: en, fr]", "Chaque commande s’explique"]),
        (["data", "--help"], ["retroprop data COMMANDE\n", "retroprop COMMANDE --help"]),
        (["theory", "--help"], ["Prouver la feuille de théorie"]),
    ],
    ids=lambda value: " ".join(value),
)  # fmt: skip
@pytest.mark.usefixtures("french_locale")
def test_help_speaks_the_language_of_the_locale(call, arguments, texts):
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    for text in texts:
        assert text in out


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("runs", "[OPTIONS] [STUDY]"),
        ("compare", "[OPTIONS] [WHAT...]"),
        ("data verify", "[NAME]"),
        ("bayes query", "[OPTIONS] NETWORK [TARGETS...]"),
    ],
)
def test_a_usage_names_the_arguments(call, command, usage):
    out = call(*command.split(), "--help")[1]
    assert out.splitlines()[0].split(": ")[1] == f"retroprop {command} {usage}"


def test_the_variable_wins_over_the_locale(call, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("RETROPROP_LANGUAGE", "fr")
    assert "Utilisation" in call("--help")[1]
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    monkeypatch.setenv("RETROPROP_LANGUAGE", "en")
    out = call("--help")[1]
    assert "Usage: " in out
    assert "Every command explains itself" in out


def test_a_language_that_nobody_speaks_is_refused(refused, monkeypatch):
    monkeypatch.setenv("RETROPROP_LANGUAGE", "de")
    assert refused("--help") == "the variable RETROPROP_LANGUAGE is en or fr, and not 'de'."


@pytest.mark.usefixtures("french_locale")
def test_what_is_written_speaks_the_reader_s_language_where_lang_says_nothing(call):
    call("report", "inf8225-bayes", "--format", "html")
    assert Path("reports", "inf8225-bayes-fr.html").is_file()
    call("bayes", "draw", "asia")
    assert "Réseau bayésien" in Path("asia.svg").read_text("utf-8")
    assert "Réponse" in call("theory", "1a")[1]
    call("data", "show", "cifar10-sample", "--per-class", "1", "--output", "default.png")
    call("data", "show", "cifar10-sample", "--per-class", "1", "--output", "fr.png", "--lang", "fr")
    assert Path("default.png").read_bytes() == Path("fr.png").read_bytes()


@pytest.mark.usefixtures("french_locale")
def test_lang_wins_over_the_reader_s_language(call):
    call("report", "inf8225-bayes", "--format", "html", "--lang", "en")
    assert [path.name for path in Path("reports").iterdir()] == ["inf8225-bayes-en.html"]
    call("bayes", "draw", "asia", "--lang", "en")
    assert "Bayesian network" in Path("asia.svg").read_text("utf-8")
    assert "Answer" in call("theory", "1a", "--lang", "en")[1]
