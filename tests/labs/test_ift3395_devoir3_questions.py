"""The document of IFT3395, devoir 3: each question, each state of the records, reversed ones."""

import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest
import torch

from retroprop.labs import open_lab
from retroprop.labs.ift3395_devoir3 import answers_architectures, answers_normalization
from retroprop.labs.ift3395_devoir3.depth import gradient_by_layer
from retroprop.labs.ift3395_devoir3.equivariance import compare_movements, compare_symmetric
from retroprop.labs.ift3395_devoir3.questions import LAB
from retroprop.report.document import Code, Notice, Picture, Table
from retroprop.report.lab_content import compose_lab, question_section
from retroprop.report.lab_report import LabReport
from retroprop.report.numbers import NO_BREAK

NORMALIZATION, ARCHITECTURES = answers_normalization.STUDY, answers_architectures.STUDY
MLP, THIN, CNN = "mlp 256-256", "mlp 64x53", "cnn 16-32-45 k3"
DEEP, WIDE = "cnn 8-16-32-64 k1", "cnn 41 k28"
NUMBERS = [
    *(f"1.{number}" for number in range(1, 12)),
    *("2.1", "2.1a", "2.1b", "2.2", "2.2a", "2.2b", "2.2c"),
    *("2.3a", "2.3b", "2.3c", "2.3d", "2.3e", "2.4", "2.4a", "2.4b", "2.5a", "2.5b", "2.5c"),
]


def load(name):
    file = Path(__file__).parents[1] / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DATA, NETWORKS = load("make_records"), load("make_networks")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Made-up records of both studies; tests must not write to them."""
    folder = tmp_path_factory.mktemp("records")
    NETWORKS.make_networks(DATA, folder, NORMALIZATION)
    return NETWORKS.make_networks(DATA, folder, ARCHITECTURES)


def lab(records, language="en", change=None):
    """The lab's report; `change` makes other models of those that are recorded."""
    report = LabReport(LAB, records, language)
    for study in LAB.studies if change else ():
        found = report.study(study)
        report._found[study] = dataclasses.replace(found, runs=tuple(map(change, found.runs)))
    return report


def history(run, *, validation=None, gap=None, loss=None, norm=None):
    """The same model with other metrics in its trained epochs."""
    epochs = []
    for epoch in run.epochs:
        new = {}
        if epoch.epoch > 0:
            accuracy = epoch.validation_accuracy if validation is None else validation(epoch.epoch)
            apart = epoch.train_accuracy - epoch.validation_accuracy if gap is None else gap
            new = {"validation_accuracy": accuracy, "train_accuracy": accuracy + apart}
            if loss is not None:
                new["validation_loss"] = loss(epoch.epoch)
            if norm is not None:
                new["gradient_norm"] = norm
        epochs.append(dataclasses.replace(epoch, **new))
    best = max(one.validation_accuracy for one in epochs)
    return dataclasses.replace(run, epochs=tuple(epochs), best_validation_accuracy=best)


def networks(**changes):
    """A change of the networks of some architectures: {"cnn 16-32-45 k3": {"gap": 0.1}}."""

    def change(run):
        options = dict(changes.get("of", {}).get(run.cell.get("architecture"), {}))
        tested = options.pop("test", run.test_accuracy)
        level = options.pop("level", None)
        if level is not None:
            options["validation"] = lambda epoch: level
        return dataclasses.replace(history(run, **options), test_accuracy=tested)

    return change


def answer(report, name):
    """All texts of an answer."""
    question = next(one for one in LAB.questions if one.name == name)
    blocks = question_section(report, question).blocks
    return " ".join(block.text for block in blocks if getattr(block, "text", ""))


# --- the questions --------------------------------------------------------------------------------


def test_every_question_of_the_assignment_is_there_in_its_order():
    assert [question.name for question in LAB.questions] == NUMBERS


def test_the_points_are_those_of_the_assignment():
    first, second = LAB.parts
    assert [question.points for question in first.questions] == [3, 2, 1, 5, 5, 2, 2, 4, 2, 6, 3]
    bonus = {one.name: one.points for one in second.questions if one.points}
    assert list(bonus.values()) == [5, 3, 5, 2, 5]
    assert all(one.bonus for one in second.questions if one.points)


