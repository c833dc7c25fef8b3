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
from retroprop.report.study_report import StudyReport
from retroprop.studies.kinds import usual_value


def trained_section(report: StudyReport) -> Section | None:
    """The model, its gradient, its optimizers and its steps; None for an unknown kind."""
    if report.of_kind is None:
        return None
    blocks = [block for part in report.of_kind.report for block in _blocks(report, part)]
    return Section(name="trained", heading=report.say("What was trained"), blocks=blocks)


def _blocks(report: StudyReport, part: str) -> list[Block]:
    """One entry of a kind's report: a formula, a paragraph, or the formulas of a setting."""
    if part in FORMULAS:
        return introduced(report, part)
    if part in PARAGRAPHS:
        return PARAGRAPHS[part](report)
    return of_setting(report, part)


def _convention(report: StudyReport) -> list[Block]:
    """What happens to the gradients of a minibatch."""
    alone = all(size == 1 for size in report.values("batch_size"))
    if alone or "gradient" in report.varied:
        return []
    return [Paragraph(text=report.gradient_sentence())]


def _derivation(report: StudyReport) -> list[Block]:
    """Who computes the gradient: our formulas, autograd, or both in turn."""
    say = report.say
    recorded = (report.record.config.get("model") or {}).get("derivation")
    used = set(report.values("derivation")) - {None} or {recorded}
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


def _cnn_layers(report: StudyReport) -> list[Block]:
    text = report.say(
        "A convolutional network: three convolutions of 16, 32 and 48 kernels, each "
        "followed by the activation and a max-pooling (2 × 2; after the last onto 4 × 4), "
        "then two dense layers of 256 units and one score for each class. A softmax turns "
        "the scores into probabilities, and the loss is the cross-entropy in nats."
    )
    return [Paragraph(text=text)]


def _recorded_layers(report: StudyReport) -> list[Block]:
    layers = (report.record.config.get("model") or {}).get("layers")
    if not (isinstance(layers, list) and layers):
        return []
    title = report.say("Layers, from the image to the scores")
    return [Paragraph(title=title, text=report.say("; ").join(str(layer) for layer in layers))]


def _all_parameters(report: StudyReport) -> list[Block]:
    text = report.say(
        "In the updates, W stands for all the parameters of the network and G for the "
        "gradient of the loss with respect to them."
    )
    return [Paragraph(text=text)]


def _other_optimizers(report: StudyReport) -> list[Block]:
    """The optimizers of a model whose formula already is a step of SGD, Δw."""
    others = of_setting(report, "optimizer", without="sgd")
    if not others:
        return []
    text = report.say(
        "SGD adds Δw to each weight. The other optimizers use the gradient G of the "
        "loss, which is −Δw / η."
    )
    return [Paragraph(text=text), *others]


def _steps(report: StudyReport) -> list[Block]:
    """How many steps a model made, where every image makes one."""
    images, epochs = report.train_images, report.record.config.get("epochs")
    if 1 not in report.values("batch_size") or images is None or not isinstance(epochs, int):
        return []
    text = report.say(
        "With batch size 1, every image makes one step: one epoch is {steps} steps, and the {n} "
        "planned epochs are {all}."
        if epochs > 1
        else "With batch size 1, every image makes one step: the planned epoch is {steps} steps."
    )
    numbers = report.numbers
    return [
        Paragraph(
            text=text.format(
                steps=numbers.integer(images), n=epochs, all=numbers.integer(images * epochs)
            )
        )
    ]


def _schedule(report: StudyReport) -> list[Block]:
    """How the learning rate moves; nothing where it stays."""
    if "warmup-cosine" not in report.values("schedule"):
        return []
    shares = [usual_value("warmup") if one is None else one for one in report.values("warmup")]
    written = report.listed([report.numbers.percent(share, digits=0) for share in shares])
    return introduced(report, "warmup-cosine", warmup=written)


PARAGRAPHS: dict[str, Callable[[StudyReport], list[Block]]] = {
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
