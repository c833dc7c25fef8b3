"""The document of the Lyon assignment: its questions, its states, and sentences that can turn."""

import re
from dataclasses import replace

import pytest

from retroprop.labs.lyon_tp import answers_deep, answers_perceptron, measurements
from retroprop.labs.lyon_tp.experiments import with_figures
from retroprop.labs.lyon_tp.questions import LAB
from retroprop.labs.source_code import source
from retroprop.report.costs import costs_section
from retroprop.report.influence import influence_sections
from retroprop.report.lab_content import compose_lab, question_section
from retroprop.studies.schema import load_study

NAMES = [
    *("0.1", "1.1", "1.2", "1.3", "1.4", "1.5"),
    *("2.1", "2.2", "2.3", "2.4", "2.5", "2.6"),
    *("3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8"),
    *("4.1", "4.2a", "4.2b", "4.3"),
]
FEW = {  # a smaller grid of each study, so that the states are many and the models few
    "lyon-perceptron": {
        "changes": [
            "grid.learning_rate=0.0001,0.001,0.02",
            "grid.initial_scale=0.01,1.0",
            "grid.initial_sign=both,positive",
        ]
    },
    "lyon-shallow": {
        "changes": [
            "grid.learning_rate=0.01,0.3",
            "grid.initial_scale=auto,1.0",
            "grid.width=10,30",
        ]
    },
    "lyon-deep": {
        "changes": [
            "grid.learning_rate=0.003,0.01",
            "grid.initial_scale=auto,0.1",
            "grid.depth=1,2",
            "grid.width=50,200",
        ]
    },
    "lyon-activations": {"changes": ["grid.learning_rate=0.01,0.1"]},
    "lyon-optimizers": {"changes": ["grid.optimizer=sgd,adam", "grid.learning_rate=0.001,0.1"]},
    "lyon-minibatches": {"changes": ["grid.learning_rate=0.03,0.1", "grid.batch_size=1,100"]},
    "lyon-convolution": {},
}


def every(**options):
    return {name: {**few, **options} for name, few in FEW.items()}


def one(name, **options):
    """One study with three seeds."""
    changes = [*FEW[name].get("changes", ()), "seeds=0,1,2"]
    return {name: {"changes": changes, **options}}


def reverse(name):
    """The accuracies of the makers the other way round: the last values of the grid are best."""
    study = load_study(name, changes=FEW[name].get("changes", ()))
    grid = study.grid.varied()

    def accuracy(cell, seed):
        return 0.8 + 0.01 * sum(grid[key].index(value) for key, value in cell.items())

    return accuracy


def with_curves(lab, name, accuracy):
    """The lab with other validation accuracies: of a cell, a seed and an epoch."""
    report = lab.study(name)

    def rewritten(run):
        epochs = [
            replace(one, validation_accuracy=accuracy(run.cell, run.seed, one.epoch))
            for one in run.epochs
        ]
        best = max(one.validation_accuracy for one in epochs)
        return replace(run, epochs=tuple(epochs), best_validation_accuracy=best)

    lab._found[name] = replace(report, runs=tuple(map(rewritten, report.runs)))
    return lab


def texts(report, name):
    """The sentences of an answer."""
    (question,) = (one for one in LAB.questions if one.name == name)
    section = question_section(report, question)
    return " ".join(getattr(block, "text", "") for block in section.blocks)


def table(report, name, start):
    (question,) = (one for one in LAB.questions if one.name == name)
    blocks = question_section(report, question).blocks
    (found,) = (b for b in blocks if b.kind == "table" and b.name.startswith(f"q-{name}-{start}"))
    return found


# --- the questions and the states -----------------------------------------------------------------


def test_every_question_of_the_document_is_there():
    assert [question.name for question in LAB.questions] == NAMES
    assert set(LAB.studies) == set(FEW)


@pytest.mark.parametrize(
    ("studies", "language"),
    [
        pytest.param({}, "en", id="no records"),
        pytest.param(every(), "fr", id="one seed"),
        pytest.param(every(stop_after=3), "fr", id="half-finished"),
        pytest.param(every(accuracy=lambda cell, seed: 0.5), "en", id="all equal"),
    ],
)
def test_the_document_composes(recorded, undrawn, studies, language):
    document = compose_lab(recorded("lyon-tp", studies, language))
    assert len([one for one in document.sections if one.asked]) == len(NAMES)
    blocks = [block for one in document.sections for block in one.blocks]
    written = " ".join(getattr(block, "text", "") for block in blocks if block.kind != "code")
    assert not re.search(r"\bnan\b|\binf\b|None", written)
    assert not re.search(r"\{\w+\}", written)


