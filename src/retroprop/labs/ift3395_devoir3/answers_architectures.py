"""IFT3395, devoir 3, part 2, questions 3 to 5: what the five trained networks did."""

from collections.abc import Iterator, Sequence

from retroprop.calculus.architectures import parse_architecture
from retroprop.labs.ift3395_devoir3 import answers_sizes
from retroprop.labs.ift3395_devoir3.checks import scientific
from retroprop.labs.ift3395_devoir3.comparing import (
    ACCURACIES,
    Measured,
    comparison,
    gap_verdict,
    measured,
    measured_networks,
    missing_networks,
)
from retroprop.labs.ift3395_devoir3.depth import gradient_by_layer
from retroprop.report.document import Block, Cell, Paragraph, Row, Table
from retroprop.report.lab_report import LabReport
from retroprop.report.network_pictures import gradient_blocks, pair_picture
from retroprop.report.study_report import StudyReport
from retroprop.studies.summary import verdict_of_images

STUDY = "ift3395-architectures"
MLP, CNN = "mlp 256-256", "cnn 16-32-45 k3"
DEEP, WIDE = "cnn 8-16-32-64 k1", "cnn 41 k28"
CHANCE = 0.1
"""The accuracy of a guess among ten classes."""

ADAM_EPSILON = 1e-8
"""What Adam adds to the size of a gradient before it divides by it."""


def thin(report: StudyReport) -> str:
    """The thin network of the study, whatever its depth: "mlp 64x53"."""
    found = (one for one in report.values("architecture") if str(one).startswith("mlp 64x"))
    return next(found, "mlp 64x53")


# --- question 3 -----------------------------------------------------------------------------------


def thin_network(lab: LabReport) -> Iterator[Block]:
    """2.3 (b): the depth, then what became of it."""
    report = lab.find_study(STUDY)
    name = thin(report) if report is not None else "mlp 64x53"
    yield from answers_sizes.thin_depth(lab, len(parse_architecture(name).dense))
    report = lab.study(STUDY)
    found = measured(report, name)
    if found is None:
        yield Paragraph(text=missing_networks(report, [name]))
        return
    against = verdict_of_images(found.validation, CHANCE, report.validation_images)
    text = (
        "Trained like the first network, it learns nothing: its best validation accuracy is "
        "{accuracy}, which is what guessing one of ten classes gives, and its loss stays at {loss} "
        "nats."
        if not against.distinguishable
        else "Trained like the first network, it reaches {accuracy} on validation, and its loss "
        "ends at {loss} nats."
    )
    yield lab.prose(
        text,
        accuracy=lab.numbers.percent(found.validation, found.cell.deviation),
        loss=lab.numbers.decimal(found.validation_loss.mean[-1], 4),
    )


def thin_curves(lab: LabReport) -> Iterator[Block]:
    """2.3 (c)."""
    report = lab.study(STUDY)
    yield from _pair(report, [MLP, thin(report)])
    yield _performance(lab, report, [MLP, thin(report)])


def _pair(report: StudyReport, architectures: Sequence[str]) -> Iterator[Block]:
    """Their accuracies in one plot, and a sentence about each; what has no numbers is named."""
    found = measured_networks(report, architectures)
    for text in _order(report, found):
        yield Paragraph(text=text)
    if found:
        yield pair_picture(report, "accuracies", [one.cell for one in found], half=False)
    if missing := missing_networks(report, architectures):
        yield Paragraph(text=missing)


def _order(report: StudyReport, found: Sequence[Measured]) -> Iterator[str]:
    """The best of them against each of the others, on validation and on test."""
    top = max(found, key=lambda one: one.validation, default=None)
    for one in found:
        if top is not None and one is not top:
            yield " ".join(filter(None, (comparison(report, top, one, on) for on in ACCURACIES)))


def _performance(lab: LabReport, report: StudyReport, architectures: Sequence[str]) -> Table:
    """What each network reaches and costs, and how far train and validation are apart."""
    say, numbers = lab.say, lab.numbers
    found = measured_networks(report, architectures)
    rows = []
    for one in found:
        link = report.anchor(one.cell)
        texts = [
            "—" if one.parameters is None else numbers.integer(one.parameters),
            "—" if one.epoch_s is None else numbers.significant(one.epoch_s),
            numbers.share(one.validation, one.cell.deviation),
            "—" if one.test is None else numbers.share(one.test),
            numbers.share(one.train_accuracy.mean[-1]),
            numbers.share(one.validation_accuracy.mean[-1]),
            numbers.share(one.gap),
        ]
        rows.append(Row(header=one.name, cells=[Cell(text=text, link=link) for text in texts]))
    return Table(
        name="performance",
        caption=say("Performance, cost and generalisation; accuracies in %, the gap in points"),
        corner=say("network"),
        columns=[
            say("parameters"),
            say("s per epoch"),
            say("best validation"),
            say("test"),
            say("train, last epoch"),
            say("validation, last epoch"),
            say("gap"),
        ],
        rows=rows,
    )


