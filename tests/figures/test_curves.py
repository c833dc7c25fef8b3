import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise

import pytest

from retroprop.figures.curves import (
    curve,
    curves_by_part,
    describe_curves,
    loss_and_accuracy_curves,
)
from retroprop.figures.style import (
    INK,
    SERIES,
    EndLabel,
    dress,
    for_page,
    label_ends,
    new_figure,
    page_colours,
    spread_labels,
    to_svg,
)
from retroprop.studies.records import EpochRecord, RunRecord


def run(seed, accuracies, losses=None):
    losses = losses or [1 - accuracy for accuracy in accuracies]
    return RunRecord(
        id=seed + 1,
        study_run_id="test",
        position=seed,
        population="p",
        cell={},
        settings={},
        seed=seed,
        status="finished",
        epochs=tuple(
            EpochRecord(
                epoch=epoch,
                train_loss=loss,
                train_accuracy=accuracy,
                validation_loss=loss,
                validation_accuracy=accuracy,
                train_s=1.0,
                evaluate_s=1.0,
            )
            for epoch, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True))
        ),
    )


MODELS = {
    "SGD": [run(0, [0.1, 0.80, 0.84]), run(1, [0.1, 0.82, 0.86])],
    "Adam": [run(0, [0.1, 0.78, 0.83]), run(1, [0.1, 0.79, 0.83])],
}


def drawn_lines(axes):
    """The lines with more than one point: the curves."""
    return [line for line in axes.get_lines() if len(line.get_xdata()) > 1]


def test_a_curve_is_the_mean_of_the_seeds_between_the_lowest_and_the_highest():
    line = curve(MODELS["SGD"], "validation_accuracy")
    assert line.epochs == (0, 1, 2)
    assert line.mean == pytest.approx((0.1, 0.81, 0.85))
    assert (line.low, line.high) == ((0.1, 0.80, 0.84), (0.1, 0.82, 0.86))


def test_an_epoch_that_a_seed_lacks_or_that_is_not_a_number_is_left_out():
    short = [run(0, [0.1, 0.8, 0.9]), run(1, [0.1, 0.8])]
    assert curve(short, "validation_accuracy").epochs == (0, 1)
    broken = [run(0, [0.1, 0.8], [2.3, None])]
    assert curve(broken, "train_loss").epochs == (0,)


def test_the_panels_show_train_and_validation_of_every_series():
    figure = loss_and_accuracy_curves(MODELS)
    loss, accuracy = figure.axes
    assert len(drawn_lines(loss)) == len(drawn_lines(accuracy)) == 4
    labels = [text.get_text() for text in accuracy.texts]
    assert sorted(labels) == ["Adam, train", "Adam, validation", "SGD, train", "SGD, validation"]
    assert accuracy.get_xlabel() == "epoch"
    assert accuracy.get_title(loc="left") == "accuracy (%)"
    assert loss.get_title(loc="left") == "loss (nats)"


def test_series_differ_without_colour():
    (axes,) = loss_and_accuracy_curves(MODELS, metrics=["loss"]).axes
    looks = {(line.get_marker(), line.get_linestyle()) for line in drawn_lines(axes)}
    assert len(looks) == 4


def test_a_far_epoch_0_is_written_and_pointed_to_instead_of_flattening_the_rest():
    (axes,) = loss_and_accuracy_curves(MODELS, metrics=["accuracy"]).axes
    low, high = axes.get_ylim()
    assert 70 < low < 78
    assert 86 < high < 90
    assert axes.get_title(loc="right") == "▼ epoch 0: 10.0"
    assert axes.get_xlim()[0] <= 0


def test_a_near_epoch_0_is_drawn_like_the_others():
    models = {"SGD": [run(0, [0.5, 0.6, 0.9])]}
    (axes,) = loss_and_accuracy_curves(models, metrics=["accuracy"]).axes
    assert axes.get_title(loc="right") == ""
    assert list(drawn_lines(axes)[0].get_xdata()) == [0, 1, 2]


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_study_of_few_epochs_can_be_drawn(epochs):
    models = {"SGD": [run(0, [0.1, 0.8][:epochs])]}
    figure = loss_and_accuracy_curves(models)
    assert to_svg(figure, name="few", title="t", description="d").startswith("<svg")


def test_labels_never_overlap_and_stay_inside():
    placed = spread_labels([0.5, 0.51, 0.99, 1.0], gap=0.08, low=0.0, high=1.0)
    assert all(later - earlier >= 0.08 - 1e-9 for earlier, later in pairwise(placed))
    assert 0.0 <= min(placed) <= max(placed) <= 1.0