@pytest.mark.parametrize("name", NUMBERS[:11])
def test_an_implementation_question_shows_its_code_and_its_checks_hold(name):
    question = next(one for one in LAB.questions if one.name == name)
    blocks = question_section(lab(None), question).blocks
    assert any(isinstance(block, Code) and "def " in block.text for block in blocks)
    assert not any('"""' in block.text for block in blocks if isinstance(block, Code))
    tables = [block for block in blocks if isinstance(block, Table)]
    differences = [row.cells[-1].text for table in tables for row in table.rows]
    assert differences
    for text in differences:
        power = re.search("10⁻([⁰¹²³⁴⁵⁶⁷⁸⁹]+)$", text)
        exponent = power and int(power[1].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")))
        assert text == "0" or (exponent and exponent >= 6), (name, text)


# --- every state of the records -------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_without_records_the_computed_answers_stay_and_the_others_name_the_command(language):
    document = compose_lab(lab(None, language))
    lacking = {
        section.name
        for section in document.sections
        if any(isinstance(block, Notice) for block in section.blocks)
    }
    assert lacking == {f"q-{one.name}" for one in LAB.questions if one.studies}
    text = answer(lab(None, language), "2.4")
    assert "45" in text  # the kernel is found without records


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_finished_document_answers_all_with_pictures(finished, language):
    document = compose_lab(lab(finished, language))
    assert document.notices == []
    assert str(len(NUMBERS)) in document.summary[0]
    assert len(document.summary) == 5
    drawn = {one.name for one in document.sections for b in one.blocks if isinstance(b, Picture)}
    assert drawn == {"q-2.1", "q-2.2", "q-2.3c", "q-2.3d", "q-2.4a", "q-2.5c"}
    pictures = [b for one in document.sections for b in one.blocks if isinstance(b, Picture)]
    assert len(pictures) == 7  # raw and normalised pixels have one each


@pytest.mark.parametrize(("language", "stop_after"), [("en", 1), ("fr", 3)])
def test_a_half_finished_study_makes_a_document_that_says_so(tmp_path, language, stop_after):
    NETWORKS.make_networks(DATA, tmp_path, NORMALIZATION, stop_after=stop_after, tested=False)
    records = NETWORKS.make_networks(
        DATA, tmp_path, ARCHITECTURES, stop_after=stop_after, tested=False
    )
    document = compose_lab(lab(records, language))
    assert len(document.notices) == 1
    text = answer(lab(records), "2.5c")
    assert "once all of them are finished" in text
    assert "CNN 41 of 28 × 28: not finished".replace(" ", "") in re.sub(r"\s", "", text)
    assert "Both networks must be finished" in answer(lab(records), "2.4b") or stop_after == 3


def test_diverged_models_have_no_numbers_and_say_why(tmp_path):
    cell = {"normalization": "per-pixel", "learning_rate": 0.01}
    NETWORKS.make_networks(DATA, tmp_path, NORMALIZATION, diverged=[(cell, 197331)])
    lost = [({"architecture": CNN}, 197331)]
    records = NETWORKS.make_networks(DATA, tmp_path, ARCHITECTURES, diverged=lost, tested=False)
    compose_lab(lab(records, "fr"))
    told = lab(records)
    assert "without numbers (normalised pixels: diverged 1/1)" in answer(told, "2.2a")
    assert "Without numbers: normalised pixels: diverged 1/1." in answer(told, "2.2c")
    assert "Both networks must be finished" in answer(told, "2.4b")
    assert "diverged 1/1" in answer(told, "2.4a")


def test_several_seeds_are_compared_by_the_paired_test(tmp_path):
    def accuracy(cell, seed):
        top = 0.95 if cell.get("architecture") == CNN else 0.9
        return top + 0.001 * seed

    records = NETWORKS.make_networks(
        DATA, tmp_path, ARCHITECTURES, changes=["seeds=[0,1,2]"], accuracy=accuracy
    )
    text = answer(lab(records), "2.4a")
    assert "over 3 seeds, the paired difference is" in text
    assert "of the paired t-test), which excludes 0" in text


# --- sentences follow the records -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("cnn", "mlp", "verdict", "worth"),
    [
        (0.93, 0.88, "The convolutional network. On validation, CNN", "all the same"),
        (0.88, 0.93, "The perceptron. On validation, MLP", "lose here"),
        (0.900, 0.901, "Neither can be called better. On validation, MLP", "gain nothing here"),
        (0.9, 0.9, "Neither can be called better. On validation, CNN", "gain nothing here"),
    ],
)
def test_which_network_is_better_follows_the_records(finished, cnn, mlp, verdict, worth):
    change = networks(of={CNN: {"level": cnn, "test": cnn}, MLP: {"level": mlp, "test": mlp}})
    told = lab(finished, change=change)
    text = answer(told, "2.4b").replace(NO_BREAK, " ")
    assert verdict in text
    assert worth in answer(told, "2.1b")
    assert ("reach the same accuracy" in text) == (cnn == mlp)


