from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from retroprop.figures.curves import loss_and_accuracy_curves
from retroprop.figures.effects import Point, describe_effect, effect_of_setting
from retroprop.figures.speed import describe_lines, time_ratio, training_seconds
from retroprop.figures.style import LABEL_WIDTH, plain
from retroprop.studies.records import EpochRecord, RunRecord


def points(accuracies, values=(0.1, 0.01, 0.001)):
    return [
        Point(
            value=value,
            label=str(value),
            mean=accuracy,
            low=None if accuracy is None else accuracy - 0.01,
            high=None if accuracy is None else accuracy + 0.01,
        )
        for value, accuracy in zip(values, accuracies, strict=True)
    ]


LINES = {"SGD": points([0.90, 0.93, 0.92]), "Adam": points([None, 0.91, 0.94])}


def run(seed, losses, accuracies):
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
            for epoch, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True))
        ),
    )


def overlapping(figure):
    """Pairs of texts of a figure that touch, as they are drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = []
    for axes in figure.axes:
        texts = [*axes.texts, axes.title, axes._left_title, axes._right_title]
        for axis in (axes.xaxis, axes.yaxis, *(above.xaxis for above in axes.child_axes)):
            drawn = axis._update_ticks()
            texts += [axis.label, *(tick.label1 for tick in drawn), *(t.label2 for t in drawn)]
        for text in texts:
            if text.get_text() and text.get_visible():
                # An annotation's own extent would include the line that leads to it.
                box = Text.get_window_extent(text, canvas.get_renderer())
                boxes.append((text.get_text(), box))
    inside = [(text, box) for text, box in boxes if figure.bbox.overlaps(box)]
    return [
        (a, b)
        for (a, first), (b, second) in combinations(inside, 2)
        if first.shrunk(0.98, 0.9).overlaps(second.shrunk(0.98, 0.9))
    ]


# -- accuracy against a value -----------------------------------------------------------------


def bars(axes):
    """The means that are drawn, by series."""
    return [[(x, y) for x, y in zip(*c[0].get_data(), strict=True)] for c in axes.containers]


def test_each_value_has_a_point_with_its_mean_in_per_cent():
    (axes,) = effect_of_setting(LINES, x_label="learning rate").axes
    sgd, adam = bars(axes)
    assert sgd == [pytest.approx(p) for p in ((0.001, 92.0), (0.01, 93.0), (0.1, 90.0))]
    assert adam == [pytest.approx(p) for p in ((0.001, 94.0), (0.01, 91.0))]
    assert axes.get_xscale() == "log"


def test_a_diverged_value_is_a_cross_on_the_axis_with_its_word():
    (axes,) = effect_of_setting(LINES, x_label="learning rate").axes
    (cross,) = [line for line in axes.get_lines() if line.get_marker() == "x"]
    assert list(cross.get_xdata()) == [0.1]
    assert axes.get_title(loc="right") == "× diverged"
    (axes,) = effect_of_setting({"": points([0.9, 0.8, 0.7])}, x_label="learning rate").axes
    assert axes.get_title(loc="right") == ""


def test_words_and_lists_with_zero_stand_side_by_side_without_a_line():
    for values in (("relu", "tanh", "sigmoid"), (0.0, 0.01, 1.0)):
        (axes,) = effect_of_setting(
            {"": points([0.9, 0.8, 0.7], values)}, x_label="activation"
        ).axes
        assert axes.get_xscale() == "linear"
        assert [x for x, _ in bars(axes)[0]] == [0, 1, 2]
        assert axes.containers[0][0].get_linestyle() == "None"
        assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(v) for v in values]


def test_a_single_line_states_its_values_and_several_state_their_names():
    (axes,) = effect_of_setting(
        {"": points([0.905, 0.8, 0.7])}, x_label="learning rate", language="fr"
    ).axes
    assert sorted(text.get_text() for text in axes.texts) == ["70,0", "80,0", "90,5"]
    (axes,) = effect_of_setting(LINES, x_label="learning rate").axes
    assert sorted(text.get_text() for text in axes.texts) == ["Adam", "SGD"]


def test_the_description_follows_the_points():
    text = describe_effect(LINES, say=str, number=lambda value: f"{value:.2f}")
    assert text == (
        "SGD: 0.1: 0.90 (from 0.89 to 0.91); 0.01: 0.93 (from 0.92 to 0.94); 0.001: 0.92 (from "
        "0.91 to 0.93). Adam: 0.1: diverged; 0.01: 0.91 (from 0.90 to 0.92); 0.001: 0.94 (from "
        "0.93 to 0.95)."
    )


# -- seconds ----------------------------------------------------------------------------------

SECONDS = {
    "1 hidden layer": {"by hand": [(25, 0.1), (1000, 5.0)], "autograd": [(1000, 6.0), (25, 0.2)]},
    "3 hidden layers": {"by hand": [(25, 0.2), (1000, 15.0)], "autograd": [(25, 0.4)]},
}


def curves_of(axes):
    return [line for line in axes.get_lines() if len(line.get_xdata()) and line.get_label()[0]]


def test_there_is_one_panel_for_each_depth_on_one_logarithmic_scale():
    top, bottom = training_seconds(SECONDS, x_label="units").axes
    assert top.get_xscale() == top.get_yscale() == "log"
    assert top.get_ylim() == bottom.get_ylim()
    assert top.get_title(loc="left") == "1 hidden layer: training seconds per epoch"
    hand, autograd = top.get_lines()
    assert (list(hand.get_xdata()), list(hand.get_ydata())) == ([25, 1000], [0.1, 5.0])
    assert (list(autograd.get_xdata()), list(autograd.get_ydata())) == ([25, 1000], [0.2, 6.0])
    assert (hand.get_marker(), hand.get_linestyle()) != (
        autograd.get_marker(),
        autograd.get_linestyle(),
    )


def test_the_ratio_has_a_line_at_one():
    (axes,) = time_ratio({"1 hidden layer": [(25, 2.0), (1000, 1.2)]}, x_label="units").axes
    one, ratio = axes.get_lines()
    assert set(one.get_ydata()) == {1}
    assert list(ratio.get_ydata()) == [2.0, 1.2]
    assert axes.get_ylim()[0] < 1 < 2.0 < axes.get_ylim()[1]


def test_lines_are_described_in_the_order_of_the_axis():
    text = describe_lines(
        SECONDS["1 hidden layer"], name="width {value}", say=str, number=lambda y: f"{y} s"
    )
    assert text == (
        "by hand: width 25: 0.1 s; width 1000: 5.0 s. autograd: width 25: 0.2 s; width 1000: 6.0 s."
    )


# -- curves -----------------------------------------------------------------------------------

FAR = {
    "0.1": [run(0, [2.3, 400.0, 30.0], [0.1, 0.2, 0.3])],
    "0.01": [run(0, [2.3, 0.5, 0.4], [0.1, 0.8, 0.9])],
}


def test_losses_far_apart_have_a_logarithmic_axis():
    loss, accuracy = loss_and_accuracy_curves(FAR, stacked=True, name_parts=False).axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    near = {"0.01": FAR["0.01"]}
    assert loss_and_accuracy_curves(near, metrics=["loss"]).axes[0].get_yscale() == "linear"


def test_an_axis_of_steps_stands_above_the_first_panel():
    figure = loss_and_accuracy_curves(FAR, stacked=True, steps_per_epoch=540)
    first, second = figure.axes
    (above,) = first.child_axes
    assert second.child_axes == []
    figure.draw_without_rendering()
    assert above.get_xlim() == pytest.approx([540 * x for x in first.get_xlim()])
    assert above.get_xlabel() == "step"


def test_what_has_no_line_is_noted_beside_the_panel():
    (axes,) = loss_and_accuracy_curves(
        FAR, metrics=["accuracy"], parts=["validation"], name_parts=False, notes=["1: diverged"]
    ).axes
    assert [text.get_text() for text in axes.texts] == ["0.1", "0.01", "1: diverged"]


def test_long_names_beside_a_line_are_broken():
    name = "3 hidden layers, 300 units per hidden layer"
    (axes,) = effect_of_setting({name: LINES["SGD"], "Adam": LINES["Adam"]}, x_label="x").axes
    lines = axes.texts[0].get_text().split("\n")
    assert " ".join(lines) == name
    assert max(len(line) for line in lines) <= LABEL_WIDTH


FIVE = {
    str(width): [
        run(0, [2.3, 0.5 - i / 1000, 0.4 - i / 1000], [0.1, 0.80 + i / 1e3, 0.9 + i / 1e3])
    ]
    for i, width in enumerate((25, 100, 300, 500, 1000))
}
CLOSE = {"": points([0.9, 0.91, 0.905, 0.89, 0.9], (25, 100, 300, 500, 1000))}


@pytest.mark.parametrize(
    "figure",
    [
        effect_of_setting(LINES, x_label="learning rate"),
        effect_of_setting({"": points([0.9, 0.91, 0.905])}, x_label="learning rate"),
        effect_of_setting(CLOSE, x_label="units per hidden layer"),
        training_seconds(SECONDS, x_label="units per hidden layer"),
        time_ratio({"1": [(25, 2.0), (1000, 1.2)], "3": [(25, 1.9), (1000, 1.2)]}, x_label="u"),
        loss_and_accuracy_curves(FIVE, stacked=True, name_parts=False, steps_per_epoch=54_000),
        loss_and_accuracy_curves(
            FAR, stacked=True, name_parts=False, steps_per_epoch=540, notes=["1: diverged 3/3"]
        ),
        loss_and_accuracy_curves(FAR, loss_label="loss ½ Σ (t − y)²", steps_per_epoch=54_000),
    ],
    ids=["effects", "effect", "five values", "seconds", "ratio", "five lines", "far", "steps"],
)
def test_no_two_texts_of_a_figure_touch(figure):
    assert overlapping(figure) == []


def test_ticks_have_no_needless_digits():
    assert [plain(x, False) for x in (0.001, 1.0, 1e-5, 0.25)] == ["0.001", "1", "1e-5", "0.25"]
