"""The document of INF8225, TP1: every question is there, and no sentence outruns its records."""

import dataclasses
import importlib.util
import re
import unicodedata
from pathlib import Path

import pytest
import torch

from retroprop.bayes.networks import load
from retroprop.bayes.table import NamedTable
from retroprop.labs.inf8225_tp1 import checks, mlp, published, regression
from retroprop.labs.inf8225_tp1.answers_mlp import DERIVATIONS, LOGISTIC, STUDY
from retroprop.labs.inf8225_tp1.joint import ask_joint, joint_table
from retroprop.labs.inf8225_tp1.pseudocode import pseudocode
from retroprop.labs.inf8225_tp1.queries import QUESTIONS
from retroprop.labs.inf8225_tp1.questions import LAB
from retroprop.labs.source_code import source
from retroprop.languages import translator
from retroprop.report import pictures
from retroprop.report.document import Code, Notice, Picture, Table
from retroprop.report.lab_content import compose_lab, question_section
from retroprop.report.lab_report import LabReport
from retroprop.report.numbers import Numbers
from retroprop.studies import kinds
from retroprop.studies.schema import load_study


def load_maker(name):
    file = Path(__file__).parents[1] / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DATA = load_maker("make_records")
EXPERIMENTS = [question for question in LAB.questions if question.studies]


# --- made-up records ------------------------------------------------------------------------------


def logistic_accuracy(cell, seed):
    """Adam is best at 0.001 and 20, SGD at 0.01 and 1, as in the document."""
    return DATA.top_accuracy(cell, seed)


def mlp_accuracy(cell, seed):
    """Wider and deeper is better, and Adam is better by two points."""
    top = 0.85 + 0.02 * (cell["optimizer"] == "adam")
    return top + 0.004 * cell["depth"] + 0.00002 * cell["width"] + 0.0001 * seed


def seconds(cell):
    """Autograd takes 2.5 times as long for 25 units, and 1.1 times for 1000."""
    work = cell.get("depth", 1) * (0.05 + cell.get("width", 100) / 300)
    if cell.get("derivation") == "autograd":
        work *= 1.1 if cell["width"] > 25 else 2.5
    return work


ACCURACY = {LOGISTIC: logistic_accuracy, STUDY: mlp_accuracy, DERIVATIONS: mlp_accuracy}


def make(folder, name, *, tested=True, seeds=None, **options):
    """Write a made-up run of one of the lab's studies, and return the open records."""
    study = load_study(name)
    config = study.model_dump()
    if seeds is not None:
        config["seeds"] = seeds
    options = {"accuracy": ACCURACY[name], "seconds": seconds, **options}
    records = DATA.make_records(
        folder / "test.db", config=config, epochs=study.epochs,
        settings=lambda cell: kinds.recorded(study.settings(cell)),
        tested=False, study_run_id=name, fingerprint=study.fingerprint, **options,
    )  # fmt: skip
    if tested and "stop_after" not in options:
        evaluate_the_best(records, name, study.selection.best_per)
    return records


def evaluate_the_best(records, name, best_per):
    """Evaluate the best cell of each group, 1.5 points below its validation accuracy."""
    groups = {}
    for run in records.runs(name):
        groups.setdefault(tuple(run.cell[key] for key in best_per), {}).setdefault(
            tuple(run.cell.values()), []
        ).append(run)
    for cells in groups.values():
        done = [runs for runs in cells.values() if all(run.status == "finished" for run in runs)]
        for run in max(done, key=lambda runs: sum(r.best_validation_accuracy for r in runs)):
            accuracy = run.best_validation_accuracy - 0.015
            records.set_test(run.id, accuracy=accuracy, loss=0.47)


def said(records, name, language="en", **more):
    """Everything that the answer to one question says, and its blocks."""
    report = LabReport(LAB, records, language, **more)
    section = question_section(report, next(q for q in LAB.questions if q.name == name))
    return words(section.blocks), section.blocks


