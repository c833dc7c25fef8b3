"""The document of IFT6135, assignment 1: every question, and sentences that follow the records."""

import ast
import importlib.util
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from retroprop.labs.ift6135_devoir1 import (
    answers_mixer,
    answers_resnet,
    checks,
    filter_measures,
)
from retroprop.labs.ift6135_devoir1.answers_activation import ACTIVATIONS
from retroprop.labs.ift6135_devoir1.answers_mixer import MIXER
from retroprop.labs.ift6135_devoir1.answers_patches import PATCHES
from retroprop.labs.ift6135_devoir1.answers_rates import RATES
from retroprop.labs.ift6135_devoir1.answers_resnet import RESNET
from retroprop.labs.ift6135_devoir1.best_model import initial_weights
from retroprop.labs.ift6135_devoir1.outcomes import course_of
from retroprop.labs.ift6135_devoir1.questions import LAB
from retroprop.labs.notebook import OpenLab
from retroprop.labs.source_code import source
from retroprop.models.resnet18 import BasicBlock
from retroprop.report import pictures
from retroprop.report.document import Code, Notice, Picture, Table
from retroprop.report.html import render_html
from retroprop.report.lab_content import compose_lab, question_section
from retroprop.report.lab_report import LabReport
from retroprop.report.pdf import render_pdf
from retroprop.report.weights import NoWeightsError
from retroprop.studies.records import EpochRecord, RunRecord
from retroprop.studies.schema import load_study

SIZES = {RESNET: "laptop", MIXER: "laptop"}  # the full grids take a second to write
ALL = (ACTIVATIONS, RATES, PATCHES, RESNET, MIXER)


def load(name):
    file = Path(__file__).parents[1] / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DATA, NETWORKS = load("make_records"), load("make_networks")


@pytest.fixture(autouse=True)
def quick_pictures(request, monkeypatch):
    """Pictures are drawn only for a test that looks at them: drawing takes longest."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(pictures, "to_svg", lambda *_, **__: "<svg/>")
        monkeypatch.setattr(pictures, "for_page", lambda svg: svg)


@pytest.fixture
def drawn():
    """Ask for real pictures."""


@pytest.fixture
def lab(tmp_path):
    """A function from a study and changes of its made-up records to the lab's report."""

    def tell(study, language="en", **changes):
        changes.setdefault("size", SIZES.get(study, "full"))
        changes.setdefault("weights", True)
        with_weights = changes.pop("weights")
        records = NETWORKS.make_networks(DATA, tmp_path, study, **changes)
        if with_weights:
            for run in records.runs(study):
                if run.checkpoint is not None:
                    give_weights(records.folder / run.checkpoint, run)
        return LabReport(LAB, records, language)

    return tell


def give_weights(file, run):
    """Weights of the right shapes, made up, beside what is in a checkpoint."""
    tensors, random = load_file(file), np.random.default_rng(run.id)
    prefix = next(iter(tensors)).split("/")[0]
    if run.settings["kind"] == "network":
        sizes = (3072, 16, 8, 8, 8, 10)
        names = [*(f"hidden_layers.{n}" for n in range(4)), "output_layer"]
        for name, inputs, outputs in zip(names, sizes[:-1], sizes[1:], strict=True):
            weight = random.normal(size=(outputs, inputs)) / inputs**0.5
            tensors[f"{prefix}/{name}.weight"] = weight.astype(np.float32)
            tensors[f"{prefix}/{name}.bias"] = np.zeros(outputs, np.float32)
    save_file(tensors, file)


def answer(lab, name):
    question = next(one for one in LAB.questions if one.name == name)
    return list(question_section(lab, question).blocks)


def words(blocks):
    texts = [f"{getattr(b, 'title', '')} {getattr(b, 'text', '')}" for b in blocks]
    return " ".join(" ".join(texts).replace("\u00a0", " ").replace("\u202f", " ").split())


def table(blocks, name):
    return next(b for b in blocks if isinstance(b, Table) and b.name.endswith(name))


def scored(key, scores):
    """From the value of a setting to its accuracy."""
    return lambda cell, seed: scores[cell[key]]


# --- the questions --------------------------------------------------------------------------------


