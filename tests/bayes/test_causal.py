"""d-separation, identification, effects and counterfactuals against definitions and enumeration."""

import itertools

import numpy as np
import pytest
from enumeration import assert_equal, enumerate_posterior, joint, random_network

from retroprop.bayes import BayesNet
from retroprop.bayes.counterfactuals import COUPLINGS, gumbel_max, twin_network
from retroprop.bayes.effects import probabilities_of_causation
from retroprop.bayes.identification import AdjustmentSet, backdoor_sets
from retroprop.bayes.networks import load
from retroprop.bayes.separation import open_path
from retroprop.errors import UserError
from retroprop.report.identification import in_words


def graph(arrows):
    """A network of two-state variables with these arrows, "a>b b>c"; its tables are random."""
    parents = {}
    for arrow in arrows.split():
        tail, head = arrow.split(">")
        parents.setdefault(tail, [])
        parents.setdefault(head, []).append(tail)
    rng = np.random.default_rng(7)
    spec = {}
    for name, its in parents.items():
        table = rng.random([2] * (len(its) + 1)) + 0.1
        spec[name] = (table / table.sum(-1, keepdims=True), its)
    return BayesNet(spec)


# --- an independent d-separation: paths, and colliders by the definition --------------------------


def separated_by_definition(parents, x, y, given):
    """Every path between two nodes, checked node by node."""
    children = {node: [c for c in parents if node in parents[c]] for node in parents}

    def opened(node):
        return node in given or any(opened(child) for child in children[node])

    def paths(path):
        if path[-1] == y:
            yield path
            return
        for node in (*parents[path[-1]], *children[path[-1]]):
            if node not in path:
                yield from paths([*path, node])

    def carries(path):
        for before, node, after in zip(path, path[1:], path[2:], strict=False):
            collider = before in parents[node] and after in parents[node]
            if not opened(node) if collider else node in given:
                return False
        return True

    return not any(carries(path) for path in paths([x]))


def subsets(names):
    return itertools.chain.from_iterable(
        itertools.combinations(names, n) for n in range(len(names) + 1)
    )


@pytest.mark.parametrize("seed", range(60))
def test_d_separation_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    net = random_network(rng, n=6)
    for x, y in itertools.combinations(net.variables, 2):
        others = [name for name in net.variables if name not in (x, y)]
        for given in subsets(others):
            expected = separated_by_definition(net.parents, x, y, set(given))
            assert net.d_separated(x, y, given) == expected, (x, y, given)
            assert net.d_separated(y, x, given) == expected


@pytest.mark.parametrize("seed", range(12))
def test_what_the_graph_separates_is_independent_in_every_table(seed):
    rng = np.random.default_rng(100 + seed)
    net = random_network(rng, n=5, zeros=False)
    for x, y in itertools.combinations(net.variables, 2):
        for given in subsets([name for name in net.variables if name not in (x, y)]):
            both = np.asarray(net.query([x, y, *given]).values)
            alone = both.sum((0, 1))
            independent = np.abs(both * alone - both.sum(1)[:, None] * both.sum(0)[None]).max()
            if net.d_separated(x, y, given):
                assert independent < 1e-12
            else:  # tables drawn at random hide no dependence
                assert independent > 1e-9


def test_the_path_that_carries_information_is_shown_with_its_arrows():
    net = load("inf8225")
    assert open_path(net, "R", "G") == "R ← S → G"
    assert open_path(net, "R", "D") is None
    assert open_path(net, "R", "D", "L") == "R ← S → G ← D"
    assert open_path(net, "R", "L", ["S"]) is None
    assert net.d_separated(["R"], ["G", "L"], "S")
    assert not net.d_separated(["R", "D"], "L", "S")


def test_a_variable_on_two_sides_is_refused():
    net = load("inf8225")
    for sides in (("R", "R"), ("R", "G", "R"), ("R", ["G", "S"], "S")):
        with pytest.raises(UserError, match="stands on two sides"):
            net.d_separated(*sides)


