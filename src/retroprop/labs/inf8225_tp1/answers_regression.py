"""Part 2, the functions to complete: how each works, its source, its equation, its check.

torch is loaded only when an answer is written.
"""

from collections.abc import Iterator

from retroprop.labs.inf8225_tp1.check_table import check_table
from retroprop.labs.source_code import source
from retroprop.report.document import Block, Equation, Paragraph
from retroprop.report.lab_report import LabReport


def theory(lab: LabReport) -> Iterator[Block]:
    """The gradient that the assignment gives, and what it says."""
    yield lab.prose(
        "With $z = theta tilde(bx)$ and $p = softmax(z)$, the loss of one example of class $y$ is "
        "$-log p_y = log sum_k e^(z_k) - z_y$. Its derivative by $z_k$ is $p_k$, from the first "
        "term, less 1 for the true class, from the second. $z_k$ is linear in the row $k$ of "
        "$theta$, with the factor $tilde(bx)$, and the examples add up:"
    )
    yield Equation(
        source="frac(partial cal(L), partial theta) = "
        "sum_(i=1)^N (hat(bp)_i - by_i) tilde(bx)_i^top"
    )
    yield lab.prose(
        "So the gradient is the input, weighted by the error of the prediction: a class that got "
        "too much probability moves away from the image, the true class towards it, and an image "
        "that is predicted with certainty and right moves nothing. The loss is convex in $theta$ "
        "(Bishop, Pattern Recognition and Machine Learning, 2006, 4.3.4)."
    )


def accuracy(lab: LabReport) -> Iterator[Block]:
    """`accuracy` and `accuracy_and_loss_whole_dataset`."""
    from retroprop.labs.inf8225_tp1 import checks, regression

    yield lab.prose(
        "The predicted class is the one with the highest probability, and the true one is where "
        "the one-hot row has its 1. The function also returns both counts: over a whole set the "
        "*counts* are added and divided once, because the mean of the minibatches’ accuracies "
        "would give the images of a short last minibatch more weight."
    )
    yield Equation(source="tau = frac(abs(cal(C)), abs(cal(D)))")
    yield source(regression.accuracy, regression.accuracy_and_loss_whole_dataset)
    yield check_table(
        lab,
        lab.say("Computed now: right predictions among 1,000 random examples"),
        (lab.say("a loop over the examples"), checks.accuracy_by_counting()),
    )


def cross_entropy(lab: LabReport) -> Iterator[Block]:
    """`cross_entropy`."""
    from retroprop.labs.inf8225_tp1 import checks, regression

    yield lab.prose(
        "The negative log-likelihood of a minibatch, summed, with the natural logarithm (nats). "
        "The one-hot row picks the probability of the true class. That may round to 0, and "
        "$log 0$ is infinite: the probability is clamped at $10^(-12)$."
    )
    yield Equation(source="cal(L) = - sum_i sum_k y_(i k) log max(p_(i k), 10^(-12))")
    yield source(regression.cross_entropy)
    yield check_table(
        lab,
        lab.say("Computed now, relative to the value"),
        (lab.say("torch’s cross-entropy of the logits"), checks.cross_entropy_of_torch()),
    )
    text = lab.say(
        "An image whose true class got probability 0 costs {nats} nats instead of infinity. Our "
        "studies take the logarithm from the logits, log p = z − log Σ exp z, which needs no clamp."
    )
    yield Paragraph(text=text.format(nats=lab.numbers.decimal(checks.cross_entropy_of_zero(), 2)))


