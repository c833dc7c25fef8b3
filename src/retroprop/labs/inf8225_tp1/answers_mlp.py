"""Part 3: backpropagation in pseudocode and by hand, beside autograd, and what depth and width do.

torch is loaded only when an answer is written.
"""

from collections.abc import Iterator, Sequence

from retroprop.calculus.theory.prose import formula_in
from retroprop.labs.inf8225_tp1.answers_search import test_accuracies
from retroprop.labs.inf8225_tp1.pseudocode import pseudocode as pseudocode_in
from retroprop.labs.inf8225_tp1.shown import (
    best_cell,
    check_table,
    of_optimizer,
    source,
    without_optimizer,
)
from retroprop.report.derivations import Pair, pairs, speed_section, speed_sentences
from retroprop.report.document import Block, Cell, Code, Equation, Paragraph, Row, Table
from retroprop.report.influence import influence_sections
from retroprop.report.lab_story import LabStory, only
from retroprop.report.numbers import NO_BREAK
from retroprop.report.story import Story
from retroprop.studies.summary import CellSummary, chance_margin, mean_and_deviation

STUDY, DERIVATIONS, LOGISTIC = "inf8225-mlp", "inf8225-mlp-derivations", "inf8225-logistic"
DEPTHS, WIDTHS = (1, 3, 5), (25, 100, 300, 500, 1000)


# --- a: the pseudocode ----------------------------------------------------------------------------


def pseudocode(lab: LabStory) -> Iterator[Block]:
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


def why_each_line(lab: LabStory) -> Iterator[Block]:
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


def functions(lab: LabStory) -> Iterator[Block]:
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
        "checks",
        lab.say("Computed now, in double precision, 0 among the inputs"),
        [
            (lab.say("relu_forward: torch’s ReLU"), relu["forward"]),
            (lab.say("relu_backward: its derivative by autograd"), relu["backward"]),
            (
                lab.say("softmax_cross_entropy_backward: autograd"),
                checks.softmax_cross_entropy_of_torch(),
            ),
        ],
    )


def model(lab: LabStory) -> Iterator[Block]:
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


def updates(lab: LabStory) -> Iterator[Block]:
    """`MLPModel.sgd_update`, `adam_update` and `train`."""
    from retroprop.labs.inf8225_tp1 import mlp
    from retroprop.labs.inf8225_tp1.mlp import MLPModel

    yield lab.prose(
        "The updates are those of part 2, once for each layer; Adam keeps the moments of each. "
        "train is the same loop, with backward in place of get_grads, and returns a copy of the "
        "best model."
    )
    yield source(MLPModel.sgd_update, MLPModel.adam_update, mlp.train)


def gradients(lab: LabStory) -> Iterator[Block]:
    """Our gradients beside autograd's, for every depth and width of the assignment."""
    from retroprop.labs.inf8225_tp1 import checks

    found = checks.mlp_gradients(DEPTHS, WIDTHS)
    yield lab.prose(
        "They are equal but for rounding. Computed now on 32 random images in double precision: "
        "over all parameters of all layers the largest difference, relative to the largest entry "
        "of the layer’s gradient, is {worst}; a double has a relative precision of "
        "2.2 × 10⁻¹⁶."
        if max(found.values()) < 1e-12
        else "They are *not* equal: the largest relative difference is {worst}.",
        worst=lab.numbers.power_of_ten(max(found.values())),
    )
    yield _by_depth_and_width(lab, found)


def _by_depth_and_width(lab: LabStory, found: dict[tuple[int, int], float]) -> Table:
    rows = [
        Row(
            header=str(depth),
            cells=[Cell(text=lab.numbers.power_of_ten(found[depth, width])) for width in WIDTHS],
        )
        for depth in DEPTHS
    ]
    return Table(
        name="gradients",
        caption=lab.say("Largest relative difference between our gradient and autograd’s"),
        corner=lab.say("hidden layers"),
        across=lab.say("units per hidden layer"),
        columns=[str(width) for width in WIDTHS],
        rows=rows,
    )


