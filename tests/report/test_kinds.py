import inspect
import io
import re

import pytest
from pypdf import PdfReader

from retroprop.byhand.cnn import POOLED, cnn_parameters
from retroprop.errors import UserError
from retroprop.report.answers import answers_section
from retroprop.report.derivations import speed_section
from retroprop.report.document import Document
from retroprop.report.html import render_html
from retroprop.report.influence import influence_sections
from retroprop.report.models import trained_section
from retroprop.report.pdf import render_pdf
from retroprop.report.results import curves_section, tables_section
from retroprop.report.study_report import StudyReport
from retroprop.studies.kinds import KINDS
from retroprop.studies.schema import Study


@pytest.fixture
def report(made):
    """A function from a study and changes to its report."""

    def tell(name, language="en", **changes):
        records = made(name, **changes)
        record = records.study_run((changes.get("config") or {"name": name})["name"])
        return StudyReport.read(records, record, language)

    return tell


def plain(text):
    return " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())


def formulas(section):
    return [block.name for block in section.blocks if block.kind == "equation"]


def words(section):
    return plain(" ".join(block.text for block in section.blocks if hasattr(block, "text")))


# -- what was trained -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("perceptron", ["perceptron-model", "perceptron-update"]),
        (
            "shallow",
            ["shallow-model", "shallow-errors", "shallow-update", "momentum", "adagrad"],
        ),
        ("deep", ["mlp-model", "relu", "mlp-softmax", "mlp-backward", "sgd", "adam"]),
        (
            "activations",
            [
                "mlp-model",
                "relu",
                "sigmoid",
                "tanh",
                "mlp-softmax",
                "mlp-linear",
                "mlp-backward",
                "adamw",
                "adam",
            ],
        ),
        ("cnn", ["sgd"]),
    ],
)
def test_each_kind_has_the_formulas_of_its_model_and_of_its_optimizers(report, name, expected):
    section = trained_section(report(name))
    assert formulas(section) == expected
    assert all(block.source for block in section.blocks if block.kind == "equation")


def test_the_derivation_is_said_as_it_was(report, studies):
    assert "computed in two ways" in words(trained_section(report("derivations")))
    assert "formulas derived by hand." in words(trained_section(report("deep")))
    assert "automatic differentiation (autograd)." in words(trained_section(report("cnn")))


def test_steps_are_counted_where_every_image_makes_one(report):
    assert "one epoch is 54,000 steps, and the 5 planned epochs are 270,000." in words(
        trained_section(report("perceptron"))
    )
    assert "une époque compte 54 000 pas" in words(trained_section(report("perceptron", "fr")))
    assert "makes one step" not in words(trained_section(report("deep")))


def test_the_convolutional_network_is_described_as_it_is_built(report):
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(cnn_parameters).parameters.items()
    }
    text = words(trained_section(report("cnn")))
    channels, dense = defaults["n_channels"], defaults["dense_hiddens"]
    assert "three convolutions of {}, {} and {} kernels".format(*channels) in text
    assert set(dense) == {256}
    assert len(dense) == 2
    assert POOLED == 4


def test_the_layers_of_a_network_are_listed_when_they_are_recorded(report, studies):
    assert "Layers" not in words(trained_section(report("cnn")))
    model = {"kind": "cnn", "derivation": "autograd", "layers": ["conv 5 × 5, 16", "linear 10"]}
    config = {**studies.STUDIES["cnn"], "model": model}
    section = trained_section(report("c", config=config))
    (block,) = [block for block in section.blocks if getattr(block, "title", "")]
    assert block.text == "conv 5 × 5, 16; linear 10"