def softmax(lab: LabReport) -> Iterator[Block]:
    """`softmax`, stable for the document's example."""
    from retroprop.byhand import losses
    from retroprop.labs.inf8225_tp1 import checks, regression

    yield lab.prose(
        "Adding the same number to all logits changes nothing, so the largest is subtracted first: "
        "the largest exponent is then 0, no exponential overflows, and the sum is at least 1, so "
        "no division by 0 is possible."
    )
    yield Equation(source="softmax(z)_k = frac(e^(z_k - m), sum_c e^(z_c - m)) quad m = max_c z_c")
    yield source(regression.softmax, losses.softmax)
    ours, naive = checks.softmax_example()
    text = lab.say(
        "Computed now, for the document’s [1000, 10000, 100000]: ours gives {ours}; exp(x) / "
        "Σ exp(x) without the shift gives {naive}."
    )
    yield Paragraph(text=text.format(ours=_listed(lab, ours), naive=_listed(lab, naive)))
    yield check_table(
        lab,
        lab.say("Computed now, on 1,000 rows in double precision"),
        (lab.say("torch’s softmax"), checks.softmax_of_torch()),
        (lab.say("itself, after adding 100 to all logits"), checks.softmax_shifted()),
    )


def _listed(lab: LabReport, values: list[float]) -> str:
    return "[" + lab.say(", ").join(f"{value:g}" for value in values) + "]"


def inputs_tilde(lab: LabReport) -> Iterator[Block]:
    """`inputs_tilde`."""
    from retroprop.labs.inf8225_tp1 import checks, regression

    yield lab.prose(
        "A column of ones beside the inputs. Its row of $theta$ is then the bias, and one matrix "
        "product does what a product and a sum did:"
    )
    yield Equation(source="tilde(bx) theta = [bx, 1] theta = bx bW + bb")
    yield source(regression.inputs_tilde)
    yield check_table(
        lab,
        lab.say("Computed now, on 32 random images in double precision"),
        (lab.say("the product and the sum apart"), checks.augmented_product()),
    )


def forward(lab: LabReport) -> Iterator[Block]:
    """`LinearModel.__init__` and `forward`."""
    from retroprop.labs.inf8225_tp1 import checks
    from retroprop.labs.inf8225_tp1.regression import LinearModel

    yield lab.prose(
        "784 pixels and the 1 give 785 rows, ten classes ten columns. A minibatch is a matrix with "
        "an image in each row, so its probabilities are one matrix product and a softmax along the "
        "rows; $theta$ is the document’s, transposed. The parameters start near 0, where all "
        "classes are about equally probable."
    )
    yield Equation(source="bP = softmax(tilde(bX) theta) quad (n, 785) (785, 10) = (n, 10)")
    yield source(LinearModel.__init__, LinearModel.forward)
    yield check_table(
        lab,
        lab.say("Computed now, on 32 random images in double precision"),
        (lab.say("torch’s linear map and softmax"), checks.regression_forward()),
    )


def gradient(lab: LabReport) -> Iterator[Block]:
    """`LinearModel.get_grads`."""
    from retroprop.labs.inf8225_tp1 import checks
    from retroprop.labs.inf8225_tp1.regression import LinearModel

    yield lab.prose(
        "The sum over the examples of the outer products is one matrix product. As in the "
        "document, it is the *sum* over the minibatch and no mean: with the same learning rate, "
        "SGD’s step for a minibatch of 1,000 images is 1,000 times that of their mean gradient. "
        "linear_weight_gradient is this product, for one model or for many side by side."
    )
    yield Equation(source="frac(partial cal(L), partial theta) = tilde(bX)^top (bP - bY)")
    yield source(LinearModel.get_grads)
    found = checks.regression_gradient()
    yield check_table(
        lab,
        lab.say("Computed now: the gradient of 32 random images in double precision"),
        (lab.say("autograd, all 7,850 entries"), found["autograd"]),
        (lab.say("central differences, 100 random entries"), found["differences"]),
    )


def sgd(lab: LabReport) -> Iterator[Block]:
    """`LinearModel.sgd_update`."""
    from retroprop.byhand.optimizers import SGD
    from retroprop.labs.inf8225_tp1 import checks
    from retroprop.labs.inf8225_tp1.regression import LinearModel

    yield lab.prose("A step against the gradient, in place:")
    yield Equation(source="theta <- theta - eta frac(partial cal(L), partial theta)")
    yield source(LinearModel.sgd_update, SGD.step)
    yield check_table(
        lab,
        lab.say("Computed now: the parameters after 20 steps in double precision"),
        ("torch.optim.SGD", checks.regression_steps("sgd")),
    )