def thin_gradients(lab: LabReport) -> Iterator[Block]:
    """2.3 (d)."""
    report = lab.study(STUDY)
    names = [MLP, thin(report)]
    found = measured_networks(report, names)
    blocks = gradient_blocks(report, {one.name: one.cell.runs for one in found})
    if blocks:
        yield from blocks
    elif found:
        yield lab.prose("No norm of a gradient was recorded for these networks.")
    if missing := missing_networks(report, names):
        yield Paragraph(text=missing)


def gradient_explains(lab: LabReport) -> Iterator[Block]:
    """2.3 (e): the recorded norms, then the norm layer by layer at the start."""
    report = lab.study(STUDY)
    wide, deep = measured(report, MLP), measured(report, thin(report))
    if wide is None or deep is None or not (wide.norm.mean and deep.norm.mean):
        yield lab.prose("The norms of both networks are needed for this answer.")
        if missing := missing_networks(report, [MLP, thin(report)]):
            yield Paragraph(text=missing)
        return
    verdict = report.verdict(wide.cell, deep.cell)
    ours, other = (sum(one.norm.mean) / len(one.norm.mean) for one in (wide, deep))
    smaller = other < ours
    layers = gradient_by_layer(parse_architecture(thin(report)).dense)
    vanishes = layers.first < 1e-6 * layers.last
    values = {
        "deep": deep.name,
        "wide": wide.name,
        "norm": lab.numbers.significant(other),
        "other": lab.numbers.significant(ours),
    }
    text = (
        "In part. {deep} does worse, and its gradient is smaller: a norm of {norm} against {other} "
        "for {wide}, means over the epochs. But a norm of {norm} is far from 0, and alone it would "
        "not stop the training."
        if verdict.sign > 0 and smaller
        else "No. {deep} does worse, but its gradient is not smaller: a norm of {norm} against "
        "{other} for {wide}, means over the epochs."
        if verdict.sign > 0
        else "There is nothing to explain: {deep} does not do worse than {wide} here. Their norms "
        "are {norm} and {other}, means over the epochs."
        if verdict.sign == 0
        else "The norm does not decide it: {deep} does better than {wide}, with a norm of {norm} "
        "against {other}, means over the epochs."
    )
    yield lab.prose(text, **values)
    yield Paragraph(text=comparison(report, wide, deep))
    if not vanishes:
        yield lab.prose(
            "Layer by layer the gradient of the untrained thin network does not vanish: this would "
            "not be the explanation."
        )
        return
    yield lab.prose(
        "The norm over all parameters hides what matters: where the gradient is. Layer by layer, "
        "in the untrained thin network on the first minibatch, it is {last} in the output layer "
        "and {first} in the first layer: it *vanishes* on its way back. {share} of the squared "
        "norm belong to the output layer. That one sees next to nothing of the image, for the "
        "signal vanishes on its way there too: between two images the probabilities differ by "
        "{spread} at most. What it can learn is how frequent the classes are.",
        first=scientific(lab, layers.first),
        last=scientific(lab, layers.last),
        share=lab.numbers.percent(layers.share_of_last, digits=0),
        spread=scientific(lab, layers.spread),
    )
    yield layers.table(lab)
    if layers.first < ADAM_EPSILON / 10:
        yield lab.prose(
            "Adam enlarges small gradients, but not those far below the $10^(-8)$ that it adds to "
            "their size before it divides: the first layers stand still."
        )
    yield lab.prose(
        "The depth alone is not to blame, but the depth with these initial weights. torch draws "
        "them uniformly between $-1 slash sqrt(n)$ and $1 slash sqrt(n)$, with variance "
        "$1 slash (3 n)$; with a ReLU each layer then keeps about $1 slash 6$ of the mean square "
        "of the signal, forwards and backwards. With variance $2 slash n$ (He et al., 2015) it "
        "would keep all of it: the last column, the same network drawn that way, has a gradient of "
        "{kept} in its first layer.",
        kept=scientific(lab, layers.he_first),
    )


# --- question 4 -----------------------------------------------------------------------------------


def convolutional(lab: LabReport) -> Iterator[Block]:
    """2.4: the kernel, then what became of it."""
    yield from answers_sizes.kernel_size(lab, 3)
    report = lab.study(STUDY)
    found = measured(report, CNN)
    if found is None:
        yield Paragraph(text=missing_networks(report, [CNN]))
        return
    yield lab.prose(
        "Trained like the first network, it reaches {accuracy} on validation, and its loss ends at "
        "{loss} nats.",
        accuracy=lab.numbers.percent(found.validation, found.cell.deviation),
        loss=lab.numbers.decimal(found.validation_loss.mean[-1], 4),
    )