def test_every_question_of_the_assignment_is_there_in_its_order():
    asked = [
        "1.1",
        "1.2",
        "1.3",
        "2.1",
        "2.2",
        "3.1",
        "3.2",
        "4.1",
        "4.2",
        "4.3",
        "4.4",
        "4.5",
        "4.6",
    ]
    assert [question.label or question.name for question in LAB.questions] == asked
    assert [question.points for question in LAB.questions[7:]] == [5, 10, 10, 15, 10, 10]
    assert LAB.studies == [*ALL[:3], RESNET, MIXER]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_without_records_the_code_is_answered_and_every_study_has_its_command(language):
    lab = LabReport(LAB, None, language)
    document = compose_lab(lab)
    for section in document.sections:
        if re.match(r"q-[123]|q-4.1", section.name):
            assert not any(isinstance(block, Notice) for block in section.blocks)
            assert any(isinstance(block, Code) for block in section.blocks)
    commands = [
        block.command
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Notice)
    ]
    assert {command.split()[2] for command in commands} == set(ALL)
    html = render_html(document)
    assert "11,173,962" in html.replace("\u202f", ",")
    assert render_pdf(document, when="2025-01-01").startswith(b"%PDF")


@pytest.mark.parametrize("study", ALL)
@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("state", ["finished", "half", "diverged", "small"])
def test_every_state_of_the_records_has_an_answer(lab, study, language, state):
    changes = {
        "finished": {},
        "half": {"stop_after": 2, "tested": False},
        "diverged": {"tested": False},
        "small": {"size": "smoke"},
    }[state]
    if state == "diverged":
        grid = load_study(study, size=SIZES.get(study, "full")).grid.varied()
        cells = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        changes["diverged"] = [(cell, 0) for cell in cells]
    told = lab(study, language, **changes)
    names = [question.name for question in LAB.questions if study in question.studies]
    for name in names:
        blocks = answer(told, name)
        assert words(blocks)
        assert "{" not in words(blocks)
        if state in ("finished", "small"):
            assert any(isinstance(block, Table) for block in blocks)


# --- 4.2 ------------------------------------------------------------------------------------------


def test_the_four_figures_name_each_activation_function(lab, drawn):
    found = [b for b in answer(lab(ACTIVATIONS), "4.2") if isinstance(b, Picture)]
    drawings = {picture.name: picture.svg for picture in found}
    for name in ("q-4.2-loss-curves", "q-4.2-accuracy-curves"):
        for function in ("ReLU", "tanh", "sigmoid"):
            assert function in drawings[name]


@pytest.mark.parametrize(
    ("scores", "said", "not_said"),
    [
        (
            {"relu": 0.6, "tanh": 0.5, "sigmoid": 0.4},
            ["ahead of both others by more than noise", "But ReLU is ahead of tanh"],
            ["these records do not decide", "is first, not ReLU"],
        ),
        (
            {"relu": 0.4, "tanh": 0.5, "sigmoid": 0.6},
            ["sigmoid is first, not ReLU", "But sigmoid is ahead of ReLU", "sigmoid is ahead of t"],
            ["ahead of both others", "No function is ahead"],
        ),
        (
            {"relu": 0.6, "tanh": 0.599, "sigmoid": 0.598},
            ["tanh is too near", "Between tanh and sigmoid these records do not decide"],
            ["ahead of both others by more than noise", "But"],
        ),
        (
            {"relu": 0.5, "tanh": 0.6, "sigmoid": 0.4},
            ["tanh is first, not ReLU", "No function is ahead of one with a larger first gradient"],
            ["But"],
        ),
    ],
)
def test_the_explanation_of_the_activation_functions_follows_the_records(
    lab, scores, said, not_said
):
    text = words(answer(lab(ACTIVATIONS, accuracy=scored("activation", scores)), "4.2"))
    assert all(sentence in text for sentence in said)
    assert not any(sentence in text for sentence in not_said)


def test_the_gradient_of_the_sigmoid_vanishes_before_training():
    norms = checks.first_gradients()
    assert norms["sigmoid"][0] < 0.05 * norms["relu"][0]
    assert norms["sigmoid"][0] < 0.1 * norms["sigmoid"][-1]


