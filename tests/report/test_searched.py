"""The report of a search: its trials, its pictures, and what it may not claim."""

import sys

import pytest

from retroprop.figures.search import Dimension, DrawnTrial, best_quarter, improvements
from retroprop.report.appendix import models_section, setting_section
from retroprop.report.content import compose, summary
from retroprop.report.html import render_html
from retroprop.report.searched import search_section

MIXER = "ift6135-mixer-best"


@pytest.fixture
def searched(networks):
    """A function from changes of the made-up search of the Mixer to its report."""

    def tell(language="en", **changes):
        return networks(MIXER, language, size="laptop", **changes)

    return tell


def blocks(report, kind):
    return [block for block in search_section(report).blocks if block.kind == kind]


def plain(text):
    return " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())


def text_of(report):
    return plain(" ".join(block.text for block in blocks(report, "paragraph")))


def test_the_table_of_trials_begins_with_the_best_and_ends_with_the_pruned_ones(searched):
    (table,) = blocks(searched(pruned={0, 5}), "table")
    assert [row.header for row in table.rows][:2] == ["2", "3"]
    assert [row.header for row in table.rows][-2:] == ["1", "6"]
    assert [row.cells[-2].mark for row in table.rows].index("best") == 0
    assert [row.cells[-1].text for row in table.rows][-3:] == ["finished", "pruned", "pruned"]
    assert any("best one so far" in note for note in table.notes)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_search_draws_its_pictures_and_says_them_in_words(searched, language):
    report = searched(language, pruned={5})
    drawn = {block.name: block for block in blocks(report, "picture")}
    assert list(drawn) == ["search-best", "search-importance", "search-parallel", "search-slices"]
    assert "embedding" in drawn["search-slices"].description or language == "fr"
    assert all(block.caption and block.description for block in drawn.values())
    page = render_html(compose(report))
    assert all(f'<figure id="{name}"' in page for name in drawn)


def test_the_pictures_say_which_trial_was_the_best_so_far_and_how_the_others_ended(searched):
    best, _, parallel, slices = blocks(searched(pruned={5, 6}), "picture")
    assert plain(best.description) == (
        "Trial 1 is the best so far with 90.00%. Trials that trained to their end: 10; pruned: 2; "
        "diverged: 0."
    )
    assert "optimizer: Adam, AdamW; learning rate: 0.0002" in plain(parallel.description)
    assert "The best trial, 1, has Adam" in plain(slices.description)


def test_few_trials_have_no_importance_and_two_have_no_picture(searched):
    report = searched(changes=["search.trials=6"])
    assert "importance of the settings is estimated from 10 trials on" in text_of(report)
    assert "search-importance" not in [block.name for block in blocks(report, "picture")]
    assert blocks(searched(changes=["search.trials=2"]), "picture") == []


def test_without_optuna_a_report_lacks_the_importance_alone_and_says_why(searched, monkeypatch):
    report = searched()
    monkeypatch.setitem(sys.modules, "optuna", None)
    (notice,) = blocks(report, "notice")
    assert "pip install -c constraints.txt -e '.[search]'" in notice.text
    assert len(blocks(report, "picture")) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["search.sampler=random"], "drawn at random."),
        (["search.pruning=none"], "drawn by TPE"),
        (["search.pruning=halving"], "By successive halving a trial was pruned"),
        (["search.pruning=median"], "below the median of the finished trials"),
    ],
)
def test_a_search_says_how_it_drew_and_pruned(searched, changes, said):
    text = text_of(searched(changes=changes))
    assert said in text
    assert ("pruned" in text.split("Importance")[0]) == ("none" not in changes[0])


def test_the_summary_speaks_of_trials_and_of_an_unfinished_search_as_such(searched):
    (first, *_) = map(plain, summary(searched()))
    assert first.startswith("Of 12 trials on CIFAR-10")
    report = searched(stop_after=5, tested=False)
    (first, *_) = map(plain, summary(report))
    assert first.startswith("So far, of ")
    assert report.n_planned == 12
    assert report.unfinished


def test_the_appendix_names_the_ranges_and_lists_pruned_models(searched):
    report = searched(pruned={3})
    (table,) = [b for b in setting_section(report).blocks if b.name == "setting-table"]
    facts = {row.header: plain(row.cells[0].text) for row in table.rows}
    assert facts["weight decay"] == "5e-6 to 0.05 (logarithmic)"
    assert facts["embedding dimension"] == "64, 128, 256"
    rows = models_section(report).blocks[1].rows
    assert "pruned" in {cell.text for row in rows for cell in row.cells}


def test_a_study_without_a_search_has_no_such_section(networks):
    assert search_section(networks("ift6135-mixer-patches")) is None


def test_trials_that_did_not_finish_are_never_the_best():
    ends = [("finished", 0.5), ("pruned", 0.9), ("finished", 0.6), ("diverged", None)]
    trials = [
        DrawnTrial(number=at, accuracy=accuracy, status=status)
        for at, (status, accuracy) in enumerate(ends, start=1)
    ]
    assert [trial.number for trial in improvements(trials)] == [1, 3]
    assert [trial.number for trial in best_quarter(trials)] == [3]


def test_the_ticks_of_an_interval_lie_between_its_ends():
    wide = Dimension(key="x", name="x", low=1e-6, high=1e-1, log=True)
    assert [label for _, label in wide.ticks("en", most=5)] == ["1e-6", "0.0001", "0.1"]
    assert [label for _, label in wide.ticks("fr", most=2)] == ["1e-6", "0,1"]
    plain_one = Dimension(key="x", name="x", low=0, high=1)
    assert [place for place, _ in plain_one.ticks("en")] == [0, 0.5, 1]