def words(blocks):
    """All texts of some blocks."""
    found = []
    for block in blocks:
        found += [getattr(block, key, "") for key in ("title", "text", "caption")]
        for row in getattr(block, "rows", ()):
            found += [row.header, *(cell.text for cell in row.cells)]
    return "\n".join(found).replace("\xa0", " ")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Figures are made but not written as SVG, which takes most of the time."""
    monkeypatch.setattr(pictures, "to_svg", lambda figure, **words: "<svg/>")
    monkeypatch.setattr(pictures, "for_page", str)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Records of the three finished studies; tests must not write to them."""
    folder = tmp_path_factory.mktemp("records")
    for name in (LOGISTIC, STUDY, DERIVATIONS):
        records = make(folder, name)
    return records


# --- the questions --------------------------------------------------------------------------------


def test_every_question_of_the_assignment_is_there_in_its_order():
    assert [(one.label, one.name) for one in LAB.questions] == [
        ("1", "1.1"),
        ("2", "1.2"),
        ("2 a)", "1.2a"),
        ("2 b), c)", "1.2bc"),
        ("2 d), e)", "1.2de"),
        ("2 f), g)", "1.2fg"),
        ("2 h), i)", "1.2hi"),
        ("2 j), k)", "1.2jk"),
        ("2 l), m), n)", "1.2lmn"),
        ("2 o), p)", "1.2op"),
        ("2", "1.2x"),
        ("1", "2.theory"),
        *(("1", f"2.{name}") for name in (
            "accuracy", "cross-entropy", "softmax", "inputs-tilde", "forward", "gradient", "sgd",
            "train",
        )),
        ("2, SGD", "2.sgd-search"),
        ("2, SGD", "2.sgd-best"),
        ("2, Adam", "2.adam"),
        ("2, Adam", "2.adam-search"),
        ("2, Adam", "2.adam-best"),
        ("2, Adam", "2.compare"),
        ("2", "2.analysis"),
        ("a)", "3.a"),
        *(("b)", f"3.{name}") for name in (
            "functions", "model", "updates", "gradients", "optimisation", "speed",
        )),
        ("b), SGD", "3.sgd-search"),
        ("b), SGD", "3.sgd-best"),
        ("b), Adam", "3.adam-search"),
        ("b), Adam", "3.adam-best"),
        ("b), Adam", "3.compare"),
        ("b)", "3.discussion"),
    ]  # fmt: skip
    assert {one.name: one.points for one in LAB.questions if one.points} == {
        "3.a": 10, "3.functions": 15,
    }  # fmt: skip
    assert LAB.studies == [LOGISTIC, STUDY, DERIVATIONS]


def test_every_function_of_the_templates_is_answered_with_its_source(finished):
    report = LabReport(LAB, finished, "en")
    code = "\n".join(
        block.text
        for question in LAB.questions
        if question.name.startswith(("2.", "3.")) and question not in EXPERIMENTS
        for block in question_section(report, question).blocks
        if isinstance(block, Code)
    )
    for name in (
        "accuracy", "accuracy_and_loss_whole_dataset", "cross_entropy", "softmax", "inputs_tilde",
        "__init__", "forward", "get_grads", "sgd_update", "adam_update", "train_by", "train",
        "softmax_cross_entropy_backward", "relu_forward", "relu_backward", "backward",
    ):  # fmt: skip
        assert f"def {name}(" in code, name


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_letter_of_part_1_has_its_answer_and_the_document_s(language):
    report = LabReport(LAB, None, language)
    rows = [
        row
        for question in LAB.parts[0].questions
        for block in question_section(report, question).blocks
        if isinstance(block, Table) and block.name.endswith("answers-table")
        for row in block.rows
    ]
    assert [row.header[:2] for row in rows] == [f"{letter})" for letter in QUESTIONS]
    for row, asked in zip(rows, QUESTIONS.values(), strict=True):
        assert row.cells[0].text == row.cells[1].text == " ".join(asked.printed)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_whole_document_is_composed_and_all_is_answered(finished, language, monkeypatch):
    monkeypatch.setattr(checks, "mlp_gradients", lambda *args: GRADIENTS)  # tested further down
    document = compose_lab(LabReport(LAB, finished, language))
    sections = [one for one in document.sections if one.name.startswith("q-")]
    assert len(sections) == len(LAB.questions) == 40
    assert all(one.asked and one.code and len(one.blocks) > 0 for one in sections)
    assert document.notices == []
    assert not any(isinstance(b, Notice) for one in sections for b in one.blocks)
    assert "40" in document.summary[0]
    assert len(document.summary) == 4
    drawn = {one.name for one in sections for b in one.blocks if isinstance(b, Picture)}
    assert {"q-2.sgd-best", "q-2.adam-best", "q-3.sgd-best", "q-3.adam-best"} <= drawn


