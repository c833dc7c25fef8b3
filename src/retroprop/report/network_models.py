"""What was trained, for the networks of the trainer: layers, loss, images and schedule."""

from collections.abc import Sequence

from retroprop.calculus.architectures import parse_architecture
from retroprop.report.document import Block, Paragraph
from retroprop.report.model_formulas import OF_SETTING, introduced
from retroprop.report.study_report import StudyReport, setting_of
from retroprop.report.words import capital, kernel_text
from retroprop.studies.kinds import usual_value


def architecture_blocks(report: StudyReport) -> list[Block]:
    """Multilayer perceptrons and convolutional networks, each with its layers."""
    chosen = {text: parse_architecture(text) for text in report.values("architecture")}
    families = {"convolutional" if one.channels else "dense" for one in chosen.values()}
    blocks: list[Block] = []
    for family, name in OF_SETTING["architecture"].items():
        if family in families:
            blocks += introduced(report, name)
    for text in chosen:
        blocks.append(
            Paragraph(title=report.setting("architecture", text), text=_layers(report, text))
        )
    return blocks


def resnet18_layers(report: StudyReport) -> list[Block]:
    """The stages of ResNet-18."""
    layers = report.say(
        "a convolution of {first} kernels of 3 × 3 with BN and ReLU; four stages of two "
        "blocks each, with {widths} channels, the last three halving "
        "height and width; the mean over all places; one linear layer"
    )
    (widths,) = report.values("widths")
    widths = widths or usual_value("widths")
    written = layers.format(first=widths[0], widths=_counts(report, widths))
    return [_from_image_to_scores(report, written)]


def mixer_layers(report: StudyReport) -> list[Block]:
    """The layers and the sizes of the MLP-Mixer."""
    say = report.say
    sizes = [
        report.named(report.setting_name(key), _counts(report, report.values(key)))
        for key in ("patch_size", "embedding", "blocks", "drop_rate")
        if report.values(key) not in ([None], [0.0])
    ]
    layers = say(
        "the image is cut into squares, and one linear map makes a token of each; the blocks; a "
        "layer normalisation; the mean over the tokens; one linear layer. The MLP that mixes "
        "tokens has half as many hidden units as a token has numbers, the one that mixes channels "
        "four times as many"
    )
    return [
        _from_image_to_scores(report, layers),
        Paragraph(title=say("Sizes"), text=say("; ").join(sizes) + "."),
    ]


def _from_image_to_scores(report: StudyReport, layers: str) -> Paragraph:
    title = report.say("Layers, from the image to the scores")
    return Paragraph(title=title, text=_with_parameters(report, layers, None))


def label_smoothing(report: StudyReport) -> list[Block]:
    """What label smoothing does, if there is any."""
    if not any(report.values("label_smoothing")):
        return []
    return introduced(report, "label-smoothing")


def weight_decay(report: StudyReport) -> list[Block]:
    """Where the decay of the weights goes, if there is any."""
    optimizers = report.values("optimizer")
    coupled = [report.setting("optimizer", name) for name in optimizers if name != "adamw"]
    if not any(report.values("weight_decay")) or not coupled:
        return []
    return introduced(report, "weight-decay", optimizers=report.listed(coupled))


def training_blocks(report: StudyReport) -> list[Block]:
    """What is done to the images, and how numbers are kept."""
    say = report.say
    blocks: list[Block] = []
    normalizations = {
        "raw": say("The network reads the bytes of the image, 0 to 255, as they are."),
        "unit": say("The network reads the bytes of the image divided by 255."),
        "per-pixel": say(
            "From each pixel its mean over the training images is subtracted, and the rest divided "
            "by its standard deviation."
        ),
        "per-channel": say(
            "From each channel its mean over the training images is subtracted, and the rest "
            "divided by its standard deviation."
        ),
    }
    used = [name for name in report.values("normalization") if name in normalizations]
    if len(used) > 1:
        for name in used:
            title = capital(report.phrase("normalization", name))
            blocks.append(Paragraph(title=title, text=normalizations[name]))
    texts = [normalizations[used[0]]] if len(used) == 1 else []
    texts += _augmentation(report)
    if texts:
        blocks.append(Paragraph(title=say("Images"), text=" ".join(texts)))
    numerics = _numerics(report)
    if numerics:
        blocks.append(Paragraph(title=say("Training"), text=" ".join(numerics)))
    return blocks


