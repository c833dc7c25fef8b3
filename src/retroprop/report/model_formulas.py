"""The formulas of "What was trained", each once; `studies.kinds` says which a kind shows.

Each is written in the notation of `mathematics.notation`, from which come the page's MathML, the
paper's typst, the notebook's LaTeX and the words for a screen reader.

The letters are those of the assignments and of the papers: W and G for softmax regression (INF8225,
part 2), w, t, y and δ = t − y for the perceptron and the network with one hidden layer (Lyon TP,
parts 1 and 2), θ, a, h and φ for the multilayer perceptron (INF8225, part 3), W ∗ H for a
convolution, S patches and C channels for the Mixer (Tolstikhin et al., 2021, equation 1), z for the
scores of the classes.
"""

from typing import Any, NamedTuple

from retroprop.report.document import Block, Equation, Paragraph
from retroprop.report.study_report import StudyReport


class ModelFormula(NamedTuple):
    """A formula, and the words in front of it, which are translated where they are shown."""

    introduction: str
    notation: str


_ADAM = (
    r"m &<- beta_1 m + (1 - beta_1) G \ v &<- beta_2 v + (1 - beta_2) G^2 \ "
    "W &<- W - eta frac(m slash (1 - beta_1^t), sqrt(v slash (1 - beta_2^t)) + epsilon)"
)