# --- identification -------------------------------------------------------------------------------


def cut(parents, nodes):
    return {n: tuple(p for p in its if p not in nodes) for n, its in parents.items()}


def minimal(sets):
    return {one for one in sets if not any(other < one for other in sets)}


def is_backdoor(net, x, y, nodes):
    if nodes & net.descendants(x):
        return False
    return separated_by_definition(cut(net.parents, {x}), x, y, nodes)


def directed_paths(net, x, y):
    if x == y:
        yield [y]
    for child in net.children[x]:
        for rest in directed_paths(net, child, y):
            yield [x, *rest]


def is_frontdoor(net, x, y, nodes):
    if not all(set(path) & nodes for path in directed_paths(net, x, y)):
        return False
    no_door = cut(net.parents, {x})
    if any(not separated_by_definition(no_door, x, node, set()) for node in nodes):
        return False
    behind = cut(net.parents, nodes)
    return all(separated_by_definition(behind, node, y, {x}) for node in nodes)


@pytest.mark.parametrize("seed", range(60))
def test_the_minimal_sets_are_those_of_the_definitions(seed):
    rng = np.random.default_rng(seed)
    net = random_network(rng, n=6)
    for x, y in itertools.permutations(net.variables, 2):
        others = [name for name in net.variables if name not in (x, y)]
        hidden = [name for name in others if rng.random() < 0.3]
        candidates = [frozenset(one) for one in subsets([n for n in others if n not in hidden])]
        expected = minimal({one for one in candidates if is_backdoor(net, x, y, one)})
        found = net.backdoor_sets(x, y, unobserved=hidden)
        assert {frozenset(one.variables) for one in found} == expected
        assert len(found) == len(expected)
        expected = minimal({one for one in candidates if is_frontdoor(net, x, y, one)})
        found = net.frontdoor_sets(x, y, unobserved=hidden)
        assert {frozenset(one.variables) for one in found} == (
            expected if y in net.descendants(x) else set()
        )
        assert len(found) == len({one.variables for one in found})


@pytest.mark.parametrize("seed", range(40))
def test_adjustment_equals_surgery(seed):
    rng = np.random.default_rng(1000 + seed)
    net = random_network(rng, n=6, zeros=False)
    checked = 0
    for x, y in itertools.permutations(net.variables, 2):
        surgery = np.array(
            [enumerate_posterior(net, [y], do={x: i})[0] for i in range(len(net.states[x]))]
        )
        hidden = [n for n in net.variables if n not in (x, y) and rng.random() < 0.3]
        for found in (
            *net.backdoor_sets(x, y, unobserved=hidden),
            *net.frontdoor_sets(x, y, unobserved=hidden),
        ):
            assert_equal(found.estimate(net), surgery, 1e-12)
            checked += 1
    assert checked > 5


def test_the_front_door_of_smoking_and_tar():
    net = graph("U>Smoking U>Cancer Smoking>Tar Tar>Cancer")
    assert net.backdoor_sets("Smoking", "Cancer", unobserved="U") == []
    (found,) = net.frontdoor_sets("Smoking", "Cancer", unobserved="U")
    assert found.variables == ("Tar",)
    assert found.formula == (
        "P(Cancer | do(Smoking)) = Σ_Tar P(Tar | Smoking) "
        "Σ_Smoking′ P(Cancer | Smoking′, Tar) P(Smoking′)"
    )
    surgery = [net.query("Cancer", do={"Smoking": i}).values for i in (0, 1)]
    assert_equal(found.estimate(net), surgery)
    naive = net.query("Cancer", given={"Smoking": 1}).values
    assert np.abs(naive - surgery[1]).max() > 0.01


def test_adjusting_for_a_collider_is_not_proposed():
    net = graph("U>X U>M V>M V>Y X>Y")  # the M of Pearl's warning
    (found,) = net.backdoor_sets("X", "Y")
    assert found.variables == ()
    assert found.formula == "P(Y | do(X)) = P(Y | X)"
    assert "observing X is as good as setting it" in in_words(found)


