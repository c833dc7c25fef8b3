"""The rows of the losses, each with its twin from `torch.nn.functional`."""

from torch import Tensor
from torch.nn import functional as F

from retroprop.byhand import losses
from retroprop.parity.rows import Draw, case, loss_row, over_populations

SCORES = over_populations([case(1, 4), case(3, 1), case(5, 7)])


def _probabilities(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    return draw(*shape).softmax(-1)


def _labels(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    return F.one_hot(draw(*shape).argmax(-1), shape[-1]).double()


def _scores_off_the_clamp(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    """In (0, 1), on both sides of 0.1 and of 0.9 and never nearer to them than 0.025."""
    return ((draw(*shape) * 2).sigmoid() * 20).floor().clamp(0, 19).add(0.5) / 20


LOSS_ROWS = [
    loss_row(
        "softmax_cross_entropy",
        value=losses.softmax_cross_entropy,
        gradient=losses.softmax_cross_entropy_gradient,
        twin=lambda z, t, o: F.cross_entropy(z, t, reduction="sum"),
        draw_targets=_probabilities,
        cases=SCORES,
        covers=(losses.softmax_cross_entropy, losses.softmax_cross_entropy_gradient),
    ),
    loss_row(
        "cross_entropy_and_hits",
        value=lambda z, t: losses.cross_entropy_and_hits(z, _class_of(t))[0],
        gradient=losses.softmax_cross_entropy_gradient,
        twin=lambda z, t, o: F.cross_entropy(z, t.argmax(-1), reduction="sum"),
        draw_targets=_labels,
        cases=[c for c in SCORES if c.shared == len(c.population)],  # all members, one batch
        covers=(losses.cross_entropy_and_hits,),
    ),
    loss_row(
        "squared_error_and_hits",
        value=lambda z, t: losses.squared_error_and_hits(z, _class_of(t))[0],
        gradient=losses.squared_error_gradient,
        twin=lambda z, t, o: F.mse_loss(z, t, reduction="sum") / 2,
        draw_targets=_labels,
        cases=[c for c in SCORES if c.shared == len(c.population)],
        covers=(losses.squared_error_and_hits,),
    ),
    loss_row(
        "squared_error",
        value=losses.squared_error,
        gradient=losses.squared_error_gradient,
        twin=lambda z, t, o: F.mse_loss(z, t, reduction="sum") / 2,
        draw_targets=_probabilities,
        cases=SCORES,
        covers=(losses.squared_error, losses.squared_error_gradient),
    ),
    loss_row(
        "clamped_cross_entropy",
        value=losses.clamped_cross_entropy,
        gradient=losses.clamped_cross_entropy_gradient,
        twin=lambda p, t, o: -(t * p.clamp(o["epsilon"], 1 - o["epsilon"]).log()).sum(),
        options={"epsilon": 0.1},  # so wide that the clamp acts
        draw_scores=_scores_off_the_clamp,
        draw_targets=_probabilities,
        cases=[*SCORES, case(5, 7, epsilon=1e-9)],
        covers=(losses.clamped_cross_entropy, losses.clamped_cross_entropy_gradient),
    ),
]


def _class_of(one_hot: Tensor) -> Tensor:
    """The labels (batch,) of one-hot rows that all members share."""
    return one_hot.argmax(-1).view(one_hot.shape[-2])
