"""The proof is proved: whatever gradient, step or multiplier is made wrong, its row fails."""

import dataclasses
import functools
import math

import pytest
import torch

from retroprop.byhand import (
    activations,
    layer,
    losses,
    mlp_mixer,
    normalization,
    optimizers,
    pooling,
    resnet18,
)
from retroprop.byhand.convolution import Conv2d
from retroprop.byhand.dropout import Dropout
from retroprop.byhand.in_pieces import InPieces
from retroprop.byhand.linear import LeftLinear, Linear
from retroprop.parity.comparisons import (
    DIFFERENCES_TOLERANCE,
    CaseResult,
    Comparison,
    check_case,
    check_row,
    errors_against_differences,
    errors_against_twin,
    evaluate,
    worst,
)
from retroprop.parity.layers import ACTIVATION_ROWS
from retroprop.parity.rows import FunctionRow, OptimizerRow, ScheduleRow, TrainingRow
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


def with_its_axes_in_another_order(g, _population):
    return g.permute(*reversed(range(g.ndim))).reshape(g.shape) if g.ndim > 1 else g.flip(0)


def leaking_between_members(g, population):
    return g + 1e-6 * g.roll(1, 0) if population else g


def doubled(g, _population):
    return 2 * g


def not_a_number(g, _population):
    wrong = g.clone().flatten()
    wrong[-1] = math.nan
    return wrong.view(g.shape)


MUTATIONS = [
    flipped, scaled_by_a_millionth, without_one_element, with_its_axes_in_another_order,
    leaking_between_members, doubled, not_a_number,
]  # fmt: skip

EXACTLY_ZERO = ("mlp_tokens.fc2.b",)
"""In a whole Mixer this bias moves all channels of a token alike, and every reader of the token
normalizes over its channels: the gradient is 0, and a wrong sign or scale of 0 is no error."""


def cases_of(row):
    """The largest case with a population of two, its input each member's own, and shared."""
    kinds = {}
    for one in sorted(row.cases, key=lambda one: math.prod(one.shape)):
        if one.population == (2,):
            kinds[one.shared] = one
    return list(kinds.values()) or [max(row.cases, key=lambda one: math.prod(one.shape))]


@functools.cache
def evaluated(position, one_position):
    """Both derivations of a row in one of its `cases_of`, computed once for all mutations."""
    row = FUNCTIONS[position]
    return evaluate(row, cases_of(row)[one_position])


def each_gradient(row):
    """Case, evaluation, name and population axes of every gradient."""
    for i, one in enumerate(cases_of(row)):
        found = evaluated(FUNCTIONS.index(row), i)
        for name in found.gradients:
            shared = one.shared if name == "x" else 0
            yield one, found, name, one.population[: len(one.population) - shared]