def test_sets_come_with_the_smallest_first_and_in_words_of_two_languages():
    net = graph("A>X A>B B>Y C>X C>Y X>Y")
    found = net.backdoor_sets("X", "Y")
    assert [one.variables for one in found] == [("A", "C"), ("B", "C")]
    assert str(found[0]) == ("{A, C} (back-door): P(Y | do(X)) = Σ_{A, C} P(Y | X, A, C) P(A, C)")
    assert "knowing A and C blocks every path that enters X" in in_words(found[0])
    assert "A et C" in in_words(found[0], "fr")
    for kind in ("back-door", "front-door"):
        for names in ((), ("A",), ("A", "B")):
            one = AdjustmentSet(kind, "X", "Y", names)
            assert in_words(one, "en") != in_words(one, "fr")
    with pytest.raises(UserError, match="use en or fr"):
        in_words(found[0], "de")


def test_too_many_sets_are_refused():
    arrows = " ".join(f"X{i}>X X{i}>Y{i} Y{i}>Y" for i in range(8)) + " X>Y"
    net = graph(arrows)
    assert len(backdoor_sets(net, "X", "Y")) == 2**8
    with pytest.raises(UserError, match="more than 100 minimal back-door sets"):
        backdoor_sets(net, "X", "Y", at_most=100)


def test_an_estimate_without_overlap_is_refused():
    always = BayesNet(
        {
            "Z": ([0.5, 0.5], []),
            "X": ([[1.0, 0.0], [0.5, 0.5]], ["Z"]),
            "Y": (np.full((2, 2, 2), 0.5), ["X", "Z"]),
        }
    )
    (found,) = always.backdoor_sets("X", "Y")
    with pytest.raises(UserError, match=r"one never does; ask the network itself: query\('Y', do="):
        found.estimate(always)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("X", "X"), "named twice"),
        (("X", "Q"), "There is no variable 'Q'"),
        ((["X"], "Y"), "one variable each"),
    ],
)
def test_a_wrong_question_about_doors_is_refused(arguments, sentence):
    net = graph("X>Y")
    for ask in (net.backdoor_sets, net.frontdoor_sets):
        with pytest.raises(UserError, match=sentence):
            ask(*arguments)
        with pytest.raises(UserError, match="Y cannot be unobserved"):
            ask("X", "Y", unobserved="Y")


# --- effects --------------------------------------------------------------------------------------


def test_simpsons_paradox():
    net = load("kidney-stones")
    observed = {t: net.ask(f"P(Success=yes | Treatment={t})") for t in ("surgery", "puncture")}
    assert observed["surgery"] < observed["puncture"]
    for size in ("small", "large"):
        of_size = [
            net.ask(f"P(Success=yes | Treatment={t}, Size={size})") for t in ("surgery", "puncture")
        ]
        assert of_size[0] > of_size[1]
    effect = net.average_causal_effect(
        "Treatment", "Success", treated="surgery", control="puncture"
    )
    by_hand = 0.51 * (81 / 87 - 234 / 270) + 0.49 * (192 / 263 - 55 / 80)
    assert effect == pytest.approx(by_hand, abs=1e-12)
    assert effect > 0.05


def test_the_mean_effect_of_a_variable_with_numbers_as_states():
    net = load("inf8225")
    effect = net.average_causal_effect("S", "G", values=[0, 1, 2])
    means = [net.query("G", do={"S": s}).values @ [0, 1, 2] for s in (0, 1)]
    assert effect == pytest.approx(means[1] - means[0], abs=1e-15)
    assert net.average_causal_effect("L", "G", outcome="g2") == pytest.approx(0, abs=1e-15)
    assert net.average_causal_effect("G", "L", treated="g2", control="g0") == pytest.approx(0.89)