def optimisation(lab: LabStory) -> Iterator[Block]:
    """The same training by hand and by autograd with torch.optim, step by step."""
    import torch

    from retroprop.labs.inf8225_tp1 import checks

    double = {name: checks.mlp_steps(name, DEPTHS, torch.float64) for name in ("sgd", "adam")}
    single = {name: checks.mlp_steps(name, DEPTHS, torch.float32) for name in ("sgd", "adam")}
    worst = {kind: max(max(one.values()) for one in found.values()) for kind, found in
             (("double", double), ("single", single))}  # fmt: skip
    yield lab.prose(
        "The optimisation is the same too. Computed now: from the same weights and the same "
        "minibatches, 20 steps by hand and 20 by autograd and torch.optim end in parameters that "
        "differ by {double} at most in double precision and by {single} in single precision."
        if worst["double"] < 1e-9
        else "The optimisation is *not* the same: after 20 steps in double precision the "
        "parameters differ by {double}, in single precision by {single}.",
        double=lab.numbers.power_of_ten(worst["double"]),
        single=lab.numbers.power_of_ten(worst["single"]),
    )
    yield _steps_table(lab, double, single)


def _steps_table(
    lab: LabStory, double: dict[str, dict[int, float]], single: dict[str, dict[int, float]]
) -> Table:
    rows = [
        Row(
            header=f"{lab.numbers.setting(optimizer)} · {precision}",
            cells=[
                Cell(text=lab.numbers.power_of_ten(steps[optimizer][depth])) for depth in DEPTHS
            ],
        )
        for optimizer in ("sgd", "adam")
        for precision, steps in (("float64", double), ("float32", single))
    ]
    return Table(
        name="steps",
        caption=lab.say("Largest difference between the parameters after 20 steps, 100 units"),
        corner=lab.say("optimizer and precision"),
        across=lab.say("hidden layers"),
        columns=[str(depth) for depth in DEPTHS],
        rows=rows,
    )