def test_without_records_the_answers_name_the_commands(recorded, undrawn):
    report = recorded("lyon-tp", {})
    document = compose_lab(report)
    commands = {b.command for one in document.sections for b in one.blocks if b.kind == "notice"}
    assert {f"retroprop run {name}" for name in FEW} <= commands
    assert "consistent" in texts(report, "3.2")  # needs no records


def test_all_diverged(recorded, undrawn):
    study = load_study("lyon-perceptron", size="smoke", changes=FEW["lyon-perceptron"]["changes"])
    grid = study.grid.varied()
    lost = [
        ({"learning_rate": a, "initial_scale": b, "initial_sign": c}, 0)
        for a in grid["learning_rate"] for b in grid["initial_scale"] for c in grid["initial_sign"]
    ]  # fmt: skip
    report = recorded("lyon-tp", {"lyon-perceptron": {**FEW["lyon-perceptron"], "diverged": lost}})
    assert "no performance to state" in texts(report, "1.2")
    assert "every one diverged" in texts(report, "1.4")


# --- implementations: what is measured now --------------------------------------------------------


def test_the_implementations_agree_to_rounding():
    errors = [
        measurements.perceptron_gradient_error(),
        measurements.perceptron_blocks_error(),
        measurements.shallow_gradient_error(),
        measurements.shallow_against_deep(),
        measurements.convolution_error(),
        measurements.optimizer_error("adam"),
        measurements.optimizer_error("adagrad"),
        *(measurements.deep_gradient_error(2, name) for name in answers_deep.ACTIVATIONS),
    ]
    assert max(errors) < 1e-12


def test_a_mistake_would_be_told(recorded, undrawn, monkeypatch):
    report = recorded("lyon-tp", {})
    assert texts(report, "3.2").startswith("They are consistent")
    monkeypatch.setattr(answers_deep, "shallow_against_deep", lambda: 1e-3)
    monkeypatch.setattr(answers_perceptron, "perceptron_gradient_error", lambda: 1e-3)
    assert texts(report, "3.2").startswith("They are not consistent")
    assert "a mistake" in texts(report, "1.1")


def test_the_longest_direction_of_the_images_is_that_of_their_mean():
    norms = measurements.image_norms()
    assert 0.4 < norms.share < 0.5
    assert norms.cosine > 0.99
    assert norms.lowest < norms.mean < norms.highest


def test_equal_neurons_stay_equal():
    assert measurements.equal_neurons() == 0


def test_source_leaves_the_docstring_out():
    text = source(measurements.equal_neurons).text
    assert text.startswith("def equal_neurons() -> float:\n    x, t = examples(FEW)")


# --- sentences that turn with the records ---------------------------------------------------------


def test_the_performance_names_the_best_settings(recorded, undrawn):
    report = recorded("lyon-tp", one("lyon-perceptron"))
    assert "learning rate 0.0001" in texts(report, "1.2")
    assert "mean ± sample standard deviation over 3 seeds" in texts(report, "1.2")


def test_reversed_records_have_another_best_rate(recorded, undrawn):
    report = recorded("lyon-tp", one("lyon-perceptron", accuracy=reverse("lyon-perceptron")))
    assert "learning rate 0.02" in texts(report, "1.2")
    assert "the best value is 0.02" in texts(report, "1.4")


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        (None, "no rate diverged; the largest tried is 0.02"),
        (0.02, "The records agree: around the best settings, the rates that diverged (0.02)"),
        (0.001, "The records do not follow these limits alone"),
    ],
)
def test_the_limit_of_the_rate_is_compared_with_what_diverged(recorded, undrawn, rate, sentence):
    cell = {"learning_rate": rate, "initial_scale": 0.01, "initial_sign": "both"}
    lost = [(cell, seed) for seed in range(3)] if rate else []
    report = recorded("lyon-tp", one("lyon-perceptron", diverged=lost))
    assert sentence in texts(report, "1.4")


def test_what_few_steps_prefer_may_change_with_many(recorded, undrawn):
    report = recorded("lyon-tp", one("lyon-shallow", epochs=4))
    assert "The best learning rate after" in texts(report, "2.3")
    assert "The influence of the setting" in texts(report, "2.5")
    steps = table(report, "2.3", "steps")
    assert [row.header for row in steps.rows] == ["0.01", "0.3"]
    assert [cell.mark for cell in steps.rows[0].cells] == ["best"] * 4
    assert all(cell.link for row in steps.rows for cell in row.cells)


