"""Kernels, token-mixing filters, confusion matrices, costs and several architectures."""

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from retroprop.data.pictures import bundled_picture
from retroprop.errors import UserError
from retroprop.figures import confusion, kernels, lr_finder, token_mixing
from retroprop.figures.architectures import (
    accuracy_curves,
    curve_of,
    describe_gradient_norms,
    gradient_norm_curves,
)
from retroprop.figures.style import INK, for_page, to_svg
from retroprop.figures.tiles import DIVERGING, mosaic, normalized, square_columns
from retroprop.figures.timing import Cost, cost_of_setting, describe_costs
from retroprop.languages import translator

CLASSES = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip


def random(seed=0):
    return np.random.default_rng(seed)


def counts_of(n=10, seed=0):
    counts = random(seed).integers(0, 40, (n, n))
    return counts + 700 * np.eye(n, dtype=int)


WEIGHTS = random().normal(size=(64, 3, 3, 3))
FILTERS = random(1).normal(size=(32, 64))
COSTS = [
    Cost(
        value=size,
        label=str(size),
        name=f"{size} × {size} patches",
        epoch_s=[seconds, 1.2 * seconds],
        parameters=parameters,
    )
    for size, seconds, parameters in ((16, 3.9, 2_400_000), (2, 61.0, 2_500_000), (4, 17.0, 900))
]
WORDS = [replace(cost, value=name, label=name) for cost, name in zip(COSTS, "abc", strict=True)]
ACCURACIES = {
    name: {
        "validation": curve_of([0.3, 0.6, top]),
        "train": curve_of([0.2, 0.65, top + 0.05]),
    }
    for name, top in (("MLP", 0.8), ("CNN", 0.9))
}
NORMS = {"MLP": curve_of([2.0, 1.0, 0.5]), "thin MLP": curve_of([1e-3, 2e-3, 4e-3])}
RATES, LOSSES = [1e-4, 1e-3, 1e-2, 1e-1], [2.3, 2.0, 1.0, 9.0]

FIGURES = {
    "kernels": lambda **words: kernels.first_layer_kernels(WEIGHTS, **words),
    "filters": lambda **words: token_mixing.token_mixing_filters(FILTERS, **words),
    "filtered": lambda **words: token_mixing.filtered_pictures(
        bundled_picture()[:60, :60], FILTERS, count=4, **words
    ),
    "confusion": lambda **words: confusion.confusion_matrix(counts_of(), CLASSES, **words),
    "by class": lambda **words: confusion.class_accuracies(
        {"ResNet-18": [0.9] * 10, "MLP": [0.555] * 10}, CLASSES, **words
    ),
    "costs": lambda **words: cost_of_setting(COSTS, x_label="x", **words),
    "costs of words": lambda **words: cost_of_setting(WORDS, x_label="x", **words),
    "bars of long names": lambda **words: confusion.class_accuracies(
        {f"a long name of a model {n}": [0.9] * 10 for n in range(2)}, CLASSES, **words
    ),
    "one epoch": lambda **words: gradient_norm_curves({"MLP": curve_of([0.5])}, **words),
    "accuracies": lambda **words: accuracy_curves(ACCURACIES, **words),
    "norms": lambda **words: gradient_norm_curves(NORMS, **words),
    "range test": lambda **words: lr_finder.range_test_curve(RATES, LOSSES, LOSSES, 1e-3, **words),
}