def adam(lab: LabReport) -> Iterator[Block]:
    """`LinearModel.adam_update`, beside algorithm 1 of the paper."""
    from retroprop.byhand.optimizers import Adam
    from retroprop.labs.inf8225_tp1 import checks
    from retroprop.labs.inf8225_tp1.regression import LinearModel

    yield lab.prose(
        "Adam (Kingma & Ba, 2015, algorithm 1) keeps two moving averages of each entry of the "
        "gradient $g_t$: $m_t$ of its value and $v_t$ of its square. Both start at 0 and are "
        "therefore too small at first; a division corrects that (section 3 of the paper). The step "
        "divides one by the root of the other, so that each parameter has a rate of its own:"
    )
    yield Equation(
        source="m_t &= beta_1 m_(t-1) + (1 - beta_1) g_t quad "
        "hat(m)_t = frac(m_t, 1 - beta_1^t) \\ "
        "v_t &= beta_2 v_(t-1) + (1 - beta_2) g_t^2 quad hat(v)_t = frac(v_t, 1 - beta_2^t) \\ "
        "theta_t &= theta_(t-1) - eta frac(hat(m)_t, sqrt(hat(v)_t) + epsilon)"
    )
    yield lab.prose(
        "with the paper’s $beta_1 = 0.9$, $beta_2 = 0.999$ and $epsilon = 10^(-8)$. Ours makes "
        "these steps in fewer passes over the memory. Both corrections are numbers, so they are "
        "applied as numbers (end of section 2 of the paper); and the decay of $v$ is kept as a "
        "number too, $v = d V$, so that a step passes over $V$ once."
    )
    yield source(LinearModel.adam_update, Adam.step)
    yield check_table(
        lab,
        lab.say("Computed now: the parameters after 20 steps in double precision"),
        (lab.say("algorithm 1 of the paper, line by line"), checks.adam_of_the_paper()),
        ("torch.optim.Adam", checks.regression_steps("adam")),
    )
    text = lab.say(
        "Adam’s step does not depend on the scale of the gradient (section 2.1 of the paper). "
        "Computed now: with all gradients 200 times as large, 20 steps lead {adam} times as far, "
        "and those of SGD {sgd} times. So it matters little to Adam whether the gradient of a "
        "minibatch is summed or averaged; to SGD it is a learning rate times the batch size."
    )
    yield Paragraph(
        text=text.format(
            adam=lab.numbers.decimal(checks.scaled_gradients("adam"), 2),
            sgd=lab.numbers.decimal(checks.scaled_gradients("sgd"), 2),
        )
    )


def train(lab: LabReport) -> Iterator[Block]:
    """`train`, and why it keeps a copy."""
    from retroprop.labs.inf8225_tp1 import checks, regression

    yield lab.prose(
        "Epoch 0 evaluates the untrained model; each later epoch passes once over the minibatches, "
        "forward, gradient, step, and evaluates on the whole training and validation sets. The "
        "best model on validation is returned. It must be a *copy*: in the document "
        "best_model = model names the object that goes on training, so what comes back, and is "
        "tested, is always the model of the last epoch."
    )
    yield source(regression.train_by)
    kept = checks.best_model_kept()
    percent = lab.numbers.percent
    yield Paragraph(
        text=lab.say(
            "Computed now, on 64 made-up images with a learning rate that is too large: after the "
            "epochs from 0 the validation accuracy is {all}. train returns {returned} and a model "
            "that has {copy}; the model that went on training has {live}."
        ).format(
            all=lab.say(", ").join(percent(value, digits=1) for value in kept.accuracies),
            returned=percent(kept.returned, digits=1),
            copy=percent(kept.of_copy, digits=1),
            live=percent(kept.of_live_model, digits=1),
        )
    )
