"""Part 3: backpropagation in pseudocode and by hand, and what depth and width do.

torch is loaded only when an answer is written.
"""

from collections.abc import Iterator

from retroprop.labs.inf8225_tp1.check_table import check_table
from retroprop.labs.inf8225_tp1.one_optimizer import of_optimizer, without_optimizer
from retroprop.labs.inf8225_tp1.pseudocode import pseudocode as pseudocode_in
from retroprop.labs.source_code import source
from retroprop.report.document import Block, Code, Equation, Paragraph
from retroprop.report.formula_words import formula_in
from retroprop.report.influence import influence_sections
from retroprop.report.lab_report import LabReport, only
from retroprop.report.study_report import StudyReport
from retroprop.report.verdict_sentence import other_epochs, trained_otherwise
from retroprop.studies.summary import CellSummary, gaps, mean_and_deviation, verdict_of_images

STUDY, DERIVATIONS, LOGISTIC = "inf8225-mlp", "inf8225-mlp-derivations", "inf8225-logistic"
DEPTHS, WIDTHS = (1, 3, 5), (25, 100, 300, 500, 1000)


# --- a: the pseudocode ----------------------------------------------------------------------------


def pseudocode(lab: LabReport) -> Iterator[Block]:
    """Backpropagation for one example, with the shape of every product."""
    yield lab.prose(
        "For one example: $bx$ with $D$ entries, its one-hot label $by$ with $K$, $L$ hidden "
        "layers of $n_l$ units. Vectors are columns, and $theta^((l))$, of $n_l$ rows and "
        "$m_l = n_(l-1) + 1$ columns, holds the weights and, in its last column, the biases. "
        "$delta$ is the derivative of the loss by the pre-activation $ba$. Beside each line stand "
        "the shapes of its factors and of its result."
    )
    yield Code(text=pseudocode_in(lab.say), language="text")
    yield lab.prose(
        "The forward pass must keep every $tilde(bh)$ for line 13 and every $ba$, or its sign, for "
        "line 17. The parameters may change only after the last line: line 15 needs those of the "
        "forward pass."
    )


def why_each_line(lab: LabReport) -> Iterator[Block]:
    """Why each line of the backward pass is true, and what it costs."""
    yield lab.prose(
        "Softmax and cross-entropy together have a simple derivative: the loss is "
        "$log sum_k e^(a_k) - a_y$, so",
        title="Line 11",
    )
    yield Equation(source="delta^((L+1)) = frac(partial cal(L), partial ba^((L+1))) = bf - by")
    yield lab.prose(
        "$theta_(i j)$ occurs in $a_i = sum_j theta_(i j) tilde(h)_j$ and nowhere else. Its "
        "derivative is entry $(i, j)$ of an outer product, whose last column, where "
        "$tilde(h)_j = 1$, is that of the bias:",
        title="Line 13",
    )
    yield Equation(
        source="frac(partial cal(L), partial theta_(i j)^((l))) = delta_i^((l)) "
        "tilde(h)_j^((l-1)) => frac(partial cal(L), partial theta^((l))) = delta^((l)) "
        "(tilde(bh)^((l-1)))^top"
    )
    yield lab.prose(
        "$h_j$ occurs in every $a_i$ of the next layer, with the factor $theta_(i j)$. The last "
        "entry would be the derivative by the constant 1, which nothing made: it is dropped.",
        title="Lines 15 and 16",
    )
    yield Equation(
        source="frac(partial cal(L), partial h_j^((l-1))) = sum_i theta_(i j)^((l)) delta_i^((l)) "
        "= ((theta^((l)))^top delta^((l)))_j"
    )
    yield lab.prose(
        "ReLU has slope 1 where its input is above 0, and 0 elsewhere. Another activation changes "
        "this line and line 5, and nothing else.",
        title="Line 17",
    )
    slope = 'cases(g_j quad "if" a_j^((l-1)) > 0, 0 quad "if" a_j^((l-1)) <= 0)'
    yield Equation(source=formula_in(f"delta_j^((l-1)) = {slope}", lab.language))
    yield lab.prose(
        "Stacked as the rows of a matrix, $n$ examples turn each line into a matrix product, and "
        "the product over $n$ in line 13 is the sum over the examples:",
        title="A minibatch",
    )
    yield Equation(
        source="bA^((l)) &= tilde(bH)^((l-1)) (theta^((l)))^top \\ "
        "frac(partial cal(L), partial (theta^((l)))^top) &= (tilde(bH)^((l-1)))^top d bA^((l))"
    )
    from retroprop.labs.inf8225_tp1 import checks

    count = checks.multiplications(3, 300)
    yield Paragraph(
        title=lab.say("What it costs"),
        text=lab.say(
            "Lines 4, 13 and 15 each multiply once per weight, but line 15 does not run for the "
            "first layer. With 3 hidden layers of 300 units one example takes {forward} "
            "multiplications forward and {backward} backward, {ratio} times as many; the ratio "
            "stays below 2 for any depth and width. To change one weight at a time and look at the "
            "loss would take a forward pass for each of the {forward} weights."
        ).format(
            forward=lab.numbers.integer(count["forward"]),
            backward=lab.numbers.integer(count["backward"]),
            ratio=lab.numbers.decimal(count["backward"] / count["forward"], 2),
        ),
    )