def whole_epochs(lab: LabStory) -> Iterator[Block]:
    """How far rounding takes both derivations apart in a whole epoch, from the records."""
    story = lab.study(DERIVATIONS)
    gaps = _loss_gaps(story)
    if not gaps:
        return
    ordered = sorted(gaps, key=lambda item: item[0])
    low, high = ordered[0], ordered[-1]
    middle = ordered[len(ordered) // 2]
    text = lab.say(
        "Over {n} pairs of models, each trained on the same minibatches from the same weights in "
        "single precision (epochs: {epochs}), the last validation losses differ by {low} to {high} "
        "nats (median {median}). Both round, in another order; each step carries the difference "
        "on, and ReLUs that switch make it grow. The largest is that of {cell}. That this is "
        "rounding and no error of either shows above: in double precision both stay together."
    )
    write = lab.numbers.decimal
    yield Paragraph(
        title=lab.say("A whole training"),
        text=text.format(
            n=len(gaps),
            epochs=story.record.config.get("epochs"),
            low=lab.numbers.power_of_ten(low[0]),
            high=write(high[0], 4),
            median=lab.numbers.power_of_ten(middle[0]),
            cell=high[1],
        ),
    )


def _loss_gaps(story: Story) -> list[tuple[float, str]]:
    """For each pair and seed: how far the last validation losses are apart, and which cell."""
    found = []
    for pair in pairs(story):
        by_seed = {run.seed: run for run in pair.autograd.runs}
        for run in pair.hand.runs:
            twin = by_seed.get(run.seed)
            if twin is None or not run.epochs or not twin.epochs:
                continue
            ours, theirs = run.epochs[-1].validation_loss, twin.epochs[-1].validation_loss
            if ours is not None and theirs is not None:
                name = story.describe(run.cell, without=["derivation"])
                found.append((abs(ours - theirs), name))
    return found


def speed(lab: LabStory) -> Iterator[Block]:
    """Which derivation is faster, by depth and width."""
    story = lab.study(DERIVATIONS)
    found = pairs(story)
    if not found:
        text = lab.say("No pair of models, by hand and by autograd, is finished yet.")
        yield Paragraph(text=text)
        return
    yield Paragraph(text=speed_sentences(story, found))
    yield Paragraph(text=" ".join(_speed_by_width(lab, story)))
    yield from only("picture", lab.blocks(story, speed_section))
    yield _seconds_table(lab, story, found)


def _seconds_table(lab: LabStory, story: Story, found: Sequence[Pair]) -> Table:
    """Seconds by hand and by autograd, and their ratio, for every pair."""
    widths = story.values("width")
    rows: dict[str, dict[int, Cell]] = {}
    for pair in found:
        name = story.describe(pair.hand.cell, without=["derivation", "width"])
        write = lab.numbers.significant
        text = f"{write(pair.hand.mean or 0.0)} / {write(pair.autograd.mean or 0.0)}"
        text += f" ({lab.numbers.decimal(pair.ratio, 2)})"
        cell = Cell(text=text.replace(" ", NO_BREAK), link=story.anchor(pair.hand))
        rows.setdefault(name, {})[pair.hand.cell["width"]] = cell
    missing = Cell(text="—", mark="absent", spoken=lab.say("not in the grid"))
    return Table(
        name="seconds",
        caption=lab.say("Training time per epoch (s): by hand / by autograd (their ratio)"),
        corner=lab.say("network"),
        across=story.setting_name("width"),
        columns=[story.setting("width", width) for width in widths],
        rows=[
            Row(header=name, cells=[cells.get(width, missing) for width in widths])
            for name, cells in rows.items()
        ],
        notes=[lab.say("Lower is better; above 1, autograd takes longer.")],
    )


def _speed_by_width(lab: LabStory, story: Story) -> Iterator[str]:
    """The ratio of the narrowest and of the widest networks, and the reason it suggests."""
    ratios: dict[int, list[float]] = {}
    for pair in pairs(story):
        ratios.setdefault(pair.hand.cell.get("width", 0), []).append(pair.ratio)
    if len(ratios) > 1:
        narrow, wide = min(ratios), max(ratios)
        means = {width: sum(ratios[width]) / len(ratios[width]) for width in (narrow, wide)}
        text = lab.say(
            "With {narrow} units autograd takes {high} times the time by hand on average, with "
            "{wide} units {low} times. What autograd adds, recording every operation and calling "
            "many small ones, is nearly the same for each step, so it weighs on small networks; "
            "in wide ones the matrix products take the time, and they are the same."
            if means[narrow] > means[wide] and means[narrow] > 1
            else "With {narrow} units autograd takes {high} times the time by hand on average, "
            "with {wide} units {low} times: here autograd’s overhead in each step is not what "
            "decides."
        )
        yield text.format(
            narrow=narrow,
            wide=wide,
            high=lab.numbers.decimal(means[narrow], 2),
            low=lab.numbers.decimal(means[wide], 2),
        )
    yield lab.say(
        "By hand also costs more of a person’s time: every new layer needs its derivative, and a "
        "proof that it is right."
    )


# --- b: depth and width ---------------------------------------------------------------------------


def setting(lab: LabStory) -> Iterator[Block]:
    """How the networks of the search are trained."""
    story = lab.study(STUDY)
    training = story.record.config.get("training") or {}
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
            rates=story.setting("learning_rate", training.get("learning_rate")),
            epochs=story.record.config.get("epochs"),
            gradient=story.gradient_sentence(),
        )
    )


def discussion(lab: LabStory) -> Iterator[Block]:
    """What width and depth do to the fit, and what the best network costs."""
    story = lab.study(STUDY)
    best = best_cell(story)
    if story.unfinished or best is None:
        yield Paragraph(text=lab.say("The discussion is written once the study is finished."))
        return
    for name, title in (("sgd", "SGD"), ("adam", "Adam")):
        part = of_optimizer(story, name)
        if texts := [*_gap_by_width(part), *_price(part)]:
            yield Paragraph(title=title, text=" ".join(texts))
    for section in influence_sections(_best_only(story))[1:]:
        yield from only("picture", section.blocks)


def _best_only(story: Story) -> Story:
    """The models of the optimizer with the best cell."""
    best = best_cell(story)
    assert best is not None
    return of_optimizer(story, str(best.cell.get("optimizer")))


def _gap(cell: CellSummary) -> float | None:
    """How far train is above validation at the last epoch, a mean over the seeds."""
    gaps = []
    for run in cell.runs:
        last = run.epochs[-1] if run.epochs else None
        if last is None or last.train_accuracy is None or last.validation_accuracy is None:
            return None
        gaps.append(last.train_accuracy - last.validation_accuracy)
    return sum(gaps) / len(gaps)