def texts_of(figure):
    """Every text that is drawn; the labels of ticks beyond the limits are not."""
    FigureCanvasAgg(figure).draw()
    beyond = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not (axis.axes.axison and low <= tick.get_loc() <= high):
                beyond |= {tick.label1, tick.label2}
    found = (text for text in figure.findobj(Text) if text not in beyond and text.get_visible())
    return [text for text in found if text.get_text().strip()]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_speaks_french_with_decimal_commas(name):
    figure = FIGURES[name](language="fr")
    texts = [text.get_text() for text in texts_of(figure)]
    english = {text.get_text() for text in texts_of(FIGURES[name](language="en"))}
    assert texts
    assert not any(re.search(r"\d\.\d", text) for text in texts)
    assert set(texts) - english, "nothing was translated"


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", FIGURES)
def test_texts_do_not_cover_each_other_and_stay_inside(name, language):
    figure = FIGURES[name](language=language)
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts_of(figure)]
    for text, box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0 <= box.y1 <= figure.bbox.y1 + 1, text
    for (one, box), (other, other_box) in combinations(boxes, 2):
        width = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
        height = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
        # The boxes of slanted names are larger than the names.
        slanted = name == "confusion" and {one, other} & set(CLASSES)
        assert slanted or width <= 1 or height <= 2, (one, other)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_svg_each_time_and_follows_the_page(name):
    once, again = (to_svg(FIGURES[name](), name="n", title="t", description="d") for _ in range(2))
    assert once == again
    assert len(once) < 600_000
    assert INK not in for_page(once)


# --- tiles ----------------------------------------------------------------------------------------


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def lightness(colour):
    """CIE L*, 0 to 100."""
    return 116 * luminance(colour) ** (1 / 3) - 16


def test_the_diverging_map_has_signs_in_its_lightness_too():
    light = [lightness(DIVERGING(value)) for value in np.linspace(0, 1, 41)]
    steps = np.diff(light)
    assert (steps > 0.8).all()
    assert abs(light[20] - (light[0] + light[-1]) / 2) < 6


def test_normalized_tiles_reach_one_together_or_each():
    tiles = np.array([[[1.0, -4.0]], [[2.0, 1.0]], [[0.0, 0.0]]])
    assert normalized(tiles).tolist() == [[[0.25, -1.0]], [[0.5, 0.25]], [[0.0, 0.0]]]
    assert normalized(tiles, each=True).tolist() == [[[0.25, -1.0]], [[1.0, 0.5]], [[0.0, 0.0]]]


def test_weights_of_a_diverged_model_are_explained():
    with pytest.raises(UserError, match="diverged"):
        kernels.first_layer_kernels(np.full((4, 3, 3, 3), np.nan))


def test_tiles_are_laid_out_row_by_row():
    laid = mosaic(np.arange(5.0)[:, None, None] * np.ones((1, 2, 2)), columns=3, dots=2, gap=1)
    assert laid.shape == (2 * 4 + 1, 3 * 4 + 2)
    assert (laid[:4, 5:9] == 1).all()
    assert (laid[5:, 5:9] == 4).all()
    assert np.isnan(laid[4]).all()
    assert np.isnan(laid[5:, 10:]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 100, 256])
