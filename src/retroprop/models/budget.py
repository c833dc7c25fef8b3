"""How many parameters a network has, and which size of a layer gives a wanted number of them.

A linear layer from n to m features has m n weights and m biases, a convolution with square kernels
of k from c to m channels m c k² and m. The networks are `MLP` and `CNN`, and the tests compare
every count with theirs. Source of the questions: IFT3395, devoir 3, part 2, questions 3 to 5.

One quantity of a network may be an `Unknown`, several times over if need be: (16, 32, x), or
(x, 2x). The number of parameters grows with x, so all values within a tolerance are neighbours.
"""

import bisect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retroprop.errors import UserError, in_short

POOLED = 4
"""Height and width of what the dense layers of a CNN see, as in `retroprop.models.cnn`."""

LARGEST = 1_000_000
"""Of the unknown, and of any quantity."""

MOST_VALUES = 100_000
"""Of the unknown that are listed."""

MOST_LAYERS = 1_000
"""That are listed one by one."""

SETTLED = 64
"""Convolutions that are alike, after which a size that is halved again and again no longer changes:
it has vanished, or is what it stays."""


class Unknown(NamedTuple):
    """`factor` times the unknown quantity."""

    factor: int = 1


Quantity = int | Unknown


# -- counting ---------------------------------------------------------------------------------


def mlp_parameters(input_size: int, hidden_sizes: Sequence[int], num_classes: int) -> int:
    """Parameters of an MLP.

    >>> mlp_parameters(784, [256, 256], 10)
    269322
    """
    sizes = [input_size, *hidden_sizes, num_classes]
    return sum(m * n + m for n, m in itertools.pairwise(sizes))


def cnn_parameters(
    in_channels: int,
    num_classes: int,
    *,
    n_channels: Sequence[int],
    kernel_sizes: Sequence[int],
    dense_hiddens: Sequence[int],
) -> int:
    """Parameters of a CNN, whatever the size of its images.

    >>> cnn_parameters(
    ...     1, 10, n_channels=(16, 32, 45), kernel_sizes=(3, 3, 3), dense_hiddens=(256, 256)
    ... )
    270743
    """
    channels = [in_channels, *n_channels]
    convolutions = sum(
        m * c * k * k + m
        for (c, m), k in zip(itertools.pairwise(channels), kernel_sizes, strict=True)
    )
    return convolutions + mlp_parameters(channels[-1] * POOLED**2, dense_hiddens, num_classes)