@pytest.mark.parametrize("name", ["perceptron", "shallow", "activations"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_formulas_are_drawn_on_the_page_and_on_paper(report, name, language):
    told = report(name, language)
    document = Document(
        language=language,
        title="t",
        subtitle="s",
        summary=["one"],
        notices=[],
        sections=[trained_section(told), answers_section(told)],
        footer="f",
        labels={"skip": "s", "contents": "c", "description": "d"},
    )
    page = render_html(document)
    drawn = re.findall(r"<math.*?</math>", page, flags=re.DOTALL)
    assert len(drawn) == len(formulas(document.sections[0]))
    for one in drawn:
        assert len(re.findall(r"<m[ion]>", one)) > 5
        assert "&lt;" not in one
    reader = PdfReader(io.BytesIO(render_pdf(document, when="2025-01-01")))
    assert "t" in reader.pages[0].extract_text()


# -- losses and names -------------------------------------------------------------------------


def test_losses_are_nats_only_for_cross_entropy(report):
    captions = {
        name: [plain(table.caption) for table in tables_section(report(name)).blocks]
        for name in ("shallow", "activations")
    }
    assert captions["shallow"][0].startswith("Validation loss at the best epoch (squared error)")
    assert captions["activations"][0].startswith(
        "Validation loss at the best epoch (nats for softmax, squared error for linear outputs)"
    )
    for name, unit in (("perceptron", "½ Σ (t − y)²"), ("cnn", "nats")):
        (_, loss, *_) = curves_section(report(name)).blocks
        assert loss.name == "loss-curves"
        told = report(name)
        assert (told.loss() == "nats") == (unit == "nats")


def test_settings_and_values_have_words_in_both_languages(report):
    told, raconte = report("derivations"), report("derivations", "fr")
    cell = {"derivation": "autograd", "depth": 1, "width": 25, "initial_scale": "auto"}
    assert told.describe(cell) == (
        "automatic differentiation, 1 hidden layer, 25 units per hidden layer, initial weights "
        "scaled by fan-in"
    )
    assert raconte.setting("derivation", "by-hand") == "à la main"
    assert raconte.setting("derivation", "autograd") == "dérivation automatique (autograd)"
    assert raconte.setting_name("depth") == "couches cachées"
    assert told.setting("learning_rate", {"sgd": 0.1, "adam": 0.001}) == "SGD 0.1; Adam 0.001"


# -- tables -----------------------------------------------------------------------------------


def test_a_table_without_columns_has_one_column_of_means(report):
    (table,) = [table for table in tables_section(report("cnn")).blocks if "0.001" in table.caption]
    assert (table.across, list(table.columns)) == ("", ["mean"])
    assert [(row.header, plain(row.cells[0].text)) for row in table.rows] == [
        ("3", "94.56 ± 0.10"),
        ("5", "95.00 ± 0.10"),
        ("7", "94.71 ± 0.10"),
    ]


def test_training_seconds_are_a_value_of_a_table_without_a_best_cell(report):
    table, *_ = tables_section(report("derivations")).blocks
    assert table.caption == "Training time per epoch (s), derivation by hand"
    texts = [[plain(cell.text) for cell in row.cells] for row in table.rows]
    assert texts[2][0] == "1.05 ± 0.00"  # 1 · (0.05 + (300 / 300)^1.5)
    assert {cell.mark for row in table.rows for cell in row.cells} == {""}
    assert any("Lower is better." in note for note in table.notes)


def test_a_study_file_may_leave_out_the_columns_and_ask_for_the_new_figures():
    study = {
        "name": "s",
        "title": {"en": "s", "fr": "s"},
        "dataset": "cifar10-sample",
        "epochs": 1,
        "seeds": [0],
        "grid": {"learning_rate": [0.1, 0.01]},
        "report": {
            "tables": [{"rows": "learning_rate", "value": "train_s"}],
            "figures": ["curves-by-setting", "effect-of-setting", "speed"],
        },
    }
    assert Study.model_validate(study).report.tables[0].columns is None
    study["report"]["tables"][0]["columns"] = "colour"
    with pytest.raises((UserError, ValueError), match=r"report\.tables\.columns"):
        Study.model_validate(study)


# -- pictures ---------------------------------------------------------------------------------


def test_every_varied_setting_has_its_pictures_with_words(report):
    told = report("perceptron")
    influence, values = influence_sections(told)
    pictures = [block for block in (*influence.blocks, *values.blocks) if block.kind == "picture"]
    assert [picture.name for picture in pictures] == [
        "effect-learning-rate",
        "effect-initial-scale",
        "effect-initial-sign",
        "curves-learning-rate-1",
        "curves-initial-scale-1",
        "curves-initial-sign-1",
    ]
    assert "0.001: 95.00% (from 94.90% to 95.10%)" in pictures[0].description
    assert pictures[0].caption == (
        "Learning rate: best validation accuracy, with initial weights of standard deviation 0.01, "
        "initial weights of both signs"
    )
    assert "0.001, validation: from 10.00% at epoch 0 to 95.00%" in pictures[3].description


def test_a_diverged_value_is_named_in_caption_and_description(report):
    cell = {"learning_rate": 0.1, "initial_scale": 0.01, "initial_sign": "both"}
    told = report("perceptron", diverged=[(cell, 0)])
    influence, values = influence_sections(told)
    assert "0.1: diverged;" in influence.blocks[1].description
    assert "Without a line: 0.1: diverged 1/3." in values.blocks[1].caption
    assert "0.1, validation" not in values.blocks[1].description


def test_settings_are_shown_around_the_best_cell_of_each_group(report):
    _, values = influence_sections(report("deep"))
    captions = [plain(block.caption) for block in values.blocks if block.kind == "picture"]
    assert captions[0].startswith("Optimizer: curves of each value at its own best settings")
    assert captions[1].startswith("Hidden layers: curves with SGD, 300 units per hidden layer.")
    assert captions[2].startswith("Hidden layers: curves with Adam, 300 units per hidden layer.")
    assert captions[3].endswith("Validation only.")


def test_losses_of_different_kinds_share_no_panel(report):
    _, values = influence_sections(report("activations"))
    pictures = {block.name: block for block in values.blocks if block.kind == "picture"}
    picture = pictures["curves-output-1"]
    assert "Losses of different kinds are not compared." in picture.caption
    assert "loss (" not in picture.description
    assert "accuracy (%): softmax, validation" in picture.description


def test_a_figure_that_was_not_asked_for_is_not_drawn(report, studies):
    config = {**studies.STUDIES["cnn"], "report": {"tables": [], "figures": ["loss-curves"]}}
    told = report("c", config=config)
    assert influence_sections(told) == []
    assert speed_section(told) is None


def test_the_speed_pictures_state_seconds_and_ratios_by_depth(report):
    _, seconds, ratio = speed_section(report("derivations")).blocks
    text = plain(seconds.description)
    assert "1 hidden layer: by hand: units per hidden layer 25: 0.0741 s" in text
    assert "autograd: units per hidden layer 25: 0.133 s" in text
    assert "5 hidden layers: units per hidden layer 25: 1.80;" in plain(ratio.description)


def test_a_speed_study_over_depth_alone_has_one_panel(report, studies):
    config = {
        **studies.STUDIES["derivations"],
        "grid": {"derivation": ["by-hand", "autograd"], "depth": [1, 3]},
    }
    _, seconds, ratio = speed_section(report("d", config=config)).blocks
    assert plain(seconds.description).startswith("by hand: hidden layers 1: ")
    assert plain(ratio.description) == "hidden layers 1: 1.80; hidden layers 3: 1.80."


def test_speed_needs_both_derivations(report, studies):
    config = {
        **studies.STUDIES["derivations"],
        "grid": {"derivation": ["by-hand"], "depth": [1, 3]},
    }
    assert speed_section(report("d", config=config)) is None


def test_other_settings_of_a_speed_study_are_those_of_the_best_cell(report, studies):
    config = {
        **studies.STUDIES["derivations"],
        "grid": {
            "optimizer": ["sgd", "adam"],
            "derivation": ["by-hand", "autograd"],
            "width": [25, 100],
        },
    }

    def seconds(cell):
        return (7.0 if cell["optimizer"] == "adam" else 1.0) + (cell["derivation"] == "autograd")

    _, picture, _ = speed_section(report("d", config=config, seconds=seconds)).blocks
    assert picture.caption.endswith("(Adam)")
    assert "25: 7.00 s" in plain(picture.description)


def test_every_kind_of_the_formulas_is_a_kind_of_the_tests(studies):
    used = {study["model"]["kind"] for study in studies.STUDIES.values()}
    of_networks = {"network", "resnet18", "mlp-mixer"}  # see test_networks
    assert set(KINDS) == used | of_networks | {"softmax-regression"}