def convolutional_curves(lab: LabReport) -> Iterator[Block]:
    """2.4 (a)."""
    report = lab.study(STUDY)
    yield from _pair(report, [CNN, MLP])


def which_is_better(lab: LabReport) -> Iterator[Block]:
    """2.4 (b)."""
    report = lab.study(STUDY)
    conv, dense = measured(report, CNN), measured(report, MLP)
    if conv is None or dense is None:
        yield lab.prose("Both networks must be finished before they can be compared.")
        yield Paragraph(text=missing_networks(report, [CNN, MLP]))
        return
    sentences = {value: comparison(report, conv, dense, value) for value in ACCURACIES}
    known = [value for value, text in sentences.items() if text]
    signs = {report.verdict(conv.cell, dense.cell, value).sign for value in known}
    yield Paragraph(
        title=lab.say("Which works best?"),
        text=lab.say(
            "The convolutional network. {measured}"
            if signs == {1} or signs == {1, 0}
            else "The perceptron. {measured}"
            if signs == {-1} or signs == {-1, 0}
            else "Neither can be called better. {measured}"
            if signs == {0}
            else "Validation and test disagree. {measured}"
        ).format(measured=" ".join(filter(None, sentences.values()))),
    )
    generalisation = [_gap_sentence(lab, report, conv, dense), _turn(lab, conv), _turn(lab, dense)]
    yield Paragraph(title=lab.say("Generalisation"), text=" ".join(generalisation))
    yield _performance(lab, report, [CNN, MLP])
    smaller_gap = gap_verdict(report, conv, dense).sign < 0
    yield lab.prose(
        "Why: a kernel is used at every place of the image, so each of its few weights is "
        "determined by many pixels of every example, and it sees only neighbours, whose relation "
        "is what repeats from image to image. The poolings then forget small shifts. The first "
        "dense layer of the perceptron instead has a weight of its own for each pixel and unit, "
        "and can learn the training images by heart. With equal numbers of parameters, it is this "
        "constraint, not the size, that leaves the convolutions less room to overfit."
        if smaller_gap
        else "The usual explanation, that shared weights and local kernels leave less room to "
        "overfit, is not confirmed by these numbers: the gap of the convolutional network is not "
        "smaller by more than chance."
    )
    if conv.epoch_s and dense.epoch_s:
        ratio = conv.epoch_s / dense.epoch_s
        yield lab.prose(
            "The price is time: an epoch of {conv} took {ratio} times as long as one of {dense}, "
            "for each weight of a kernel is used at every place."
            if ratio > 1
            else "It costs no time: an epoch of {conv} took {ratio} times as long as one of "
            "{dense}.",
            conv=conv.name,
            dense=dense.name,
            ratio=lab.numbers.decimal(ratio, 1),
        )


def _gap_sentence(lab: LabReport, report: StudyReport, first: Measured, second: Measured) -> str:
    """Which of two networks has the smaller gap between train and validation."""
    found = gap_verdict(report, first, second)
    small, large = (first, second) if first.gap <= second.gap else (second, first)
    return lab.say(
        "{small} has the smaller gap: at the last epoch its train accuracy is {near} above that on "
        "validation, that of {large} {far}, a difference beyond chance."
        if found.distinguishable
        else "At the last epoch the train accuracy of {small} is {near} above that on validation, "
        "that of {large} {far}: chance may explain the difference."
    ).format(
        small=small.name,
        large=large.name,
        near=report.points(small.gap),
        far=report.points(large.gap),
    )


def _turn(lab: LabReport, one: Measured) -> str:
    """Whether a network's validation loss rose again."""
    line = one.validation_loss.without_epoch_0()
    lowest = min(line.mean)
    epoch = line.epochs[line.mean.index(lowest)]
    ratio = line.mean[-1] / lowest - 1
    text = lab.say(
        "The validation loss of {name} is lowest after epoch {epoch}, {low}, and {share} higher at "
        "the last: overfitting."
        if ratio > 0.1
        else "The validation loss of {name} is lowest after epoch {epoch}, {low}, and {share} "
        "higher at the last."
        if ratio > 0
        else "The validation loss of {name} is lowest at the last epoch, {low}: no overfitting yet."
    )
    return text.format(
        name=one.name,
        epoch=epoch,
        low=lab.numbers.decimal(lowest, 3),
        share=lab.numbers.percent(ratio, digits=0),
    )


# --- question 5 -----------------------------------------------------------------------------------