def test_flat_units_are_counted_by_their_slopes():
    weights = torch.zeros(4, 3072), torch.tensor([-9.0, -1.0, 1.0, 9.0])
    output = torch.zeros(10, 4), torch.zeros(10)
    shares = {name: checks.flat_shares([weights, output], name)[0] for name in ("relu", "tanh")}
    assert shares == {"relu": 0.5, "tanh": 0.5}  # two are negative; two are far out
    assert checks.flat_shares([weights, output], "sigmoid")[0] == 0.5


# --- 4.3 ------------------------------------------------------------------------------------------

RATES_BEST_AT = {
    best: {rate: 0.8 - 0.1 * abs(place - at) for place, rate in enumerate(rates)}
    for rates in [(0.1, 0.01, 0.001, 0.0001, 0.00001)]
    for at, best in enumerate(rates)
}


@pytest.mark.parametrize(
    ("best", "said", "not_said"),
    [
        (0.001, ["finds 0.001 best too", "With 0.1 one step is 11.8 times"], ["not tried"]),
        (
            0.1,
            ["0.1 is ahead of it by more than noise", "too large was not tried"],
            ["With 0.1 one"],
        ),
        (0.00001, ["too small was not tried", "With 0.1 one step"], ["best too"]),
    ],
)
def test_the_explanation_of_the_rates_follows_the_records(lab, best, said, not_said):
    accuracy = scored("learning_rate", RATES_BEST_AT[best])
    text = words(answer(lab(RATES, accuracy=accuracy), "4.3"))
    assert all(sentence in text for sentence in said), text
    assert not any(sentence in text for sentence in not_said)


def test_a_rate_that_was_tried_alone_does_not_confirm_the_document(lab):
    text = words(answer(lab(RATES, changes=["grid.learning_rate=0.001"]), "4.3"))
    assert "best too" not in text
    assert "no other rate has a finished model here" in text


def test_rates_within_noise_contradict_nothing(lab):
    accuracy = scored("learning_rate", {0.1: 0.6, 0.01: 0.6, 0.001: 0.6, 1e-4: 0.605, 1e-5: 0.6})
    text = words(answer(lab(RATES, accuracy=accuracy), "4.3"))
    assert "these records do not contradict the document" in text
    assert "The largest rate that finished, 0.1, is not behind the best by more than noise" in text
    assert "one step is" not in text.replace("The table shows one step", "")


def runs_of(accuracies, losses, train, status="finished"):
    epochs = tuple(
        EpochRecord(
            epoch=n,
            train_loss=fall,
            train_accuracy=0.5,
            validation_loss=loss,
            validation_accuracy=accuracy,
            train_s=1.0,
            evaluate_s=1.0,
        )
        for n, (accuracy, loss, fall) in enumerate(
            zip(accuracies, losses, train, strict=True), start=1
        )
    )
    places = {"id": 1, "study_run_id": "s", "position": 0, "population": "p"}
    return [RunRecord(**places, cell={}, settings={}, seed=0, status=status, epochs=epochs)]


@pytest.mark.parametrize(
    ("found", "accuracies", "losses", "train"),
    [
        ("guessing", [0.10, 0.12, 0.09], [2.3, 2.3, 2.3], [2.3, 2.3, 2.3]),
        ("improving", [0.3, 0.4, 0.5], [2.0, 1.8, 1.6], [2.0, 1.8, 1.6]),
        ("overfits", [0.3, 0.4, 0.4], [2.0, 1.6, 1.7], [2.0, 1.5, 1.0]),
        ("level", [0.3, 0.4, 0.4], [2.0, 1.6, 1.61], [2.0, 1.5, 1.4]),
        ("level", [0.3, 0.4, 0.4], [2.0, 1.6, 1.9], [2.0, 1.5, 1.6]),
        ("unsteady", [0.2, 0.3, 0.2, 0.3, 0.2], [2.0, 3.0, 2.0, 3.0, 2.0], [2.0] * 5),
    ],
)
def test_the_course_of_a_training_is_named_by_its_losses(found, accuracies, losses, train):
    assert course_of(runs_of(accuracies, losses, train), guess=0.1, images=1000) == found