def test_columns_hold_all_tiles_about_as_wide_as_high(n):
    columns = square_columns(n)
    assert columns**2 >= n
    assert columns <= 2 * -(-(n**0.5) // 1)


# --- kernels --------------------------------------------------------------------------------------


def test_kernels_are_those_of_the_first_channel_or_the_mean():
    first, mean = (kernels.kernel_tiles(WEIGHTS, view) for view in ("first channel", "mean"))
    np.testing.assert_allclose(first, WEIGHTS[:, 0] / np.abs(WEIGHTS[:, 0]).max())
    np.testing.assert_allclose(mean, WEIGHTS.mean(1) / np.abs(WEIGHTS.mean(1)).max())


def test_both_panels_of_kernels_show_64_tiles_on_one_scale():
    figure = kernels.first_layer_kernels(WEIGHTS)
    first, mean, bar = figure.axes
    for axes in (first, mean):
        (image,) = axes.get_images()
        assert (image.norm.vmin, image.norm.vmax) == (-1, 1)
        assert [label.get_text() for label in axes.get_xticklabels()] == list("12345678")
        assert [label.get_text() for label in axes.get_yticklabels()] == list("12345678")
    assert bar.get_ylabel() == "weight ÷ largest absolute weight"
    drawn = np.asarray(first.get_images()[0].get_array().filled(np.nan))
    assert drawn[0, 0] == pytest.approx(kernels.kernel_tiles(WEIGHTS, "first channel")[0, 0, 0])


def test_kernels_that_are_none_are_refused():
    with pytest.raises(UserError, match="kernels of a convolution"):
        kernels.first_layer_kernels(np.zeros((10, 20)))


def test_the_description_counts_kernels_of_one_sign():
    weights = np.concatenate((np.ones((3, 1, 3, 3)), np.array([[[[-1.0, 0, 1]] * 3]] * 2)))
    text = kernels.describe_kernels(weights, say=translator("en"))
    assert text.startswith("5 kernels of 3 × 3 weights; averaged over the input channels, 3 of")


# --- token mixing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patches", "grid"), [(64, None), (256, None), (1, None), (8, (2, 4)), (4, (2, 2))]
)
def test_filters_are_images_on_the_grid_of_patches(patches, grid):
    tiles = token_mixing.filter_tiles(np.arange(6.0 * patches).reshape(6, patches), grid)
    side = round(patches**0.5)
    assert tiles.shape == (6, *(grid or (side, side)))
    assert tiles[1, 0, 0] == patches  # patches lie row by row, as PatchEmbed makes them
    if tiles.shape[2] > 1:
        assert tiles[0, 0, 1] == 1


def test_a_wrong_grid_is_explained():
    with pytest.raises(UserError, match="grid of 3 × 3 patches"):
        token_mixing.token_mixing_filters(np.zeros((5, 8)))


def test_filters_of_opposing_phase_stand_side_by_side_from_low_to_high_frequency():
    y, x = np.mgrid[0:8, 0:8]
    waves = [np.cos(2 * np.pi * cycles * x / 8) for cycles in (3, 1, 2)]
    tiles = np.stack([waves[0], waves[1], -waves[2], -waves[0], waves[2], -0.3 * waves[1], y * 0])
    order = token_mixing.in_pairs(tiles)
    assert order.tolist() == [1, 5, 2, 4, 0, 3, 6]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_filter_has_its_place(n):
    order = token_mixing.in_pairs(random().normal(size=(n, 4, 4)))
    assert sorted(order.tolist()) == list(range(n))


def test_a_filter_slides_over_the_lightness_of_the_picture():
    picture = random().integers(0, 256, (9, 11, 3)).astype(np.uint8)
    tiles = random(1).normal(size=(2, 3, 4))
    answers = token_mixing.filter_responses(picture, tiles)
    assert answers.shape == (2, 7, 8)
    grey = picture @ np.array([0.299, 0.587, 0.114])
    grey = grey - grey.mean()
    assert answers[1, 2, 5] == pytest.approx((grey[2:5, 5:9] * tiles[1]).sum())


def test_a_picture_smaller_than_the_filters_is_explained():
    with pytest.raises(UserError, match="8 × 8 do not fit in a picture of 5 × 9"):
        token_mixing.filtered_pictures(np.zeros((5, 9)), FILTERS)


def test_chosen_filters_reach_from_the_lowest_to_the_highest_frequency():
    tiles = token_mixing.filter_tiles(FILTERS)
    chosen = token_mixing.chosen_filters(tiles, 5)
    pairs = token_mixing.in_pairs(tiles)
    assert len(set(chosen.tolist())) == 5
    assert (chosen[0], chosen[-1]) == (pairs[0], pairs[-2])
    assert len(token_mixing.chosen_filters(tiles, 100)) == 16


def test_the_description_says_how_opposite_the_pairs_are():
    half = random().normal(size=(4, 64))
    text = token_mixing.describe_filters(
        np.concatenate((half, -half)), say=translator("en"), number="{:.2f}".format
    )
    assert text.endswith("the median correlation of a pair is -1.00.")


