"""Drawings: what they show is what the network says, and boxes never overlap."""

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from enumeration import random_network

from retroprop.bayes import BayesNet
from retroprop.bayes.networks import NETWORKS, load
from retroprop.errors import UserError
from retroprop.figures.bayes_network import draw_network
from retroprop.figures.bezier import length, split, straight, with_gap
from retroprop.figures.graph_layout import _crossings, _swap_neighbours, lay_out

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def described(svg):
    return ElementTree.fromstring(svg).find(f"{SVG}desc").text


def at_the_edge(probability):
    """Whether one digit would make it 0 or 100 %, which it is not."""
    return 0 < probability < 0.0005 or 0.9995 < probability < 1


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_state_stands_beside_its_probability(name, language):
    net = load(name)
    given = {net.variables[-1]: 0}
    found = texts(draw_network(net, given=given, language=language))
    for variable, answer in net.posteriors(given=given).items():
        at = found.index(variable)
        for state, probability in zip(net.states[variable], answer.values, strict=True):
            at = found.index(state, at)
            number = f"{100 * probability:.1f}"
            number = (
                {"0.0": "<0.1", "100.0": ">99.9"}[number] if at_the_edge(probability) else number
            )
            assert found[at + 1] == (number.replace(".", ",") if language == "fr" else number)


def test_a_probability_is_not_rounded_to_certainty():
    net = BayesNet({"A": ([1e-5, 1 - 1e-5], []), "B": ([0.0, 1.0], [])})
    assert [text for text in texts(draw_network(net)) if text[0] in "<>01"][:8] == [
        "0", "<0.1", "1", ">99.9", "0", "0.0", "1", "100.0",
    ]  # fmt: skip


def test_an_intervention_cuts_its_arrows_and_only_those():
    net = load("inf8225")
    seen, done = draw_network(net, given={"G": "g2"}), draw_network(net, do={"G": "g2"})
    assert seen.count("stroke-dasharray") == 0
    assert done.count("stroke-dasharray") == 4  # two halves of two arrows
    assert "observed" in texts(seen)
    assert "do" in texts(done)
    assert "S to G (cut), D to G (cut), G to L" in described(done)
    assert "S to G, D to G, G to L" in described(seen)
    assert "Set by intervention: G=g2; arrows to it are cut." in described(done)
    assert "G: g0 0.0%, g1 0.0%, g2 100.0%." in described(done)


def test_the_thin_mark_is_the_probability_before():
    net = load("inf8225")
    marks = re.findall(r'd="M[\d.]+ [\d.]+v15"', draw_network(net, given={"R": 1}))
    assert len(marks) == sum(map(len, net.states.values()))
    assert "v15" not in draw_network(net)
    assert "Thin mark" not in " ".join(texts(draw_network(net)))


def test_soft_evidence_is_named():
    assert "uncertain" in texts(draw_network(load("inf8225"), soft={"L": [0.2, 0.8]}))
    assert "incertain" in texts(
        draw_network(load("inf8225"), soft={"L": [0.2, 0.8]}, language="fr")
    )


def test_the_same_network_is_drawn_the_same():
    assert draw_network(load("asia"), do={"lung": 0}) == draw_network(load("asia"), do={"lung": 0})


def test_names_cannot_act_as_markup():
    net = BayesNet({'<b a="1">&': ([0.5, 0.5], [])}, {'<b a="1">&': ["<script>", "]]>"]})
    svg = draw_network(net, title="</title><script>", name="x")
    assert '<b a="1">&' in texts(svg)
    assert "<script>" in texts(svg)
    assert not list(ElementTree.fromstring(svg).iter(f"{SVG}script"))


def test_long_names_and_many_states_are_cut_and_counted():
    net = BayesNet(
        {"x" * 50: (np.arange(20) / 190, [])}, {"x" * 50: ["s" * 40 + str(i) for i in range(20)]}
    )
    found = texts(draw_network(net))
    assert "x" * 21 + "…" in found
    assert "11 more states" in found
    assert "10.0" in found  # the most probable one stays


def test_themes_and_languages():
    net = load("asia")
    auto, light, dark, plain = (
        draw_network(net, theme=t) for t in ("auto", "light", "dark", "plain")
    )
    assert "prefers-color-scheme: dark" in auto
    assert "<style>" not in light + dark + plain
    assert 'fill="#ffffff"' in light
    assert "#ffffff" not in plain + dark
    assert "#1b1b1b" not in dark
    assert len({auto, light, dark, plain}) == 4
    for wrong, sentence in {
        "drak": "no theme 'drak' for drawings. Did you mean 'dark'",
    }.items():
        with pytest.raises(UserError, match=sentence):
            draw_network(net, theme=wrong)
    with pytest.raises(UserError, match="in the language 'de': use en or fr"):
        draw_network(net, language="de")