# --- b: the functions -----------------------------------------------------------------------------


def functions(lab: LabReport) -> Iterator[Block]:
    """The small functions: ReLU, its derivative, and that of softmax with cross-entropy."""
    from retroprop.labs.inf8225_tp1 import checks, mlp

    yield lab.prose(
        "accuracy, accuracy_and_loss_whole_dataset, inputs_tilde, softmax and cross_entropy are "
        "those of part 2. Three functions are new:"
    )
    yield source(mlp.relu_forward, mlp.relu_backward, mlp.softmax_cross_entropy_backward)
    relu = checks.relu_of_torch()
    yield check_table(
        lab,
        lab.say("Computed now, in double precision, 0 among the inputs"),
        (lab.say("relu_forward: torch’s ReLU"), relu["forward"]),
        (lab.say("relu_backward: its derivative by autograd"), relu["backward"]),
        (
            lab.say("softmax_cross_entropy_backward: autograd"),
            checks.softmax_cross_entropy_of_torch(),
        ),
    )


def model(lab: LabReport) -> Iterator[Block]:
    """`MLPModel`: initialisation, forward, backward."""
    from retroprop.labs.inf8225_tp1.mlp import MLPModel

    yield lab.prose(
        "The weights before a ReLU are drawn with variance 2 / inputs (He et al., 2015), because a "
        "ReLU passes half of the mean square on; so signals keep their size through the layers. "
        "Those before the softmax have variance 1 / inputs; biases start at 0. forward keeps every "
        "$ba$ and $bh$, and backward walks through them from the last layer to the first: the "
        "lines of the pseudocode for a minibatch in rows, so params[l − 1] is $theta^((l))$ "
        "transposed."
    )
    yield source(MLPModel.__init__, MLPModel.forward, MLPModel.backward)


def updates(lab: LabReport) -> Iterator[Block]:
    """`MLPModel.sgd_update`, `adam_update` and `train`."""
    from retroprop.labs.inf8225_tp1 import mlp
    from retroprop.labs.inf8225_tp1.mlp import MLPModel

    yield lab.prose(
        "The updates are those of part 2, once for each layer; Adam keeps the moments of each. "
        "train is the same loop, with backward in place of get_grads, and returns a copy of the "
        "best model."
    )
    yield source(MLPModel.sgd_update, MLPModel.adam_update, mlp.train)


# --- b: depth and width ---------------------------------------------------------------------------


def setting(lab: LabReport) -> Iterator[Block]:
    """How the networks of the search are trained."""
    report = lab.study(STUDY)
    training = report.record.config.get("training") or {}
    constant = training.get("schedule", "constant") == "constant"
    text = lab.say(
        "All networks are trained with batch size {batch} and the learning rates {rates} "
        "(epochs: {epochs}). {gradient}"
        if constant
        else "All networks are trained with batch size {batch} and the learning rates {rates} "
        "(epochs: {epochs}); the rate rises to this value at first, and then falls to 0 along a "
        "cosine. {gradient}"
    )
    yield Paragraph(
        text=text.format(
            batch=training.get("batch_size"),
            rates=report.setting("learning_rate", training.get("learning_rate")),
            epochs=report.record.config.get("epochs"),
            gradient=report.gradient_sentence(),
        )
    )


def discussion(lab: LabReport) -> Iterator[Block]:
    """What width and depth do to the fit, and what the best network costs."""
    report = lab.study(STUDY)
    best = report.best_cell
    if report.unfinished or best is None:
        yield Paragraph(text=lab.say("The discussion is written once the study is finished."))
        return
    for name, title in (("sgd", "SGD"), ("adam", "Adam")):
        part = of_optimizer(report, name)
        if texts := [*_gap_by_width(part), *_price(part)]:
            yield Paragraph(title=title, text=" ".join(texts))
    for section in influence_sections(_best_only(report))[1:]:
        yield from only("picture", section.blocks)


def _best_only(report: StudyReport) -> StudyReport:
    """The models of the optimizer with the best cell."""
    best = report.best_cell
    assert best is not None
    return of_optimizer(report, str(best.cell.get("optimizer")))


