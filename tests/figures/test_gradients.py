"""The picture of both gradients: each curve named beside it, the axes in the reader's language."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from retroprop.figures.gradients import gradients_at_the_output
from retroprop.figures.style import to_svg
from retroprop.labs.ift3395_theorie.answers_binary_losses import gradient_curves

NAMES = ("squared error", "cross-entropy")


@pytest.fixture
def figure():
    curves = gradient_curves()
    figure = gradients_at_the_output(
        curves["o"],
        dict(zip(NAMES, (curves["MSE"], curves["CE"]), strict=True)),
        x_label="pre-activation",
        y_label="slope",
        regions=("wrong", "right"),
        language="fr",
    )
    FigureCanvasAgg(figure).draw()
    return figure


def test_the_curves_are_those_of_the_two_losses():
    curves = gradient_curves(-30.0, 30.0, 61)
    left, right = 0, -1
    assert curves["CE"][left] == pytest.approx(-1, abs=1e-12)
    assert curves["MSE"][left] == pytest.approx(0, abs=1e-12)
    assert curves["CE"][right] == pytest.approx(0, abs=1e-12)
    assert curves["MSE"][30] == pytest.approx(-0.25)
    assert curves["CE"][30] == pytest.approx(-0.5)
    assert min(curves["MSE"]) > -0.3


def test_each_curve_is_named_in_its_colour_beside_it(figure):
    (axes,) = figure.axes
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    texts = {text.get_text(): text for text in axes.texts}
    assert set(texts) == {*NAMES, "wrong", "right"}
    for curve, name in zip(curves, NAMES, strict=True):
        assert texts[name].get_color() == curve.get_color()
    boxes = [text.get_window_extent() for text in texts.values()]
    for place, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[place + 1 :])


def test_no_name_stands_on_a_curve(figure):
    (axes,) = figure.axes
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    for text in axes.texts:
        box = text.get_window_extent()
        for curve in curves:
            points = axes.transData.transform(curve.get_xydata())
            assert not any(box.contains(x, y) for x, y in points), text.get_text()


def test_the_axes_have_a_decimal_comma_and_the_picture_a_description(figure):
    (axes,) = figure.axes
    assert "−0,2" in [label.get_text() for label in axes.get_yticklabels()]
    svg = to_svg(figure, name="gradients", title="Both slopes", description="Two curves.")
    assert "<title" in svg
    assert "Two curves." in svg