FORMULAS = {
    # -- models --------------------------------------------------------------------------------
    "model": ModelFormula(
        "Softmax regression. An image with a 1 appended is the row x̃, W holds one column "
        "for each class, and the model's probability of class k is",
        "p(y = k | tilde(x)) = softmax(tilde(x) W)_k"
        " = frac(exp (tilde(x) W)_k, sum_j exp (tilde(x) W)_j)",
    ),
    "gradient-sum": ModelFormula(
        "With the one-hot label y of each image b of the minibatch B,",
        "G = sum_(b in B) tilde(x)_b^top (p_b - y_b)",
    ),
    "gradient-mean": ModelFormula(
        "With the one-hot label y of each image b of the minibatch B,",
        "G = frac(1, abs(B)) sum_(b in B) tilde(x)_b^top (p_b - y_b)",
    ),
    "perceptron-model": ModelFormula(
        "A perceptron with linear outputs. An image with a 1 appended for the bias is x̃, "
        "and output i is",
        "y_i = sum_j w_(i j) tilde(x)_j, quad y = W tilde(x)",
    ),
    "perceptron-update": ModelFormula(
        "The loss is the squared error ½ Σ (t − y)². With the one-hot target t of one "
        "image, its gradient gives the change",
        "Delta w_(i j) = eta tilde(x)_j (t_i - y_i)",
    ),
    "shallow-model": ModelFormula(
        "A network with one hidden layer of sigmoid units and linear outputs. With a 1 "
        "appended to the image x and to the hidden activities for the biases,",
        r"y_i^((1)) &= frac(1, 1 + exp(-sum_j w_(i j)^((1)) x_j)) \ "
        "y_i^((2)) &= sum_j w_(i j)^((2)) y_j^((1))",
    ),
    "shallow-errors": ModelFormula(
        "The loss is the squared error ½ Σ (t − y)². The error of the outputs, with the "
        "one-hot target t, is propagated back to the hidden units:",
        r"delta_i^((2)) &= t_i - y_i^((2)) \ "
        "delta_i^((1)) &= y_i^((1)) (1 - y_i^((1))) sum_j delta_j^((2)) w_(j i)^((2))",
    ),
    "shallow-update": ModelFormula(
        "Every weight then changes by, with y of layer 0 standing for x,",
        "Delta w_(i j)^((l)) = eta delta_i^((l)) y_j^((l - 1))",
    ),
    "mlp-model": ModelFormula(
        "A multilayer perceptron with L hidden layers. θ holds the weights W and the "
        "biases of a layer, a tilde appends a 1 to a vector, and φ is the activation "
        "function. From the image x, for l = 1, …, L + 1,",
        "h^((0)) = x, quad a^((l)) = theta^((l)) tilde(h)^((l - 1)), quad h^((l)) = phi(a^((l)))",
    ),
    "mlp-backward": ModelFormula(
        "Backpropagation for one image with the one-hot label y, from the outputs to the "
        "first layer:",
        r"delta^((L + 1)) &= f - y \ "
        r"delta^((l)) &= phi'(a^((l))) circle (W^((l + 1)))^top delta^((l + 1)) \ "
        "frac(partial cal(L), partial theta^((l))) &= delta^((l)) (tilde(h)^((l - 1)))^top",
    ),
    "cnn-layer": ModelFormula(
        "A convolutional network (CNN). Each convolution ∗ is followed by the activation "
        "function φ and a max-pooling: 2 × 2, and after the last convolution onto 4 × 4. "
        "Dense layers follow, as in a multilayer perceptron. From the image H of layer 0,",
        "H^((l)) = pool(phi(W^((l)) * H^((l - 1)) + b^((l))))",
    ),
    "resnet-block": ModelFormula(
        "A residual network (He et al., 2016), made of blocks of two convolutions of 3 × 3 "
        "with batch normalisation BN and a shortcut s around them. s is the identity, or "
        "a 1 × 1 convolution with BN where the shape changes:",
        "H' = ReLU(BN(W_2 * ReLU(BN(W_1 * H))) + s(H))",
    ),
    "batch-norm": ModelFormula(
        "Batch normalisation of one channel: m and v are its mean and variance over the "
        "minibatch and all places, and running means of them once the training is over:",
        "BN(h) = gamma frac(h - m, sqrt(v + epsilon)) + beta",
    ),
    "mixer-block": ModelFormula(
        "An MLP-Mixer (Tolstikhin et al., 2021). The image is a matrix X of S tokens, one "
        "for each patch, by C channels. A block mixes the tokens by the same MLP for every "
        "channel c, then the channels by the same MLP for every token s; LN is the layer "
        "normalisation of a token:",
        r"U_(* c) &= X_(* c) + W_2 phi(W_1 LN(X)_(* c)) \ "
        "Y_(s *) &= U_(s *) + W_4 phi(W_3 LN(U)_(s *))",
    ),
    # -- activation functions ------------------------------------------------------------------
    "relu": ModelFormula(
        "The activation function ReLU and its derivative (1 where a > 0, else 0):",
        "phi(a) = max(0, a), quad phi'(a) = bone_(a > 0)",
    ),
    "sigmoid": ModelFormula(
        "The sigmoid and its derivative:",
        "phi(a) = frac(1, 1 + exp(-a)), quad phi'(a) = phi(a) (1 - phi(a))",
    ),
    "gelu": ModelFormula(
        "The activation function GELU, with Φ the normal distribution function:",
        "phi(a) = a Phi(a), quad phi'(a) = Phi(a) + a Phi'(a)",
    ),
    "tanh": ModelFormula(
        "The hyperbolic tangent and its derivative:",
        "phi(a) = tanh a, quad phi'(a) = 1 - phi(a)^2",
    ),
    # -- outputs and losses --------------------------------------------------------------------
    "mlp-softmax": ModelFormula(
        "Softmax outputs, with the cross-entropy in nats as the loss:",
        "f_k = frac(exp a_k^((L + 1)), sum_c exp a_c^((L + 1))), quad cal(L) = -sum_k y_k log f_k",
    ),
    "mlp-linear": ModelFormula(
        "Linear outputs, with the squared error as the loss:",
        "f = a^((L + 1)), quad cal(L) = frac(1, 2) sum_k (f_k - y_k)^2",
    ),
    "cross-entropy": ModelFormula(
        "A softmax turns the score z of each class into a probability, and the loss is the "
        "cross-entropy in nats, with the one-hot label y:",
        "p_k = frac(exp z_k, sum_c exp z_c), quad cal(L) = -sum_k y_k log p_k",
    ),
    "clamped-cross-entropy": ModelFormula(
        "A softmax turns the score z of each class into a probability, which is cut into "
        "the interval from ε to 1 − ε, ε = 10⁻⁹, before the logarithm, as the "
        "assignment’s template has it. With the one-hot label y, the loss in nats is",
        r"p_k &= frac(exp z_k, sum_c exp z_c) \ "
        "cal(L) &= -sum_k y_k log min(1 - epsilon, max(epsilon, p_k))",
    ),
    "label-smoothing": ModelFormula(
        "Label smoothing s gives a part of the label to all K classes, in training alone:",
        "y_k <- (1 - s) y_k + frac(s, K)",
    ),
    # -- optimizers and schedules --------------------------------------------------------------
    "weight-decay": ModelFormula(
        "Weight decay λ is added to the gradient before the step of {optimizers}:",
        "G <- G + lambda W",
    ),
    "sgd": ModelFormula(
        "SGD, with learning rate η, updates",
        "W <- W - eta G",
    ),
    "momentum": ModelFormula(
        "SGD with momentum μ updates",
        "u <- mu u + G, quad W <- W - eta u",
    ),
    "nesterov": ModelFormula(
        "SGD with Nesterov momentum μ (Sutskever et al., 2013) updates",
        "u <- mu u + G, quad W <- W - eta (G + mu u)",
    ),
    "adagrad": ModelFormula(
        "Adagrad (Duchi et al., 2011) updates",
        "s <- s + G^2, quad W <- W - eta frac(G, sqrt(s) + epsilon)",
    ),
    "adam": ModelFormula(
        "Adam (Kingma and Ba, 2015), at step t, updates",
        _ADAM,
    ),
    "adamw": ModelFormula(
        "AdamW (Loshchilov and Hutter, 2019), with weight decay λ, first shrinks the "
        "weights, then makes a step of Adam:",
        rf"W &<- (1 - eta lambda) W \ {_ADAM}",
    ),
    "warmup-cosine": ModelFormula(
        "The learning rate rises in a line over the first w of all S steps, {warmup} of "
        "them, then falls along half a cosine wave to 0 (Loshchilov and Hutter, 2017). At "
        "step s, counted from 0,",
        "eta_s = cases(eta (s + 1) slash w quad & s < w, "
        "frac(1, 2) eta (1 + cos frac(pi (s - w), S - w)) quad & s >= w)",
    ),
}
"""Each formula by its name."""