def judged(row, one, found):
    """Whether the comparison with the twin passes."""
    errors = errors_against_twin(found).items()
    return CaseResult(row, one, tuple(Comparison(*error) for error in errors)).passed


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_wrong_gradient_is_found(row, mutation):
    found_wrong, all_names = set(), set()
    for one, found, name, population in each_gradient(row):
        assert judged(row, one, found)
        all_names.add(name)
        gradient = found.gradients[name]
        wrong = mutation(gradient, population)
        if (wrong - gradient).abs().max() <= 1e-7 * gradient.abs().max():
            continue  # no change, such as another order of axes of size 1
        if name.endswith(EXACTLY_ZERO) and row.name == "MLPMixer" and mutation is not not_a_number:
            continue
        replaced = dataclasses.replace(found, gradients=found.gradients | {name: wrong})
        assert not judged(row, one, replaced), (name, str(one))
        found_wrong.add(name)
    if mutation is leaking_between_members and not any(one.population for one in row.cases):
        return
    missed = {name for name in all_names - found_wrong if not name.endswith(EXACTLY_ZERO)}
    assert missed == set()


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_gradient_that_is_missing_or_too_many_or_of_another_shape_is_found(row):
    for one, found, name, _ in each_gradient(row):
        gradients = found.gradients
        fewer = {other: gradient for other, gradient in gradients.items() if other != name}
        wrong = [fewer, gradients | {"other": torch.zeros(1)}]
        wrong.append(gradients | {name: gradients[name].unsqueeze(0)})
        for each in wrong:
            assert not judged(row, one, dataclasses.replace(found, gradients=each)), name


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_central_differences_alone_find_a_wrong_sign(row):
    few = dataclasses.replace(row, elements=2)
    sample = list(each_gradient(row))
    for one, found, name, _ in sample[:: max(1, len(sample) // 6)]:
        if name.endswith(EXACTLY_ZERO) and row.name == "MLPMixer":
            continue
        right = only(name, found, found.gradients[name])
        assert worst(errors_against_differences(few, one, right).values()) <= DIFFERENCES_TOLERANCE
        wrong = only(name, found, -found.gradients[name])
        assert worst(errors_against_differences(few, one, wrong).values()) > 0.1, name


def only(name, found, gradient):
    """The evaluation with this one gradient."""
    return dataclasses.replace(found, gradients={name: gradient}, exact={name: found.exact[name]})


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_the_whole_check_of_a_row_fails_on_one_wrong_gradient(row):
    def problem(one):
        right = row.problem(one)

        def by_hand(tensors):
            y, pullback = right.by_hand(tensors)

            def wrong(dy):
                gradients = pullback(dy)
                last = list(gradients)[-1]
                return gradients | {last: gradients[last] * (1 + 1e-6)}

            return y, wrong

        return dataclasses.replace(right, by_hand=by_hand)

    one = cases_of(row)[0]
    wrong = dataclasses.replace(row, problem=problem, elements=0)
    assert not check_row(wrong, [one]).passed


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
    _, of_short = self.shortcut.backward(dy, saved[1])
    return dx, gradients | of_short


def with_gradients(owner, change):
    """A backward that changes what the right one returns: (dx, gradients) → (dx, gradients)."""
    right = owner.backward
    return owner, "backward", lambda self, dy, saved: change(*right(self, dy, saved))


def with_dy(owner, change):
    """A backward that is given another dy."""
    right = owner.backward
    return owner, "backward", lambda self, dy, saved: right(self, change(dy), saved)


def without_its_bias(owner, name="b"):
    return with_gradients(owner, lambda dx, g: (dx, g | {name: torch.zeros_like(g[name])}))


def batch_norm_in(*, mean, inner):
    """dx with and without the term of μ and that of σ²."""

    def backward(self, dy, saved):
        x, y, mu, scale, training = saved
        x_hat = (self._rows(x) - mu) * scale
        drows = self._rows(dy).reshape(x_hat.shape[0], -1, *x_hat.shape[-2:])
        if y is not None:
            drows = drows * (y > 0)
        (gamma,) = self._of_members(x_hat, self.gamma)
        gradients = {
            "gamma": (drows * x_hat).sum(-2).view(self.gamma.shape),
            "beta": drows.sum(-2).view(self.beta.shape),
        }
        dx = drows
        if training and mean:
            dx = dx - drows.mean(-2, keepdim=True)
        if training and inner:
            dx = dx - x_hat * (drows * x_hat).mean(-2, keepdim=True)
        return self._images((dx * gamma * scale).sum(1), x.shape, x.shape[:-4]), gradients

    return backward


def layer_norm_in(*, mean, inner):
    """dx with and without the term of μ and that of σ²."""

    def backward(self, dy, saved):
        x_hat, scale, shape = saved
        drows = dy.reshape(x_hat.shape[0], -1, *x_hat.shape[-2:])
        dx_hat = (drows * self._of_members(x_hat, self.gamma)).sum(1, keepdim=True)
        gradients = {
            "gamma": (drows * x_hat).sum(-2).view(self.gamma.shape),
            "beta": drows.sum(-2).view(self.beta.shape),
        }
        dx = dx_hat
        if mean:
            dx = dx - dx_hat.mean(-1, keepdim=True)
        if inner:
            dx = dx - x_hat * (dx_hat * x_hat).mean(-1, keepdim=True)
        return (dx * scale).view(shape), gradients

    return backward


def batch_norm_with(**terms):
    return normalization.BatchNorm2d, "backward", batch_norm_in(**terms)


def layer_norm_with(**terms):
    return normalization.LayerNorm, "backward", layer_norm_in(**terms)


right_max_pool = pooling.MaxPool2d.backward


def adaptive_that_overwrites(self, dy, saved):
    place, shape = saved
    dx = dy.new_zeros(shape).flatten(-2)
    return dx.scatter_(-1, place.flatten(-2), dy.flatten(-2)).view(shape), {}


def block_without_the_shortcut(self, dy, saved):
    of_sum, y = saved
    return residual_without_the_shortcut(self, dy.masked_fill(y <= 0, 0), of_sum)


def pieces_that_do_not_add_up(self, dy, saved):
    dx, gradients = torch.empty_like(dy), {}
    for piece, of_dx, kept in zip(self._pieces(dy), self._pieces(dx), saved, strict=True):
        of_piece, of_parameters = layer.Sequential.backward(self, piece, kept)
        of_dx.copy_(of_piece)
        gradients |= of_parameters  # the last piece overwrites the others
    return dx, gradients


def mixer_without_the_residual(self, dy, saved):
    dy, of_channels = self.channels.backward(dy, saved[1])
    dx, of_tokens = residual_without_the_shortcut(self.tokens, dy, saved[0])
    return dx, of_tokens | of_channels


MUTANTS = {  # row, what is wrong -> object, attribute, wrong value
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
    "Conv2d without the bias's gradient": with_gradients(
        Conv2d, lambda dx, g: (dx, g | {"b": 0 * g["b"]} if "b" in g else g)
    ),
    "Conv2d with the kernel flipped": with_gradients(
        Conv2d, lambda dx, g: (dx, g | {"W": g["W"].flip(-1, -2)})
    ),
    "Conv2d with the axes of the kernel swapped": with_gradients(
        Conv2d, lambda dx, g: (dx, g | {"W": g["W"].mT})
    ),
    "Conv2d with the image's axes swapped": with_gradients(
        Conv2d, lambda dx, g: (dx.mT.reshape(dx.shape), g)
    ),
    "MaxPool2d gives the first pixel its window's gradient": (
        pooling.MaxPool2d, "backward",
        lambda self, dy, saved: right_max_pool(self, dy, (0 * saved[0], 0 * saved[1], saved[2])),
    ),
    "MaxPool2d loses the gradient": (
        pooling.MaxPool2d, "backward",
        lambda self, dy, saved: right_max_pool(self, dy, (saved[0], saved[1] + 1, saved[2])),
    ),
    "AdaptiveMaxPool2d where windows overwrite each other": (
        pooling.AdaptiveMaxPool2d, "backward", adaptive_that_overwrites,
    ),
    "AveragePool2d without the division": with_dy(pooling.AveragePool2d, lambda dy: 4 * dy),
    "GlobalAveragePool2d without the division": with_gradients(
        pooling.GlobalAveragePool2d, lambda dx, g: (dx * dx.shape[-1] * dx.shape[-2], g)
    ),
    "BatchNorm2d without the term of the mean": batch_norm_with(mean=False, inner=True),
    "BatchNorm2d without the term of the variance": batch_norm_with(mean=True, inner=False),
    "Winograd without the bias's gradient": with_gradients(
        Conv2d, lambda dx, g: (dx, g | {"b": 0 * g["b"]} if "b" in g else g)
    ),
    "Winograd with the kernel flipped": with_gradients(
        Conv2d, lambda dx, g: (dx, g | {"W": g["W"].flip(-1, -2)})
    ),
    "InPieces where pieces do not add up": (
        InPieces, "backward", pieces_that_do_not_add_up,
    ),
    "BatchNorm2d with its statistics taken for constants": batch_norm_with(mean=False, inner=False),
    "LayerNorm without the term of the mean": layer_norm_with(mean=False, inner=True),
    "LayerNorm without the term of the variance": layer_norm_with(mean=True, inner=False),
    "Dropout without the mask": (Dropout, "backward", lambda self, dy, saved: (dy, {})),
    "PatchEmbedding without the bias's gradient": without_its_bias(
        mlp_mixer.PatchEmbedding, "proj.b"
    ),
    "LeftLinear without the bias's gradient": without_its_bias(LeftLinear),
    "TokenMixing without the second bias": without_its_bias(mlp_mixer.TokenMixing, "fc2.b"),
    "ChannelMixing without the first bias": without_its_bias(mlp_mixer.ChannelMixing, "fc1.b"),
    "TokenMean without the division": with_gradients(
        pooling.TokenMean, lambda dx, g: (dx * dx.shape[-2], g)
    ),
    "BasicBlock without the shortcut": (
        resnet18.BasicBlock, "backward", block_without_the_shortcut,
    ),
    "MixerBlock without the residual": (
        mlp_mixer.MixerBlock, "backward", mixer_without_the_residual,
    ),
    "Flatten in another order": (
        layer.Flatten, "backward", lambda self, dy, shape: (dy.flip(-1).reshape(shape), {}),
    ),
}  # fmt: skip
MUTANTS |= {
    f"{row.name} passes everything on": (row.covers[0], "backward", plain(lambda dy, y: dy))
    for row in ACTIVATION_ROWS
}


@pytest.mark.parametrize("what", MUTANTS)
def test_a_missing_term_in_a_layer_is_found(what, monkeypatch):
    row = find_row(what.split()[0])
    owner, attribute, wrong = MUTANTS[what]
    assert check_case(row, cases_of(row)[-1]).passed
    monkeypatch.setattr(owner, attribute, wrong)
    assert not check_row(dataclasses.replace(row, elements=0)).passed


@pytest.mark.parametrize(
    ("name", "owner", "right"),
    [
        ("BatchNorm2d", normalization.BatchNorm2d, batch_norm_in(mean=True, inner=True)),
        ("LayerNorm", normalization.LayerNorm, layer_norm_in(mean=True, inner=True)),
    ],
)
def test_a_mutant_is_wrong_in_nothing_but_the_term_it_leaves_out(name, owner, right, monkeypatch):
    monkeypatch.setattr(owner, "backward", right)
    assert check_row(dataclasses.replace(find_row(name), elements=0)).passed


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
        W.sub_(self.learning_rate * (dW + self.momentum * self.u))


class MomentumWithoutDecay(optimizers.Momentum):
    def step(self, W, dW):
        self.u.add_(dW)
        W.sub_(self.learning_rate * self.u)


class AveragedMomentum(optimizers.Momentum):
    def step(self, W, dW):
        self.u.lerp_(dW, 1 - self.momentum)
        W.sub_(self.learning_rate * self.u)


class AdagradOfTheLastStep(optimizers.Adagrad):
    def step(self, W, dW):
        self.s.zero_()
        super().step(W, dW)


class AdagradEpsilonInside(optimizers.Adagrad):
    def step(self, W, dW):
        self.s.addcmul_(dW, dW)
        W.sub_(self.learning_rate * dW / (self.s + self.epsilon).sqrt())


class AdamWithoutCorrection(optimizers.Adam):
    def step(self, W, dW):
        self.m.lerp_(dW, 1 - self.beta_1)
        self.v.mul_(self.beta_2).addcmul_(dW, dW, value=1 - self.beta_2)
        W.sub_(self.learning_rate * self.m / (self.v.sqrt() + self.epsilon))


class AdamEpsilonUncorrected(optimizers.Adam):
    def step(self, W, dW):
        self.t += 1
        self.m.lerp_(dW, 1 - self.beta_1)
        self.v.mul_(self.beta_2).addcmul_(dW, dW, value=1 - self.beta_2)
        c = math.sqrt(1 - self.beta_2**self.t)
        scale = c / (1 - self.beta_1**self.t)
        W.sub_(self.learning_rate * scale * self.m / (self.v.sqrt() + self.epsilon))


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


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
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


class KeepsItsFirstRate(Wrong):
    """An optimizer that does not hear of another learning rate."""

    def __setattr__(self, name, value):
        if name != "learning_rate":
            super().__setattr__(name, value)


class ForgetsWhatItRemembers(Wrong):
    """An optimizer that makes every step as if it were its first."""

    def __init__(self, right, change):
        super().__init__(right, change)
        self.__dict__["first"] = right.state()

    def step(self, W, dW):
        self.right.load_state(self.first)
        super().step(W, dW)


@pytest.mark.parametrize("wrong", [KeepsItsFirstRate, ForgetsWhatItRemembers])
@pytest.mark.parametrize("kind", optimizers.OPTIMIZERS)
def test_every_optimizer_has_a_wrong_one_of_its_own(kind, wrong):
    (row,) = (row for row in OPTIMIZERS if row.covers == (optimizers.OPTIMIZERS[kind],))
    other = dataclasses.replace(
        row, by_hand=lambda W, rate, o: wrong(row.by_hand(W, rate, o), lambda way, _: way)
    )
    assert check_row(other).passed == (wrong is ForgetsWhatItRemembers and kind == "sgd")


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


# --- trainings ------------------------------------------------------------------------------------

TRAININGS = [row for row in TABLE if isinstance(row, TrainingRow)]


def with_a_longer_step(right):
    """Every learning rate is larger by a millionth."""

    def step(self, parameters, gradients):
        rates = {name: optimizer.learning_rate for name, optimizer in self.of.items()}
        for optimizer in self.of.values():
            optimizer.learning_rate *= 1 + 1e-6
        right(self, parameters, gradients)
        for name, optimizer in self.of.items():
            optimizer.learning_rate = rates[name]

    return step


def with_one_sign_flipped(right):
    """The gradient of the last parameter."""

    def step(self, parameters, gradients):
        last = list(parameters)[-1]
        right(self, parameters, {**gradients, last: -gradients[last]})

    return step


@pytest.mark.parametrize("wrong", [with_a_longer_step, with_one_sign_flipped])
@pytest.mark.parametrize("row", TRAININGS, ids=lambda row: row.name)
def test_a_training_that_goes_wrong_is_found(row, wrong, monkeypatch):
    few = dataclasses.replace(row.cases[0], options={"steps": 12})
    assert check_case(row, few).passed
    owner = optimizers.OnePerParameter
    monkeypatch.setattr(owner, "step", wrong(owner.step))
    assert not check_case(row, few).passed