def test_a_course_that_did_not_end_is_not_named():
    losses = [2.0, 1.8]
    for status, found in (("running", "unfinished"), ("diverged", "diverged")):
        runs = runs_of(losses, losses, losses, status)
        assert course_of(runs, guess=0.1, images=1000) == found


# --- 4.4 ------------------------------------------------------------------------------------------


def patches(low, four, whole):
    return scored("patch_size", {2: low, 4: four, 8: 0.4, 16: 0.4, 32: whole})


@pytest.mark.parametrize(
    ("accuracy", "said", "not_said"),
    [
        (patches(0.6, 0.7, 0.4), ["more than noise, with the same images", "without end"], []),
        (
            patches(0.7, 0.6, 0.4),
            ["The records do not tell them apart"],
            ["without end", "cost most"],
        ),
        (patches(0.41, 0.41, 0.7), ["nothing here shows"], ["above the single patch"]),
        (patches(0.5, 0.501, 0.5), ["do not show that mixing places helps"], ["without end"]),
    ],
)
def test_the_explanation_of_the_patches_follows_the_records(lab, accuracy, said, not_said):
    text = words(answer(lab(PATCHES, accuracy=accuracy), "4.4"))
    assert all(sentence in text for sentence in said), text
    assert not any(sentence in text for sentence in not_said), text


def test_the_parameters_of_every_patch_size_are_those_of_the_formula():
    dim, blocks, hidden = 256, 4, 128
    for patch in (2, 4, 8, 16, 32):
        tokens = (32 // patch) ** 2
        token = 2 * tokens * hidden + hidden + tokens
        channel = 8 * dim**2 + 5 * dim
        count = 3 * patch**2 * dim + dim + blocks * (token + channel + 4 * dim) + 12 * dim + 10
        assert checks.mixer_summary(patch, dim, blocks).parameters == count


def test_a_patch_size_that_costs_more_time_than_work_is_said(lab):
    slow = {2: 1e6, 4: 300.0, 8: 100.0, 16: 10.0, 32: 1.0}
    text = words(answer(lab(PATCHES, seconds=lambda cell: slow[cell["patch_size"]]), "4.4"))
    assert "The seconds grow more than the work" in text
    assert "The seconds grow less" not in text


# --- 4.5 and 4.6 ----------------------------------------------------------------------------------


def test_the_published_accuracy_is_compared_only_at_full_size(lab):
    small = words(answer(lab(RESNET), "4.5"))
    assert "so the two numbers do not compare the networks" in small
    assert "0.95" not in small


@pytest.mark.parametrize(("top", "said"), [(0.96, "above it"), (0.9, "below it")])
def test_at_full_size_it_is_above_or_below(lab, top, said):
    few = ["search.trials=2"]
    told = lab(RESNET, size="full", changes=few, epochs=15, accuracy=lambda cell, seed: top)
    text = words(answer(told, "4.5"))
    assert said in text
    assert "do not compare the networks" not in text


@pytest.mark.parametrize(("study", "question"), [(RESNET, "4.5"), (MIXER, "4.6")])
def test_the_best_models_come_from_a_search_that_is_shown(lab, study, question):
    blocks = answer(lab(study, pruned={4, 7}), question)
    trials = table(blocks, "trials-table")
    assert [row.header for row in trials.rows[-2:]] == ["5", "8"]
    assert [row.cells[-1].text for row in trials.rows[-3:]] == ["finished", "pruned", "pruned"]
    assert trials.rows[0].cells[-2].mark == "best"
    text = words(blocks)
    assert "The best model reaches 90.00% on validation" in text
    assert "2 of 12 were" in text
    assert "only 0." not in text  # each value of an interval was tried once: nothing to rank
    chosen = {row.header: row.cells[1].text for row in table(blocks, "hyperparameters").rows}
    assert chosen["weight decay"] == chosen["optimizer"] == "searched"
    assert chosen["seed"] == "fixed"


def test_a_search_of_one_trial_is_answered(lab):
    one = answer(lab(RESNET, changes=["search.trials=1", "search.parallel=1"]), "4.5")
    assert "The best model reaches 90.00% on validation" in words(one)
    assert len(table(one, "trials-table").rows) == 1
    chosen = {row.header: row.cells[1].text for row in table(one, "hyperparameters").rows}
    assert chosen["weight decay"] == "searched"


def test_a_search_in_which_every_trial_was_pruned_has_no_best_model(lab):
    blocks = answer(lab(MIXER, pruned=range(12), tested=False), "4.6")
    assert "No model has finished all its epochs without diverging yet." in words(blocks)


def test_all_hyperparameters_of_the_best_mixer_are_listed(lab):
    rows = {row.header for row in table(answer(lab(MIXER), "4.6"), "hyperparameters").rows}
    wanted = {"optimizer", "learning rate", "batch size", "weight decay", "embedding dimension"}
    assert wanted | {"patch size", "blocks", "epochs", "seed"} <= rows


def test_kernels_of_one_kind_are_found_and_not_called_luck(lab, monkeypatch):
    ramp = np.array([[-1.0, 0.0, 1.0]] * 3)
    edges = np.tile(ramp, (64, 3, 1, 1))
    told = lab(RESNET)
    name = "retroprop.labs.ift6135_devoir1.answers_resnet.trained_weights"
    monkeypatch.setattr(name, lambda *_: edges)
    blocks = answer(told, "4.5")
    text = words(blocks)
    assert "Outside the range of random kernels, and not so before training" in text
    assert "Of the 64 edges 64 run vertically" in text
    assert "do not support them" not in text
    assert table(blocks, "kernel-kinds").rows[1].cells[0].text == "64"


def test_kernels_that_were_never_trained_are_called_so(lab, monkeypatch):
    told = lab(RESNET)
    monkeypatch.setattr(answers_resnet, "trained_weights", initial_weights)
    text = words(answer(told, "4.5"))
    assert "Training moved the kernels by 0.0% of their initial norm, and 0 of 64" in text
    assert "and not so before training" not in text
    assert "do not support them" in text


def spots(n):
    """Filters of one strong patch each."""
    tiles = np.full((n, 64), 1e-3)
    tiles[np.arange(n), 9 + np.arange(n) % 40] = 1.0
    return tiles


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones((32, 64)), "large smooth shapes"),
        (spots(32), "more local than they were, but not smoother"),
        (None, "hardly differ from untrained ones"),
    ],
)
def test_the_filters_are_described_by_their_measures(lab, monkeypatch, weights, said):
    told = lab(MIXER)
    monkeypatch.setattr(
        answers_mixer,
        "trained_weights",
        lambda *of: initial_weights(*of) if weights is None else weights,
    )
    text = words(answer(told, "4.6"))
    assert said in text