GRADIENTS = {(depth, width): 1e-16 for depth in (1, 3, 5) for width in (25, 100, 300, 500, 1000)}


# --- the states of the records --------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_without_records_each_experiment_names_its_command(language, monkeypatch):
    monkeypatch.setattr(checks, "mlp_steps", lambda *args: dict.fromkeys((1, 3, 5), 0.0))
    for question in EXPERIMENTS:
        section = question_section(LabReport(LAB, None, language), question)
        notices = [block for block in section.blocks if isinstance(block, Notice)]
        assert notices, question.name
        assert all(one.command.startswith("retroprop run inf8225-") for one in notices)


@pytest.mark.parametrize(
    ("state", "language"),
    [
        ({"stop_after": 20}, "en"),
        ({"stop_after": 1}, "fr"),
        ({"seeds": [0]}, "fr"),
        ({"seeds": [0, 1], "tested": False}, "fr"),
    ],
)
def test_every_experiment_is_answered_in_every_state(tmp_path, state, language, monkeypatch):
    monkeypatch.setattr(checks, "mlp_steps", lambda *args: dict.fromkeys((1, 3, 5), 0.0))
    for name in (LOGISTIC, STUDY, DERIVATIONS):
        records = make(tmp_path, name, **state)
    for question in EXPERIMENTS:
        text, blocks = said(records, question.name, language)
        assert text.strip(), question.name
        marked = [block for block in blocks if isinstance(block, Notice)]
        assert bool(marked) == ("stop_after" in state), question.name


def test_diverged_cells_are_named_and_are_never_the_best(tmp_path):
    best = {"optimizer": "sgd", "learning_rate": 0.01, "batch_size": 1}
    records = make(tmp_path, LOGISTIC, diverged=[(best, 0)])
    text, _ = said(records, "2.sgd-search")
    assert "The best of 12 cells has learning rate 0.1, batch size 1: " in text
    assert "diverged 1/3" in text
    assert "not counted: 1" in said(records, "2.analysis")[0]


def test_where_every_cell_diverged_nothing_is_called_best(tmp_path):
    study = load_study(LOGISTIC)
    cells = [
        {"optimizer": o, "learning_rate": r, "batch_size": b}
        for o in ("sgd", "adam")
        for r in study.grid.varied()["learning_rate"]
        for b in study.grid.varied()["batch_size"]
    ]
    records = make(tmp_path, LOGISTIC, diverged=[(cell, 0) for cell in cells], tested=False)
    for name in ("2.sgd-search", "2.sgd-best"):
        text, _ = said(records, name)
        assert "In every cell of the grid at least one seed diverged" in text
        assert "best of" not in text


# --- reversed records -----------------------------------------------------------------------------


def reversed_accuracy(name):
    usual = ACCURACY[name]
    return lambda cell, seed: 1.6 - usual(cell, seed)


def test_reversed_records_turn_every_claim_of_part_2(tmp_path, finished):
    usual, _ = said(finished, "2.sgd-search")
    records = make(tmp_path, LOGISTIC, accuracy=reversed_accuracy(LOGISTIC))
    turned, _ = said(records, "2.sgd-search")
    assert "The best of 12 cells has learning rate 0.01, batch size 1:" in usual
    assert "Its best cell is ours too: 85.73% there, 85.70 ± 0.10% here." in usual
    assert "The best of 12 cells has learning rate 0.1, batch size 1000:" in turned
    assert "Its best cell is another one, learning rate 0.01 and batch size 1: 85.73%" in turned
    assert "and the worst, learning rate 0.01, batch size 1, " in turned
    assert (
        "83.12% on the same 10,000 test images; ours 84.20 ± 0.10%, 1.08 points more"
        in (said(finished, "2.sgd-best")[0])
    )