# --- confusion ------------------------------------------------------------------------------------


def test_a_cell_shows_the_share_of_its_row_and_the_count():
    figure = confusion.confusion_matrix(np.array([[3, 1], [0, 1200]]), ["cat", "dog"])
    (axes,) = figure.axes
    cells = {
        (text.get_position()[0] // 1, text.get_position()[1] // 1, text.get_text())
        for text in axes.texts
        if text.get_position()[1] >= 0 and text.get_position() != (0, 0)
    }
    shown = {cell for cell in cells if not cell[2].startswith("large")}
    assert shown == {
        (0, 0, "75.0"), (0, 0, "3"), (1, 0, "25.0"), (1, 0, "1"),
        (1, 1, "100"), (1, 1, "1\u202f200"),
    }  # fmt: skip


def test_every_number_can_be_read_on_its_shade():
    for share in np.linspace(0, 1, 33):
        counts = np.array([[round(1000 * share), 1000 - round(1000 * share)], [0, 1]])
        (axes,) = confusion.confusion_matrix(counts, ["a", "b"]).axes
        for text in axes.texts:
            x, y = text.get_position()
            if text.get_text().startswith("large") or y > 1:
                continue
            ground = confusion.SHADES((counts / counts.sum(1, keepdims=True))[0, int(x)])
            light, dark = sorted((luminance(text.get_color()), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, level AA


def test_the_ink_of_cells_stays_on_a_dark_page():
    svg = to_svg(
        confusion.confusion_matrix(counts_of(3), ["a", "b", "c"]), name="n", title="t",
        description="d",
    )  # fmt: skip
    assert confusion.ON_LIGHT in for_page(svg)


def test_a_class_without_examples_has_an_empty_row():
    shares = confusion.row_shares(np.array([[0, 0], [1, 3]]))
    assert shares.tolist() == [[0, 0], [0.25, 0.75]]


@pytest.mark.parametrize("counts", [np.zeros((2, 3)), np.zeros(4), np.array([[1, -1], [0, 2]])])
def test_what_is_no_confusion_matrix_is_explained(counts):
    with pytest.raises(UserError, match="square matrix of counts"):
        confusion.confusion_matrix(counts, ["a", "b"])


def test_names_and_classes_must_agree():
    with pytest.raises(UserError, match="a name for each of 2 classes, and got 3"):
        confusion.confusion_matrix(np.eye(2, dtype=int), ["a", "b", "c"])
    with pytest.raises(UserError, match="a name for each of 1 classes, and got 2"):
        confusion.class_accuracies({"MLP": [0.5]}, ["a", "b"])


def test_bars_are_as_long_as_the_accuracies_and_differ_without_colour():
    models = {"CNN": [0.5, 0.25], "MLP": [0.125, float("nan")]}
    (axes,) = confusion.class_accuracies(models, ["cat", "dog"]).axes
    cnn, mlp = axes.containers
    assert [bar.get_width() for bar in cnn] == [50, 25]
    assert [bar.get_width() for bar in mlp] == [12.5, 0]
    assert [text.get_text() for text in axes.texts] == ["50.0", "25.0", "12.5", "–"]
    assert cnn[0].get_hatch() != mlp[0].get_hatch()
    assert axes.get_ylim() == (1.5, -0.5)  # the first class on top


def test_the_description_names_the_most_frequent_mistakes():
    counts = np.array([[8, 2, 0], [0, 10, 0], [1, 0, 9]])
    text = confusion.describe_confusion(
        counts, ["cat", "dog", "frog"], say=translator("en"), number="{:.0%}".format
    )
    assert text == (
        "Right, by class: cat: 80%; dog: 100%; frog: 90%. Most frequent mistakes: "
        "cat taken for dog, 20% of its examples; frog taken for cat, 10% of its examples."
    )


# --- costs, architectures, range test -------------------------------------------------------------


def test_costs_are_drawn_in_the_order_of_the_patch_sizes():
    upper, lower = cost_of_setting(COSTS, x_label="patch size").axes
    assert list(upper.containers[0].lines[0].get_xdata()) == [2, 4, 16]
    assert list(upper.containers[0].lines[0].get_ydata()) == pytest.approx([67.1, 18.7, 4.29])
    assert list(lower.containers[0].lines[0].get_ydata()) == [2_500_000, 900, 2_400_000]
    assert [text.get_text() for text in lower.texts] == ["2.5M", "900", "2.4M"]
    assert (upper.get_yscale(), lower.get_yscale(), lower.get_xscale()) == ("log",) * 3
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["2", "4", "16"]


def test_costs_of_words_stand_side_by_side_without_a_line():
    upper, lower = cost_of_setting(WORDS, x_label="architecture").axes
    assert list(upper.containers[0].lines[0].get_xdata()) == [0, 1, 2]
    assert upper.containers[0].lines[0].get_linewidth() == 0
    assert (lower.get_xscale(), lower.get_yscale()) == ("linear", "log")
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["a", "b", "c"]


def test_the_costs_are_described():
    text = describe_costs(
        COSTS[:1], say=translator("en"), number="{:.3g} s".format, count="{:,}".format
    )
    assert text == "16 × 16 patches: 4.29 s per epoch, 2,400,000 parameters."


def test_train_and_validation_of_every_architecture_are_drawn_and_named_once():
    (axes,) = accuracy_curves(ACCURACIES).axes
    looks = {(line.get_linestyle(), line.get_color()) for line in axes.get_lines()}
    assert len(looks) == 4
    assert sorted(text.get_text() for text in axes.texts) == ["CNN", "MLP"]
    assert axes.get_title(loc="left") == "accuracy (%)\nsolid: validation; dashed: train"
    assert list(axes.get_lines()[0].get_ydata()) == [30, 60, 80]


def test_long_lines_have_few_markers():
    (axes,) = gradient_norm_curves({"MLP": curve_of(np.linspace(1, 2, 50))}).axes
    assert axes.get_lines()[0].get_markevery() == 6


def test_a_single_epoch_has_a_whole_number():
    (axes,) = gradient_norm_curves({"MLP": curve_of([0.5])}).axes
    assert list(axes.get_xticks()) == [1]


def test_long_names_of_models_stand_below_each_other_above_the_bars():
    (axes,) = FIGURES["bars of long names"]().axes
    (short,) = FIGURES["by class"]().axes
    assert (axes.get_legend()._ncols, short.get_legend()._ncols) == (1, 2)


def test_gradient_norms_have_a_logarithmic_axis_and_a_gap_at_zero():
    (axes,) = gradient_norm_curves({**NORMS, "dead": curve_of([0.1, 0.0, 0.0])}).axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > 0
    texts_of(axes.figure)  # drawing warns of nothing
    with pytest.raises(UserError, match="above 0"):
        gradient_norm_curves({"dead": curve_of([0.0, 0.0])})


def test_the_first_and_last_norms_are_described():
    text = describe_gradient_norms(NORMS, say=translator("en"), number="{:g}".format)
    assert text.startswith("MLP: from 2 at epoch 1 to 0.5 at epoch 3. thin MLP: from 0.001")


def test_the_range_test_marks_the_suggestion():
    (axes,) = lr_finder.range_test_curve(RATES, LOSSES, LOSSES, 1e-3).axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["suggested: 0.001"]
    assert axes.get_ylim()[1] < 9  # the blow-up leaves the panel
    (without,) = lr_finder.range_test_curve(RATES, LOSSES, LOSSES, None).axes
    assert not without.texts
    broken = lr_finder.range_test_curve(
        RATES, [*LOSSES[:3], float("nan")], [*LOSSES[:3], float("nan")], 1e-3
    )
    texts_of(broken)