def chain(n):
    spec = {"v0": ([0.5, 0.5], [])}
    for i in range(1, n):
        spec[f"v{i}"] = (np.full((2, 2), 0.5), [f"v{i - 1}"])
    return BayesNet(spec)


def test_a_large_network_says_what_it_leaves_out():
    found = " ".join(texts(draw_network(chain(60))))
    assert "Too many variables for bars" in found
    with pytest.raises(UserError, match=r"would have 200 variables.*around="):
        draw_network(chain(200))
    part = texts(draw_network(chain(200), around="v100", steps=2))
    assert [text for text in part if re.fullmatch(r"v\d+", text)] == [
        "v98", "v99", "v100", "v101", "v102",
    ]  # fmt: skip
    assert "5 of 200 variables; the others are left out." in part
    with pytest.raises(UserError, match="steps must be a whole number from 0"):
        draw_network(chain(5), around="v1", steps=-1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"given": {"Q": 1}}, "no variable 'Q'"),
        ({"given": {"G": 1}, "do": {"G": 1}}, "both given and done"),
        ({"around": "Q"}, "no variable 'Q'"),
        ({"do": {"G": "g7"}}, "no state 'g7'"),
    ],
)
def test_what_cannot_be_drawn_is_explained(options, sentence):
    with pytest.raises(UserError, match=sentence):
        draw_network(load("inf8225"), **options)


# --- layout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_boxes_keep_their_distance_and_causes_stand_above(seed):
    rng = np.random.default_rng(seed)
    net = random_network(rng, n=8)
    sizes = {
        name: (float(rng.uniform(40, 200)), float(rng.uniform(20, 120))) for name in net.tables
    }
    layout = lay_out(net.parents, sizes)
    boxes = {}
    for name, (x, y) in layout.boxes.items():
        width, height = sizes[name]
        boxes[name] = (x - width / 2, y, x + width / 2, y + height)
        assert boxes[name][0] >= -1e-6
        assert boxes[name][2] <= layout.width + 1e-6
        assert boxes[name][3] <= layout.height + 1e-6
    for one, other in itertools.combinations(boxes.values(), 2):
        beside = one[2] + 25.9 <= other[0] or other[2] + 25.9 <= one[0]
        above = one[3] <= other[1] or other[3] <= one[1]
        assert beside or above
    for name, parents in net.parents.items():
        for parent in parents:
            assert boxes[parent][3] < boxes[name][1]
    for (tail, head), bends in layout.bends.items():
        assert [layer for _, layer in bends] == list(
            range(layout.layers[tail] + 1, layout.layers[head])
        )
        for x, layer in bends:  # a long arrow passes beside the boxes, not through them
            for name, box in boxes.items():
                assert layout.layers[name] != layer or not box[0] < x < box[2]


def test_a_tree_has_no_crossings():
    parents = {"r": [], **{f"a{i}": ["r"] for i in range(3)}}
    parents |= {f"b{i}{j}": [f"a{i}"] for j in range(3) for i in range(3)}
    layout = lay_out(parents, dict.fromkeys(parents, (50.0, 20.0)))
    for one, other in itertools.combinations([n for n in parents if n[0] == "b"], 2):
        a, b = parents[one][0], parents[other][0]
        if a != b:
            left = layout.boxes[one][0] < layout.boxes[other][0]
            assert left == (layout.boxes[a][0] < layout.boxes[b][0])
    middle = sum(layout.boxes[f"a{i}"][0] for i in range(3)) / 3
    assert layout.boxes["r"][0] == pytest.approx(middle, abs=1)


def test_two_that_cross_are_swapped():
    above = {"a": [], "b": [], "c": ["b"], "d": ["a"]}
    below = {"a": ["d"], "b": ["c"], "c": [], "d": []}
    order = [["a", "b"], ["c", "d"]]
    assert _crossings(order, below) == 1
    _swap_neighbours(order, above, below)
    assert _crossings(order, below) == 0


def test_a_curve_is_split_where_it_is():
    curve = ((0.0, 0.0), (0.0, 10.0), (20.0, 10.0), (20.0, 20.0))
    first, second = split(curve, 0.5)
    assert first[0] == (0, 0)
    assert first[3] == second[0] == (10, 10)
    assert second[3] == (20, 20)
    before, after, middle = with_gap([straight(0, 0, 5), curve])
    assert middle == (10, 10)
    assert before[-1][3][1] < 10 < after[0][0][1]
    assert length(straight(1, 2, 12)) == 10