def test_networks_trained_otherwise_are_not_ranked(lab):
    lab(ACTIVATIONS)
    told = lab(PATCHES, size="laptop")
    text = words(answer(told, "4.6"))
    assert "says nothing about the networks" in text


def test_networks_trained_alike_are_ranked(lab):
    lab(ACTIVATIONS, accuracy=lambda cell, seed: 0.5)
    told = lab(PATCHES, accuracy=lambda cell, seed: 0.7)
    text = words(answer(told, "4.6"))
    assert "from the best to the last they are MLP-Mixer and MLP" in text


@pytest.mark.parametrize(
    ("four", "whole", "said"),
    [(0.7, 0.5, "more than noise, with"), (0.5, 0.7, "not* better"), (0.5, 0.499, "within noise")],
)
def test_the_mixer_is_compared_with_itself_with_one_patch(lab, four, whole, said):
    assert said in words(answer(lab(PATCHES, accuracy=patches(0.4, four, whole)), "4.6"))


# --- measures and checks --------------------------------------------------------------------------


def test_the_chances_of_random_kernels_are_those_of_other_draws():
    drawn = np.random.default_rng(1).uniform(-1, 1, size=(20_000, 3, 3, 3)).mean(1)
    counts = np.bincount(filter_measures.kinds(drawn), minlength=5) / 20_000
    np.testing.assert_allclose(counts, filter_measures.chances(), atol=0.012)