def _gap_by_width(story: Story) -> Iterator[str]:
    """Whether the gap between train and validation grows with the width, at every depth."""
    grew, lines = [], []
    for depth in story.values("depth"):
        cells = {cell.cell["width"]: cell for cell in story.cells if cell.cell["depth"] == depth}
        known = {width: gap for width, cell in cells.items() if (gap := _gap(cell)) is not None}
        if len(known) < 2:
            return
        narrow, wide = known[min(known)], known[max(known)]
        grew.append(wide > narrow)
        lines.append(
            story.say("{depth}: from {narrow} to {wide}").format(
                depth=story.phrase("depth", depth),
                narrow=story.points(narrow),
                wide=story.points(wide),
            )
        )
    text = story.say(
        "From the narrowest to the widest network the gap between train and validation grows "
        "({lines}): more units fit the training images more closely, the beginning of overfitting."
        if all(grew)
        else "From the narrowest to the widest network the gap between train and validation does "
        "not grow at every depth ({lines})."
    )
    yield text.format(lines=story.say("; ").join(lines))


def _price(story: Story) -> Iterator[str]:
    """The cheapest cell that chance does not tell from the best one."""
    best, n = best_cell(story), story.validation_images
    if best is None or best.mean is None or not n:
        return
    near = [
        (seconds, cell)
        for cell in story.cells
        if cell.mean is not None
        and best.mean - cell.mean <= chance_margin(best.mean, cell.mean, n)
        and (seconds := _seconds(cell)) is not None
    ]
    dear = _seconds(best)
    if not near or dear is None:
        return
    seconds, cheap = min(near, key=lambda item: item[0])
    text = story.say(
        "The best network, {best}, takes {dear} s of training per epoch; {cheap} takes {seconds} s "
        "and is {points} below, which the choice of the validation images may explain."
        if cheap is not best
        else "The best network, {best}, takes {dear} s of training per epoch, and no cheaper one "
        "is within what the choice of the validation images leaves to chance."
    )
    yield text.format(
        best=without_optimizer(story, best),
        dear=story.numbers.significant(dear),
        cheap=without_optimizer(story, cheap),
        seconds=story.numbers.significant(seconds),
        points=story.points(best.mean - (cheap.mean or 0.0)),
    )


def _seconds(cell: CellSummary) -> float | None:
    known = [run.train_s_per_epoch for run in cell.runs if run.train_s_per_epoch]
    return sum(known) / len(known) if len(known) == len(cell.runs) else None


def beside_the_linear_model(lab: LabStory) -> Iterator[Block]:
    """The best MLP beside the best logistic regression, on the same test images."""
    deep, linear = lab.study(STUDY), lab.study(LOGISTIC)
    tested = [_best_test(story) for story in (deep, linear)]
    if None in tested or deep.info is None:
        return
    (ours, cell), (theirs, _) = (one for one in tested if one is not None)
    margin = chance_margin(ours, theirs, deep.info.n_test)
    text = lab.say(
        "On the test set the best network ({cell}) has {ours}, the best logistic regression of "
        "part 2 {theirs}: {points} more, which is larger than the {margin} that the test images "
        "leave to chance (95 %, binomial). The hidden layers are worth their cost."
        if ours - theirs > margin
        else "On the test set the best network ({cell}) has {ours}, the best logistic regression "
        "of part 2 {theirs}: the hidden layers bring nothing that the test images could tell from "
        "chance ({margin}; 95 %, binomial)."
    )
    yield Paragraph(
        title=lab.say("Beside logistic regression"),
        text=text.format(
            cell=cell,
            ours=lab.numbers.percent(ours),
            theirs=lab.numbers.percent(theirs),
            points=deep.points(abs(ours - theirs)),
            margin=deep.points(margin),
        ),
    )


def _best_test(story: Story) -> tuple[float, str] | None:
    """The mean test accuracy of the best cell on validation, and its name."""
    best = best_cell(story)
    tested: Sequence[float] = test_accuracies(best) if best is not None else []
    if best is None or not tested:
        return None
    return mean_and_deviation(tested)[0], story.describe(best.cell)
