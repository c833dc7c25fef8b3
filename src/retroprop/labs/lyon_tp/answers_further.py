"""Part 4: other activation functions, Adam and Adagrad, minibatches, a convolutional network."""

from collections.abc import Iterator
from typing import Any

from retroprop.labs.lyon_tp.convolutional import ConvolutionalNetwork
from retroprop.labs.lyon_tp.deep import DeepNetwork
from retroprop.labs.lyon_tp.experiments import asking, best_cell, sentences, tested
from retroprop.labs.lyon_tp.measurements import gradient_by_layer, optimizer_error
from retroprop.labs.lyon_tp.telling import code, error
from retroprop.models.cnn import CNN
from retroprop.report.costs import costs_section
from retroprop.report.document import Block, Cell, Equation, Paragraph, Row, Table
from retroprop.report.lab_story import LabStory, only
from retroprop.report.results import curves_section, tables_section
from retroprop.report.story import Story
from retroprop.studies.summary import CellSummary, chance_margin, mean_and_deviation

NEAR = 0.01  # an accuracy within one point of the best is near it


# --- activation functions -------------------------------------------------------------------------


def activations(lab: LabStory) -> Iterator[Block]:
    """What the records say, then the functions and how they pass a gradient on."""
    story = lab.study("lyon-activations")
    yield from sentences(lab, story, "activation")
    yield from only("picture", lab.blocks(asking(story, "accuracy-curves"), curves_section))
    yield from lab.blocks(story, tables_section)
    yield lab.prose(
        "The derivative of the sigmoid is at most $frac(1, 4)$, that of tanh at most 1, and that "
        "of ReLU is 1 wherever the unit is active:",
        title="Why they differ",
    )
    yield Equation(
        source="sigma'(z) = sigma(z) (1 - sigma(z)), quad tanh'(z) = 1 - tanh(z)^2, quad "
        "rect'(z) = bone_({z > 0})"
    )
    depth = max((one for one in story.values("depth") if isinstance(one, int)), default=3)
    width = story.runs[0].settings.get("width") or 100
    yield from _gradients(lab, story, depth, width)
    yield lab.prose(
        "The activation function is one argument of the network of part 3; autograd derives it. "
        "With the derivatives written out by hand the gradients are the same (3.2)."
    )


def _gradients(lab: LabStory, story: Story, depth: int, width: int) -> Iterator[Block]:
    """The norm of the gradient in each layer before the first step."""
    found = {
        name: gradient_by_layer(name, depth, width)
        for name in story.values("activation")
        if name in ("sigmoid", "tanh", "relu")
    }
    layers = [lab.say("layer {n}").format(n=layer + 1) for layer in range(depth)]
    settings = story.describe({"depth": depth, "width": width})
    yield Table(
        name="gradients",
        caption=lab.say("Norm of the gradient of each layer before training, {settings}").format(
            settings=settings
        ),
        corner=story.setting_name("activation"),
        columns=[*layers, lab.say("output")],
        rows=[
            Row(
                header=story.setting("activation", name),
                cells=[Cell(text=lab.numbers.decimal(norm, 2)) for norm in norms],
            )
            for name, norms in found.items()
        ],
        notes=[
            lab.say("Of the squared error of 1,000 training images; initial weights by fan-in.")
        ],
    )
    ratios = {name: norms[0] / norms[-1] for name, norms in found.items()}
    if len(ratios) > 1:
        weak, strong = min(ratios, key=lambda n: ratios[n]), max(ratios, key=lambda n: ratios[n])
        yield Paragraph(
            text=lab.say(
                "Compared with the output layer, the first layer gets {low} times the gradient "
                "with {weak}, and {high} times with {strong}: the layers of the former learn at "
                "rates that are further apart, and one η has to serve all."
            ).format(
                low=lab.numbers.decimal(ratios[weak], 3),
                weak=story.setting("activation", weak),
                high=lab.numbers.decimal(ratios[strong], 3),
                strong=story.setting("activation", strong),
            )
        )