def test_french_axes_have_a_decimal_comma():
    (axes,) = loss_and_accuracy_curves(MODELS, metrics=["loss"], language="fr").axes
    figure_svg = to_svg(axes.figure, name="comma", title="t", description="d")
    assert figure_svg
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert any("," in label for label in labels)
    assert not any("." in label for label in labels)


def test_the_svg_has_its_words_escaped_and_unique_ids():
    figure = loss_and_accuracy_curves(MODELS)
    svg = to_svg(figure, name="panel", title="a < b", description='"&"')
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-labelledby"] == "panel-title panel-desc"
    assert [child.text for child in root][:2] == ["a < b", '"&"']
    ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("panel-") for name in ids)
    uses = [node.attrib[key] for node in root.iter() for key in node.attrib if key.endswith("href")]
    assert uses
    assert all(use.removeprefix("#") in ids for use in uses)


def test_the_same_figure_gives_the_same_svg():
    once, again = (
        to_svg(loss_and_accuracy_curves(MODELS), name="n", title="t", description="d")
        for _ in range(2)
    )
    assert once == again
    assert "<dc:date>" not in once


def test_a_figure_in_a_page_has_only_the_colours_of_the_page():
    svg = to_svg(loss_and_accuracy_curves(MODELS), name="n", title="t", description="d")
    page = for_page(svg)
    assert INK in svg
    assert INK not in page
    assert "currentColor" in page
    for index, style in enumerate(SERIES[:2], start=1):
        assert f"var(--series-{index}, {style.light})" in page
        assert f"--series-{index}: {style.dark};" in page_colours(dark=True)
    assert "#000000" not in page


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("style", SERIES)
def test_labels_in_a_series_colour_can_be_read_on_light_and_on_dark(style):
    assert 1.05 / (luminance(style.light) + 0.05) >= 4.5
    assert (luminance(style.dark) + 0.05) / (luminance("#15181b") + 0.05) >= 4.5


def test_the_description_states_the_first_and_the_last_value_of_every_line():
    text = describe_curves(MODELS, "accuracy", say=str, number=lambda value: f"{value:.3f}")
    assert "SGD, validation: from 0.100 at epoch 0 to 0.850 at epoch 2." in text
    assert "Adam, train: from 0.100 at epoch 0 to 0.830 at epoch 2." in text


def learning_more_on_train(model):
    epochs = [replace(epoch, train_loss=epoch.train_loss / 2) for epoch in model.epochs]
    return replace(model, epochs=tuple(epochs))


def test_both_sets_share_their_heights_and_say_what_they_are():
    models = {
        "ReLU": [learning_more_on_train(run(0, [0.1, 0.5, 0.7]))],
        "tanh": [learning_more_on_train(run(0, [0.1, 0.4, 0.6]))],
        "lost": [],
    }
    upper, lower = curves_by_part(models, "loss", notes=["lost: diverged 1/1"], language="fr").axes
    assert upper.get_ylim() == lower.get_ylim()
    titles = [axes.get_title(loc="left").replace("\u00a0", " ") for axes in (upper, lower)]
    assert [title.split("\n")[0] for title in titles] == [
        "validation : perte (nats)",
        "entraînement : perte (nats)",
    ]
    assert [text.get_text() for text in upper.texts] == ["ReLU", "tanh", "lost: diverged 1/1"]
    assert [text.get_text() for text in lower.texts] == ["ReLU", "tanh"]
    (validation, train) = (axes.get_lines()[0] for axes in (upper, lower))
    assert validation.get_linestyle() == "-"
    assert train.get_linestyle() == "--"


# -- labels and short curves ------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_labels_stand_beside_the_ends_of_their_own_lines(language):
    axes = new_figure().subplots()
    dress(axes, x_label="epoch", y_label="accuracy", language=language)
    for end in (50.0, 70.0, 95.0):
        axes.plot([0, 1], [10.0, end])
    label_ends(
        axes, [EndLabel(text=f"{end}", colour=INK, x=1, y=end) for end in (50.0, 70.0, 95.0)]
    )
    to_share = axes.transScale + axes.transLimits
    for text in axes.texts:
        assert abs(text.xyann[1] - to_share.transform((1, float(text.get_text())))[1]) < 0.01


def test_a_model_of_one_epoch_is_a_line_from_the_untrained_model():
    models = {"SGD": [run(0, [0.1, 0.80])], "Adam": [run(0, [0.1, 0.81])]}
    axes = loss_and_accuracy_curves(models, metrics=("accuracy",), parts=("validation",)).axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1], [0, 1]]