OF_SETTING = {
    "gradient": {"sum": "gradient-sum", "mean": "gradient-mean"},
    "architecture": {"dense": "mlp-model", "convolutional": "cnn-layer"},
    "output": {"softmax": "mlp-softmax", "linear": "mlp-linear"},
}
"""The formula of a setting's value where it is not named as the value: "adam" needs no entry. An
architecture counts by its first layers."""

_DEFAULTS = {"gradient": "mean", "output": "softmax"}
"""What was trained where an older record does not name the setting."""


def introduced(report: StudyReport, name: str, **words: str) -> list[Block]:
    """A formula after its introduction, in which the words fill the places in braces."""
    formula = FORMULAS[name]
    text = report.say(formula.introduction).format(**words)
    return [Paragraph(text=text), Equation(source=formula.notation, name=name)]


def of_setting(report: StudyReport, key: str, *, without: str = "") -> list[Block]:
    """The formulas of a setting's values in this study; a value without one adds nothing."""
    values = [value or _DEFAULTS.get(key) for value in report.values(key)]
    return [
        block
        for name in dict.fromkeys(formula_of(key, value) for value in values)
        if name in FORMULAS and name != without
        for block in introduced(report, name)
    ]


def formula_of(key: str, value: Any) -> str:
    """The name of the formula of a setting's value, which FORMULAS may not have."""
    return OF_SETTING.get(key, {}).get(value, str(value))