def test_the_best_of_all_is_that_of_the_better_optimizer(finished):
    assert (
        "the best model of all, SGD, learning rate 0.01, batch size 1, has"
        in (said(finished, "2.analysis")[0])
    )
    assert (
        "the best network (Adam, 5 hidden layers, 1000 units per hidden layer)"
        in (said(finished, "3.discussion")[0])
    )


def test_reversed_records_turn_every_claim_of_part_3(tmp_path, finished):
    slow = lambda cell: 10.0 / seconds(cell)  # noqa: E731
    for name in (LOGISTIC, STUDY, DERIVATIONS):
        records = make(
            tmp_path, name, accuracy=reversed_accuracy(name), seconds=slow, overfitting=-0.01
        )
    for name, usual, turned in (
        ("3.adam-search", "has 5 hidden layers, 1000 units", "has 1 hidden layer, 25 units"),
        ("3.compare", "On validation, Adam is 2.00 points above", "SGD is 2.00 points above"),
        ("3.speed", "The derivation by hand trains faster in all", "Autograd trains faster in all"),
        ("3.speed", "so it weighs on small networks", "overhead in each step is not what decides"),
        ("2.analysis", "which hidden layers do", "what hidden layers can add"),
        (
            "3.discussion",
            "The hidden layers are worth their cost",
            "the hidden layers cost accuracy",
        ),
    ):
        assert usual in said(finished, name)[0], name
        assert usual not in said(records, name)[0], name
        assert turned in said(records, name)[0], name
        assert turned not in said(finished, name)[0], name


# --- single sentences -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ({1: 0.1, 20: 0.01, 200: 0.01, 1000: 0.001}, "It falls as the batch grows"),
        ({1: 0.001, 20: 0.1, 200: 0.01, 1000: 0.1}, "It does not fall steadily"),
        ({1: 0.001, 20: 0.001, 200: 0.001, 1000: 0.001}, "the smallest of the grid"),
        ({1: 0.1, 20: 0.1, 200: 0.1, 1000: 0.1}, "the largest of the grid"),
        ({1: 0.01, 20: 0.01, 200: 0.01, 1000: 0.01}, "does not ask for another rate"),
    ],
)
def test_what_is_said_of_rates_and_batches_follows_the_best_rates(tmp_path, rates, sentence):
    def accuracy(cell, seed):
        best = rates[cell["batch_size"]] == cell["learning_rate"]
        return 0.8 + 0.05 * best + 0.001 * seed

    text, _ = said(make(tmp_path, LOGISTIC, accuracy=accuracy), "2.sgd-search")
    found = [one for one in SENTENCES_OF_RATES if one in text]
    assert found == [sentence]


SENTENCES_OF_RATES = (
    "It falls as the batch grows", "It does not fall steadily", "the smallest of the grid",
    "the largest of the grid", "does not ask for another rate",
)  # fmt: skip


def test_adam_s_rates_have_another_reason(tmp_path):
    rates = {1: 0.001, 20: 0.001, 200: 0.01, 1000: 0.1}

    def accuracy(cell, seed):
        return 0.8 + 0.05 * (rates[cell["batch_size"]] == cell["learning_rate"])

    text, _ = said(make(tmp_path, LOGISTIC, accuracy=accuracy), "2.adam-search")
    assert "It rises with the batch. Adam’s step does not depend on the scale" in text
    assert "summed gradient asks" not in text


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ((0.0, 0.0, 0.0), "tells the best from every other cell"),
        ((-0.06, 0.0, 0.06), "does not tell it from 11 of the 11 others"),
    ],
)
def test_only_cells_that_the_seeds_tell_apart_are_called_so(tmp_path, steps, sentence):
    def accuracy(cell, seed):
        usual = DATA.top_accuracy(cell, seed, steps={"sgd": (0, 0, 0), "adam": (0, 0, 0)})
        sign = 1 if (cell["learning_rate"], cell["batch_size"]) == (0.01, 1) else -1
        return usual + sign * steps[seed] + 0.0001 * seed * sign

    text, _ = said(make(tmp_path, LOGISTIC, accuracy=accuracy), "2.sgd-search")
    assert sentence in text