def test_validation_and_test_may_disagree(finished):
    change = networks(of={CNN: {"level": 0.93, "test": 0.8}, MLP: {"level": 0.88, "test": 0.9}})
    assert "Validation and test disagree" in answer(lab(finished, change=change), "2.4b")


@pytest.mark.parametrize("narrow", [CNN, MLP])
def test_generalisation_follows_the_gaps(finished, narrow):
    wide = MLP if narrow == CNN else CNN
    change = networks(of={narrow: {"gap": 0.01}, wide: {"gap": 0.08}})
    text = answer(lab(finished, change=change), "2.4b").replace(NO_BREAK, " ")
    name = "CNN 16‑32‑45 of 3 × 3" if narrow == CNN else "MLP 256‑256"
    assert f"{name} has the smaller gap" in text
    assert ("less room to overfit. " in text) == (narrow == CNN)
    assert ("is not confirmed by these numbers" in text) == (narrow == MLP)


def test_equal_gaps_are_called_chance(finished):
    change = networks(of={CNN: {"gap": 0.03}, MLP: {"gap": 0.031}})
    text = answer(lab(finished, change=change), "2.4b")
    assert "chance may explain the difference" in text
    assert "is not confirmed by these numbers" in text


@pytest.mark.parametrize(
    ("thin", "norm", "expected", "absent"),
    [
        (0.1, 0.1, "In part.", "No."),
        (0.1, 5.0, "its gradient is not smaller", "In part."),
        (0.9, 0.1, "There is nothing to explain", "In part."),
        (0.95, 0.1, "The norm does not decide it", "In part."),
    ],
)
def test_whether_the_norm_explains_follows_the_records(finished, thin, norm, expected, absent):
    change = networks(of={THIN: {"level": thin, "norm": norm}, MLP: {"level": 0.9, "norm": 1.0}})
    told = lab(finished, change=change)
    text = answer(told, "2.3e")
    assert expected in text
    assert absent not in text
    assert ("learns nothing" in answer(told, "2.3b")) == (thin == 0.1)


@pytest.mark.parametrize(
    ("deep", "fits", "expected"),
    [
        (0.8, 0.01, "So it underfits"),
        (0.8, 0.15, "what would make it generalise"),
        (0.95, 0.01, "One would expect it to do worse"),
        (0.92, 0.001, "One would expect it to do worse"),  # though it fits less well
    ],
)
def test_the_hypothesis_on_1x1_kernels_follows_the_records(finished, deep, fits, expected):
    change = networks(of={DEEP: {"level": deep, "gap": fits}, CNN: {"level": 0.9, "gap": 0.03}})
    text = answer(lab(finished, change=change), "2.5c")
    assert expected in text
    assert ("It cannot see edges" in text) == (expected == "So it underfits")


@pytest.mark.parametrize("gap", [0.001, 0.1])
def test_the_hypothesis_on_the_whole_image_follows_the_gap(finished, gap):
    change = networks(of={WIDE: {"gap": gap}, CNN: {"gap": 0.02}})
    text = answer(lab(finished, change=change), "2.5c")
    assert ("it overfits as one" in text) == (gap == 0.1)
    assert ("one would expect a larger gap" in text) == (gap == 0.001)


def test_a_rising_validation_loss_is_called_overfitting(finished):
    def change(run):
        rises = run.cell.get("architecture") == CNN
        return history(run, loss=lambda epoch: 0.3 + 0.1 * epoch if rises else 1.0 / epoch)

    text = answer(lab(finished, change=change), "2.4b").replace(NO_BREAK, " ")
    assert re.search(r"CNN 16‑32‑45 of 3 × 3 is lowest after epoch 1, .* overfitting\.", text)
    assert "MLP 256‑256 is lowest at the last epoch" in text


def pixels(raw, normalised, **options):
    """A change of the first study: its accuracy with raw and with normalised pixels."""

    def change(run):
        kind = run.cell.get("normalization")
        if kind is None:
            return run
        level = raw if kind == "raw" else normalised
        return history(run, validation=lambda epoch: level, **options)

    return change


@pytest.mark.parametrize(
    ("raw", "normalised", "effect", "check"),
    [
        (0.80, 0.9, "a gain of 10.00 points, more than chance", "more than the 80%"),
        (0.9, 0.7, "normalisation loses 20.00 points, more than chance", "more than the 80%"),
        (0.7, 0.705, "a gain of 0.50 points, not more than chance allows", "less than the 80%"),
        (0.7, 0.7, "both reach 70.00%", "less than the 80%"),
    ],
)
def test_the_effect_of_normalisation_follows_the_records(finished, raw, normalised, effect, check):
    told = lab(finished, change=pixels(raw, normalised))
    assert effect in answer(told, "2.2a")
    assert LAB.summary is not None
    assert check in next(LAB.summary(told))


