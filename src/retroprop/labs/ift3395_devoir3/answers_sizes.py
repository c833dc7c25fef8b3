"""IFT3395, devoir 3, part 2, questions 3 to 5: what can be counted and proved without training.

How many parameters the networks have, which sizes come near 269,322, and what two unusual
convolutions have in common with dense layers.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import nn

from retroprop.labs.ift3395_devoir3.answers_networks import parameters
from retroprop.labs.ift3395_devoir3.checks import Check, checks_table, same_tensors, seeded
from retroprop.labs.ift3395_devoir3.solution import NetworkConfiguration, Trainer
from retroprop.labs.source_code import source
from retroprop.models import budget
from retroprop.models.budget import Answer, CNNBudget, MLPBudget, Unknown, solve
from retroprop.report.document import Block, Cell, Equation, Row, Table
from retroprop.report.lab_report import LabReport

TARGET = budget.mlp_parameters(784, (256, 256), 10)
TOLERANCE = 10_000
THIN = MLPBudget(width=64, depth=Unknown())
KERNEL = CNNBudget(channels=(16, 32, 45), kernel_sizes=(Unknown(),))
WIDE = CNNBudget(channels=(Unknown(),), kernel_sizes=(28,))
DEEP = (8, 16, 32, 64)
"""Channels of the deep network, as the assignment fixes them."""


def parameter_count(lab: LabReport) -> Iterator[Block]:
    """2.3 (a)."""
    sizes = (784, 256, 256, 10)
    number = lab.numbers.integer
    with seeded():
        network = Trainer.create_mlp(784, NetworkConfiguration(), 10, nn.ReLU())
    yield lab.prose(
        "*{n}*. A Linear layer from $n$ to $m$ features has $m n$ weights and $m$ biases:",
        n=number(parameters(network)),
    )
    yield Equation(
        source="(784 times 256 + 256) + (256 times 256 + 256) + (256 times 10 + 10) "
        f"&= {' + '.join(str(n * m + m) for n, m in itertools.pairwise(sizes))} \\ "
        f"&= {TARGET}"
    )
    yield checks_table(
        lab,
        Check(
            lab.say("parameters of the Trainer’s network, against the formula"),
            parameters(network),
            TARGET,
        ),
    )
    yield source(budget.mlp_parameters)


def solved(lab: LabReport, answer: Answer, corner: str, chosen: int) -> Table:
    """The sizes that a solver found, with those just outside of the tolerance."""
    say, numbers = lab.say, lab.numbers
    found = [one for one in (answer.below, *answer.within, answer.above) if one is not None]
    rows = []
    for one in found:
        away = one.parameters - TARGET
        sign = "+" if away > 0 else ""
        cells = [
            Cell(text=numbers.integer(one.parameters), mark="best" if one.x == chosen else "",
                 spoken=say("trained") if one.x == chosen else ""),
            Cell(text=f"{sign}{numbers.integer(away)}"),
            Cell(text=say("yes") if abs(away) <= TOLERANCE else say("no")),
        ]  # fmt: skip
        rows.append(Row(header=numbers.integer(one.x), cells=cells))
    return Table(
        name="sizes",
        caption=say("Sizes near {n} parameters; ★ is the one that was trained").format(
            n=numbers.integer(TARGET)
        ),
        corner=corner,
        columns=[
            say("parameters"),
            say("away from the target"),
            say("within {n}").format(n=numbers.integer(TOLERANCE)),
        ],
        rows=rows,
    )


def inside(lab: LabReport, answer: Answer) -> str:
    """The values within the tolerance: "52, 53, 54 and 55"."""
    return lab.listed([lab.numbers.integer(one.x) for one in answer.within])


def thin_depth(lab: LabReport, chosen: int) -> Iterator[Block]:
    """2.3 (b): how many layers of 64 units."""
    answer = solve(THIN, TARGET, TOLERANCE)
    yield lab.prose(
        "Every further layer of 64 units costs $64 dot 64 + 64 = 4160$ parameters. Within the "
        "tolerance lie {depths} layers; {nearest} come nearest, and the study trains {chosen}.",
        depths=inside(lab, answer),
        nearest=answer.nearest(TARGET).x,
        chosen=chosen,
    )
    yield solved(lab, answer, lab.say("layers of 64 units"), chosen)


def kernel_size(lab: LabReport, chosen: int) -> Iterator[Block]:
    """2.4: which kernel."""
    answer = solve(KERNEL, TARGET, TOLERANCE)
    yield lab.prose(
        "A convolution with square kernels of size $k$ from $c$ to $m$ channels has $m c k^2 + m$ "
        "parameters, and the dense layers see $45 times 4 times 4$ values whatever the kernel is. "
        "Within the tolerance lie the sizes {sizes}; {nearest} comes nearest, and the study trains "
        "{chosen}.",
        sizes=inside(lab, answer),
        nearest=answer.nearest(TARGET).x,
        chosen=chosen,
    )
    yield solved(lab, answer, lab.say("kernel size"), chosen)


def pointwise(lab: LabReport) -> Iterator[Block]:
    """2.5 (a)."""
    yield lab.prose(
        "A convolution with a $1 times 1$ kernel *is* a dense layer over the channels, applied to "
        "every pixel by itself with the same weights: it mixes the channels of one place and "
        "never two places. A stack of them is an MLP for each pixel (Lin, Chen & Yan, Network in "
        "network, 2014). Neighbouring pixels meet only in the poolings, which keep a maximum, and "
        "in the dense layers at the end, which see $4 times 4$ places."
    )
    yield Equation(source="h_(c, i, j) = cal(A)(sum_k W_(c k) x_(k, i, j) + b_c)")
    with seeded(), torch.no_grad():
        conv = nn.Conv2d(8, 16, 1)
        dense = nn.Linear(8, 16)
        dense.weight.copy_(conv.weight[:, :, 0, 0])
        dense.bias.copy_(conv.bias if conv.bias is not None else torch.zeros(16))
        x = torch.randn(4, 8, 14, 14)
        ours, theirs = conv(x), dense(x.movedim(1, -1)).movedim(-1, 1)
        places = torch.randperm(14 * 14)
        moved = conv(x.flatten(2)[..., places].view_as(x))
        expected = ours.flatten(2)[..., places].view_as(ours)
    yield checks_table(
        lab,
        same_tensors(
            lab.say("1 × 1 convolution, against a dense layer at each pixel"),
            ours,
            theirs,
            decimals=4,
        ),
        same_tensors(
            lab.say("all pixels in another order: the outputs come in the same order"),
            moved,
            expected,
            decimals=4,
        ),
    )
    yield lab.prose(
        "Columns 1 and 2 hold the norms of the outputs, the last one the largest difference."
    )
    yield from _deep_size(lab)


def _deep_size(lab: LabReport) -> Iterator[Block]:
    """Whether the prescribed channels keep the number of parameters; they do not."""
    count = budget.cnn_parameters(
        1, 10, n_channels=DEEP, kernel_sizes=(1, 1, 1, 1), dense_hiddens=(256, 256)
    )
    last = solve(CNNBudget(channels=(*DEEP[:-1], Unknown()), kernel_sizes=(1,)), TARGET, TOLERANCE)
    number = lab.numbers.integer
    yield lab.prose(
        "With the channels that the assignment fixes, this network has {n} parameters, {away} more "
        "than the perceptron and so outside of the tolerance of {tolerance}: the first dense "
        "layer alone sees $64 times 4 times 4 = 1024$ values. We train it as it is prescribed; "
        "{fits} channels in the last layer instead of 64 would fit."
        if count > TARGET + TOLERANCE
        else "With the channels that the assignment fixes, this network has {n} parameters, {away} "
        "away from the perceptron and within the tolerance of {tolerance}; {fits} channels in the "
        "last layer would fit.",
        n=number(count),
        away=number(abs(count - TARGET)),
        tolerance=number(TOLERANCE),
        fits=inside(lab, last),
    )


def whole_image(lab: LabReport, chosen: int) -> Iterator[Block]:
    """2.5 (b)."""
    yield lab.prose(
        "A kernel as large as the image has a single place to stand, so nothing slides and no "
        "weight is shared: each channel is one unit of a dense layer that sees all 784 pixels. "
        "The adaptive pooling then copies the one value of a channel to all $4 times 4$ places, "
        "and the dense layer after it adds up what its 16 copies weigh. The network is an MLP with "
        "hidden layers of {channels}, 256 and 256 units, the first of them a bottleneck.",
        channels=chosen,
    )
    yield Equation(source="h_c = cal(A)(sum_i sum_j W_(c i j) x_(i j) + b_c)")
    with seeded(), torch.no_grad():
        network = Trainer.create_cnn(
            1, NetworkConfiguration((chosen,), (28,), (1,), (0,)), 10, nn.ReLU()
        )
        x = torch.randn(4, 1, 28, 28)
        assert isinstance(network, nn.Sequential)
        conv, first = network[0], next(one for one in network if isinstance(one, nn.Linear))
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        hidden = (x.flatten(1) @ conv.weight.flatten(1).T + conv.bias).relu()
        narrow = first.weight.view(256, chosen, 16).sum(2)  # the 16 copies add up
        behind = (hidden @ narrow.T + first.bias).relu()
        rest = network[list(network).index(first) + 2 :]
        ours, theirs = network(x), rest(behind)
        features = conv(x).relu().flatten(1)
    yield checks_table(
        lab,
        same_tensors(
            lab.say("28 × 28 convolution, against a dense layer on 784 pixels"),
            features,
            hidden,
            decimals=4,
        ),
        same_tensors(lab.say("the whole network, against that MLP"), ours, theirs, decimals=4),
    )
    answer = solve(WIDE, TARGET, TOLERANCE)
    yield lab.prose(
        "Within the tolerance lie {values} channels; {nearest} come nearest, and the study trains "
        "{chosen}.",
        values=inside(lab, answer),
        nearest=answer.nearest(TARGET).x,
        chosen=chosen,
    )
    yield solved(lab, answer, lab.say("channels"), chosen)
