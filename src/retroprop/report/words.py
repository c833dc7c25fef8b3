"""The words for settings, for their values and for the values that tables show.

Three registers: a *name* heads a column ("hidden layers"), a *value* stands in a cell or beside a
line ("3"), a *phrase* says both in a sentence ("3 hidden layers"). A setting that is not listed is
shown as the study file has it.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

from retroprop.calculus.architectures import USUAL_DENSE, Architecture, parse_architecture
from retroprop.errors import UserError
from retroprop.languages import Say, say_later, translator
from retroprop.report.numbers import Numbers

Loss = Literal["nats", "squared", "mixed"]
MOST_LISTED = 40
"""Items of a sentence; nobody reads the thousandth."""


class SettingWords(NamedTuple):
    """The words for a setting; without a phrase of its own, a sentence says name and value."""

    name: str
    phrase: str = ""


class ValueWords(NamedTuple):
    """The words for a value; `short` is for the label beside a line and the table of all models."""

    value: str = ""
    short: str = ""
    phrase: str = ""


SETTINGS = {
    "optimizer": SettingWords("optimizer", phrase="{value}"),
    "learning_rate": SettingWords("learning rate"),
    "schedule": SettingWords("schedule of the learning rate"),
    "batch_size": SettingWords("batch size"),
    "initial_scale": SettingWords(
        "standard deviation of the initial weights",
        phrase="initial weights of standard deviation {value}",
    ),
    "initial_sign": SettingWords("sign of the initial weights"),
    "depth": SettingWords("hidden layers", phrase="{value} hidden layers"),
    "width": SettingWords("units per hidden layer", phrase="{value} units per hidden layer"),
    "activation": SettingWords("activation function", phrase="{value}"),
    "output": SettingWords("output and loss"),
    "gradient": SettingWords("gradient"),
    "precision": SettingWords("precision", phrase="{value}"),
    "kernel_size": SettingWords("kernel size", phrase="{value} × {value} kernels"),
    "derivation": SettingWords("derivation", phrase="{value}"),
    "architecture": SettingWords("architecture", phrase="{value}"),
    "initialization": SettingWords("initial weights"),
    "patch_size": SettingWords("patch size", phrase="{value} × {value} patches"),
    "embedding": SettingWords("embedding dimension"),
    "blocks": SettingWords("blocks", phrase="{value} blocks"),
    "drop_rate": SettingWords("dropout rate"),
    "normalization": SettingWords("normalisation of the pixels"),
    "augmentation": SettingWords("augmentation"),
    "shuffle": SettingWords("order of the images"),
    "loss": SettingWords("loss"),
    "momentum": SettingWords("momentum μ"),
    "weight_decay": SettingWords("weight decay"),
    "label_smoothing": SettingWords("label smoothing"),
    "clip_norm": SettingWords("longest gradient"),
    "patience": SettingWords("epochs without progress before it stops"),
    "train_metrics": SettingWords("loss and accuracy on train"),
    "warmup": SettingWords("part of the steps that warm up"),
    "widths": SettingWords("channels of the four stages"),
    "channels_last": SettingWords("channels last in memory"),
    "compile": SettingWords("compiled by torch"),
    "seed": SettingWords("seed"),
}
# Values that are words of the language, or that make a phrase of their own; optimizers and the like
# are names (see numbers.NAMES).
VALUES: dict[tuple[str, str | int], ValueWords] = {
    ("optimizer", "momentum"): ValueWords("SGD with momentum"),
    ("optimizer", "nesterov"): ValueWords("SGD with Nesterov momentum", short="Nesterov"),
    ("schedule", "constant"): ValueWords("constant", phrase="constant learning rate"),
    ("schedule", "warmup-cosine"): ValueWords(
        "warm-up, then cosine", phrase="warm-up and cosine schedule"
    ),
    ("initial_scale", "auto"): ValueWords(
        "by fan-in", short="auto", phrase="initial weights scaled by fan-in"
    ),
    ("initial_sign", "both"): ValueWords("both signs", phrase="initial weights of both signs"),
    ("initial_sign", "positive"): ValueWords("positive only", phrase="positive initial weights"),
    ("initial_sign", "negative"): ValueWords("negative only", phrase="negative initial weights"),
    ("depth", 1): ValueWords(phrase="1 hidden layer"),
    ("activation", "sigmoid"): ValueWords("sigmoid"),
    ("output", "softmax"): ValueWords(
        "softmax, cross-entropy", short="softmax", phrase="softmax outputs"
    ),
    ("output", "linear"): ValueWords(
        "linear, squared error", short="linear", phrase="linear outputs"
    ),
    ("gradient", "mean"): ValueWords(
        "mean over the minibatch", short="mean", phrase="averaged gradient"
    ),
    ("gradient", "sum"): ValueWords(
        "sum over the minibatch", short="sum", phrase="summed gradient"
    ),
    ("derivation", "by-hand"): ValueWords("by hand", phrase="derivation by hand"),
    ("derivation", "autograd"): ValueWords(
        "automatic differentiation (autograd)", short="autograd", phrase="automatic differentiation"
    ),
    ("initialization", "torch"): ValueWords("uniform, by fan-in (as torch has it)"),
    ("initialization", "xavier"): ValueWords("normal, by Xavier’s rule; biases 0"),
    ("normalization", "raw"): ValueWords("none (0 to 255)", short="raw", phrase="raw pixels"),
    ("normalization", "unit"): ValueWords("0 to 1", phrase="pixels from 0 to 1"),
    ("normalization", "per-pixel"): ValueWords(
        "each pixel", short="normalised", phrase="normalised pixels"
    ),
    ("normalization", "per-channel"): ValueWords("each channel", phrase="normalised channels"),
    ("augmentation", "none"): ValueWords("no augmentation", phrase="no augmentation"),
    ("augmentation", "flip-crop"): ValueWords(
        "mirrored and cropped at random", short="augmented", phrase="augmented images"
    ),
    ("shuffle", True): ValueWords("a new one in each epoch"),
    ("shuffle", False): ValueWords("that of the file"),
    ("loss", "cross-entropy"): ValueWords("cross-entropy"),
    ("loss", "clamped-cross-entropy"): ValueWords("cross-entropy of clamped probabilities"),
    ("train_metrics", "evaluated"): ValueWords("measured after each epoch"),
    ("train_metrics", "running"): ValueWords("means over the epoch, while learning"),
    ("channels_last", True): ValueWords("yes"),
    ("channels_last", False): ValueWords("no"),
    ("compile", True): ValueWords("yes"),
    ("compile", False): ValueWords("no"),
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


class Words:
    """What a reader of one language reads: texts, numbers, settings and their values."""

    language: str

    @cached_property
    def say(self) -> Say:
        """Turns an English text into the reader's language."""
        return translator(self.language)

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers in the reader's language."""
        return Numbers(self.language)

    def seconds(self, value: float) -> str:
        """A measured time with its unit."""
        return f"{self.numbers.significant(value)}\u00a0s"

    def named(self, name: str, text: str) -> str:
        """A text after what it belongs to: "by hand: 0.31 s"; the text alone without a name."""
        return self.say("{name}: {cell}").format(name=name, cell=text) if name else text

    def joined(self, items: Sequence[str], between: str = ", ") -> str:
        """Items beside each other; of very many the first, and how many more there are."""
        text = between.join(items[:MOST_LISTED])
        if len(items) <= MOST_LISTED:
            return text
        return self.say("{first} and {n} others").format(
            first=text, n=self.numbers.integer(len(items) - MOST_LISTED)
        )

    def listed(self, items: Sequence[str]) -> str:
        """Some items as a sentence lists them: "0.1, 0.01 and 0.001"."""
        if len(items) < 2:
            return "".join(items)
        if len(items) > MOST_LISTED:
            return self.joined(items)
        first = self.say(", ").join(items[:-1])
        return self.say("{first} and {last}").format(first=first, last=items[-1])

    def setting_name(self, key: str) -> str:
        """The name of a setting for people; an unknown one is shown as the study file has it."""
        return self.say(SETTINGS[key].name) if key in SETTINGS else key.replace("_", " ")

    def setting(self, key: str, value: Any, *, short: bool = False) -> str:
        """A value of a setting for a table, or `short` for the label beside a line."""
        if isinstance(value, dict):  # a learning rate for each optimizer
            return self.say("; ").join(
                f"{self.setting('optimizer', name)} {self.numbers.setting(one)}"
                for name, one in value.items()
            )
        if key == "architecture" and isinstance(value, str):
            return _architecture(value, self.say, short=short)
        words = _value_words(key, value)
        written = (short and words.short) or words.value
        return self.say(written) if written else self.numbers.setting(value)

    def quoted(self, key: str, value: Any) -> str:
        """A value inside a sentence: words of the language in quotation marks, others not.

        "“by hand” is above “automatic differentiation”", but "Adam is above SGD".
        """
        text = self.setting(key, value)
        return self.say("“{word}”").format(word=text) if _value_words(key, value).value else text

    def phrase(self, key: str, value: Any) -> str:
        """A setting and its value in a sentence: "3 hidden layers"."""
        if special := _value_words(key, value).phrase:
            return self.say(special)
        written = self.setting(key, value)
        if key in SETTINGS and SETTINGS[key].phrase:
            return self.say(SETTINGS[key].phrase).format(value=written)
        return f"{self.setting_name(key)} {written}"

    def describe(self, settings: Mapping[str, Any], without: Sequence[str] = ()) -> str:
        """Settings in words: "learning rate 0.01, batch size 1"."""
        return ", ".join(
            self.phrase(key, value) for key, value in settings.items() if key not in without
        )


def capital(text: str) -> str:
    """A text that begins a sentence."""
    return text[:1].upper() + text[1:]


def _value_words(key: str, value: Any) -> ValueWords:
    """The words for a value of a setting; empty ones where it is a number or a name."""
    none = ValueWords()
    return VALUES.get((key, value), none) if isinstance(value, str | int) else none


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