@pytest.mark.parametrize(
    ("x", "y", "options", "sentence"),
    [
        ("G", "L", {}, "G has 3 states .* name treated=… and control=…"),
        ("G", "L", {"treated": "g2"}, "name both states"),
        ("S", "G", {}, "name outcome=… or values="),
        ("S", "G", {"values": [1, 2]}, "values must be 3 numbers"),
        ("S", "G", {"values": [1, 2, 3], "outcome": "g0"}, "not both"),
        ("S", "G", {"outcome": "g9"}, "has no state 'g9'"),
        ("S", "S", {}, "named twice"),
    ],
)
def test_an_effect_that_is_not_clear_is_refused(x, y, options, sentence):
    with pytest.raises(UserError, match=sentence):
        load("inf8225").average_causal_effect(x, y, **options)


@pytest.mark.parametrize("seed", range(25))
def test_every_mechanism_lies_within_the_bounds_of_causation(seed):
    rng = np.random.default_rng(seed)
    net = graph("Z>X Z>Y X>M M>Y X>Y")
    spec = {}
    for name in net.variables:
        table = rng.random(net.tables[name].shape) + 0.02
        spec[name] = (table / table.sum(-1, keepdims=True), net.parents[name])
    net = BayesNet(spec)
    bounds = probabilities_of_causation(net, ("X", 1), ("Y", 1))
    seen = net.query(["X", "Y"]).values
    for mechanism in COUPLINGS:

        def other(x, y, to, mechanism=mechanism):
            given = {"X": x, "Y": y}
            return net.counterfactual("Y", given=given, do={"X": to}, mechanism=mechanism)

        necessity = float(other(1, 1, 0).values[0])
        sufficiency = float(other(0, 0, 1).values[1])
        both = necessity * seen[1, 1] + sufficiency * seen[0, 0]
        for value, (low, high) in zip(
            (necessity, sufficiency, both),
            (bounds.necessity, bounds.sufficiency, bounds.both),
            strict=True,
        ):
            assert low - 1e-9 <= value <= high + 1e-9


def test_the_bounds_of_a_monotone_cause_are_reached():
    net = BayesNet({"X": ([0.6, 0.4], []), "Y": ([[0.9, 0.1], [0.3, 0.7]], ["X"])})
    bounds = probabilities_of_causation(net, ("X", 1), ("Y", 1))
    necessity = net.counterfactual("Y", given={"X": 1, "Y": 1}, do={"X": 0}, mechanism="monotone")
    assert bounds.necessity[0] == pytest.approx((0.7 - 0.1) / 0.7)
    assert necessity["0"] == pytest.approx(bounds.necessity[0])
    assert bounds.both == pytest.approx((0.6, 0.7))


# --- counterfactuals ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUPLINGS)
def test_a_coupling_has_both_distributions_as_margins(name):
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(2, 6))
        p, q = rng.random((2, n)) * (rng.random((2, n)) < 0.7)
        p[0] += p.sum() == 0
        q[1] += q.sum() == 0
        p, q = p / p.sum(), q / q.sum()
        pair = COUPLINGS[name](p, q)
        assert (pair >= 0).all()
        assert_equal(pair.sum(1), p, 1e-12)
        assert_equal(pair.sum(0), q, 1e-12)
        if name != "independent":
            assert_equal(COUPLINGS[name](p, p), np.diag(p), 1e-12)


def test_the_gumbel_max_coupling_is_that_of_drawn_noise():
    rng = np.random.default_rng(0)
    p, q = np.array([0.5, 0.2, 0.1, 0.2]), np.array([0.1, 0.6, 0.3, 0.0])
    noise = rng.gumbel(size=(400_000, 4))
    with np.errstate(divide="ignore"):
        here, there = ((np.log(one) + noise).argmax(1) for one in (p, q))
    drawn = np.bincount(here * 4 + there, minlength=16).reshape(4, 4) / len(noise)
    assert_equal(gumbel_max(p, q), drawn, 0.004)
    # counterfactual stability: state 0 lost and state 1 won, so nobody moves from 1 to 0
    assert gumbel_max(p, q)[1, 0] == 0