def whole_image(lab: LabReport) -> Iterator[Block]:
    """2.5 (b)."""
    yield from answers_sizes.whole_image(lab, 41)


def three_kinds(lab: LabReport) -> Iterator[Block]:
    """2.5 (c)."""
    report = lab.study(STUDY)
    yield from _pair(report, [CNN, DEEP, WIDE])
    yield _performance(lab, report, [CNN, DEEP, WIDE, MLP])
    original, deep, wide = (measured(report, name) for name in (CNN, DEEP, WIDE))
    if original is None or deep is None or wide is None:
        yield lab.prose("The three networks are compared once all of them are finished.")
        return
    gaps = [_gap_sentence(lab, report, one, original) for one in (deep, wide)]
    yield Paragraph(title=lab.say("Generalisation"), text=" ".join(gaps))
    yield Paragraph(text=" ".join(_turn(lab, one) for one in (original, deep, wide)))
    yield Paragraph(
        title=lab.say("Hypothesis, {name}").format(name=deep.name),
        text=_deep_hypothesis(lab, report, deep, original),
    )
    yield Paragraph(
        title=lab.say("Hypothesis, {name}").format(name=wide.name),
        text=_wide_hypothesis(lab, report, wide, original),
    )


def _deep_hypothesis(
    lab: LabReport, report: StudyReport, deep: Measured, original: Measured
) -> str:
    """Why the network of 1 × 1 kernels does as it does, where the numbers allow to say."""
    worse = report.verdict(deep.cell, original.cell).sign < 0
    less = _fits_less(report, deep, original)
    text = lab.say(
        "It fits even the training images less well: {train} at the last epoch, against {other}. "
        "So it underfits, although it has more layers. It cannot see edges or textures: a layer "
        "judges each pixel by itself, and each pooling forgets how the four values of its block "
        "were arranged. A small gap then says that it could not memorise, not that it has "
        "understood."
        if worse and less
        else "It does worse on validation although it fits the training images as well, {train} at "
        "the last epoch against {other}: not what it can express is missing, but what would make "
        "it generalise."
        if worse
        else "One would expect it to do worse, for it never sees how pixels lie beside each other. "
        "These numbers do not show that: {train} on train at the last epoch, against {other}."
    )
    return text.format(
        train=lab.numbers.percent(deep.train_accuracy.mean[-1]),
        other=lab.numbers.percent(original.train_accuracy.mean[-1]),
    )


def _fits_less(report: StudyReport, first: Measured, second: Measured) -> bool:
    """Whether the first network's train accuracy is lower by more than chance."""
    a, b = (one.train_accuracy.mean[-1] for one in (first, second))
    return verdict_of_images(a, b, report.train_images).sign < 0


def _wide_hypothesis(
    lab: LabReport, report: StudyReport, wide: Measured, original: Measured
) -> str:
    """Why the network of one large kernel does as it does, where the numbers allow to say."""
    dense = measured(report, MLP)
    text = lab.say(
        "Without locality and without shared weights it is an MLP, and it overfits as one: {train} "
        "on train at the last epoch and a gap of {gap}, where {original} has {other}."
        if gap_verdict(report, wide, original).sign > 0
        else "Without locality and without shared weights it is an MLP, and one would expect a "
        "larger gap than that of {original}. These numbers do not show that: {gap} against "
        "{other}, with {train} on train at the last epoch."
    ).format(
        train=lab.numbers.percent(wide.train_accuracy.mean[-1]),
        gap=report.points(wide.gap),
        other=report.points(original.gap),
        original=original.name,
    )
    if dense is None:
        return text
    end = lab.say(
        "The perceptron of 256-256 has a gap of {gap}. {measured} Its bottleneck of 41 units costs "
        "something."
        if report.verdict(wide.cell, dense.cell).sign < 0
        else "The perceptron of 256-256 has a gap of {gap}. {measured}"
    )
    return f"{text} " + end.format(
        gap=report.points(dense.gap), measured=comparison(report, wide, dense)
    )


def summary(lab: LabReport) -> Iterator[str]:
    """How the five networks compare."""
    report = lab.study(STUDY)
    found = measured_networks(report, [MLP, thin(report), CNN, DEEP, WIDE])
    if len(found) > 1:
        ranked = sorted(found, key=lambda one: -one.validation)
        text = lab.say("Best validation accuracy of the networks: {items}.")
        items = [
            lab.say("{name} {accuracy}").format(
                name=one.name, accuracy=lab.numbers.percent(one.validation, one.cell.deviation)
            )
            for one in ranked
        ]
        yield text.format(items=lab.say("; ").join(items))
    conv, dense = measured(report, CNN), measured(report, MLP)
    if conv is not None and dense is not None:
        yield comparison(report, conv, dense)
        yield _gap_sentence(lab, report, conv, dense)