def test_every_kind_of_kernel_is_recognised():
    u = np.array([[1, 1, 1], [-1, 0, 1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
    kernels = np.stack([np.outer(u[p], u[q]) for p in range(3) for q in range(3)])
    found = filter_measures.kinds(kernels).tolist()
    assert found == [0, 1, 2, 1, 2, 3, 2, 3, 3]
    assert filter_measures.kinds(np.zeros((1, 3, 3))).tolist() == [4]
    assert filter_measures.edge_directions(kernels) == ["vertical", "horizontal"]


def test_the_share_of_grey_is_a_third_of_random_weights_and_all_of_equal_channels():
    random = np.random.default_rng(0).normal(size=(2000, 3, 3, 3))
    assert filter_measures.grey_share(random) == pytest.approx(1 / 3, abs=0.01)
    assert filter_measures.grey_share(np.repeat(random[:, :1], 3, axis=1)) == pytest.approx(1)


def test_a_smooth_filter_and_a_spot_are_told_apart():
    smooth = filter_measures.spread(np.ones((3, 8, 8)))
    spot = filter_measures.spread(spots(3).reshape(3, 8, 8))
    assert (smooth.patches, smooth.neighbours) == (64.0, 1.0)
    assert spot.local > 0.99 > smooth.local
    assert spot.patches < 1.1


@pytest.mark.parametrize("row", ["Linear", "MLP", "BasicBlock", "PatchEmbedding", "MixerBlock"])
def test_the_derivations_agree_to_rounding(row):
    found = checks.agreement(row)
    assert found.with_autograd < 1e-13
    assert found.with_differences < 1e-6


def test_the_checks_of_the_layers_are_rounding():
    assert max(checks.linear_errors().values()) < 1e-14
    assert checks.forward_error() < 1e-13
    assert checks.shortcut_error() == 0
    assert checks.token_mixing_by_channel() < 1e-14
    assert checks.embedding(32, 4, 256).error < 1e-13
    assert checks.reached() == {"tokens": 64, "channels": 1, "convolution": 9}
    loss = checks.loss_checks()
    assert max(loss.loss, loss.gradient, loss.formula) < 1e-14
    assert loss.huge == 1e5


def test_shown_code_is_python_without_docstrings_and_refusals():
    text = source(BasicBlock, checks.embedding).text
    tree = ast.parse(text)
    assert '"""' not in text
    assert any(isinstance(node, ast.ClassDef) and node.name == "BasicBlock" for node in tree.body)


# --- the notebook ---------------------------------------------------------------------------------


def run_cell(text, names):
    """Run a cell as a notebook does, and return what its last expression shows."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize(
    ("study", "name"), [(RESNET, "conv1.weight"), (MIXER, "blocks.0.mlp_tokens.fc1.weight")]
)
def test_the_notebook_reads_the_weights_of_the_file_that_was_recorded_alone(lab, study, name):
    records = lab(study).records
    names = {"lab": OpenLab(LAB, records, "en")}
    exec(LAB.imports, names)
    best = max(records.runs(study), key=lambda run: run.best_validation_accuracy or 0)
    file = records.folder / best.checkpoint
    (key,) = (key for key in load_file(file) if key.endswith(f"/{name}"))
    assert np.array_equal(names["best_weights"](study, name), load_file(file)[key])
    records.finish_population([best.id], best.checkpoint, sha256="0" * 64)
    with pytest.raises(NoWeightsError, match="is damaged"):
        names["best_weights"](study, name)


@pytest.mark.slow  # six studies, each with a worker that imports torch
def test_every_code_cell_runs_from_top_to_bottom_at_smoke_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = compose_lab(LabReport(LAB, None, "en", "smoke"))
    names = {}
    run_cell(document.setup.replace("lab.run(size=SIZE)", "lab.run(size=SIZE, workers=1)"), names)
    shown = [run_cell(section.code, names) for section in document.sections if section.code]
    assert len(shown) == len(LAB.questions)
    for section, answer in zip((s for s in document.sections if s.code), shown, strict=True):
        assert section.heading.split(" · ")[1] in answer._repr_html_()
    assert {"kernels.png", "filters.png", "filtered.png"} <= {f.name for f in tmp_path.iterdir()}
