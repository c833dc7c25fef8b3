"""The words for settings, for their values and for the values that tables show.

Three registers: a *name* heads a column ("hidden layers"), a *value* stands in a cell or beside a
line ("3"), a *phrase* says both in a sentence ("3 hidden layers"). A setting that is not listed is
shown as the study file has it.
"""

from collections.abc import Sequence
from typing import Any, Literal

from retroprop.calculus.architectures import USUAL_DENSE, Architecture, parse_architecture
from retroprop.errors import UserError
from retroprop.languages import Say, say_later
from retroprop.report.numbers import Numbers

Loss = Literal["nats", "squared", "mixed"]

SETTING_NAMES = {
    "optimizer": say_later("optimizer"),
    "learning_rate": say_later("learning rate"),
    "schedule": say_later("schedule of the learning rate"),
    "batch_size": say_later("batch size"),
    "initial_scale": say_later("standard deviation of the initial weights"),
    "initial_sign": say_later("sign of the initial weights"),
    "depth": say_later("hidden layers"),
    "width": say_later("units per hidden layer"),
    "activation": say_later("activation function"),
    "output": say_later("output and loss"),
    "gradient": say_later("gradient"),
    "precision": say_later("precision"),
    "kernel_size": say_later("kernel size"),
    "derivation": say_later("derivation"),
    "architecture": say_later("architecture"),
    "initialization": say_later("initial weights"),
    "patch_size": say_later("patch size"),
    "embedding": say_later("embedding dimension"),
    "blocks": say_later("blocks"),
    "drop_rate": say_later("dropout rate"),
    "normalization": say_later("normalisation of the pixels"),
    "augmentation": say_later("augmentation"),
    "shuffle": say_later("order of the images"),
    "loss": say_later("loss"),
    "momentum": say_later("momentum μ"),
    "weight_decay": say_later("weight decay"),
    "label_smoothing": say_later("label smoothing"),
    "clip_norm": say_later("longest gradient"),
    "patience": say_later("epochs without progress before it stops"),
    "train_metrics": say_later("loss and accuracy on train"),
    "warmup": say_later("part of the steps that warm up"),
    "widths": say_later("channels of the four stages"),
    "channels_last": say_later("channels last in memory"),
    "compile": say_later("compiled by torch"),
    "seed": say_later("seed"),
}
# Values that are words of the language; optimizers and the like are names (see numbers.NAMES).
SETTING_VALUES: dict[tuple[str, str | bool], str] = {
    ("optimizer", "momentum"): say_later("SGD with momentum"),
    ("optimizer", "nesterov"): say_later("SGD with Nesterov momentum"),
    ("schedule", "constant"): say_later("constant"),
    ("schedule", "warmup-cosine"): say_later("warm-up, then cosine"),
    ("initial_scale", "auto"): say_later("by fan-in"),
    ("initial_sign", "both"): say_later("both signs"),
    ("initial_sign", "positive"): say_later("positive only"),
    ("initial_sign", "negative"): say_later("negative only"),
    ("activation", "sigmoid"): say_later("sigmoid"),
    ("output", "softmax"): say_later("softmax, cross-entropy"),
    ("output", "linear"): say_later("linear, squared error"),
    ("gradient", "mean"): say_later("mean over the minibatch"),
    ("gradient", "sum"): say_later("sum over the minibatch"),
    ("derivation", "by-hand"): say_later("by hand"),
    ("derivation", "autograd"): say_later("automatic differentiation (autograd)"),
    ("initialization", "torch"): say_later("uniform, by fan-in (as torch has it)"),
    ("initialization", "xavier"): say_later("normal, by Xavier’s rule; biases 0"),
    ("normalization", "raw"): say_later("none (0 to 255)"),
    ("normalization", "unit"): say_later("0 to 1"),
    ("normalization", "per-pixel"): say_later("each pixel"),
    ("normalization", "per-channel"): say_later("each channel"),
    ("augmentation", "none"): say_later("no augmentation"),
    ("augmentation", "flip-crop"): say_later("mirrored and cropped at random"),
    ("shuffle", True): say_later("a new one in each epoch"),
    ("shuffle", False): say_later("that of the file"),
    ("loss", "cross-entropy"): say_later("cross-entropy"),
    ("loss", "clamped-cross-entropy"): say_later("cross-entropy of clamped probabilities"),
    ("train_metrics", "evaluated"): say_later("measured after each epoch"),
    ("train_metrics", "running"): say_later("means over the epoch, while learning"),
    ("channels_last", True): say_later("yes"),
    ("channels_last", False): say_later("no"),
    ("compile", True): say_later("yes"),
    ("compile", False): say_later("no"),
}
# Shorter words for the label beside a line and for the long table of all models.
SHORT_VALUES: dict[tuple[str, str | bool], str] = {
    ("initial_scale", "auto"): say_later("auto"),
    ("derivation", "autograd"): say_later("autograd"),
    ("output", "softmax"): say_later("softmax"),
    ("output", "linear"): say_later("linear"),
    ("gradient", "mean"): say_later("mean"),
    ("gradient", "sum"): say_later("sum"),
    ("optimizer", "nesterov"): say_later("Nesterov"),
    ("normalization", "raw"): say_later("raw"),
    ("normalization", "per-pixel"): say_later("normalised"),
    ("augmentation", "flip-crop"): say_later("augmented"),
}
PHRASES = {
    "learning_rate": say_later("learning rate {value}"),
    "batch_size": say_later("batch size {value}"),
    "depth": say_later("{value} hidden layers"),
    "width": say_later("{value} units per hidden layer"),
    "initial_scale": say_later("initial weights of standard deviation {value}"),
    "kernel_size": say_later("{value} × {value} kernels"),
    "optimizer": say_later("{value}"),
    "activation": say_later("{value}"),
    "precision": say_later("{value}"),
    "derivation": say_later("{value}"),
    "architecture": say_later("{value}"),
    "patch_size": say_later("{value} × {value} patches"),
    "embedding": say_later("embedding dimension {value}"),
    "blocks": say_later("{value} blocks"),
    "weight_decay": say_later("weight decay {value}"),
    "label_smoothing": say_later("label smoothing {value}"),
}
SPECIAL_PHRASES = {
    ("depth", 1): say_later("1 hidden layer"),
    ("schedule", "constant"): say_later("constant learning rate"),
    ("schedule", "warmup-cosine"): say_later("warm-up and cosine schedule"),
    ("initial_scale", "auto"): say_later("initial weights scaled by fan-in"),
    ("initial_sign", "both"): say_later("initial weights of both signs"),
    ("initial_sign", "positive"): say_later("positive initial weights"),
    ("initial_sign", "negative"): say_later("negative initial weights"),
    ("output", "softmax"): say_later("softmax outputs"),
    ("output", "linear"): say_later("linear outputs"),
    ("gradient", "mean"): say_later("averaged gradient"),
    ("gradient", "sum"): say_later("summed gradient"),
    ("derivation", "by-hand"): say_later("derivation by hand"),
    ("derivation", "autograd"): say_later("automatic differentiation"),
    ("normalization", "raw"): say_later("raw pixels"),
    ("normalization", "unit"): say_later("pixels from 0 to 1"),
    ("normalization", "per-pixel"): say_later("normalised pixels"),
    ("normalization", "per-channel"): say_later("normalised channels"),
    ("augmentation", "none"): say_later("no augmentation"),
    ("augmentation", "flip-crop"): say_later("augmented images"),
}
VALUE_NAMES = {
    "best_validation_accuracy": say_later("Best validation accuracy (%)"),
    "best_validation_loss": say_later("Validation loss at the best epoch"),
    "best_epoch": say_later("Best epoch"),
    "test_accuracy": say_later("Test accuracy (%)"),
    "test_loss": say_later("Test loss"),
    "train_s": say_later("Training time per epoch (s)"),
    "parameters": say_later("Parameters"),
}
LOSS_NAMES: dict[Loss, str] = {
    "nats": say_later("{name} (nats)"),
    "squared": say_later("{name} (squared error)"),
    "mixed": say_later("{name} (nats for softmax, squared error for linear outputs)"),
}
LOSS_AXES: dict[Loss, str] = {
    "nats": say_later("loss (nats)"),
    "squared": say_later("loss ½ Σ (t − y)²"),
    "mixed": say_later("loss (nats or squared error)"),
}


