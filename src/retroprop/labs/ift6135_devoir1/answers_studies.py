"""Questions 4.2 to 4.4: the activation function, the learning rate, the size of the patches."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from retroprop.figures.curves import curve
from retroprop.labs.ift6135_devoir1.outcomes import (
    ahead,
    best_cell,
    cell_of,
    course,
    outcome_table,
    ranking,
    scale,
    tested,
)
from retroprop.labs.ift6135_devoir1.shown import facts
from retroprop.report.costs import costs_section
from retroprop.report.document import Block, Equation, Notice, Table
from retroprop.report.lab_story import LabStory, only
from retroprop.report.network_pictures import gradients_section
from retroprop.report.results import curves_section
from retroprop.report.story import Story, setting_of
from retroprop.report.weights import NoWeightsError, trained_weights
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import CellSummary

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATIONS = "ift6135-activations"
RATES = "ift6135-resnet18-rates"
PATCHES = "ift6135-mixer-patches"
DOCUMENT_RATE = 0.001
"""The learning rate that the document finds best for ResNet-18."""


# --- 4.2: the activation function -----------------------------------------------------------------


def nonlinearity(lab: LabStory) -> Iterator[Block]:
    """Which is best, with the four figures."""
    story = lab.study(ACTIVATIONS)
    yield from ranking(lab, story, "activation")
    yield from tested(lab, story)
    yield from scale(lab, story)
    yield lab.prose(
        "The four figures follow, two above each other: loss and accuracy over the epochs, each on "
        "validation and on train. Every line carries the name of its activation function at its "
        "end, in place of a legend."
    )
    yield from only("picture", lab.blocks(story, curves_section))
    yield outcome_table(lab, story, "activation")


def why_nonlinearity(lab: LabStory) -> Iterator[Block]:
    """The usual explanation, and what our numbers say of it."""
    from retroprop.labs.ift6135_devoir1.checks import first_gradients

    gradients = first_gradients()
    relu, sigmoid = gradients["relu"][0], gradients["sigmoid"][0]
    yield lab.prose(
        "On its way back through a layer the gradient is multiplied by the transposed weights and, "
        "unit by unit, by the slope of the activation function. That slope is 0 or 1 for ReLU, at "
        "most 1 for tanh and at most 1/4 for the sigmoid, and both fall towards 0 where the unit "
        "is saturated. Through four hidden layers the sigmoid leaves at most $1 slash 256$ of what "
        "the weights carry. The table was computed while this was written: the same initial "
        "weights three times, 500 images, the gradient of each layer’s weights.",
        title="Why they should differ",
    )
    yield _gradient_table(lab, gradients)
    yield lab.prose(
        "In the first layer the gradient with the sigmoid is {ratio} times smaller than with ReLU: "
        "the vanishing gradient of Glorot and Bengio (2010), before any training."
        if sigmoid < relu
        else "In the first layer the gradient with the sigmoid is not smaller than with ReLU.",
        ratio=lab.numbers.integer(relu / sigmoid),
    )
    story = lab.study(ACTIVATIONS)
    yield from _against_records(lab, story, {name: of[0] for name, of in gradients.items()})
    yield from only("picture", lab.blocks(story, gradients_section))
    yield from flat_units(lab, story)


def _gradient_table(lab: LabStory, gradients: dict[str, tuple[float, ...]]) -> Table:
    say = lab.say
    layers = len(next(iter(gradients.values())))
    return facts(
        "first-gradients",
        say("Norm of the gradient of each layer’s weights, before training"),
        say("activation function"),
        [say("layer {n}").format(n=n) for n in range(1, layers)] + [say("output layer")],
        [
            (
                lab.numbers.setting(name) if name != "sigmoid" else say("sigmoid"),
                [lab.numbers.significant(norm) for norm in norms],
            )
            for name, norms in gradients.items()
        ],
    )


def _against_records(lab: LabStory, story: Story, first: dict[str, float]) -> Iterator[Block]:
    """Whether the explanation fits what was trained."""
    cells = {
        name: cell
        for cell in story.cells
        if (name := cell.cell.get("activation")) in first and cell.mean is not None
    }
    if len(cells) < 2:
        return
    ranked = sorted(cells, key=lambda name: -(cells[name].mean or 0.0))
    names = {name: story.setting("activation", name) for name in cells}
    best, second, last = ranked[0], ranked[1], ranked[-1]
    title = "What our training says of it"
    if best == "relu" and ahead(story, cells[best], cells[second]):
        yield lab.prose(
            "ReLU, the only one whose slope does not fall where a unit is active, is ahead of both "
            "others by more than noise. That fits the explanation; it does not prove it.",
            title=title,
        )
    elif best == "relu":
        yield lab.prose(
            "ReLU is first, as the explanation would have it, but {second} is too near for the "
            "difference to say so.",
            title=title,
            second=names[second],
        )
    else:
        yield lab.prose(
            "{best} is first, not ReLU: the explanation alone does not decide it here.",
            title=title,
            best=names[best],
        )
    yield from _contradictions(lab, story, cells, first)
    if second != last and not ahead(story, cells[second], cells[last]):
        yield lab.prose(
            "Between {second} and {last} these records do not decide.",
            second=names[second],
            last=names[last],
        )
    yield from _first_epochs(lab, story, {names[name]: cells[name] for name in ranked})


def _contradictions(
    lab: LabStory, story: Story, cells: dict[str, CellSummary], first: dict[str, float]
) -> Iterator[Block]:
    """Where training ranks two functions against the size of their first gradients."""
    against = [
        (better, worse)
        for better in cells
        for worse in cells
        if first[better] < first[worse] and ahead(story, cells[better], cells[worse])
    ]
    for better, worse in against:
        yield lab.prose(
            "But {better} is ahead of {worse} by more than noise although its first gradient is "
            "the smaller one, {small} against {large}. The size of the first gradients alone does "
            "not decide: the optimizer is Adam, which divides each step by the size of the "
            "gradients (Kingma and Ba, 2015), so a gradient that is small everywhere costs less "
            "than it would with plain gradient descent.",
            better=story.setting("activation", better),
            worse=story.setting("activation", worse),
            small=lab.numbers.significant(first[better]),
            large=lab.numbers.significant(first[worse]),
        )
    if not against:
        yield lab.prose(
            "No function is ahead of one with a larger first gradient by more than noise."
        )


def _first_epochs(lab: LabStory, story: Story, cells: dict[str, CellSummary]) -> Iterator[Block]:
    """How fast each begins."""
    lines = {n: curve(c.runs, "validation_accuracy").without_epoch_0() for n, c in cells.items()}
    begun = {name: line.mean[0] for name, line in lines.items() if line.epochs[:1] == (1,)}
    if len(begun) < 2:
        return
    items = [
        lab.say("{name}: {cell}").format(name=name, cell=lab.numbers.percent(value))
        for name, value in begun.items()
    ]
    yield lab.prose(
        "After the first epoch the validation accuracies are: {items}.",
        items=lab.say("; ").join(items),
    )


def flat_units(lab: LabStory, story: Story) -> Iterator[Block]:
    """How many units of the trained networks stand where their function is flat."""
    from retroprop.labs.ift6135_devoir1.checks import flat_shares

    found: dict[str, tuple[float, ...]] = {}
    for cell in story.cells:
        run = max(cell.runs, key=lambda run: run.best_validation_accuracy or 0.0)
        activation = str(setting_of(run, "activation"))
        if cell.mean is None:
            continue
        try:
            found[activation] = flat_shares(trained_layers(story, run), activation)
        except NoWeightsError as error:
            yield Notice(title=lab.say("The weights could not be read"), text=str(error))
    if not found or len({len(shares) for shares in found.values()}) > 1:
        return
    yield lab.prose(
        "The trained networks, on the same 500 images: how often a hidden unit stands where the "
        "slope of its function is less than a tenth of its greatest. For ReLU such a unit is "
        "silent for this image, and the others pass the gradient on whole; a flat tanh or sigmoid "
        "unit is saturated and passes almost nothing on.",
        title="Saturation, measured",
    )
    if {"tanh", "sigmoid"} <= set(found):
        tanh, sigmoid = found["tanh"][0], found["sigmoid"][0]
        yield lab.prose(
            "In the first layer tanh is saturated more often than the sigmoid, {tanh} against "
            "{sigmoid}."
            if tanh > sigmoid
            else "In the first layer the sigmoid is saturated more often than tanh, {sigmoid} "
            "against {tanh}.",
            tanh=lab.numbers.percent(tanh, digits=0),
            sigmoid=lab.numbers.percent(sigmoid, digits=0),
        )
    rows = [
        (
            story.setting("activation", name),
            [lab.numbers.share(share, digits=1) for share in shares],
        )
        for name, shares in found.items()
    ]
    yield facts(
        "flat-units",
        lab.say("Pre-activations with a slope below a tenth of the greatest, after training (%)"),
        lab.say("activation function"),
        [lab.say("layer {n}").format(n=n + 1) for n in range(len(rows[0][1]))],
        rows,
    )


def trained_layers(story: Story, run: RunRecord) -> "list[tuple[Tensor, Tensor]]":
    """Weight and bias of every linear layer of a trained MLP, the output layer last.

    Raises:
        NoWeightsError: If its file lacks one.
    """
    import torch

    architecture = str(setting_of(run, "architecture")).split()[-1]
    hidden = len(architecture.split("-"))
    names = [*(f"hidden_layers.{n}" for n in range(hidden)), "output_layer"]
    return [
        (
            torch.tensor(trained_weights(story, run, f"{name}.weight")),
            torch.tensor(trained_weights(story, run, f"{name}.bias")),
        )
        for name in names
    ]


# --- 4.3: the learning rate of ResNet-18 ----------------------------------------------------------


def learning_rates(lab: LabStory) -> Iterator[Block]:
    """Which rate is best, with the four figures."""
    story = lab.study(RATES)
    yield from ranking(lab, story, "learning_rate")
    yield from _beside_document(lab, story)
    yield from tested(lab, story)
    yield from scale(lab, story)
    yield from only("picture", lab.blocks(story, curves_section))
    yield outcome_table(lab, story, "learning_rate")


def _beside_document(lab: LabStory, story: Story) -> Iterator[Block]:
    """Our best rate beside that of the document."""
    best, same = best_cell(story), cell_of(story, "learning_rate", DOCUMENT_RATE)
    if best is None:
        return
    rate = best.cell.get("learning_rate")
    if rate == DOCUMENT_RATE:
        yield lab.prose("The document finds 0.001 best too.")
    elif same is None:
        yield lab.prose("The document finds 0.001 best, which has no finished model here.")
    elif ahead(story, best, same):
        yield lab.prose(
            "The document finds 0.001 best; here {rate} is ahead of it by more than noise.",
            rate=lab.numbers.setting(rate),
        )
    else:
        yield lab.prose(
            "The document finds 0.001 best. Here {rate} is ahead of it, but not by more than "
            "noise: these records do not contradict the document.",
            rate=lab.numbers.setting(rate),
        )


def why_learning_rates(lab: LabStory) -> Iterator[Block]:
    """What a rate means for the weights, and what the records show at both ends."""
    from retroprop.labs.ift6135_devoir1.checks import largest_layer_deviation

    sigma = largest_layer_deviation()
    yield lab.prose(
        "Adam moves a parameter by about the learning rate $eta$ in each step, whatever the size "
        "of its gradient (Kingma and Ba, 2015, section 2.1). So the rate is to be compared with "
        "the weights: in the largest convolution of ResNet-18 they begin with a standard "
        "deviation of {sigma}, computed while this was written. The table shows one step, and all "
        "steps of the study if they went the same way, in units of it.",
        title="Why too large and too small both fail",
        sigma=lab.numbers.decimal(sigma, 4),
    )
    story = lab.study(RATES)
    yield _step_table(lab, story, sigma)
    best, cells = best_cell(story), _complete(story, "learning_rate")
    if best is None or len(cells) < 2:
        return
    largest, smallest = cells[max(cells)], cells[min(cells)]
    steps = story.steps_per_epoch(story.runs)
    yield from _too_large(lab, story, best, largest, sigma)
    yield from _too_small(lab, story, best, smallest, sigma, steps)


def _complete(story: Story, key: str) -> dict[Any, CellSummary]:
    return {cell.cell[key]: cell for cell in story.cells if cell.mean is not None}


def _too_large(
    lab: LabStory, story: Story, best: CellSummary, largest: CellSummary, sigma: float
) -> Iterator[Block]:
    rate = largest.cell["learning_rate"]
    if largest.key == best.key:
        yield lab.prose(
            "The largest rate that finished, {rate}, is the best: too large was not tried.",
            rate=lab.numbers.setting(rate),
        )
        return
    if not ahead(story, best, largest):
        yield lab.prose(
            "The largest rate that finished, {rate}, is not behind the best by more than noise.",
            rate=lab.numbers.setting(rate),
        )
        return
    found = course(story, largest.runs)
    if found == "guessing":
        text = (
            "With {rate} one step is {ratio} times the weights, and the network is never better "
            "than guessing."
        )
    elif found == "unsteady":
        text = (
            "With {rate} one step is {ratio} times the weights, and the validation loss jumps from "
            "epoch to epoch, as it does when steps overshoot."
        )
    else:
        text = (
            "With {rate} one step is {ratio} times the weights, and the best accuracy is {points} "
            "below that of {best}; its curves show no divergence."
        )
    yield lab.prose(
        text,
        rate=lab.numbers.setting(rate),
        ratio=lab.numbers.significant(rate / sigma),
        points=story.points((best.mean or 0.0) - (largest.mean or 0.0)),
        best=lab.numbers.setting(best.cell["learning_rate"]),
    )


def _too_small(
    lab: LabStory,
    story: Story,
    best: CellSummary,
    smallest: CellSummary,
    sigma: float,
    steps: int | None,
) -> Iterator[Block]:
    rate = smallest.cell["learning_rate"]
    if smallest.key == best.key:
        yield lab.prose(
            "The smallest rate that finished, {rate}, is the best: too small was not tried.",
            rate=lab.numbers.setting(rate),
        )
        return
    if not ahead(story, best, smallest):
        yield lab.prose(
            "The smallest rate that finished, {rate}, is not behind the best by more than noise.",
            rate=lab.numbers.setting(rate),
        )
        return
    gap = story.points((best.mean or 0.0) - (smallest.mean or 0.0))
    if steps is None:
        return
    train = curve(smallest.runs, "train_loss").without_epoch_0().mean
    of_best = curve(best.runs, "train_loss").without_epoch_0().mean
    slower = bool(train) and bool(of_best) and train[-1] > of_best[-1]
    yield lab.prose(
        "With {rate} the {steps} steps of a model move a weight by {reach} of its initial size at "
        "most. The network ends {gap} below the best, and its train loss is higher too, {train} "
        "against {of_best}: that is not overfitting, it has not come as far."
        if slower
        else "With {rate} the {steps} steps of a model move a weight by {reach} of its initial "
        "size at most. The network ends {gap} below the best; its train loss, {train} against "
        "{of_best}, is not higher, so slowness alone does not explain that.",
        rate=lab.numbers.setting(rate),
        steps=lab.numbers.integer(steps * (story.record.config.get("epochs") or 1)),
        reach=lab.numbers.percent(
            rate * steps * (story.record.config.get("epochs") or 1) / sigma, digits=0
        ),
        gap=gap,
        train=lab.numbers.decimal(train[-1], 3) if train else "—",
        of_best=lab.numbers.decimal(of_best[-1], 3) if of_best else "—",
    )


def _step_table(lab: LabStory, story: Story, sigma: float) -> Table:
    say, numbers = lab.say, lab.numbers
    per_epoch = story.steps_per_epoch(story.runs)
    steps = (per_epoch or 0) * (story.record.config.get("epochs") or 0)
    rows = []
    for rate in story.values("learning_rate"):
        far = numbers.significant(rate * steps / sigma) if steps else "—"
        rows.append((numbers.setting(rate), [numbers.significant(rate / sigma), far]))
    return facts(
        "adam-steps",
        say("What Adam’s steps are beside the initial weights (standard deviation σ)"),
        say("learning rate"),
        [
            say("one step ÷ σ"),
            say("{n} steps one way ÷ σ").format(n=numbers.integer(steps) if steps else "—"),
        ],
        rows,
    )


# --- 4.4: the size of the patches -----------------------------------------------------------------


def patch_sizes(lab: LabStory) -> Iterator[Block]:
    """Which size is best, with the four figures."""
    story = lab.study(PATCHES)
    yield from ranking(lab, story, "patch_size")
    yield from tested(lab, story)
    yield from scale(lab, story)
    yield lab.prose(
        "A patch must divide the image, so the possible sizes are 1, 2, 4, 8, 16 and 32; tried "
        "were {sizes}.",
        sizes=story.listed([str(size) for size in story.values("patch_size")]),
    )
    yield from only("picture", lab.blocks(story, curves_section))
    yield outcome_table(lab, story, "patch_size")


def why_patch_sizes(lab: LabStory) -> Iterator[Block]:
    """What a patch size does to the network, and what the accuracies say of it."""
    yield lab.prose(
        "The size of a patch sets how much one token holds and how many tokens there are. Small "
        "patches leave the shapes inside an image to the mixing, which has many tokens to compare; "
        "large patches leave them to one linear map of $3 P^2$ pixels. At the end stands one patch "
        "of 32 × 32: a single token, for which the token-mixing MLP sees one number per channel. "
        "Such a Mixer compares no places; it is a plain MLP on the whole image, with shortcuts.",
        title="Why the size matters",
    )
    story = lab.study(PATCHES)
    best, cells = best_cell(story), _complete(story, "patch_size")
    if best is None or len(cells) < 2:
        return
    whole = cells.get(32)
    size = best.cell["patch_size"]
    if whole is None:
        return
    if whole.key == best.key:
        yield lab.prose(
            "In these records the single patch of 32 × 32 does best: nothing here shows that "
            "mixing tokens helps."
        )
    else:
        yield lab.prose(
            "Patches of {size} × {size} are {points} above the single patch of 32 × 32, more than "
            "noise: with the same images, optimizer and channels, mixing places helps."
            if ahead(story, best, whole)
            else "Patches of {size} × {size} are {points} above the single patch of 32 × 32, which "
            "is within noise: these records do not show that mixing places helps.",
            size=size,
            points=story.points((best.mean or 0.0) - (whole.mean or 0.0)),
        )
    finest = cells[min(cells)]
    if finest.key != best.key:
        yield lab.prose(
            "The smallest patches, {least} × {least}, cost most and are behind {size} × {size} by "
            "more than noise: more tokens are not better without end."
            if ahead(story, best, finest)
            else "The smallest patches, {least} × {least}, cost most; they are not better than "
            "{size} × {size}.",
            least=min(cells),
            size=size,
        )


def patch_costs(lab: LabStory) -> Iterator[Block]:
    """Parameters and time, explained by formulas and counted."""
    yield lab.prose(
        "With $S = (32 slash P)^2$ tokens, $D$ channels, $H = D slash 2$ hidden token units and "
        "$B$ blocks, the parameters are those of the embedding, which grows with $P^2$, of the "
        "token-mixing MLPs, which grow with $S$, so with $1 slash P^2$, and of parts that do not "
        "depend on $P$:",
        title="Parameters",
    )
    yield Equation(
        source=f'N(P) = underbrace(3 P^2 D + D, "{lab.say("embedding")}") + '
        f'B (underbrace(2 S H + H + S, "{lab.say("token mixing")}") + '
        f'underbrace(8 D^2 + 5 D, "{lab.say("channel mixing")}") + 4 D) + 12 D + 10'
    )
    story = lab.study(PATCHES)
    costs = _patch_costs(story)
    yield _cost_table(lab, story, costs)
    yield from _cost_sentences(lab, costs)
    yield from only("picture", lab.blocks(story, costs_section))


@dataclass(frozen=True, kw_only=True)
class PatchCost:
    """What one size of patch costs.

    Attributes:
        patch: Its side in pixels.
        tokens: How many patches an image has.
        parts: Parameters of the embedding, of all token-mixing and of all channel-mixing MLPs.
        parameters: Of the whole network, counted.
        recorded: Of the recorded models; None where no record says.
        multiply_adds: Of one image.
        seconds: Of an epoch of training, the median; None where none was trained.
    """

    patch: int
    tokens: int
    parts: tuple[int, int, int]
    parameters: int
    recorded: int | None
    multiply_adds: int
    seconds: float | None


def _patch_costs(story: Story) -> list[PatchCost]:
    """The sizes of a study, from small to large."""
    from retroprop.labs.ift6135_devoir1.checks import mixer_summary

    found = []
    for cell in story.cells:
        run, patch = cell.runs[0], cell.cell["patch_size"]
        summary = mixer_summary(patch, setting_of(run, "embedding"), setting_of(run, "blocks"))
        seconds = [epoch.train_s for one in cell.runs for epoch in one.epochs if epoch.epoch > 0]
        embedding, tokens, channels = (
            sum(layer.parameters for layer in summary.layers if part in layer.name)
            for part in ("patchemb", "mlp_tokens", "mlp_channels")
        )
        found.append(
            PatchCost(
                patch=patch,
                tokens=(32 // patch) ** 2,
                parts=(embedding, tokens, channels),
                parameters=summary.parameters,
                recorded=run.parameters,
                multiply_adds=summary.multiply_adds,
                seconds=median(seconds) if seconds else None,
            )
        )
    return sorted(found, key=lambda cost: cost.patch)


def _cost_table(lab: LabStory, story: Story, costs: list[PatchCost]) -> Table:
    say, numbers = lab.say, lab.numbers
    different = [cost for cost in costs if cost.recorded not in (None, cost.parameters)]
    notes = [
        say("The recorded models have the parameters that are counted here.")
        if not different
        else say("Some recorded models have *other* numbers of parameters than are counted here.")
    ]
    return facts(
        "patch-costs",
        say("What a patch size costs: parameters and multiplications counted, seconds recorded"),
        story.setting_name("patch_size"),
        [
            say("tokens"),
            say("embedding"),
            say("token mixing"),
            say("channel mixing"),
            say("all parameters"),
            say("multiplications (millions)"),
            say("seconds per epoch (median)"),
        ],
        [
            (
                numbers.integer(cost.patch),
                [
                    *map(numbers.integer, (cost.tokens, *cost.parts, cost.parameters)),
                    numbers.decimal(cost.multiply_adds / 1e6, 1),
                    numbers.significant(cost.seconds) if cost.seconds else "—",
                ],
            )
            for cost in costs
        ],
        notes=notes,
    )


def _cost_sentences(lab: LabStory, costs: list[PatchCost]) -> Iterator[Block]:
    if len(costs) < 2:
        return
    fewest = min(costs, key=lambda cost: cost.parameters)
    at_an_end = fewest in (costs[0], costs[-1])
    yield lab.prose(
        "The number of parameters is lowest in the middle, with patches of {least}. Towards small "
        "patches token mixing makes it rise, towards large ones the embedding."
        if not at_an_end
        else "Of the sizes tried, patches of {least} have the fewest parameters.",
        least=f"{fewest.patch} × {fewest.patch}",
    )
    timed = [cost for cost in costs if cost.seconds]
    if len(timed) < 2:
        return
    small, large = timed[0], timed[-1]
    work = small.multiply_adds / large.multiply_adds
    time = (small.seconds or 0.0) / (large.seconds or 1.0)
    yield lab.prose(
        "The work is another matter: both mixing steps are done for every token or for every pair "
        "of a token and a hidden unit, so halving the patch makes four times as many tokens and "
        "nearly four times as many multiplications. That is growth with the square of $1 slash P$, "
        "not exponential growth. From {large} × {large} to {small} × {small} the multiplications "
        "grow {work} times and the measured seconds {time} times.",
        title="Time",
        large=large.patch,
        small=small.patch,
        work=lab.numbers.significant(work),
        time=lab.numbers.significant(time),
    )
    if time < work / 1.5:
        yield lab.prose(
            "The seconds grow less than the work: an epoch has parts that no patch size changes, "
            "the random crops of the images and the optimizer’s pass over all parameters."
        )
    elif time > 1.5 * work:
        yield lab.prose(
            "The seconds grow more than the work. They were measured on this machine while it did "
            "other things too; the bars in the figure show how much they vary from epoch to epoch."
        )