@pytest.mark.parametrize(
    ("raw", "normalised", "expected"),
    [
        ((0.7, 0.6), (0.9, 0.3), "Yes."),
        ((0.9, 0.3), (0.7, 0.6), "Not here"),
        ((0.7, 0.3), (0.9, 0.6), "Only in part"),
        ((0.9, 0.6), (0.7, 0.3), "Only in part"),
    ],
)
def test_whether_normalisation_speeds_up_follows_the_records(finished, raw, normalised, expected):
    def change(run):
        if "normalization" not in run.cell:
            return run
        level, loss = raw if run.cell["normalization"] == "raw" else normalised
        return history(run, validation=lambda epoch: level, loss=lambda epoch: loss)

    assert answer(lab(finished, change=change), "2.2b").startswith(expected)


@pytest.mark.parametrize(
    ("levels", "norm", "expected"),
    [
        ((0.1, 0.1, 0.1), 0.0, "stands still"),
        ((0.9, 0.5, 0.3), 2.0, "does not hold"),
        ((0.7, 0.8, 0.9), 2.0, "is not too large for it"),
    ],
)
def test_what_the_largest_rate_does_follows_the_records(finished, levels, norm, expected):
    def change(run):
        if run.cell.get("learning_rate") != 0.01:
            return run
        return history(run, validation=lambda epoch: levels[epoch - 1], norm=norm)

    text = answer(lab(finished, change=change), "2.2c")
    for words in ("stands still", "does not hold", "is not too large for it"):
        assert (words in text) == (words == expected)


@pytest.mark.parametrize(("end", "underfits"), [(0.3, True), (0.95, False)])
def test_a_small_rate_underfits_only_where_it_ends_far_below_the_best(finished, end, underfits):
    def change(run):
        if run.cell.get("learning_rate") != 1e-8:
            return run
        return history(run, validation=lambda epoch: end - 0.05 * (3 - epoch))

    assert ("underfitting, for want of steps" in answer(lab(finished, change=change), "2.2c")) == (
        underfits
    )


@pytest.mark.parametrize(("earlier", "higher"), [(0.3, True), (0.1, False)])
def test_an_accuracy_that_ends_as_it_began_was_higher_before_only_where_it_was(
    finished, earlier, higher
):
    def change(run):
        if run.cell.get("learning_rate") != 1e-8:
            return run
        return history(run, validation=lambda epoch: earlier if epoch == 2 else 0.1)

    text = answer(lab(finished, change=change), "2.2c")
    assert ("and was higher before" in text) == higher
    assert ("and was not higher before" in text) == (not higher)


def test_speeds_are_not_compared_where_no_accuracy_is_reached(finished):
    def change(run):
        return history(run, validation=lambda epoch: 0.2, loss=lambda epoch: 2.0)

    text = answer(lab(finished, change=change), "2.2b")
    assert "neither model reaches one of the accuracies below" in text
    assert "do not agree" not in text
    assert "as fast or faster" not in text


# --- what is computed while the document is written -----------------------------------------------


def test_a_symmetric_kernel_commutes_with_a_quarter_turn_and_another_does_not():
    image = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0))
    turned = [
        float(one.rotation_difference.max())
        for one in (compare_symmetric(image, seed=1), compare_movements(image, seed=1))
    ]
    assert turned[0] < 1e-5 < turned[1]


def test_the_gradient_vanishes_with_depth_but_not_with_he_s_weights():
    deep, shallow = gradient_by_layer((64,) * 30), gradient_by_layer((64, 64))
    assert deep.first < 1e-8 * deep.last
    assert shallow.first > 1e-2 * shallow.last
    assert deep.he_first > 1e-2 * deep.he[-1]
    assert deep.spread < 1e-5 < shallow.spread


@pytest.mark.slow  # trains eleven models at smoke size and loads the whole training set
def test_the_cells_of_the_notebook_run_from_top_to_bottom(tmp_path, capsys):
    opened = open_lab(LAB.name, db=tmp_path / "records.db")
    opened.run(size="smoke", workers=1)
    names = {"lab": opened, "SIZE": "smoke"}
    exec(LAB.imports, names)
    for question in LAB.questions:
        *lines, last = LAB.code_of(question).splitlines()
        exec("\n".join(lines), names)
        assert eval(last, names).section.name == f"q-{question.name}"
    assert "269322" in capsys.readouterr().out