def _augmentation(report: StudyReport) -> list[str]:
    """What happens to training images, and in which order they come."""
    say, texts = report.say, []
    if "flip-crop" in report.values("augmentation"):
        texts.append(
            say(
                "Each time a training image is visited, it is mirrored with probability ½ and "
                "replaced by a random part of it, of 80 to 100 % of its area with sides in a ratio "
                "of 0.9 to 1.1, enlarged to its size again. The images of validation and test stay "
                "as they are."
            )
        )
    orders = {
        True: say("Each epoch visits the images in a new random order."),
        False: say("Every epoch visits the images in the order of the file."),
    }
    order = report.values("shuffle")
    if len(order) == 1 and order[0] in orders:
        texts.append(orders[order[0]])
    return texts


def _numerics(report: StudyReport) -> list[str]:
    """Initial weights, precision, and what ends or bounds a training."""
    say, texts = report.say, []
    starts = {
        "torch": say(
            "Weights and biases start from a uniform distribution whose width is that of torch: "
            "±1/√n, with n the inputs of a unit."
        ),
        "xavier": say(
            "Weights start from a normal distribution of variance 2/(n + m), with n the inputs and "
            "m the units of a layer (Glorot and Bengio, 2010), biases from 0."
        ),
    }
    texts += [starts[name] for name in report.values("initialization") if name in starts]
    if report.values("precision") == ["bfloat16"]:
        texts.append(
            say(
                "Products are computed in bfloat16; parameters, losses and updates stay in float32."
            )
        )
    for clip in report.values("clip_norm"):
        if clip is not None:
            texts.append(
                say("A gradient longer than {n} is shortened to that norm.").format(
                    n=report.numbers.setting(clip)
                )
            )
    for patience in report.values("patience"):
        if patience is not None:
            texts.append(
                say(
                    "A training ends after {n} epochs without a better validation accuracy."
                ).format(n=patience)
            )
    return texts


def _layers(report: StudyReport, text: str) -> str:
    """The layers of an architecture, in words."""
    say, chosen = report.say, parse_architecture(text)
    layers = _dense(report, chosen.dense)
    if chosen.channels:
        layers = say("{convolutions}, then {dense}").format(
            convolutions=say(
                "a convolution of {kernels} kernels of {size}, stride {stride}, padding {padding}"
                if len(chosen.channels) == 1
                else "convolutions of {kernels} kernels of {size}, stride {stride}, padding "
                "{padding}"
            ).format(
                kernels=_counts(report, chosen.channels),
                size=kernel_text(chosen),
                stride=_same_or_each(chosen.strides),
                padding=_same_or_each(chosen.paddings),
            ),
            dense=layers,
        )
    return _with_parameters(report, layers, text)


def _dense(report: StudyReport, sizes: Sequence[int]) -> str:
    say = report.say
    if len(sizes) == 1:
        return say("a hidden layer of {n} units").format(n=sizes[0])
    if len(set(sizes)) == 1:
        return say("{layers} hidden layers of {n} units").format(layers=len(sizes), n=sizes[0])
    return say("hidden layers of {n} units").format(n=_counts(report, sizes))


def _same_or_each(sizes: Sequence[int]) -> str:
    """One number where all are the same: "1", and "2-1" where not."""
    return "-".join(map(str, sizes[:1] if len(set(sizes)) == 1 else sizes))


def _counts(report: StudyReport, sizes: Sequence[float]) -> str:
    """Whole numbers as a sentence lists them; commas cannot be taken for decimal ones."""
    if len(sizes) == 1:
        return report.numbers.setting(sizes[0])
    *first, last = (report.numbers.setting(size) for size in sizes)
    return report.say("{first} and {last}").format(first=", ".join(first), last=last)


def _with_parameters(report: StudyReport, layers: str, architecture: str | None) -> str:
    """The layers with the number of parameters, where the records hold one."""
    counts = {
        run.parameters
        for run in report.runs
        if architecture in (None, setting_of(run, "architecture"))
    }
    sentence = capital(layers)
    if len(counts) != 1 or None in counts:
        return sentence + "."
    (count,) = counts
    return report.say("{layers}; {n} parameters.").format(
        layers=sentence, n=report.numbers.integer(count or 0)
    )