def test_with_one_seed_the_images_decide(tmp_path):
    def accuracy(cell, seed):
        return 0.85 if (cell["depth"], cell["width"]) == (3, 300) else 0.80

    text, _ = said(make(tmp_path, STUDY, accuracy=accuracy), "3.sgd-search")
    assert "its lead over every other cell is larger than what the choice of 6,000" in text


def unsteady(cell, seed):
    """The widest networks vary more over the seeds."""
    return mlp_accuracy(cell, seed) + (cell["width"] == 1000) * (-0.005, 0.0, 0.005)[seed]


@pytest.mark.parametrize("options", [{"seeds": [0]}, {"seeds": [0, 1, 2], "accuracy": unsteady}])
def test_the_cheapest_network_that_is_not_distinguishable_from_the_best_is_named(tmp_path, options):
    make(tmp_path, LOGISTIC)
    text, _ = said(make(tmp_path, STUDY, **options), "3.discussion")
    assert "The best network, 5 hidden layers, 1000 units per hidden layer, takes 16.9 s" in text
    assert "; 5 hidden layers, 500 units per hidden layer takes 8.58 s and is 1.00 points" in text


def test_where_every_cheaper_network_is_worse_that_is_said(tmp_path):
    make(tmp_path, LOGISTIC)
    at_once = lambda cell, seed: 0.8 + 0.05 * (cell["width"] == 100 * cell["depth"])  # noqa: E731
    records = make(tmp_path, STUDY, accuracy=at_once)
    assert (
        "and every cheaper one is below it by more than chance" in said(records, "3.discussion")[0]
    )


def test_a_best_epoch_before_the_last_is_said_with_what_a_reference_would_lose(
    finished, monkeypatch
):
    text, _ = said(finished, "2.sgd-best")
    assert "by seed: 5, 5, 5. The last epoch is the best one for every seed" in text
    assert "the last epoch is below" not in text
    as_recorded = type(finished).runs

    def runs(self, *args, **options):
        return [
            dataclasses.replace(
                run, best_epoch=3, best_validation_accuracy=run.best_validation_accuracy + 0.01
            )
            for run in as_recorded(self, *args, **options)
        ]

    monkeypatch.setattr(type(finished), "runs", runs)
    text, _ = said(finished, "2.sgd-best")
    assert "by seed: 3, 3, 3. The last epoch is 1.00 points below the best on average" in text
    assert "below the best one in 36, by 1.00 points on average and 1.00 points at most" in text
    assert "is the best one for every seed" not in text


def test_a_model_that_is_better_on_test_is_not_called_flattered(tmp_path):
    records = make(tmp_path, LOGISTIC, tested=False)
    for run in records.runs(LOGISTIC):
        if run.cell["optimizer"] == "sgd" and run.cell["learning_rate"] == 0.01:
            records.set_test(run.id, accuracy=0.9, loss=0.3)
    text, _ = said(records, "2.sgd-best")
    assert "the choice on validation did not flatter it" in text
    assert "less on the test set" not in text


def test_a_schedule_that_ends_at_zero_forbids_a_claim_about_more_epochs(finished):
    assert "does not tell whether more epochs would help" in said(finished, "3.sgd-best")[0]
    assert "does not tell whether more" not in said(finished, "2.sgd-best")[0]


def test_a_study_at_laptop_size_says_that_it_does_not_compare(tmp_path):
    study = load_study(LOGISTIC, size="smoke")
    records = DATA.make_records(
        tmp_path / "test.db", config=study.model_dump(),
        settings=lambda cell: kinds.recorded(study.settings(cell)),
        epochs=study.epochs, accuracy=lambda cell, seed: 0.5, tested=False,
        fingerprint=study.fingerprint,
    )  # fmt: skip
    assert "its numbers do not compare directly" in said(records, "2.sgd-search")[0]


