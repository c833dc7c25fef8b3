"""The rows of the losses, each with its twin from `torch.nn.functional`."""

from torch import Tensor
from torch.nn import functional as F

from retroprop.byhand import losses
from retroprop.parity.rows import Draw, case, loss_row, over_populations

SCORES = over_populations(case(1, 4), case(3, 1), case(5, 7))


def _probabilities(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    return draw(*shape).softmax(-1)


def _labels(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    return F.one_hot(draw(*shape).argmax(-1), shape[-1]).double()


def _scores_off_the_clamp(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    """In (0, 1), on both sides of 0.1 and of 0.9 and never nearer to them than 0.025."""
    return ((draw(*shape) * 2).sigmoid() * 20).floor().clamp(0, 19).add(0.5) / 20


SHARED_BY_ALL = [one for one in SCORES if one.shared == len(one.population)]

LOSS_ROWS = [
    loss_row(
        losses.softmax_cross_entropy,
        losses.softmax_cross_entropy_gradient,
        twin=lambda z, t, o: F.cross_entropy(z, t, reduction="sum"),
        draw_targets=_probabilities,
        cases=SCORES,
    ),
    loss_row(
        losses.cross_entropy_and_hits,
        losses.softmax_cross_entropy_gradient,
        with_hits=True,
        twin=lambda z, t, o: F.cross_entropy(z, t.argmax(-1), reduction="sum"),
        draw_targets=_labels,
        cases=SHARED_BY_ALL,
    ),
    loss_row(
        losses.squared_error_and_hits,
        losses.squared_error_gradient,
        with_hits=True,
        twin=lambda z, t, o: F.mse_loss(z, t, reduction="sum") / 2,
        draw_targets=_labels,
        cases=SHARED_BY_ALL,
    ),
    loss_row(
        losses.squared_error,
        losses.squared_error_gradient,
        twin=lambda z, t, o: F.mse_loss(z, t, reduction="sum") / 2,
        draw_targets=_probabilities,
        cases=SCORES,
    ),
    loss_row(
        losses.clamped_cross_entropy,
        losses.clamped_cross_entropy_gradient,
        twin=lambda p, t, o: -(t * p.clamp(o["epsilon"], 1 - o["epsilon"]).log()).sum(),
        options={"epsilon": 0.1},  # so wide that the clamp acts
        draw_scores=_scores_off_the_clamp,
        draw_targets=_probabilities,
        cases=[*SCORES, case(5, 7, epsilon=1e-9)],
    ),
]
