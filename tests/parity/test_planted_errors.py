"""The proof is proved: whatever gradient, step or multiplier is made wrong, its row fails."""

import dataclasses
import math

import pytest
import torch

from retroprop.byhand import activations, layer, losses, optimizers
from retroprop.byhand.linear import Linear
from retroprop.parity.checks import DIFFERENCES_TOLERANCE, check_case, check_row
from retroprop.parity.rows import FunctionRow, OptimizerRow, ScheduleRow, drawing
from retroprop.parity.table import TABLE, find_row

FUNCTIONS = [row for row in TABLE if isinstance(row, FunctionRow)]
OPTIMIZERS = [row for row in TABLE if isinstance(row, OptimizerRow)]
SCHEDULES = [row for row in TABLE if isinstance(row, ScheduleRow)]

# --- any gradient, made wrong in any of these ways ------------------------------------------------


def flipped(g, _population):
    return -g


def scaled_by_a_millionth(g, _population):
    return g * (1 + 1e-6)


def without_one_element(g, _population):
    """The element of median size among those that are not 0."""
    wrong = g.clone().flatten()
    visited = wrong.nonzero().flatten()
    if len(visited):
        wrong[visited[wrong[visited].abs().argsort()[len(visited) // 2]]] = 0
    return wrong.view(g.shape)


def with_two_axes_swapped(g, _population):
    return g.mT.reshape(g.shape) if g.ndim > 1 else g.flip(-1) if g.ndim else g


def leaking_between_members(g, population):
    return g + 1e-6 * g.roll(1, 0) if population else g


def doubled(g, _population):
    return 2 * g


def not_a_number(g, _population):
    wrong = g.clone().flatten()
    wrong[-1] = math.nan
    return wrong.view(g.shape)


MUTATIONS = [
    flipped, scaled_by_a_millionth, without_one_element, with_two_axes_swapped,
    leaking_between_members, doubled, not_a_number,
]  # fmt: skip

EXACTLY_ZERO = set()
"""Gradients that are 0 whatever the numbers: there a wrong sign or scale is no error."""


def cases_of(row):
    """The largest case with a population of two, its input each member's own, and shared."""
    kinds = {}
    for one in sorted(row.cases, key=lambda one: math.prod(one.shape)):
        if one.population == (2,):
            kinds[one.shared] = one
    return list(kinds.values()) or [row.cases[0]]


def mutated(row, name, mutation, population):
    """The row with one of the gradients made wrong."""

    def problem(one):
        right = row.problem(one)

        def by_hand(tensors):
            y, pullback = right.by_hand(tensors)

            def wrong(dy):
                gradients = pullback(dy)
                return gradients | {name: mutation(gradients[name], population)}

            return y, wrong

        return dataclasses.replace(right, by_hand=by_hand)

    return dataclasses.replace(row, problem=problem, elements=0)


def gradients_of(row, one):
    problem = row.problem(one)
    y, pullback = problem.by_hand({name: t.clone() for name, t in problem.tensors.items()})
    return pullback(drawing("dy of a mutant")(*y.shape))


def has_axes_of(row, one, name):
    """Population axes of a gradient: a shared input lacks some."""
    return one.population[: len(one.population) - one.shared] if name == "x" else one.population


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_wrong_gradient_is_found(row, mutation):
    found = set()
    for one in cases_of(row):
        for name, gradient in gradients_of(row, one).items():
            population = has_axes_of(row, one, name)
            change = (mutation(gradient, population) - gradient).abs().max()
            if change <= 1e-7 * gradient.abs().max():  # such as two axes of which one has size 1
                continue
            assert not check_case(mutated(row, name, mutation, population), one).passed, (name, one)
            found.add(name)
    expected = {name for one in cases_of(row) for name in gradients_of(row, one)}
    assert found >= expected - EXACTLY_ZERO - unchanged_by(mutation, row)


def unchanged_by(mutation, row):
    """Gradients that a mutation leaves as they are in all the cases."""
    if mutation is leaking_between_members and not any(one.population for one in row.cases):
        return {name for one in cases_of(row) for name in gradients_of(row, one)}
    return set()


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_central_differences_alone_find_a_wrong_sign(row):
    one = cases_of(row)[0]
    for name in gradients_of(row, one):
        result = check_case(dataclasses.replace(mutated(row, name, flipped, ()), elements=4), one)
        assert result.against_differences > DIFFERENCES_TOLERANCE, name


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_gradient_that_is_missing_or_too_many_is_found(row):
    one = cases_of(row)[0]

    def replaced(change):
        def problem(case):
            right = row.problem(case)

            def by_hand(tensors):
                y, pullback = right.by_hand(tensors)
                return y, lambda dy: change(pullback(dy))

            return dataclasses.replace(right, by_hand=by_hand)

        return dataclasses.replace(row, problem=problem)

    last = list(gradients_of(row, one))[-1]
    fewer = replaced(lambda g: {name: value for name, value in g.items() if name != last})
    more = replaced(lambda g: g | {"other": torch.zeros(1)})
    flat = replaced(lambda g: g | {last: g[last].unsqueeze(0)})
    for wrong in (fewer, more, flat):
        assert not check_case(wrong, one).passed


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_wrong_output_and_a_changed_input_are_found(row):
    one = cases_of(row)[0]

    def replaced(change):
        def problem(case):
            right = row.problem(case)
            return dataclasses.replace(right, by_hand=lambda t: change(right.by_hand, t))

        return dataclasses.replace(row, problem=problem, elements=0)

    def scaled(by_hand, tensors):
        y, pullback = by_hand(tensors)
        return y * (1 + 1e-6), pullback

    def in_place(by_hand, tensors):
        y, pullback = by_hand({name: t.clone() for name, t in tensors.items()})
        next(iter(tensors.values())).mul_(0.5)
        return y, pullback

    for change in (scaled, in_place):
        assert not check_case(replaced(change), one).passed


# --- one term of a formula left out ---------------------------------------------------------------


def plain(wrong):
    """A backward without parameters, from dy and what forward kept."""
    return lambda self, dy, saved: (wrong(dy, saved), {})


def gelu_without_density(dy, saved):
    return dy * saved[1]


def linear_with(dx=None, W=None, b=None):
    right = Linear.backward

    def backward(self, dy, saved):
        got_dx, got = right(self, dy, saved)
        return dx(got_dx) if dx else got_dx, {
            "W": W(got["W"]) if W else got["W"],
            "b": b(got["b"]) if b else got["b"],
        }

    return backward


def chain_without_its_middle(self, dy, saved):
    gradients = {}
    for name, each in reversed(self.layers.items()):
        kept = saved.pop()
        if name != "phi":
            dy, of_layer = each.backward(dy, kept)
            gradients |= {f"{name}.{key}": value for key, value in of_layer.items()}
    return dy, gradients


def residual_without_the_shortcut(self, dy, saved):
    dx, gradients = self.branch.backward(dy.clone(), saved[0])
    named = {f"branch.{key}": value for key, value in gradients.items()}
    if self.shortcut is not None:
        _, of_short = self.shortcut.backward(dy, saved[1])
        named |= {f"shortcut.{key}": value for key, value in of_short.items()}
    return dx, named


MUTANTS = {  # row, what is wrong -> object, attribute, wrong value
    "ReLU passes everything on": (activations.ReLU, "backward", plain(lambda dy, y: dy)),
    "ReLU takes the input's sign": (
        activations.ReLU, "backward", plain(lambda dy, y: dy * (2 * y.sign() - 1)),
    ),
    "Sigmoid without 1 - y": (activations.Sigmoid, "backward", plain(lambda dy, y: dy * y)),
    "Tanh without the square": (activations.Tanh, "backward", plain(lambda dy, y: dy * (1 - y))),
    "GELU without the density": (activations.GELU, "backward", plain(gelu_without_density)),
    "Softmax without the inner product": (
        activations.Softmax, "backward", plain(lambda dy, y: dy * y),
    ),
    "Softmax with its own square only": (
        activations.Softmax, "backward", plain(lambda dy, y: dy * y * (1 - y)),
    ),
    "Linear without the bias's gradient": (Linear, "backward", linear_with(b=torch.zeros_like)),
    "Linear with the mean in place of the sum": (
        Linear, "backward", linear_with(b=lambda b: b / 2),
    ),
    "Sequential without a link": (layer.Sequential, "backward", chain_without_its_middle),
    "Residual without the shortcut": (layer.Residual, "backward", residual_without_the_shortcut),
    "Flatten in another order": (
        layer.Flatten, "backward", lambda self, dy, shape: (dy.flip(-1).reshape(shape), {}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MUTANTS)
def test_a_missing_term_in_a_layer_is_found(what, monkeypatch):
    row = find_row(what.split()[0])
    owner, attribute, wrong = MUTANTS[what]
    assert check_case(row, cases_of(row)[-1]).passed
    monkeypatch.setattr(owner, attribute, wrong)
    assert not check_row(dataclasses.replace(row, elements=0)).passed


def with_gradient(row, gradient):
    """A loss's row with another gradient."""

    def problem(one):
        right = row.problem(one)
        chosen = {**row.options, **one.options}

        def by_hand(tensors):
            y, pullback = right.by_hand(tensors)
            z = tensors["z"]
            return y, lambda dL: {"z": dL[..., None, None] * gradient(z, pullback, chosen)}

        return dataclasses.replace(right, by_hand=by_hand)

    return dataclasses.replace(row, problem=problem)


def own(z, pullback):
    """The right gradient of the sum over members."""
    return pullback(torch.ones(z.shape[:-2], dtype=z.dtype))["z"]


WRONG_LOSSES = {
    "softmax_cross_entropy without the target": lambda z, p, o: losses.softmax(z),
    "softmax_cross_entropy with the mean": lambda z, p, o: own(z, p) / z.shape[-2],
    "cross_entropy_and_hits without the target": lambda z, p, o: losses.softmax(z),
    "squared_error_and_hits without the half": lambda z, p, o: 2 * own(z, p),
    "squared_error without the half": lambda z, p, o: 2 * own(z, p),
    "squared_error with the document's sign": lambda z, p, o: -own(z, p),
    "clamped_cross_entropy without the clamp": lambda q, p, o: torch.where(
        (q > o["epsilon"]) & (q < 1 - o["epsilon"]), own(q, p), -1 / q
    ),
    "clamped_cross_entropy times p": lambda q, p, o: own(q, p) * q,
}


@pytest.mark.parametrize("what", WRONG_LOSSES)
def test_a_missing_term_in_a_loss_is_found(what):
    row = find_row(what.split()[0])
    assert not check_row(with_gradient(row, WRONG_LOSSES[what])).passed


def test_every_layer_and_loss_of_one_formula_has_a_mutant_of_its_own():
    named = {what.split()[0] for what in (*MUTANTS, *WRONG_LOSSES)}
    assert {row.name for row in FUNCTIONS if row.kind in ("layer", "loss")} <= named


# --- optimizers -----------------------------------------------------------------------------------


class Wrong:
    """An optimizer whose update of the weights is made wrong afterwards."""

    def __init__(self, right, change):
        self.__dict__.update(right=right, change=change)

    def __getattr__(self, name):
        return getattr(self.right, name)

    def __setattr__(self, name, value):
        setattr(self.right, name, value)

    def step(self, W, dW):
        before = W.clone()
        self.right.step(W, dW)
        population = W.shape[:-2]
        W.copy_(before + self.change(W - before, population))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("row", OPTIMIZERS, ids=lambda row: row.name)
def test_a_wrong_step_is_found(row, mutation):
    wrong = dataclasses.replace(
        row, by_hand=lambda W, rate, o: Wrong(row.by_hand(W, rate, o), mutation)
    )
    one = next(case for case in row.cases if case.population and min(case.shape) > 1)
    assert check_case(row, one).passed
    assert not check_case(wrong, one).passed


class NesterovMomentum(optimizers.Momentum):
    def step(self, W, dW):
        self.u.mul_(self.momentum).add_(dW)
        self._descend(W, dW + self.momentum * self.u)


class MomentumWithoutDecay(optimizers.Momentum):
    def step(self, W, dW):
        self.u.add_(dW)
        self._descend(W, self.u)


class AveragedMomentum(optimizers.Momentum):
    def step(self, W, dW):
        self.u.lerp_(dW, 1 - self.momentum)
        self._descend(W, self.u)


class AdagradOfTheLastStep(optimizers.Adagrad):
    def step(self, W, dW):
        self.s.zero_()
        super().step(W, dW)


class AdagradEpsilonInside(optimizers.Adagrad):
    def step(self, W, dW):
        self.s.addcmul_(dW, dW)
        self._descend_quotient(W, dW, (self.s + self.epsilon).sqrt())


class AdamWithoutCorrection(optimizers.Adam):
    def step(self, W, dW):
        self.m.lerp_(dW, 1 - self.beta_1)
        self.v.mul_(self.beta_2).addcmul_(dW, dW, value=1 - self.beta_2)
        self._descend_quotient(W, self.m, self.v.sqrt() + self.epsilon)


class AdamEpsilonUncorrected(optimizers.Adam):
    def step(self, W, dW):
        self.t += 1
        self.m.lerp_(dW, 1 - self.beta_1)
        self.v.mul_(self.beta_2).addcmul_(dW, dW, value=1 - self.beta_2)
        c = math.sqrt(1 - self.beta_2**self.t)
        self._descend_quotient(
            W, self.m, self.v.sqrt() + self.epsilon, c / (1 - self.beta_1**self.t)
        )


class AdamOneStepLate(optimizers.Adam):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.t = 1


class AdamWWithoutDecay(optimizers.AdamW):
    def step(self, W, dW):
        optimizers.Adam.step(self, W, dW)


class AdamWCoupled(optimizers.AdamW):
    def step(self, W, dW):
        optimizers.Adam.step(self, W, dW + self.weight_decay * W)


class AdamWDecayWithoutTheRate(optimizers.AdamW):
    def step(self, W, dW):
        W.mul_(1 - self.weight_decay)
        optimizers.Adam.step(self, W, dW)


class SGDThatKeepsItsFirstRate(optimizers.SGD):
    def __init__(self, W, learning_rate):
        super().__init__(W, learning_rate)
        self.first = learning_rate

    def step(self, W, dW):
        W.sub_(self.first * dW)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SGD", SGDThatKeepsItsFirstRate),
        ("Momentum", NesterovMomentum),
        ("Momentum", MomentumWithoutDecay),
        ("Momentum", AveragedMomentum),
        ("Adagrad", AdagradOfTheLastStep),
        ("Adagrad", AdagradEpsilonInside),
        ("Adam", AdamWithoutCorrection),
        ("Adam", AdamEpsilonUncorrected),
        ("Adam", AdamOneStepLate),
        ("AdamW", AdamWWithoutDecay),
        ("AdamW", AdamWCoupled),
        ("AdamW", AdamWDecayWithoutTheRate),
    ],
)
def test_an_optimizer_with_another_formula_is_found(name, wrong):
    row = find_row(name)
    other = dataclasses.replace(row, by_hand=lambda W, rate, o: wrong(W, rate, **o))
    assert not check_row(other).passed


def test_every_optimizer_has_a_wrong_one_of_its_own():
    assert {row.name for row in OPTIMIZERS} == {"SGD", "Momentum", "Adagrad", "Adam", "AdamW"}


# --- schedules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", SCHEDULES, ids=lambda row: row.name)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda right, s, n, o: right(s, n, o) * (1 + 1e-6),
        lambda right, s, n, o: -right(s, n, o),
        lambda right, s, n, o: 0.0 if s == n // 2 else right(s, n, o),
        lambda right, s, n, o: math.nan if s == n else right(s, n, o),
    ],
    ids=["scaled", "flipped", "zero once", "not a number"],
)
def test_a_wrong_multiplier_is_found(row, wrong):
    other = dataclasses.replace(row, by_hand=lambda s, n, o: wrong(row.by_hand, s, n, o))
    assert not check_row(other).passed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda right, s, n, o: right(min(s + 1, n), n, o),
        lambda right, s, n, o: right(max(s - 1, 0), n, o),
        lambda right, s, n, o: right(s, n, {"warmup_steps": 0}),
        lambda right, s, n, o: right(s, n + 1, o),
    ],
    ids=["a step early", "a step late", "without the line", "a longer wave"],
)
def test_a_schedule_with_another_formula_is_found(wrong):
    row = find_row("warmup_cosine")
    other = dataclasses.replace(row, by_hand=lambda s, n, o: wrong(row.by_hand, s, n, o))
    assert not check_row(other).passed