def setting_name(key: str, say: Say) -> str:
    """The name of a setting for people."""
    name = SETTING_NAMES.get(key)
    return say(name) if name else key.replace("_", " ")


def setting_value(key: str, value: Any, say: Say, numbers: Numbers, *, short: bool = False) -> str:
    """A value of a setting for people; `short` for the label beside a line."""
    if isinstance(value, dict):  # a learning rate for each optimizer
        parts = [
            f"{setting_value('optimizer', name, say, numbers)} {numbers.setting(one)}"
            for name, one in value.items()
        ]
        return say("; ").join(parts)
    if key == "architecture" and isinstance(value, str):
        return _architecture(value, say, short=short)
    words = None
    if isinstance(value, str | bool):
        words = SHORT_VALUES.get((key, value)) if short else None
        words = words or SETTING_VALUES.get((key, value))
    return say(words) if words else numbers.setting(value)


def setting_phrase(key: str, value: Any, say: Say, numbers: Numbers) -> str:
    """A setting and its value in a sentence: "3 hidden layers"."""
    special = SPECIAL_PHRASES.get((key, value)) if isinstance(value, str | int) else None
    if special:
        return say(special)
    written = setting_value(key, value, say, numbers)
    phrase = PHRASES.get(key)
    if phrase:
        return say(phrase).format(value=written)
    return f"{setting_name(key, say)} {written}"


def _architecture(text: str, say: Say, *, short: bool) -> str:
    """An architecture as people name it; one that is not understood stays as it is."""
    try:
        chosen = parse_architecture(text)
    except UserError:
        return text
    if not chosen.channels:
        return _unbroken("MLP " + text.split()[1].replace("x", " × "))
    first = "CNN " + "-".join(map(str, chosen.channels))
    kernel = kernel_text(chosen)
    if short:
        name = f"{_unbroken(first)}, {kernel.replace(' ', '')}"
    else:
        name = say("{cnn} of {kernel}").format(cnn=_unbroken(first), kernel=_unbroken(kernel))
    if chosen.dense == USUAL_DENSE:
        return name
    return f"{name}, {_unbroken('-'.join(map(str, chosen.dense)))}"


def kernel_text(chosen: Architecture) -> str:
    """The sizes of the kernels of a CNN: "3 × 3", or "5 × 5, 3 × 3" where they differ."""
    return ", ".join(f"{size} × {size}" for size in dict.fromkeys(chosen.kernel_sizes))


def _unbroken(text: str) -> str:
    """The text with spaces and hyphens at which no line ends."""
    return text.replace(" ", "\u00a0").replace("-", "\u2011")


def value_name(value: str, loss: Loss, say: Say) -> str:
    """The name of what a table shows, with its unit."""
    name = say(VALUE_NAMES[value])
    return say(LOSS_NAMES[loss]).format(name=name) if value.endswith("loss") else name


def listed(items: Sequence[str], say: Say) -> str:
    """Some items as a sentence lists them: "0.1, 0.01 and 0.001"."""
    if len(items) < 2:
        return "".join(items)
    return say("{first} and {last}").format(first=say(", ").join(items[:-1]), last=items[-1])