def _gap(cell: CellSummary) -> float | None:
    """How far train is above validation at the last epoch, a mean over the seeds."""
    found = gaps(cell.runs)
    return mean_and_deviation(found)[0] if found else None


def _gap_by_width(report: StudyReport) -> Iterator[str]:
    """Whether the gap between train and validation grows with the width, at every depth."""
    grew, lines = [], []
    for depth in report.values("depth"):
        cells = {cell.cell["width"]: cell for cell in report.cells if cell.cell["depth"] == depth}
        known = {width: gap for width, cell in cells.items() if (gap := _gap(cell)) is not None}
        if len(known) < 2:
            return
        narrow, wide = known[min(known)], known[max(known)]
        grew.append(wide > narrow)
        lines.append(
            report.say("{depth}: from {narrow} to {wide}").format(
                depth=report.phrase("depth", depth),
                narrow=report.points(narrow),
                wide=report.points(wide),
            )
        )
    text = report.say(
        "From the narrowest to the widest network the gap between train and validation grows "
        "({lines}): more units fit the training images more closely, the beginning of overfitting."
        if all(grew)
        else "From the narrowest to the widest network the gap between train and validation does "
        "not grow at every depth ({lines})."
    )
    yield text.format(lines=report.say("; ").join(lines))


def _price(report: StudyReport) -> Iterator[str]:
    """The cheapest cell that chance does not tell from the best one."""
    best = report.best_cell
    if best is None or best.mean is None:
        return
    near = [
        (seconds, cell)
        for cell in report.cells
        if cell.mean is not None
        and not report.verdict(best, cell).distinguishable
        and (seconds := _seconds(cell)) is not None
    ]
    dear = _seconds(best)
    if not near or dear is None:
        return
    seconds, cheap = min(near, key=lambda item: item[0])
    text = report.say(
        "The best network, {best}, takes {dear} s of training per epoch; {cheap} takes {seconds} s "
        "and is {points} below, which may be chance."
        if cheap is not best
        else "The best network, {best}, takes {dear} s of training per epoch, and every cheaper "
        "one is below it by more than chance."
    )
    yield text.format(
        best=without_optimizer(report, best),
        dear=report.numbers.significant(dear),
        cheap=without_optimizer(report, cheap),
        seconds=report.numbers.significant(seconds),
        points=report.points(best.mean - (cheap.mean or 0.0)),
    )


def _seconds(cell: CellSummary) -> float | None:
    known = [run.train_s_per_epoch for run in cell.runs if run.train_s_per_epoch]
    return sum(known) / len(known) if len(known) == len(cell.runs) else None


def beside_the_linear_model(lab: LabReport) -> Iterator[Block]:
    """The best MLP beside the best logistic regression, on the same test images."""
    deep, linear = lab.study(STUDY), lab.study(LOGISTIC)
    tested = [_best_test(report) for report in (deep, linear)]
    if None in tested or deep.info is None:
        return
    (ours, cell), (theirs, _) = (one for one in tested if one is not None)
    title = lab.say("Beside logistic regression")
    if different := trained_otherwise(deep, linear):
        yield Paragraph(title=title, text=different)
        return
    found = verdict_of_images(ours, theirs, deep.test_images)
    text = lab.say(
        "On the test set the best network ({cell}) has {ours}, the best logistic regression of "
        "part 2 {theirs}: {points} more, which is larger than the {margin} that the test images "
        "leave to chance (95 %, binomial). The hidden layers are worth their cost."
        if found.sign > 0
        else "On the test set the best network ({cell}) has {ours}, the best logistic regression "
        "of part 2 {theirs}: {points} less, which is larger than the {margin} that the test images "
        "leave to chance (95 %, binomial). As they were trained here, the hidden layers cost "
        "accuracy."
        if found.sign < 0
        else "On the test set the best network ({cell}) has {ours}, the best logistic regression "
        "of part 2 {theirs}: the hidden layers bring nothing that the test images could tell from "
        "chance ({margin}; 95 %, binomial)."
    ).format(
        cell=cell,
        ours=lab.numbers.percent(ours),
        theirs=lab.numbers.percent(theirs),
        points=deep.points(abs(found.difference)),
        margin=deep.points(found.margin or 0.0),
    )
    yield Paragraph(title=title, text=" ".join(filter(None, [text, other_epochs(deep, linear)])))


def _best_test(report: StudyReport) -> tuple[float, str] | None:
    """The mean test accuracy of the best cell on validation, and its name."""
    best = report.best_cell
    tested = best.test_accuracies if best is not None else []
    if best is None or not tested:
        return None
    return mean_and_deviation(tested)[0], report.describe(best.cell)