@pytest.mark.parametrize(
    ("noise", "sentence"), [(0.0, "it is 0.02."), (0.05, "which is not distinguishable from 0.001")]
)
def test_the_best_rate_after_few_steps_and_after_many(recorded, undrawn, noise, sentence):
    def accuracy(cell, seed, epoch):
        fast, slow = cell["learning_rate"] == 0.001, cell["learning_rate"] == 0.02
        return 0.7 + 0.05 * fast + 0.02 * epoch * slow + noise * slow * (seed - 1)

    lab = with_curves(recorded("lyon-tp", one("lyon-perceptron")), "lyon-perceptron", accuracy)
    told = texts(lab, "1.3")
    assert "steps the best learning rate is 0.001, after" in told
    assert sentence in told


@pytest.mark.parametrize(
    ("restless", "sentence"), [(0.02, "): most at"), (0.001, "): not most at the largest rate")]
)
def test_how_much_the_accuracy_still_moves(recorded, undrawn, restless, sentence):
    def accuracy(cell, seed, epoch):
        return 0.8 + 0.02 * (epoch % 2) * (cell["learning_rate"] == restless)

    lab = with_curves(recorded("lyon-tp", one("lyon-perceptron")), "lyon-perceptron", accuracy)
    told = texts(lab, "1.3")
    assert sentence in told
    assert f"2.00 points with {restless}" in told


@pytest.mark.parametrize(("late", "sentence"), [(1, "wears off"), (4, "does not wear off")])
def test_the_influence_of_the_initial_weights_over_the_epochs(recorded, undrawn, late, sentence):
    def accuracy(cell, seed, epoch):
        apart = {1: 0.02, 2: 0.02, 3: 0.01 * late}.get(epoch, 0.0)
        return 0.8 + apart * (cell["initial_scale"] == 0.01)

    lab = with_curves(recorded("lyon-tp", one("lyon-perceptron")), "lyon-perceptron", accuracy)
    assert sentence in texts(lab, "1.5")


def test_the_best_value_may_depend_on_another_setting(recorded, undrawn):
    def accuracy(cell, seed):
        wide = cell["width"] == 30
        return 0.9 + 0.001 * seed + (0.05 if (cell["learning_rate"] == 0.01) == wide else 0)

    changing = texts(recorded("lyon-tp", one("lyon-shallow", accuracy=accuracy)), "2.4")
    assert "The best value depends on the setting “units per hidden layer”" in changing


def test_a_change_within_the_noise_of_the_seeds_is_none(recorded, undrawn):
    def accuracy(cell, seed):
        wide = cell["width"] == 30
        same = (cell["learning_rate"] == 0.01) == wide
        return 0.9 + 0.02 * ((seed + same) % 3) + (0.001 if same else 0)

    noisy = texts(recorded("lyon-tp", one("lyon-shallow", accuracy=accuracy)), "2.4")
    assert "Whatever the setting “units per hidden layer”" in noisy


@pytest.mark.parametrize(
    ("better", "sentence"), [("auto", "is also the worst"), (1.0, "is not the worst")]
)
def test_saturation_is_compared_with_the_records(recorded, undrawn, better, sentence):
    def accuracy(cell, seed):
        return 0.9 + 0.05 * (cell["initial_scale"] == better) + 0.001 * seed

    assert sentence in texts(recorded("lyon-tp", one("lyon-shallow", accuracy=accuracy)), "2.5")


@pytest.mark.parametrize(("low", "sentence"), [(30, "as the limit says"), (10, "does not fall")])
def test_the_largest_rate_in_narrow_and_wide_networks(recorded, undrawn, low, sentence):
    def accuracy(cell, seed):
        bad = cell["learning_rate"] == 0.3 and cell["width"] == low
        return 0.9 - 0.5 * bad + 0.001 * seed

    assert sentence in texts(recorded("lyon-tp", one("lyon-shallow", accuracy=accuracy)), "2.4")


@pytest.mark.parametrize(
    ("accuracy", "sentence"),
    [(0.99, "above the best dense"), (0.8, "below the best dense"), (0.951, "not distinguishable")],
)
def test_the_convolution_against_the_best_dense_network(recorded, undrawn, accuracy, sentence):
    studies = one("lyon-deep", accuracy=lambda cell, seed: 0.95) | {
        "lyon-convolution": {"accuracy": lambda cell, seed: accuracy}
    }
    assert sentence in texts(recorded("lyon-tp", studies), "4.3")