def random_structural(rng, n=5):
    """Noise in roots, all else determined."""
    spec = {}
    for i in range(n):
        spec[f"u{i}"] = (rng.dirichlet(np.ones(3)), [])
        before = [f"x{j}" for j in range(i) if rng.random() < 0.6][:2]
        parents = [*before, f"u{i}"]
        shape = [2] * len(before) + [3]
        spec[f"x{i}"] = (np.eye(2)[rng.integers(0, 2, shape)], parents)
    return BayesNet(spec)


@pytest.mark.parametrize("seed", range(40))
def test_a_structural_network_answers_as_its_noise_enumerated(seed):
    rng = np.random.default_rng(seed)
    net = random_structural(rng, n=4)
    order = [f"x{i}" for i in range(4)]
    set_to = {f"x{rng.integers(0, 3)}": int(rng.integers(0, 2))}
    target = order[int(rng.integers(0, 4))]

    def world(noise, do):
        values = {f"u{i}": u for i, u in enumerate(noise)}
        for name in order:
            index = tuple(values[p] for p in net.parents[name])
            values[name] = do.get(name, int(net.tables[name][index].argmax()))
        return values

    seen_noise = rng.integers(0, 3, 4)
    given = {name: world(seen_noise, {})[name] for name in order if rng.random() < 0.6}
    expected, total = np.zeros(2), 0.0
    for noise in itertools.product(range(3), repeat=4):
        weight = np.prod([net.tables[f"u{i}"][u] for i, u in enumerate(noise)])
        values = world(noise, {})
        if all(values[name] == state for name, state in given.items()):
            expected[world(noise, set_to)[target]] += weight
            total += weight
    found = net.counterfactual(target, given=given, do=set_to)
    assert_equal(found, expected / total, 1e-12)


def test_the_monotone_mechanism_is_a_uniform_noise():
    """The same network with its noise as a variable: u cut at every step of F⁻¹."""
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.1, 0.3])
    cuts = np.unique(np.concatenate([[0], np.cumsum(p), np.cumsum(q)]).round(12))
    middles = (cuts[1:] + cuts[:-1]) / 2
    response = np.stack([np.searchsorted(np.cumsum(one), middles) for one in (p, q)])
    explicit = BayesNet(
        {
            "X": ([0.5, 0.5], []),
            "U": (np.diff(cuts), []),
            "Y": (np.eye(3)[response], ["X", "U"]),
        }
    )
    short = BayesNet({"X": ([0.5, 0.5], []), "Y": (np.stack([p, q]), ["X"])})
    for x, y in itertools.product(range(2), range(3)):
        given, do = {"X": x, "Y": y}, {"X": 1 - x}
        assert_equal(
            short.counterfactual("Y", given=given, do=do, mechanism="monotone"),
            explicit.counterfactual("Y", given=given, do=do),
            1e-12,
        )


@pytest.mark.parametrize("mechanism", COUPLINGS)
@pytest.mark.parametrize("seed", range(15))
def test_without_evidence_a_counterfactual_is_an_intervention(seed, mechanism):
    rng = np.random.default_rng(seed)
    net = random_network(rng, n=5)
    x, y = (str(name) for name in rng.permutation(net.variables)[:2])
    do = {x: int(rng.integers(len(net.states[x])))}
    expected = enumerate_posterior(net, [y], do=do)[0]
    assert_equal(net.counterfactual(y, given={}, do=do, mechanism=mechanism), expected)
    # averaged over everything that can be seen, it is one too
    seen = [name for name in net.variables if name != x][:2]
    mean = 0
    for states in itertools.product(*(range(len(net.states[name])) for name in seen)):
        given = dict(zip(seen, states, strict=True))
        weight = np.exp(net.log_evidence(given))
        if weight > 0:
            found = net.counterfactual(y, given=given, do=do, mechanism=mechanism)
            mean = mean + weight * found.values
    assert_equal(mean, expected, 1e-10)


