"""Pictures of layers with windows: what they show, and what the moving one moves."""

import re
from xml.etree import ElementTree

import pytest

from retroprop.calculus.stack_text import parse
from retroprop.errors import UserError
from retroprop.figures.convolution_diagram import captions, draw, scene
from retroprop.figures.moving_convolution import MOST_FRAMES, Frame, frames, to_moving_svg

LAYERS = {
    "plain": "1x5x5 > conv 1 k3",
    "padded": "1x5x6 > conv 1 k3 s2 p1",
    "dilated": "1x9x7 > conv 1 k3x2 d2x3 p2x0 s2",
    "transposed": "1x4x4 > convT 1 k4 s2 p1",
    "cropped": "1x6x6 > convT 1 k2 p1",
    "asked for more": "1x5x5 > convT 1 k2 s3 p1 o2",
    "ceil": "1x6x6 > maxpool 3 s2 ceil",
    "adaptive": "1x7x7 > adaptiveavgpool 3x5",
    "large": "3x128x128 > conv 32 k8 s2",
}


def picture(text):
    stack = parse(text)
    return scene(stack.steps[0].layer, stack.input)


def seen_in_the_picture(along, window):
    """The pixels of the input that the drawn window lies on."""
    first, cells = along.windows[window]
    taps = range(cells) if along.taps is None else along.taps
    place = {cell: pixel for pixel, cell in enumerate(along.pixels)}
    return [place[first + tap] for tap in taps if first + tap in place]


@pytest.mark.parametrize("text", LAYERS.values(), ids=LAYERS)
def test_every_window_lies_on_the_pixels_that_the_layer_sees(text):
    stack = parse(text)
    drawn = picture(text)
    for axis, along in enumerate(drawn.axes):
        seen = stack.steps[0].layer.seen(axis, stack.input[axis + 1])
        assert len(along.windows) == len(seen)
        for i, pixels in enumerate(seen):
            assert seen_in_the_picture(along, i) == list(pixels), (axis, i)
            first, cells = along.windows[i]
            assert first >= 0
            assert first + cells <= along.cells


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", "input 5 × 5"),
        ("padded", "input 5 × 6, with padding"),
        ("transposed", "input 4 × 4, spread out by zeros"),
        ("ceil", "input 6 × 6, windows may end outside"),
    ],
)
def test_the_caption_says_what_surrounds_the_input(name, words):
    drawn = picture(LAYERS[name])
    below, made = captions(drawn, str)
    assert below == words
    assert made == "output " + " × ".join(map(str, drawn.output))


@pytest.mark.parametrize("text", LAYERS.values(), ids=LAYERS)
def test_the_still_picture_has_both_captions(text):
    drawn = picture(text)
    figure = draw(drawn)
    texts = [one.get_text() for one in figure.axes[0].texts]
    assert texts == list(captions(drawn, str))
    figure.draw_without_rendering()


def test_a_window_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="there are 3 × 3 windows, and no window 3, 0"):
        draw(picture(LAYERS["plain"]), window=(3, 0))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1x5x5 > relu", "only convolutions and poolings"),
        ("1x161x5 > conv 1 k3", "at most 160 cells along an axis, and this layer 161"),
        ("1x50x5 > convT 1 k4 s4", "and this layer 203"),
        ("1x2x2 > conv 1 k3", "reaches over 3 pixels"),
    ],
)
def test_what_cannot_be_drawn_is_explained(text, sentence):
    with pytest.raises(UserError, match=sentence):
        picture(text)


# --- the moving picture ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("moving", [True, False])
def test_the_svg_is_well_formed_and_speaks(text, moving):
    svg = to_moving_svg(picture(text), name="one", title="a <layer> & more", moving=moving)
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "a <layer> & more"
    assert root.find(f"{space}desc").text.startswith("input ")
    assert root.get("role") == "img"
    assert "<script" not in svg
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", svg)
    assert ("@keyframes" in svg) == moving
    assert ("prefers-reduced-motion:reduce" in svg) == moving
    assert len(svg) < 40_000
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert all(id.startswith("one") for id in ids)
    assert set(re.findall(r"url\(#([\w-]+)\)", svg)) <= set(ids)


def steps_of(svg, name):
    """(the share of the round, the transform) of each step of an animation."""
    body = re.search(rf"@keyframes one-{name}\{{(.*?\}})\}}", svg)[1]
    return [
        (float(share), place) for share, place in re.findall(r"([\d.]+)%\{transform:(.*?)\}", body)
    ]


@pytest.mark.parametrize("name", ["padded", "dilated", "transposed", "adaptive"])
def test_the_window_and_the_value_that_it_fills_move_together(name):
    drawn = picture(LAYERS[name])
    svg = to_moving_svg(drawn, name="one", title="t")
    windows, values = steps_of(svg, "window"), steps_of(svg, "value")
    rows, columns = drawn.output
    assert len(windows) == len(values) == rows * columns + 1  # and the last one stays to the end
    assert [share for share, _ in windows] == [share for share, _ in values]
    assert len({place for _, place in values}) == rows * columns

    def offset(place):
        return tuple(map(float, re.findall(r"translate\(([\d.]+)px,([\d.]+)px\)", place)[0]))

    cell = offset(values[1][1])[0] - offset(values[0][1])[0]
    left, top = offset(windows[0][1])
    for (_, window), frame in zip(windows, frames(drawn), strict=False):
        x, y = offset(window)
        down = drawn.height.windows[frame.row][0] - drawn.height.windows[0][0]
        across = drawn.width.windows[frame.column][0] - drawn.width.windows[0][0]
        assert ((x - left) / cell, (y - top) / cell) == pytest.approx((across, down), abs=0.01)


def test_of_many_windows_the_first_the_last_and_some_between_are_shown():
    drawn = picture(LAYERS["large"])
    shown = frames(drawn)
    assert len(shown) <= MOST_FRAMES
    assert (shown[0], shown[-1]) == (Frame(0, 0), Frame(60, 60))
    svg = to_moving_svg(drawn, name="one", title="t")
    assert f"{len(shown)} of 3721 windows are shown" in svg
    assert "@keyframes one-rows" not in svg  # a trail would say that all were visited


def test_the_words_are_in_the_readers_language():
    french = {"input {size}, with padding": "entrée {size}, avec marge", "output {size}": "sortie"}
    svg = to_moving_svg(
        picture(LAYERS["padded"]), name="one", title="t", say=lambda w: french.get(w, w)
    )
    assert "entrée 5 × 6, avec marge" in svg
