"""What was trained: a kind of model, its gradient and its optimizers, as formulas and sentences.

`studies.kinds` says what each kind shows, and in which order; here are the sentences that depend on
the records.
"""

from collections.abc import Callable

from retroprop.report.document import Block, Paragraph, Section
from retroprop.report.model_formulas import FORMULAS, introduced, of_setting
from retroprop.report.network_models import (
    architecture_blocks,
    label_smoothing,
    mixer_layers,
    resnet18_layers,
    training_blocks,
    weight_decay,
)
from retroprop.report.story import Story
from retroprop.studies.kinds import usual_value


def trained_section(story: Story) -> Section | None:
    """The model, its gradient, its optimizers and its steps; None for an unknown kind."""
    if story.of_kind is None:
        return None
    blocks = [block for part in story.of_kind.report for block in _blocks(story, part)]
    return Section(name="trained", heading=story.say("What was trained"), blocks=blocks)


def _blocks(story: Story, part: str) -> list[Block]:
    """One entry of a kind's report: a formula, a paragraph, or the formulas of a setting."""
    if part in FORMULAS:
        return introduced(story, part)
    if part in PARAGRAPHS:
        return PARAGRAPHS[part](story)
    return of_setting(story, part)


def _convention(story: Story) -> list[Block]:
    """What happens to the gradients of a minibatch."""
    alone = all(size == 1 for size in story.values("batch_size"))
    if alone or "gradient" in story.varied:
        return []
    return [Paragraph(text=story.gradient_sentence())]


def _derivation(story: Story) -> list[Block]:
    """Who computes the gradient: our formulas, autograd, or both in turn."""
    say = story.say
    recorded = (story.record.config.get("model") or {}).get("derivation")
    used = set(story.values("derivation")) - {None} or {recorded}
    if used == {"by-hand"}:
        text = say("The gradient is computed from formulas derived by hand.")
    elif used == {"autograd"}:
        text = say("The gradient is computed by automatic differentiation (autograd).")
    else:
        text = say(
            "The gradient is computed in two ways, from formulas derived by hand and by automatic "
            "differentiation (autograd), and the study compares them."
        )
    return [Paragraph(text=text)]


def _cnn_layers(story: Story) -> list[Block]:
    text = story.say(
        "A convolutional network: three convolutions of 16, 32 and 48 kernels, each "
        "followed by the activation and a max-pooling (2 × 2; after the last onto 4 × 4), "
        "then two dense layers of 256 units and one score for each class. A softmax turns "
        "the scores into probabilities, and the loss is the cross-entropy in nats."
    )
    return [Paragraph(text=text)]


def _recorded_layers(story: Story) -> list[Block]:
    layers = (story.record.config.get("model") or {}).get("layers")
    if not (isinstance(layers, list) and layers):
        return []
    title = story.say("Layers, from the image to the scores")
    return [Paragraph(title=title, text=story.say("; ").join(str(layer) for layer in layers))]


def _all_parameters(story: Story) -> list[Block]:
    text = story.say(
        "In the updates, W stands for all the parameters of the network and G for the "
        "gradient of the loss with respect to them."
    )
    return [Paragraph(text=text)]


def _other_optimizers(story: Story) -> list[Block]:
    """The optimizers of a model whose formula already is a step of SGD, Δw."""
    others = of_setting(story, "optimizer", without="sgd")
    if not others:
        return []
    text = story.say(
        "SGD adds Δw to each weight. The other optimizers use the gradient G of the "
        "loss, which is −Δw / η."
    )
    return [Paragraph(text=text), *others]


def _steps(story: Story) -> list[Block]:
    """How many steps a model made, where every image makes one."""
    images, epochs = story.train_images, story.record.config.get("epochs")
    if 1 not in story.values("batch_size") or images is None or not isinstance(epochs, int):
        return []
    text = story.say(
        "With batch size 1, every image makes one step: one epoch is {steps} steps, and the {n} "
        "planned epochs are {all}."
        if epochs > 1
        else "With batch size 1, every image makes one step: the planned epoch is {steps} steps."
    )
    numbers = story.numbers
    return [
        Paragraph(
            text=text.format(
                steps=numbers.integer(images), n=epochs, all=numbers.integer(images * epochs)
            )
        )
    ]


def _schedule(story: Story) -> list[Block]:
    """How the learning rate moves; nothing where it stays."""
    if "warmup-cosine" not in story.values("schedule"):
        return []
    shares = [usual_value("warmup") if one is None else one for one in story.values("warmup")]
    written = story.listed([story.numbers.percent(share, digits=0) for share in shares])
    return introduced(story, "warmup-cosine", warmup=written)


PARAGRAPHS: dict[str, Callable[[Story], list[Block]]] = {
    "all-parameters": _all_parameters,
    "architecture": architecture_blocks,
    "cnn-layers": _cnn_layers,
    "convention": _convention,
    "derivation": _derivation,
    "label_smoothing": label_smoothing,
    "mixer-layers": mixer_layers,
    "other-optimizers": _other_optimizers,
    "recorded-layers": _recorded_layers,
    "resnet18-layers": resnet18_layers,
    "schedule": _schedule,
    "steps": _steps,
    "training": training_blocks,
    "weight_decay": weight_decay,
}
"""The entries of a kind's report that are sentences."""
