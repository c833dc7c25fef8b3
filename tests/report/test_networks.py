"""The reports of the studies of deep networks: what they say, and what they draw."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from retroprop.figures.confusion import confusion_matrix
from retroprop.models.mlpmixer import MixerBlock
from retroprop.models.resnet18 import ResNet18
from retroprop.report.answers import answers_section
from retroprop.report.appendix import time_section
from retroprop.report.confusions import confusion_section
from retroprop.report.content import compose, notices, summary
from retroprop.report.costs import costs_section
from retroprop.report.html import render_html
from retroprop.report.models import trained_section
from retroprop.report.network_pictures import gradients_section, pairs_of, weights_section
from retroprop.report.pdf import render_pdf
from retroprop.report.results import tables_section
from retroprop.report.words import SETTINGS
from retroprop.studies.kinds import KINDS, settings_of_kind
from retroprop.training.augmentation import Augmentation
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import CLAMP

FEW_IMAGES = ["split.images=2500", "training.batch_size=64"]
RATES = "ift6135-resnet18-rates"
PATCHES = "ift6135-mixer-patches"
ARCHITECTURES = "ift3395-architectures"
BEST = "ift6135-resnet18-best"
NORMALIZATION = "ift3395-normalization"
PICTURES = {
    ARCHITECTURES: [
        "curves-architecture-1",
        *("pair-1", "pair-2", "pair-3"),
        "gradient-norms",
        *(f"confusion-{n}" for n in range(1, 6)),
    ],
    NORMALIZATION: [
        *("loss-curves", "accuracy-curves"),
        *("curves-learning-rate-1", "curves-learning-rate-2", "curves-normalization-1"),
        *("confusion-1", "confusion-2", "class-accuracies"),
    ],
    "ift6135-activations": [
        *("loss-curves", "accuracy-curves", "gradient-norms", "confusion-1", "class-accuracies"),
    ],
    RATES: ["loss-curves", "accuracy-curves", "confusion-1", "class-accuracies", "kernels"],
    PATCHES: [
        *("loss-curves", "accuracy-curves", "time-patch-size-1"),
        *("confusion-1", "class-accuracies"),
    ],
    BEST: [
        *("search-best", "search-importance", "search-parallel", "search-slices"),
        *("loss-curves", "accuracy-curves", "confusion-1", "class-accuracies", "kernels"),
    ],
    "ift6135-mixer-best": [
        *("search-best", "search-importance", "search-parallel", "search-slices"),
        *("loss-curves", "accuracy-curves", "confusion-1", "class-accuracies"),
        *("token-mixing", "filtered-picture"),
    ],
}


@pytest.fixture(scope="module")
def documents(networks):
    """A function from a study and a language to its report, made once."""
    made = {}

    def document(name, language="en"):
        if (name, language) not in made:
            made[name, language] = compose(networks(name, language, size=size_of(name)))
        return made[name, language]

    return document


def size_of(name):
    return "laptop" if name.endswith("best") else "full"


def plain(text):
    for space in ("\u00a0", "\u202f"):
        text = text.replace(space, " ")
    return " ".join(text.replace("\u2011", "-").split())


def words(document):
    texts = [*document.summary]
    texts += [f"{notice.title}. {notice.text}" for notice in document.notices]
    return plain(" ".join([*texts, *(words_of(section) for section in document.sections)]))


def words_of(section):
    texts = []
    for block in section.blocks:
        texts += [getattr(block, "title", ""), getattr(block, "text", "")]
        texts += [getattr(block, "caption", ""), getattr(block, "description", "")]
    return plain(" ".join(texts))


def blocks(document, section=None):
    return [
        block for one in document.sections if section in (None, one.name) for block in one.blocks
    ]


def pictures(document):
    return {block.name: block for block in blocks(document) if block.kind == "picture"}


# -- every study ------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", PICTURES)
def test_every_study_draws_its_figures_and_describes_them(documents, name, language):
    document = documents(name, language)
    drawn = pictures(document)
    assert list(drawn) == PICTURES[name]
    assert all(block.caption and block.description for block in drawn.values())
    page = render_html(document)
    assert page.count("<figure id=") == len(drawn)


@pytest.mark.parametrize(("name", "language"), [(ARCHITECTURES, "fr"), (BEST, "en")])
def test_the_pdf_can_be_set(documents, name, language):
    assert render_pdf(documents(name, language), when="2025-01-01").startswith(b"%PDF")


def test_every_setting_of_a_network_has_a_name():
    for kind in KINDS:
        assert set(settings_of_kind(kind)) <= set(SETTINGS)


# -- what was trained -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (ARCHITECTURES, ["mlp-model", "cnn-layer", "relu", "clamped-cross-entropy", "adam"]),
        (
            "ift6135-activations",
            ["mlp-model", "relu", "tanh", "sigmoid", "cross-entropy", "weight-decay", "adam"],
        ),
        (RATES, ["resnet-block", "batch-norm", "cross-entropy", "weight-decay", "adam"]),
        (
            BEST,
            [
                *("resnet-block", "batch-norm", "cross-entropy", "weight-decay", "nesterov"),
                *("adam", "adamw", "warmup-cosine"),
            ],
        ),
    ],
)
def test_a_study_has_the_formulas_of_its_networks(networks, name, expected):
    section = trained_section(networks(name, size=size_of(name)))
    assert [block.name for block in section.blocks if block.kind == "equation"] == expected


def test_weight_decay_is_added_to_the_gradient_of_all_but_adamw(networks):
    two = ["search.ranges.optimizer.choices=nesterov,adamw"]
    section = trained_section(networks(BEST, size="laptop", changes=two))
    (place,) = [
        place
        for place, block in enumerate(section.blocks)
        if getattr(block, "name", "") == "weight-decay"
    ]
    introduction = section.blocks[place - 1].text
    assert introduction.endswith("before the step of SGD with Nesterov momentum:")
    alone = networks(
        "ift6135-mixer-best", size="laptop", changes=["search.ranges.optimizer.choices=adamw"]
    )
    names = [getattr(block, "name", "") for block in trained_section(alone).blocks]
    assert "adamw" in names
    assert "weight-decay" not in names


def test_label_smoothing_and_clipping_are_said_only_where_used(networks):
    changes = ["training.label_smoothing=0.1", "training.clip_norm=1.5", "training.patience=3"]
    text = words_of(trained_section(networks(RATES, changes=changes)))
    assert "A gradient longer than 1.5 is shortened to that norm." in text
    assert "A training ends after 3 epochs without" in text
    assert "Label smoothing s gives" in text
    other = words_of(trained_section(networks(RATES)))
    assert "shortened" not in other
    assert "Label smoothing" not in other


def test_an_architecture_is_described_by_its_layers_and_parameters(networks):
    text = words_of(trained_section(networks(ARCHITECTURES, parameters=lambda cell: 269_322)))
    assert "MLP 64 × 53 53 hidden layers of 64 units; 269,322 parameters." in text
    assert (
        "Convolutions of 16, 32 and 45 kernels of 3 × 3, stride 1, padding 0, then 2 hidden" in text
    )
    assert "A convolution of 41 kernels of 28 × 28, stride 1, padding 0, then" in text
    french = words_of(
        trained_section(networks(ARCHITECTURES, "fr", parameters=lambda cell: 269_322))
    )
    assert "53 couches cachées de 64 unités ; 269 322 paramètres." in french


def test_what_the_texts_say_of_the_training_is_what_the_trainer_does(documents):
    crops = Augmentation()
    assert (crops.crop_scale, crops.crop_ratio, crops.flip) == ((0.8, 1.0), (0.9, 1.1), True)
    assert RunSettings().warmup == 1 / 20
    assert CLAMP == 1e-9
    assert inspect.signature(MixerBlock).parameters["mlp_ratio"].default == (0.5, 4.0)
    assert inspect.signature(ResNet18).parameters["widths"].default == (64, 128, 256, 512)
    text = words(documents(BEST))
    for said in (
        "of 80 to 100 % of its area",
        "a ratio of 0.9 to 1.1",
        "w of all S steps, 5% of them",
    ):
        assert said in text


def test_the_appendix_says_autograd_and_leaves_out_what_had_no_part(documents):
    document = documents(NORMALIZATION)
    (table,) = [b for b in blocks(document, "setting") if b.name == "setting-table"]
    facts = {row.header: plain(row.cells[0].text) for row in table.rows}
    assert facts["model"].endswith("automatic differentiation (autograd)")
    assert facts["order of the images"] == "that of the file"
    assert {"momentum μ", "weight decay", "label smoothing"} & set(facts) == set()
    assert facts["split"] == "The first 2,000 test images validate, the other 8,000 test."
    assert facts["validation images"] == "2,000"


# -- sizes and splits -------------------------------------------------------------------------


def test_a_smaller_study_says_so_before_any_number(networks, documents):
    report = networks(RATES, size="laptop", epochs=8, changes=FEW_IMAGES)
    (notice,) = notices(report)
    assert notice.title == "This is the study at its laptop size"
    assert plain(notice.text).startswith(
        "It trained on 2,500 of the 45,000 training images of CIFAR-10 and validated on 1,000 "
        "other images; number of epochs: 8."
    )
    assert "CIFAR-10 (on 2,500 of the 45,000 training images)" in plain(summary(report)[0])
    assert documents(RATES).notices == []


def test_steps_and_images_are_those_of_the_smaller_study(networks):
    report = networks(RATES, size="laptop", changes=FEW_IMAGES)
    assert "(40 steps)" in words_of(answers_section(report))
    table = time_section(report).blocks[0]
    means = [plain(row.cells[-1].text) for row in table.rows]
    assert any(mean.startswith("2,500 train images × model-epochs") for mean in means)


def test_the_test_images_that_validate_are_not_called_test(documents):
    text = "The first 2,000 test images validate, the other 8,000 test."
    assert text in words(documents(ARCHITECTURES))
    assert "test images validate" not in words(documents(RATES))


# -- curves -----------------------------------------------------------------------------------


def test_four_curves_name_the_varied_value(documents):
    document = documents(RATES)
    for name, first in (("loss-curves", "2.303"), ("accuracy-curves", "10.00%")):
        text = plain(pictures(document)[name].description)
        for rate in ("0.1", "0.01", "0.001", "0.0001", "1e-5"):
            for part in ("validation", "train"):
                assert f"{rate}, {part}: from" in text
        assert f"0.1, validation: from {first} at epoch 0" in text
        assert "by learning rate." in pictures(document)[name].caption


def test_a_diverged_value_has_no_line_and_is_said_everywhere(networks):
    document = compose(networks(RATES, diverged=[({"learning_rate": 0.1}, 0)]))
    assert "1 of 5 models diverged." in document.summary
    curves = pictures(document)["loss-curves"]
    assert "Without a line: 0.1: diverged 1/1." in curves.caption
    assert "0.1, validation" not in curves.description.replace("0.01", "")
    answers = plain(" ".join(block.text for block in blocks(document, "answers")))
    assert "Diverged, so without a mean: 0.1 (1 of 1 seeds)." in answers


def test_train_metrics_are_called_what_they_are(networks, documents):
    assert "those on train are means over the epoch" in words(documents(RATES))
    assert "measured on the whole train and validation sets" in words(documents(NORMALIZATION))
    told = plain(" ".join(block.text for block in answers_section(networks(RATES)).blocks))
    assert "a mean over the epoch while the model was learning, is 0.80 points above" in told
    below = plain(
        " ".join(block.text for block in answers_section(networks(RATES, overfitting=-0.1)).blocks)
    )
    assert "is not above that on validation; that does not exclude overfitting." in below


# -- architectures ----------------------------------------------------------------------------


def test_pairs_hold_two_or_three_architectures():
    dense = [f"mlp {n}" for n in range(1, 7)]
    assert pairs_of(dense) == [
        ["mlp 1", "mlp 2", "mlp 3"],
        ["mlp 1", "mlp 4", "mlp 5"],
        ["mlp 1", "mlp 6"],
    ]
    assert pairs_of(["cnn 8 k3"]) == []
    assert pairs_of(["mlp 8", "cnn 8 k3"]) == [["mlp 8", "cnn 8 k3"]]


def test_the_pairs_are_those_of_the_assignment(documents):
    drawn = pictures(documents(ARCHITECTURES))
    captions = [plain(drawn[f"pair-{n}"].caption) for n in (1, 2, 3)]
    assert captions == [
        "Train and validation accuracy: MLP 256-256 and MLP 64 × 53.",
        "Train and validation accuracy: MLP 256-256 and CNN 16-32-45 of 3 × 3.",
        "Train and validation accuracy: CNN 16-32-45 of 3 × 3, CNN 8-16-32-64 of 1 × 1 and CNN 41 "
        "of 28 × 28.",
    ]


def test_gradient_norms_are_described_and_missing_ones_named(networks):
    def norm(cell, epoch):
        return 0.0 if cell["architecture"] == "mlp 64x53" else 2.0 / epoch

    _, picture = gradients_section(networks(ARCHITECTURES, gradient_norm=norm)).blocks
    assert "MLP 256-256: from 2.00 at epoch 1 to 0.667 at epoch 3." in plain(picture.description)
    assert "for lack of a norm above 0: MLP 64 × 53." in plain(picture.caption)


def test_the_star_is_for_the_best_architecture_alone_and_moves(networks):
    def starred(report):
        table = tables_section(report).blocks[0]
        return [row.header for row in table.rows if row.cells[0].mark == "best"]

    assert [plain(name) for name in starred(networks(ARCHITECTURES))] == ["MLP 256-256"]
    order = ["mlp 64x53", "mlp 256-256"]
    report = networks(
        ARCHITECTURES,
        accuracy=lambda cell, seed: (
            0.8 - 0.01 * order.index(cell["architecture"]) if cell["architecture"] in order else 0.5
        ),
    )
    assert [plain(name) for name in starred(report)] == ["MLP 64 × 53"]
    told = plain(" ".join(summary(report)))
    assert "On validation, MLP 64 × 53 is 1.00 points above MLP 256-256" in told


def test_architectures_of_one_group_are_listed_without_an_only_cell(documents):
    (first, *_) = documents(ARCHITECTURES).summary
    assert plain(first).startswith(
        "5 models trained on Fashion-MNIST reach validation accuracies (one seed, so no spread) of "
        "90.00% with MLP 256-256 (80.00% on the test set); 89.00% with MLP 64 × 53 (80.00%"
    )
    assert "only cell" not in first


def test_equal_accuracies_are_not_called_a_difference(documents):
    text = plain(" ".join(documents(ARCHITECTURES).summary))
    assert "On the test set, MLP 256-256 and MLP 64 × 53 reach the same accuracy." in text


# -- costs ------------------------------------------------------------------------------------


def test_a_setting_that_changes_neither_time_nor_parameters_has_no_bars(networks):
    report = networks("ift6135-resnet18-rates", parameters=lambda cell: 11)
    config = report.record.config | {"report": {"figures": ["time-by-setting"]}}
    section = costs_section(replace(report, record=replace(report.record, config=config)))
    (only,) = section.blocks
    assert "An epoch takes as long with each value of the setting" in only.text


def test_costs_follow_when_the_times_are_reversed(networks, documents):
    text = words(documents(PATCHES))
    assert (
        "An epoch takes longest with 2 × 2 patches, 32.0 s: 16.0 times as long as with 32 × 32 "
        "patches, 2.00 s. The largest model has 3,100,000 parameters, with 32 × 32 patches, the "
        "smallest 2,300,000, with 4 × 4 patches."
    ) in text
    assert "8 × 8 patches: 8.00 s per epoch, 2,350,000 parameters" in text
    report = networks(PATCHES, seconds=lambda cell: float(cell["patch_size"]))
    reversed_text = words_of(costs_section(report))
    assert "An epoch takes longest with 32 × 32 patches, 32.0 s" in reversed_text


def test_parameters_are_a_table_without_star_or_spread_also_of_diverged_models(networks):
    report = networks(PATCHES, diverged=[({"patch_size": 2}, 0)])
    table = tables_section(report).blocks[1]
    assert table.caption == "Parameters"
    assert [plain(row.cells[0].text) for row in table.rows][:2] == ["2,400,000", "2,300,000"]
    assert {row.cells[0].mark for row in table.rows} == {""}
    assert "One seed" not in " ".join(table.notes)


# -- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), ("There is no file", "Il n’y a pas de fichier")),
        (lambda path: path.write_bytes(b"no tensors"), ("is damaged", "est endommagé")),
    ],
)
def test_missing_and_damaged_weights_are_explained_in_the_report(networks, language, damage, said):
    report = networks(RATES, language)
    best = max(report.runs, key=lambda run: run.best_validation_accuracy)
    damage(report.folder / best.checkpoint)
    _, notice = weights_section(report).blocks  # and no picture
    assert notice.kind == "notice"
    assert said[language == "fr"] in notice.text
    assert best.checkpoint in notice.text


def test_weights_of_another_run_or_architecture_are_not_drawn(networks):
    report = networks("ift6135-mixer-best", size="laptop")
    best = max(report.runs, key=lambda run: run.best_validation_accuracy)
    others = tuple(replace(run, seed=7) if run.id == best.id else run for run in report.runs)
    _, notice = weights_section(replace(report, runs=others)).blocks
    assert "does not hold these weights" in notice.text


def test_the_drawn_weights_are_those_of_the_best_run(networks, documents):
    best = words(documents(RATES))
    assert "The weights are those of run 1 (learning rate 0.1), after epoch 3" in best
    other = networks(RATES, accuracy=lambda cell, seed: 0.9 - cell["learning_rate"])
    assert "those of run 5 (learning rate 1e-5)" in words_of(weights_section(other))


# -- confusion --------------------------------------------------------------------------------


def test_every_final_model_has_its_confusion_matrix_with_the_readers_class_names(networks):
    english, french = networks(RATES), networks(RATES, "fr")
    for report, frog in ((english, "frog: 88.8%"), (french, "grenouille : 88,8 %")):
        matrix = confusion_section(report).blocks[1]
        assert frog in plain(matrix.description)
    assert plain(matrix.caption).endswith("8 000 images de test.")


def test_many_models_have_a_table_of_classes(networks):
    *_, table = confusion_section(networks(ARCHITECTURES)).blocks
    assert [plain(name) for name in table.columns][:2] == ["MLP 256-256", "MLP 64 × 53"]
    assert [cell.text for cell in table.rows[0].cells] == ["88.8"] * 5
    assert table.rows[0].header == "T-shirt/top"


def test_without_an_evaluation_on_the_test_set_there_is_no_confusion(networks):
    assert confusion_section(networks(RATES, tested=False)) is None


# -- names of classes -------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "angle"), [("0123456789", 0.0), (["coat"] * 10, 45.0)])
def test_digits_stand_upright_above_their_columns_and_words_lean(classes, angle):
    axes = confusion_matrix(np.eye(10, dtype=int), list(classes)).axes[0]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {angle}