# --- optimizers -----------------------------------------------------------------------------------


def optimizers(lab: LabStory) -> Iterator[Block]:
    """What the records say, then the equations and the check of their implementation."""
    story = lab.study("lyon-optimizers")
    yield from sentences(lab, story, "optimizer")
    text = _near(lab, story)
    if text and not story.unfinished:
        yield Paragraph(title=lab.say("How much the rate matters"), text=text)
    drawn = asking(story, "loss-curves", "accuracy-curves")
    yield from only("picture", lab.blocks(drawn, curves_section))
    yield from lab.blocks(story, tables_section)
    yield lab.prose(
        "Both divide the step of each weight by the size of its own past gradients, so that "
        "weights with small gradients move as well. Adagrad adds up all squares, so its steps only "
        "shrink; Adam takes decaying means, of the gradient too. With $g$ the gradient of a "
        "weight:",
        title="How they work",
    )
    yield Equation(
        source="s' &= s + g^2, quad w' = w - eta frac(g, sqrt(s') + epsilon) \\ "
        "m' &= 0.9 m + 0.1 g, quad v' = 0.999 v + 0.001 g^2, quad "
        "w' = w - eta frac(hat(m), sqrt(hat(v)) + epsilon)"
    )
    yield lab.prose(
        "The first line is Adagrad (Duchi et al., 2011), the second Adam (Kingma & Ba, 2015), "
        "where $hat(m) = frac(m', 1 - 0.9^t)$ and $hat(v) = frac(v', 1 - 0.999^t)$ after $t$ "
        "steps."
    )
    yield code(lab, DeepNetwork._modify)  # pyright: ignore[reportPrivateUsage] - shown, not called
    yield lab.prose(
        "The optimizers of torch.optim and those of the library, which train the studies, make the "
        "same steps: after twenty of them the weights differ by {adam} at most with Adam, and by "
        "{adagrad} with Adagrad.",
        title="Checked while this was written",
        adam=error(lab, optimizer_error("adam")),
        adagrad=error(lab, optimizer_error("adagrad")),
    )


def _near(lab: LabStory, story: Story) -> str:
    """At how many of the rates each optimizer comes near its own best."""
    lines = []
    for cell in story.best:
        alike = [
            one.mean
            for one in story.cells
            if one.mean is not None
            and all(
                one.cell[key] == value for key, value in cell.cell.items() if key != "learning_rate"
            )
        ]
        near = sum(mean >= (cell.mean or 0.0) - NEAR for mean in alike)
        lines.append(
            lab.say("{name}: {k} of {n}").format(
                name=story.name(cell), k=near, n=len(story.values("learning_rate"))
            )
        )
    if not lines:
        return ""
    return lab.say("Rates that come within one point of the optimizer’s own best: {list}.").format(
        list=lab.say("; ").join(lines)
    )


# --- minibatches ----------------------------------------------------------------------------------


def minibatches(lab: LabStory) -> Iterator[Block]:
    """At the same rate, at each size's own best rate, and what an epoch costs."""
    story = lab.study("lyon-minibatches")
    yield from sentences(lab, story, "batch_size")
    own = asking(story, best_per=["batch_size"])
    if not story.unfinished and "batch_size" in story.varied:
        found = list(sentences(lab, own, "batch_size"))[:1]
        yield from found
    yield from lab.blocks(story, tables_section)
    drawn = asking(own, "accuracy-curves")
    yield from only("picture", lab.blocks(drawn, curves_section))
    yield lab.prose(
        "With the mean of the examples’ gradients, the same rate takes steps of about the same "
        "length for every size, but an epoch has fewer of them: the number of examples divided by "
        "the size. So after as many epochs, larger batches have moved less, unless the rate is "
        "raised; how far, instability limits. What a larger batch buys is time: its examples are "
        "computed together, and its gradient is less noisy (its variance falls as one over the "
        "size).",
        title="Why",
    )
    yield code(lab, DeepNetwork.learn)