@pytest.mark.parametrize("mechanism", COUPLINGS)
def test_setting_what_was_seen_changes_nothing(mechanism):
    net = load("inf8225")
    given = {"S": "s0", "G": "g2", "R": "r1"}
    found = net.counterfactual(["G", "L"], given=given, do={"S": "s0"}, mechanism=mechanism)
    expected = net.query("L", given=given).values
    assert_equal(found[{"G": "g2"}], expected)
    assert found["g2"].values.sum() == pytest.approx(1)


def test_a_mechanism_is_never_assumed_silently():
    net = load("inf8225")
    with pytest.raises(UserError, match=r"the table of G leaves open .* choose a mechanism"):
        net.counterfactual("G", given={"G": "g2"}, do={"S": "s0"})
    with pytest.raises(UserError, match="the table of G, L leaves open"):
        net.counterfactual("L", given={"G": "g2", "L": 1}, do={"S": "s0"})
    # nothing below the intervention was seen, so no mechanism is needed
    found = net.counterfactual("G", given={"D": "d1", "S": "s1"}, do={"S": "s0"})
    assert_equal(found, net.query("G", given={"D": "d1"}, do={"S": "s0"}))


def test_what_is_certain_is_said_so():
    net = load("inf8225")
    found = net.counterfactual(["S", "D", "R"], given={"D": "d1"}, do={"S": "s0"})
    assert found["s0", "d1"].values == pytest.approx([0.9, 0.1])
    assert found.values.sum() == pytest.approx(1)
    assert found.title == "P(S, D, R if do(S=s0) | D=d1)"
    only = net.counterfactual(["S", "D"], given={"D": "d1"}, do={"S": "s0"})
    assert only["s0", "d1"] == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"given": {}, "do": {}}, "needs do="),
        ({"given": {"Q": 0}, "do": {"S": 0}}, "There is no variable 'Q'"),
        ({"given": {"G": 0}, "do": {"S": 0}, "mechanism": "gumble-max"}, "mean 'gumbel-max'"),
        ({"given": {"G": 0}, "do": {"S": 0}, "mechanism": {"Q": "monotone"}}, "variable 'Q'"),
        ({"given": {"G": 0}, "do": {"S": 0}, "mechanism": {"L": "monotone"}}, "the table of G"),
    ],
)
def test_a_wrong_counterfactual_is_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        load("inf8225").counterfactual("G", **options)


def test_impossible_evidence_is_refused_even_if_the_answer_is_certain():
    net = load("sprinkler")
    given = {"Sprinkler": "no", "Rain": "no", "WetGrass": "yes"}
    for target in ("Rain", "WetGrass"):
        with pytest.raises(UserError, match="probability 0"):
            net.counterfactual(target, given=given, do={"Sprinkler": "yes"}, mechanism="gumbel-max")


def test_only_what_the_intervention_reaches_has_a_twin():
    net = load("asia")
    twins, names = twin_network(
        net, "dysp", given={"dysp": "yes"}, do={"smoke": "no"}, mechanism="gumbel-max"
    )
    assert names == {"lung": "lung*", "bronc": "bronc*", "either": "either*", "dysp": "dysp*"}
    assert twins.parents["either*"] == ("lung", "tub", "lung*", "either")
    assert_equal(joint(twins).sum(), 1.0, 1e-12)


def test_a_twin_that_is_too_large_is_refused():
    size = 40
    rng = np.random.default_rng(0)
    net = BayesNet(
        {
            "X": ([0.5, 0.5], []),
            "A": (rng.dirichlet(np.ones(size), 2), ["X"]),
            "B": (rng.dirichlet(np.ones(size), 2), ["X"]),
            "C": (rng.dirichlet(np.ones(size), (size, size)), ["A", "B"]),
        }
    )
    with pytest.raises(UserError, match="the twin of C needs a table of 4,096,000,000 entries"):
        net.counterfactual("C", given={"C": 0}, do={"X": 0}, mechanism="monotone")