def test_seconds_by_the_clock_are_not_made_of_those_of_the_workers(tmp_path):
    text = said(make(tmp_path, LOGISTIC), "2.analysis")[0]
    assert "of training and" not in text
    assert "by the clock. Summed over the workers, training took" in text


def test_cells_that_print_the_same_accuracy_share_the_first_place(tmp_path):
    def accuracy(cell, seed):
        return 0.85 - (0.05 if cell["learning_rate"] == 0.1 else 0.00001 * (cell["batch_size"] > 1))

    text = said(make(tmp_path, LOGISTIC, accuracy=accuracy, seeds=[0]), "2.sgd-search")[0]
    assert "The same number is reached by 7 other cells." in text
    assert "0.00 points below" not in text


def at_size(folder, name, top, size="full"):
    """Records of a study whose models all have one accuracy."""
    study = load_study(name, size=size)
    records = DATA.make_records(
        folder / "test.db", config=study.model_dump(), epochs=study.epochs,
        settings=lambda cell: kinds.recorded(study.settings(cell)), study_run_id=name,
        fingerprint=study.fingerprint, accuracy=lambda cell, seed: top, overfitting=0.0,
        tested=False,
    )  # fmt: skip
    for run in records.runs(name):
        records.set_test(run.id, accuracy=top, loss=0.5)
    return records


@pytest.mark.parametrize(
    ("top", "test", "train"),
    [
        (0.9, "10.00 points more", "part of what is missing"),
        (0.6, "20.00 points less", "which is less"),
        (0.801, "could tell from chance", "less than a point away"),
    ],
)
def test_networks_beside_the_linear_model_are_above_below_or_not_told_apart(
    tmp_path, top, test, train
):
    at_size(tmp_path, LOGISTIC, 0.8)
    records = at_size(tmp_path, STUDY, top)
    document = str(compose_lab(LabReport(LAB, records, "en")))
    for sentence in (test, train):
        assert sentence in document
    others = {"could tell from chance", "which is less", "less than a point"} - {test, train}
    assert not [one for one in others if one in document and one not in train]


def test_networks_of_fewer_images_are_not_compared_with_the_linear_model(tmp_path):
    at_size(tmp_path, LOGISTIC, 0.8)
    records = at_size(tmp_path, STUDY, 0.6, size="smoke")
    document = str(compose_lab(LabReport(LAB, records, "en")))
    assert "on the same images" not in document
    assert "the best logistic regression of part 2" not in document
    assert "inf8225-logistic trained on 54,000 images of Fashion-MNIST" in document
    assert "inf8225-mlp trained on 1,000 images" in document


def test_the_published_numbers_agree_with_each_other():
    for name, (rate, size) in published.BEST.items():
        assert 100 * published.validation(name, rate, size) == max(
            max(row) for row in published.VALIDATION[name]
        )
    assert published.validation("sgd", 0.5, 1) is None
    assert published.validation("adam", 0.1, 7) is None
    for (name, rate, size), log in published.PRINTED_ELSEWHERE.items():
        assert 100 * published.validation(name, rate, size) != log


# --- what is computed now -------------------------------------------------------------------------


@pytest.mark.parametrize("letter", QUESTIONS)
def test_the_joint_table_gives_the_same_answers(letter):
    net = load("inf8225")
    question = QUESTIONS[letter].question
    answer = net.ask(question)
    values = answer.values if isinstance(answer, NamedTable) else answer
    assert abs(ask_joint(net, question) - values).max() < 1e-15
    assert joint_table(net).shape == (2, 2, 2, 3, 2)


def test_every_check_finds_only_rounding():
    assert checks.accuracy_by_counting() == 0
    for check in (
        checks.cross_entropy_of_torch, checks.softmax_of_torch, checks.softmax_shifted,
        checks.augmented_product, checks.regression_forward, checks.adam_of_the_paper,
        checks.softmax_cross_entropy_of_torch,
    ):  # fmt: skip
        assert check() < 1e-13, check.__name__
    found = checks.regression_gradient()
    assert found["autograd"] < 1e-13
    assert 0 < found["differences"] < 1e-6
    assert checks.relu_of_torch() == {"forward": 0.0, "backward": 0.0}
    assert max(checks.mlp_gradients((1, 5), (25, 100)).values()) < 1e-13
    for optimizer in ("sgd", "adam"):
        assert checks.regression_steps(optimizer) < 1e-13
        assert max(checks.mlp_steps(optimizer, (1, 3), torch.float64).values()) < 1e-12
    assert checks.softmax_example()[0] == [0.0, 0.0, 1.0]
    assert checks.scaled_gradients("sgd") == pytest.approx(200)
    assert checks.scaled_gradients("adam") == pytest.approx(1)