def sizes_inside(
    size: int,
    *,
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    paddings: Sequence[int],
) -> list[int]:
    """Pixels along an axis after each convolution of a CNN, those between them pooled by 2.

    The list ends early where a kernel does not fit or nothing is left to pool.

    >>> sizes_inside(28, kernel_sizes=(3, 3, 3), strides=(1, 1, 1), paddings=(0, 0, 0))
    [26, 11, 3]
    """
    found: list[int] = []
    for k, s, p in zip(kernel_sizes, strides, paddings, strict=True):
        if found:
            size = found[-1] // 2
        if size < 1 or size + 2 * p < k:
            return found
        found.append((size + 2 * p - k) // s + 1)
    return found


# -- the networks with an unknown -------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MLPBudget:
    """An MLP one of whose quantities may be unknown.

    Give `hidden_sizes`, or `width` and `depth` for layers that are alike.
    """

    input_size: int = 784
    num_classes: int = 10
    hidden_sizes: Sequence[Quantity] | None = None
    width: Quantity | None = None
    depth: Quantity | None = None

    def quantities(self) -> list[Quantity]:
        """Those that may be unknown."""
        return _listed(self.hidden_sizes, self.width, self.depth, "hidden")

    def parameters(self, x: int) -> int:
        """Parameters, for this value of the unknown."""
        hidden, times = _layers(self.hidden_sizes, self.width, self.depth, x)

        def counted(layers: Sequence[int]) -> int:
            return mlp_parameters(self.input_size, layers, self.num_classes)

        return _counted(counted, hidden, times)

    def possible(self, x: int) -> bool:
        """Whether there is such a network: always."""
        return True


@dataclass(frozen=True, kw_only=True)
class CNNBudget:
    """A CNN one of whose quantities may be unknown.

    Give `channels` of each convolution, or `width` and `depth` for convolutions that are alike;
    one kernel, stride and padding, or one for each convolution.
    """

    image: tuple[int, int, int] = (1, 28, 28)
    num_classes: int = 10
    channels: Sequence[Quantity] | None = None
    width: Quantity | None = None
    depth: Quantity | None = None
    kernel_sizes: Sequence[Quantity] = (3,)
    strides: Sequence[int] = (1,)
    paddings: Sequence[int] = (0,)
    dense_hiddens: Sequence[Quantity] = (256, 256)

    def quantities(self) -> list[Quantity]:
        """Those that may be unknown."""
        layers = _listed(self.channels, self.width, self.depth, "channels")
        return [*layers, *self.kernel_sizes, *self.dense_hiddens]

    def parameters(self, x: int) -> int:
        """Parameters, for this value of the unknown."""
        channels, times = _layers(self.channels, self.width, self.depth, x)
        kernels = _known(self.kernel_sizes, x)
        if len(kernels) > 1:  # convolutions that are not alike
            kernels = _of_each("kernel", kernels, len(channels) * times)
            channels, times = channels * times, 1

        def counted(layers: Sequence[int]) -> int:
            return cnn_parameters(
                self.image[0],
                self.num_classes,
                n_channels=layers,
                kernel_sizes=_of_each("kernel", kernels, len(layers)),
                dense_hiddens=_known(self.dense_hiddens, x),
            )

        return _counted(counted, channels, times)

    def possible(self, x: int) -> bool:
        """Whether every kernel fits into what comes to it."""
        channels, times = _layers(self.channels, self.width, self.depth, x)
        kernels, count = _known(self.kernel_sizes, x), len(channels) * times
        if len(kernels) == len(self.strides) == len(self.paddings) == 1:
            count = min(count, SETTLED)
        options = {
            "kernel_sizes": _of_each("kernel", kernels, count),
            "strides": _of_each("stride", self.strides, count),
            "paddings": _of_each("padding", self.paddings, count),
        }
        return all(len(sizes_inside(size, **options)) == count for size in self.image[1:])


Budget = MLPBudget | CNNBudget


def _listed(
    sizes: Sequence[Quantity] | None, width: Quantity | None, depth: Quantity | None, name: str
) -> list[Quantity]:
    """What describes the layers.

    Raises:
        UserError: If they are described twice, or not at all.
    """
    if sizes is not None and width is None and depth is None:
        return [*sizes]
    if sizes is None and width is not None and depth is not None:
        return [width, depth]
    raise UserError(f"describe the layers by {name}, or by width and depth together.")


def _layers(
    sizes: Sequence[Quantity] | None, width: Quantity | None, depth: Quantity | None, x: int
) -> tuple[list[int], int]:
    """The size of each layer, and how often these layers follow one another."""
    if sizes is not None:
        return _known(sizes, x), 1
    return _known([width or 0], x), _known([depth or 0], x)[0]


def _counted(count: Callable[[Sequence[int]], int], sizes: Sequence[int], times: int) -> int:
    """The parameters of `times` layers that are alike: each but the first adds as many."""
    if times <= 2:
        return count([*sizes] * times)
    one, two = count(sizes), count([*sizes] * 2)
    return one + (times - 1) * (two - one)


def _known(quantities: Sequence[Quantity], x: int) -> list[int]:
    """The quantities with x in its place."""
    return [one.factor * x if isinstance(one, Unknown) else one for one in quantities]


def _of_each(name: str, values: Sequence[int], count: int) -> list[int]:
    """One value per convolution."""
    if len(values) == 1:
        return [*values] * count
    if len(values) != count:
        raise UserError(
            f"expected one {name} for all {count} convolutions or one for each, and got "
            f"{len(values)}."
        )
    return [*values]


# -- solving ----------------------------------------------------------------------------------


class Found(NamedTuple):
    """A value of the unknown, and the parameters of its network."""

    x: int
    parameters: int


class Answer(NamedTuple):
    """What `solve` finds.

    Attributes:
        within: Every value within the tolerance, in order.
        below: The nearest one with fewer parameters than the tolerance allows, if there is one.
        above: The nearest one with more; None too where the next network is impossible.
        highest: The largest value for which there is a network; None if there is no end.
    """

    within: list[Found]
    below: Found | None
    above: Found | None
    highest: int | None

    def nearest(self, target: int) -> Found:
        """The value whose number of parameters is nearest to the target."""
        known = [*self.within, *filter(None, (self.below, self.above))]
        return min(known, key=lambda one: (abs(one.parameters - target), one.x))


def solve(network: Budget, target: int, tolerance: int = 10_000) -> Answer:
    """All values of the unknown, from 1, whose network has `target` ± `tolerance` parameters.

    Raises:
        UserError: If nothing is unknown, a number is out of range, or no value gives a network.

    >>> thin = MLPBudget(width=64, depth=Unknown())
    >>> [found.x for found in solve(thin, 269_322).within]
    [52, 53, 54, 55]
    """
    _check(network, target, tolerance)
    if not any(isinstance(one, Unknown) for one in network.quantities()):
        raise UserError("nothing is unknown; make one quantity an Unknown.")
    if not network.possible(1):
        raise UserError(
            "even with x = 1 a kernel does not fit into what comes to it; take smaller kernels, a "
            "padding or fewer convolutions."
        )
    too_many = _first(lambda x: network.parameters(x) > target + tolerance)
    impossible = _first(lambda x: not network.possible(x))
    end = min(too_many, impossible)
    if end > LARGEST:
        raise UserError(
            f"even x = {LARGEST:,} has only {network.parameters(LARGEST):,} parameters; ask for "
            "fewer, or make the other layers larger."
        )
    first = min(end, _first(lambda x: network.parameters(x) >= target - tolerance))
    if (end - first) * max(8, len(network.quantities())) > 8 * MOST_VALUES:
        raise UserError(
            f"{end - first:,} values lie within {tolerance:,} of {target:,}; lower the tolerance."
        )
    found = [Found(x, network.parameters(x)) for x in range(max(1, first - 1), end + 1)]
    return Answer(
        within=[one for one in found if first <= one.x < end],
        below=found[0] if first > 1 else None,
        above=found[-1] if too_many == end else None,
        highest=impossible - 1 if impossible <= LARGEST else None,
    )


def _first(holds: Callable[[int], bool]) -> int:
    """The first x from 1 for which it holds, as it does from there on; LARGEST + 1 if none."""
    high = 1
    while high <= LARGEST and not holds(high):  # a deep network takes long to count
        high *= 2
    return bisect.bisect_left(range(high), True, lo=high // 2 + 1, key=holds) if high > 1 else 1


def _check(network: Budget, target: int, tolerance: int) -> None:
    """Refuse numbers that no network has."""
    if not 1 <= target <= 10**12:
        raise UserError(
            f"the target must be from 1 to 10^12 parameters, and got {in_short(target)}."
        )
    if not 0 <= tolerance <= 10**12:
        raise UserError(
            f"the tolerance must be from 0 to 10^12 parameters, and got {in_short(tolerance)}."
        )
    quantities = network.quantities()
    if len(quantities) > MOST_LAYERS:
        raise UserError(f"at most {MOST_LAYERS:,} layers are listed, and got {len(quantities):,}.")
    for one in quantities:
        number = one.factor if isinstance(one, Unknown) else one
        if not 1 <= number <= LARGEST:
            raise UserError(f"a size must be from 1 to {LARGEST:,}, and got {in_short(number)}.")