# --- the convolutional network --------------------------------------------------------------------


def convolution(lab: LabStory) -> Iterator[Block]:
    """How well it does, beside the best dense network, and what its settings do."""
    story = lab.study("lyon-convolution")
    yield from _against_dense(lab, story)
    for key in story.varied:
        yield from sentences(lab, story, key)
    yield from lab.blocks(story, tables_section)
    drawn = asking(story, "loss-curves", "accuracy-curves")
    yield from only("picture", lab.blocks(drawn, curves_section))
    cost = costs_section(asking(story, "time-by-setting"))
    yield from cost.blocks if cost else ()


def _against_dense(lab: LabStory, story: Story) -> Iterator[Paragraph]:
    """The test accuracy against that of the best dense network in the records."""
    best, dense = best_cell(story), best_dense(lab)
    ours = tested(best) if best is not None else []
    if not ours or dense is None or story.info is None:
        return
    other, cell = dense
    theirs, n = mean_and_deviation(tested(cell))[0], story.info.n_test
    mean = mean_and_deviation(ours)[0]
    gap, margin = mean - theirs, chance_margin(mean, theirs, n)
    yield Paragraph(
        text=lab.say(
            "On the test base the convolutional network is {gap} above the best dense network of "
            "the records ({study}: {settings}; {accuracy}): more than the choice of {n} images "
            "leaves to chance ({margin})."
            if gap > margin
            else "On the test base the convolutional network is {gap} below the best dense network "
            "of the records ({study}: {settings}; {accuracy}): more than the choice of {n} images "
            "leaves to chance ({margin})."
            if gap < -margin
            else "On the test base the convolutional network and the best dense network of the "
            "records ({study}: {settings}; {accuracy}) are not distinguishable: they are {gap} "
            "apart, and the choice of {n} images leaves {margin} to chance."
        ).format(
            gap=story.points(abs(gap)),
            margin=story.points(margin),
            study=other.record.study,
            settings=other.describe(cell.cell),
            accuracy=lab.numbers.percent(theirs),
            n=lab.numbers.integer(n),
        )
    )


def best_dense(lab: LabStory) -> tuple[Story, CellSummary] | None:
    """The dense network with the highest validation accuracy of those that were tested."""
    found: list[tuple[float, Story, CellSummary]] = []
    for name in ("lyon-shallow", "lyon-deep", "lyon-activations", "lyon-optimizers"):
        story = lab.find_study(name)
        cell = best_cell(story) if story is not None else None
        if story is not None and cell is not None and tested(cell):
            found.append((cell.mean or 0.0, story, cell))
    if not found:
        return None
    _, story, cell = max(found, key=lambda one: one[0])
    return story, cell


def layers(lab: LabStory) -> Iterator[Block]:
    """The network in torch.nn, its parameters, and why convolutions suit images."""
    yield lab.prose(
        "The network is made of torch.nn’s layers: convolutions with ReLU and max-pooling, then "
        "dense layers; softmax and cross-entropy, and Adam on minibatches.",
        title="The network",
    )
    yield code(lab, CNN.__init__)
    yield code(lab, ConvolutionalNetwork.learn)
    counts: dict[str, Any] = {
        kind: sum(p.numel() for n, p in CNN(1, 10).named_parameters() if n.startswith(kind))
        for kind in ("conv", "dense", "output")
    }
    yield lab.prose(
        "A kernel sees a few pixels and is used at every place: its weights are shared, and a "
        "shifted digit gives shifted features; pooling then forgets small shifts. So the three "
        "convolutions of the default network have {conv} parameters together, and its dense layers "
        "{dense}.",
        title="Why convolutions suit images",
        conv=lab.numbers.integer(counts["conv"]),
        dense=lab.numbers.integer(counts["dense"] + counts["output"]),
    )