def test_planted_errors_show_in_the_checks(monkeypatch):
    right = mlp.MLPModel.backward
    monkeypatch.setattr(
        mlp.MLPModel, "backward", lambda self, y, p: [1.01 * g for g in right(self, y, p)]
    )
    text, _ = said(None, "3.gradients")
    assert "They are *not* equal" in text
    text, _ = said(None, "3.optimisation")
    assert "The optimisation is *not* the same" in text
    get_grads = regression.LinearModel.get_grads
    monkeypatch.setattr(
        regression.LinearModel, "get_grads", lambda self, *args: 1.01 * get_grads(self, *args)
    )
    found = checks.regression_gradient()
    assert min(found.values()) > 1e-3


def test_train_returns_a_copy_of_the_best_model():
    kept = checks.best_model_kept()
    assert kept.returned == kept.of_copy == max(kept.accuracies)
    assert kept.of_live_model == kept.accuracies[-1] < kept.returned


def test_a_check_leaves_the_generator_and_the_output_alone(capsys):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    checks.mlp_gradients((1,), (25,))
    checks.best_model_kept()
    assert torch.rand(1) == expected
    assert capsys.readouterr().out == ""


def test_the_backward_pass_costs_less_than_two_forward_passes():
    count = checks.multiplications(3, 300)
    assert count["forward"] == 300 * 785 + 2 * 300 * 301 + 10 * 301
    assert count["forward"] < count["backward"] < 2 * count["forward"]


def test_source_is_the_library_s_without_docstrings_and_refusals():
    text = source(regression.train_by, mlp.MLPModel.__init__).text
    assert '"""' not in text
    assert "raise" not in text
    assert "best_model, best_val_accuracy = copy.deepcopy(model), accuracy_val" in text
    compile(re.sub(r"^def __init__", "def init", text, flags=re.M), "shown", "exec")


def test_small_numbers_are_written_for_people():
    assert Numbers("en").power_of_ten(9.96e-7).replace("\xa0", " ") == "1.0 × 10⁻⁶"
    assert Numbers("fr").power_of_ten(0.25).replace("\xa0", " ") == "2,5 × 10⁻¹"
    assert Numbers("en").power_of_ten(float("nan")) == "nan"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pseudocode_has_seventeen_lines_in_aligned_columns(language):
    text = unicodedata.normalize("NFC", pseudocode(translator(language)))
    places = [len(signs_above_removed(line).rpartition("   ")[0]) for line in text.splitlines()]
    numbered = [line for line in text.splitlines() if line[:2].strip().isdigit()]
    assert [int(line[:2]) for line in numbered] == list(range(1, 18))
    with_shapes = [n for n, line in zip(places, text.splitlines(), strict=True) if line[-1:] == ")"]
    assert len(set(with_shapes)) == 1
    assert max(map(len, text.splitlines())) < 80


def signs_above_removed(line):
    return "".join(c for c in unicodedata.normalize("NFC", line) if not unicodedata.combining(c))


# --- the notebook's cells -------------------------------------------------------------------------


@pytest.mark.slow
def test_every_code_cell_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """What the notebook holds, in one session that begins without records: 40 s on one core."""
    from retroprop.report.lab_content import setup_code

    monkeypatch.chdir(tmp_path)
    names = {}
    exec(setup_code(LabReport(LAB, None, "en", "smoke")), names)
    for question in LAB.questions:
        exec(question.code or f'lab.answer("{question.name}")', names)
    assert names["lab"].answer("2.sgd-search").section.heading.startswith("2, SGD")