def test_ranges_that_print_alike_are_not_most_and_least(recorded):
    def accuracy(cell, seed):
        return 0.9 - (0.02 + 1e-6 * cell["width"]) * (cell["learning_rate"] == 0.3)

    told = texts(recorded("lyon-tp", one("lyon-shallow", accuracy=accuracy)), "2.4")
    assert "the best value is" in told
    assert "The choice matters most" not in told


def test_one_seed_is_not_said_to_be_seeds_that_do_not_tell(recorded):
    told = texts(recorded("lyon-tp", {"lyon-shallow": FEW["lyon-shallow"]}), "2.4")
    assert "not distinguishable from" in told
    assert "the seeds do not" not in told


@pytest.mark.parametrize(("best", "said"), [(1, True), (2, False)])
def test_a_network_of_one_hidden_layer_is_not_called_deep(recorded, undrawn, best, said):
    def accuracy(cell, seed):
        return 0.9 + 0.01 * (cell["depth"] == best) + 0.0001 * seed

    told = texts(recorded("lyon-tp", one("lyon-deep", accuracy=accuracy)), "3.3")
    assert ("has one hidden layer, so it is not deep. The best with more has" in told) == said
    assert ("1 hidden layer is above 2 hidden layers" in told) == said


FULL_BESIDE_SMOKE = {
    "lyon-deep": {"accuracy": lambda cell, seed: 0.95, "size": "full"},
    "lyon-convolution": {"accuracy": lambda cell, seed: 0.8},
}


def test_the_convolution_is_not_compared_with_a_network_of_other_images(recorded, undrawn):
    told = texts(recorded("lyon-tp", FULL_BESIDE_SMOKE), "4.3")
    assert "best dense" not in told
    assert "the study lyon-convolution trained on 1,000 images of MNIST, and the study" in told


def test_a_network_of_as_many_images_is_compared_before_a_better_one_of_more(recorded, undrawn):
    studies = FULL_BESIDE_SMOKE | {"lyon-shallow": {"accuracy": lambda cell, seed: 0.7}}
    assert "best dense network of the records (lyon-shallow" in texts(
        recorded("lyon-tp", studies), "4.3"
    )


def test_minibatches_each_at_its_own_best_rate(recorded, undrawn):
    def accuracy(cell, seed):
        own = {1: 0.03, 100: 0.1}[cell["batch_size"]]
        return 0.9 + 0.02 * (cell["learning_rate"] == own) + 0.001 * seed

    found = table(recorded("lyon-tp", one("lyon-minibatches", accuracy=accuracy)), "4.2b", "own")
    assert [[cell.text for cell in row.cells[:2]] for row in found.rows] == [
        ["1,000", "0.03"],
        ["10", "0.1"],
    ]


def test_with_one_seed_the_images_decide(recorded):
    report = recorded("lyon-tp", {"lyon-convolution": {}}).study("lyon-convolution")
    first, *_, last = report.cells
    assert first.mean - last.mean == pytest.approx(0.02)
    images = report.validation_images
    expected = 1.96 * ((0.9 * 0.1 + 0.88 * 0.12) / images) ** 0.5 < 0.02
    assert (report.verdict(first, last).sign > 0) == expected
    assert not report.verdict(first, first).distinguishable


def test_other_figures_change_the_figures_and_nothing_else(recorded):
    report = recorded("lyon-tp", {"lyon-convolution": {}}).study("lyon-convolution")
    other = with_figures(report, "confusion", best_per=["kernel_size"])
    assert other.figures == ["confusion"]
    assert len(other.best) == 2
    assert other.runs == report.runs
    assert report.best_per == []


def test_sections_of_one_setting_draw_no_other(recorded, undrawn):
    report = recorded("lyon-tp", one("lyon-shallow")).study("lyon-shallow")
    report = replace(report, runs=[replace(r, parameters=r.cell["width"]) for r in report.runs])
    report = with_figures(report, "effect-of-setting", "curves-by-setting", "time-by-setting")
    sections = [*influence_sections(report, keys=["width"]), costs_section(report, keys=["width"])]
    names = [b.name for one in sections for b in one.blocks if b.kind == "picture"]
    assert names == ["effect-width", "curves-width-1", "time-width-1"]


# --- the notebook ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_cell_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    document = compose_lab_without_records()
    names = {}
    exec(document.setup.replace('SIZE = "laptop"', 'SIZE = "smoke"'), names)
    for section in document.sections:
        if section.asked:
            exec(section.code, names)
    assert "after 3,000 steps: " in capsys.readouterr().out
    shown = names["lab"].answer("1.2")
    assert "numbers mean nothing" in repr(shown)


def compose_lab_without_records():
    from retroprop.report.lab_report import LabReport

    return compose_lab(LabReport(LAB, None, "en"))
