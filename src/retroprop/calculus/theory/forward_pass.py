"""The sheet, question 2 (a) to (c), (g) and (h): the network, its loss and its parameters."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from retroprop.byhand import losses
from retroprop.calculus import functions
from retroprop.calculus.theory import network
from retroprop.calculus.theory.algebra import Expr, Matrix, sp
from retroprop.calculus.theory.code_lines import CodeLine
from retroprop.calculus.theory.network import Network, draw_network
from retroprop.calculus.theory.question import Check, Proof, Question, Step
from retroprop.mathematics.prose import Words

ANY_SIZE = Words(
    "for all dimensions $d$, $d_h$ and $m$", "pour toutes les dimensions $d$, $d_h$ et $m$"
)
TORCH = Words("torch", "torch")

d, d_h, m = (sp.Symbol(name, integer=True, positive=True) for name in ("d", "d_h", "m"))
j, k, c = (sp.Symbol(name, integer=True, nonnegative=True) for name in "jkc")
_l = sp.Symbol("l", integer=True, nonnegative=True)
W1, b1 = sp.MatrixSymbol("W1", d_h, d), sp.MatrixSymbol("b1", d_h, 1)
W2, b2 = sp.MatrixSymbol("W2", m, d_h), sp.MatrixSymbol("b2", m, 1)
x, hs = sp.MatrixSymbol("x", d, 1), sp.MatrixSymbol("hs", d_h, 1)
o = sp.IndexedBase("o", real=True)
_y, _k, _c = (sp.Symbol(name, integer=True, positive=True) for name in ("y", "k", "c"))


def product_sum(W, v, row: Expr, size: Expr) -> Expr:
    """Σ_l W[row, l] v[l], as the scalar formulas write a product."""
    return sp.Sum(W[row, _l] * v[_l, 0], (_l, 0, size - 1))


def output(index: Expr) -> Expr:
    """oˢ_index = exp(oᵃ_index) / Σ_c exp(oᵃ_c), for a symbolic number of classes."""
    return sp.exp(o[index]) / sp.Sum(sp.exp(o[_c]), (_c, 1, m))


def loss() -> Expr:
    """−ln oˢ_y."""
    return -sp.log(output(_y))


def sizes(matrix: Matrix, rows: Expr, columns: Expr | int) -> list[tuple[Expr, Expr]]:
    """The shape of a matrix beside the one that it must have."""
    return [(matrix.shape[0], rows), (matrix.shape[1], sp.sympify(columns))]


def _explicit_outputs(size: int, numerator) -> list[Expr]:
    """numerator(oᵃ_k) / Σ_c numerator(oᵃ_c), for each k."""
    values = [numerator(one) for one in sp.symbols(f"o1:{size + 1}", real=True)]
    return [value / sum(values) for value in values]


def _signs(numerator) -> list[tuple[Expr, Expr]]:
    """The sign of every output beside 1, for m = 1 to 5."""
    return [
        (sp.sign(one), sp.S(1))
        for size in range(1, 6)
        for one in _explicit_outputs(size, numerator)
    ]


def _draw_logits(g: Generator) -> tuple[Tensor, Tensor]:
    z = torch.randn(20, 6, generator=g, dtype=torch.float64) * 10
    return z, torch.randint(6, (20,), generator=g)


def _sum_and_signs(p: Tensor) -> list[Tensor]:
    return [p.sum(-1), (p > 0).double()]


HIDDEN = Question(
    name="2a",
    points=2,
    title=Words("The hidden layer", "La couche cachée"),
    task=Words(
        "$bW^((1))$ is $d_h times d$. Give the dimension of $bb^((1))$, the pre-activations "
        "$bh^a$ as a matrix expression and element by element, and $bh^s$ from $bh^a$.",
        "$bW^((1))$ est $d_h times d$. Donner la dimension de $bb^((1))$, les pré-activations "
        "$bh^a$ en calcul matriciel puis élément par élément, et $bh^s$ en fonction de $bh^a$.",
    ),
    answer="underbrace(bh^a, d_h times 1) = underbrace(bW^((1)), d_h times d) "
    "underbrace(bx, d times 1) + underbrace(bb^((1)), d_h times 1), quad "
    "bh^s = sigma(bh^a)",
    steps=(
        Step(
            Words(
                "$bW^((1)) bx$ has $d_h$ rows and one column; the bias is added to it, so "
                "$bb^((1))$ has $d_h$ components.",
                "$bW^((1)) bx$ a $d_h$ lignes et une colonne ; on lui ajoute le biais, donc "
                "$bb^((1))$ a $d_h$ composantes.",
            ),
            "bh^a = bW^((1)) bx + bb^((1))",
        ),
        Step(
            Words(
                "Row $j$ of the matrix times the vector, plus its bias:",
                "La ligne $j$ de la matrice fois le vecteur, plus son biais :",
            ),
            "bh_j^a = sum_(l = 1)^d bW_(j l)^((1)) bx_l + bb_j^((1)), quad j = 1, dots, d_h",
        ),
        Step(
            Words(
                "The non-linearity acts on each component:",
                "La non-linéarité s’applique élément par élément :",
            ),
            "bh_j^s = sigma(bh_j^a) = frac(1, 1 + exp(-bh_j^a))",
        ),
    ),
    proofs=(
        Proof(
            claim="(bW^((1)) bx + bb^((1)))_j = sum_l bW_(j l)^((1)) bx_l + bb_j^((1))",
            scope=ANY_SIZE,
            sides=lambda: [
                ((W1 * x + b1)[j, 0], product_sum(W1, x, j, d) + b1[j, 0]),
                *sizes(W1 * x + b1, d_h, 1),
            ],
            false="(bW^((1)) bx + bb^((1)))_j = sum_l bW_(j l)^((1)) bx_l",
            wrong=lambda: [((W1 * x + b1)[j, 0], product_sum(W1, x, j, d))],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        Check(
            claim=Words(
                "hᵃ and hˢ: matrices, elements, byhand", "hᵃ et hˢ : matrices, éléments, byhand"
            ),
            against=TORCH,
            draw=draw_network,
            claimed=lambda net: [
                *network.forward(net)[:2],
                *network.forward_by_elements(net)[:2],
                *network.forward_by_hand(net)[:2],
            ],
            oracle=lambda net: [*network.forward_by_torch(net)[:2]] * 3,
            wrong=lambda net: [*network.forward(net._replace(b1=0 * net.b1))[:2]] * 3,
        ),
    ),
    code=(
        CodeLine("byhand.linear", "Linear.forward", "return torch.addmm(self.b, x, self.W), x"),
        CodeLine("byhand.activations", "Sigmoid.forward_", "y = x.sigmoid_()"),
    ),
)

OUTPUT = Question(
    name="2b",
    points=2,
    title=Words("The output layer", "La couche de sortie"),
    task=Words(
        "Give the dimensions of $bW^((2))$ and $bb^((2))$, and the activations $bo^a$ of the "
        "output neurons from $bh^s$: the matrix expression, then $bo_k^a$.",
        "Donner les dimensions de $bW^((2))$ et $bb^((2))$, et les activations $bo^a$ des "
        "neurones de sortie à partir de $bh^s$ : l’expression matricielle, puis $bo_k^a$.",
    ),
    answer="underbrace(bo^a, m times 1) = underbrace(bW^((2)), m times d_h) "
    "underbrace(bh^s, d_h times 1) + underbrace(bb^((2)), m times 1)",
    steps=(
        Step(
            Words(
                "There are $m$ output neurons, each connected to the $d_h$ hidden ones, so "
                "$bW^((2))$ is $m times d_h$ and $bb^((2))$ has $m$ components.",
                "Il y a $m$ neurones de sortie, chacun relié aux $d_h$ neurones cachés, donc "
                "$bW^((2))$ est $m times d_h$ et $bb^((2))$ a $m$ composantes.",
            ),
            "bo^a = bW^((2)) bh^s + bb^((2))",
        ),
        Step(
            Words("Neuron $k$ by itself:", "Pour le seul neurone $k$ :"),
            "bo_k^a = sum_(j = 1)^(d_h) bW_(k j)^((2)) bh_j^s + bb_k^((2)), quad k = 1, dots, m",
        ),
    ),
    proofs=(
        Proof(
            claim="(bW^((2)) bh^s + bb^((2)))_k = sum_j bW_(k j)^((2)) bh_j^s + bb_k^((2))",
            scope=ANY_SIZE,
            sides=lambda: [
                ((W2 * hs + b2)[k, 0], product_sum(W2, hs, k, d_h) + b2[k, 0]),
                *sizes(W2 * hs + b2, m, 1),
            ],
            false="(bW^((2)) bh^s + bb^((2)))_k = sum_j bW_(k j)^((2)) bh_j^s",
            wrong=lambda: [((W2 * hs + b2)[k, 0], product_sum(W2, hs, k, d_h))],
            indices={"k": "m"},
        ),
    ),
    checks=(
        Check(
            claim=Words("oᵃ: matrices, elements, byhand", "oᵃ : matrices, éléments, byhand"),
            against=TORCH,
            draw=draw_network,
            claimed=lambda net: [
                network.forward(net).oa,
                network.forward_by_elements(net).oa,
                network.forward_by_hand(net).oa,
            ],
            oracle=lambda net: [network.forward_by_torch(net).oa] * 3,
            wrong=lambda net: [network.forward(net._replace(b2=0 * net.b2)).oa] * 3,
        ),
    ),
    code=(CodeLine("byhand.linear", "Linear.forward", "return torch.addmm(self.b, x, self.W), x"),),
)

PROBABILITIES = Question(
    name="2c",
    points=1,
    title=Words("The outputs are probabilities", "Les sorties sont des probabilités"),
    task=Words(
        "With $bo^s = softmax(bo^a)$, write $bo_k^s$ with exponentials. Prove that the $bo_k^s$ "
        "are positive and sum to 1. Why does it matter?",
        "Avec $bo^s = softmax(bo^a)$, préciser $bo_k^s$ avec des exponentielles. Démontrer que "
        "les $bo_k^s$ sont positifs et somment à 1. Pourquoi est-ce important ?",
    ),
    answer="bo_k^s = frac(exp(bo_k^a), sum_(c = 1)^m exp(bo_c^a)) > 0, quad "
    "sum_(k = 1)^m bo_k^s = 1",
    steps=(
        Step(
            Words(
                "The exponential of a real number is positive, and so is a sum of positive "
                "numbers; a quotient of positive numbers is positive:",
                "L’exponentielle d’un réel est positive, une somme de nombres positifs aussi ; un "
                "quotient de nombres positifs est positif :",
            ),
            "exp(bo_k^a) > 0, quad sum_(c = 1)^m exp(bo_c^a) > 0 quad => quad bo_k^s > 0",
        ),
        Step(
            Words(
                "All have the same denominator, so the numerators add up to it:",
                "Tous ont le même dénominateur, et la somme des numérateurs lui est égale :",
            ),
            "sum_(k = 1)^m bo_k^s = frac(sum_(k = 1)^m exp(bo_k^a), sum_(c = 1)^m exp(bo_c^a)) = 1",
        ),
        Step(
            Words(
                "So they are the probabilities of $m$ exclusive classes: $bo_k^s$ can be read as "
                "the probability of class $k$, and its logarithm is defined, which the "
                "cross-entropy needs.",
                "Ce sont donc les probabilités de $m$ classes exclusives : $bo_k^s$ peut se lire "
                "comme la probabilité de la classe $k$, et son logarithme est défini, ce que "
                "demande l’entropie croisée.",
            ),
        ),
    ),
    proofs=(
        Proof(
            claim="sum_(k = 1)^m bo_k^s = 1",
            scope=Words("for every number $m$ of classes", "pour tout nombre $m$ de classes"),
            sides=lambda: [(sp.Sum(output(_k), (_k, 1, m)), sp.S(1))],
            false="sum_(k = 1)^m bo_k^s = m",
            wrong=lambda: [(sp.Sum(output(_k), (_k, 1, m)), m)],
        ),
        Proof(
            claim="sign(bo_k^s) = 1",
            scope=Words("for $m = 1, 2, 3, 4$ and 5", "pour $m = 1, 2, 3, 4$ et 5"),
            sides=lambda: _signs(sp.exp),
            false="sign(frac(bo_k^a, sum_c bo_c^a)) = 1",
            wrong=lambda: _signs(lambda one: one),
        ),
    ),
    checks=(
        Check(
            claim=Words("the sum and the signs of softmax", "la somme et les signes de softmax"),
            against=Words("1 and +", "1 et +"),
            draw=_draw_logits,
            claimed=lambda z, _: _sum_and_signs(functions.softmax(z)),
            oracle=lambda z, _: [torch.ones_like(z[:, 0]), torch.ones_like(z)],
            wrong=lambda z, _: _sum_and_signs(z / z.sum(-1, keepdim=True)),
        ),
    ),
    code=(CodeLine("calculus.functions", "softmax", "return exponentials.div_(total)"),),
)

LOSS = Question(
    name="2g",
    points=2,
    title=Words("The loss from the activations", "La perte en fonction des activations"),
    task=Words(
        "With $L(bx, y) = -log bo_y^s (bx)$, write $L$ directly from the vector $bo^a$.",
        "Avec $L(bx, y) = -log bo_y^s (bx)$, préciser $L$ directement en fonction du vecteur "
        "$bo^a$.",
    ),
    answer="L(bx, y) = -bo_y^a + log sum_(k = 1)^m exp(bo_k^a)",
    steps=(
        Step(
            Words("Put the softmax in its place:", "On y substitue le softmax :"),
            "L(bx, y) = -log frac(exp(bo_y^a), sum_(k = 1)^m exp(bo_k^a))",
        ),
        Step(
            Words(
                "and the logarithm of the quotient is a difference:",
                "et le logarithme du quotient est une différence :",
            ),
            "L(bx, y) = -bo_y^a + log sum_(k = 1)^m exp(bo_k^a)",
        ),
    ),
    remark=Words(
        "This form is also the stable one: it never takes the logarithm of a probability that "
        "has vanished.",
        "Cette forme est aussi la forme stable : elle ne prend jamais le logarithme d’une "
        "probabilité qui s’est annulée.",
    ),
    proofs=(
        Proof(
            claim="-log bo_y^s = -bo_y^a + log sum_k exp(bo_k^a)",
            scope=Words("for every number $m$ of classes", "pour tout nombre $m$ de classes"),
            sides=lambda: [
                (
                    sp.exp(loss()),
                    sp.exp(-o[_y]) * sp.Sum(sp.exp(o[_c]), (_c, 1, m)),
                )
            ],
            false="-log bo_y^s = bo_y^a + log sum_k exp(bo_k^a)",
            wrong=lambda: [(loss(), o[_y] + sp.log(sp.Sum(sp.exp(o[_c]), (_c, 1, m))))],
            indices={"y": "m"},
        ),
    ),
    checks=(
        Check(
            claim=Words("softmax_cross_entropy", "softmax_cross_entropy"),
            against=Words("torch’s cross-entropy", "l’entropie croisée de torch"),
            draw=_draw_logits,
            claimed=lambda z, y: [
                (torch.logsumexp(z, -1) - z.gather(-1, y[:, None])[:, 0]).sum(),
                losses.softmax_cross_entropy(z, losses.one_hot(y, 6, z.dtype)),
            ],
            oracle=lambda z, y: [F.cross_entropy(z, y, reduction="sum")] * 2,
            wrong=lambda z, y: (
                [(torch.logsumexp(z, -1) + z.gather(-1, y[:, None])[:, 0]).sum()] * 2
            ),
        ),
    ),
    code=(
        CodeLine(
            "byhand.losses",
            "softmax_cross_entropy",
            "return -(targets * log_softmax(z)).sum((-2, -1))",
        ),
        CodeLine(
            "byhand.losses",
            "cross_entropy_and_hits",
            "return (log_sum - of_label).sum(-1, dtype=torch.float64), "
            "(predicted == labels).sum(-1)",
        ),
    ),
)


def _entries(*matrices) -> Expr:
    """How many numbers the matrices hold."""
    return sum((one.shape[0] * one.shape[1] for one in matrices), sp.S(0))


def _draw_batch(g: Generator) -> tuple[Network, Tensor, Tensor]:
    (net,) = draw_network(g)
    n = int(torch.randint(1, 6, (), generator=g))
    X = torch.randn(n, len(net.x), generator=g, dtype=torch.float64)
    return net, X, torch.randint(len(net.b2), (n,), generator=g)


def _risk(net: Network, X: Tensor, y: Tensor) -> Tensor:
    """The mean of −ln oˢ_y over the examples, from the definition."""
    terms = [
        network.forward(net._replace(x=one)).os[label].log()
        for one, label in zip(X, y, strict=True)
    ]
    return -torch.stack(terms).sum() / len(X)


def _count(net: Network) -> Tensor:
    return torch.tensor(float(sum(one.numel() for one in network.as_mlp(net).parameters.values())))


def _formula(net: Network) -> Tensor:
    d_h, d = net.W1.shape
    m = len(net.b2)
    return torch.tensor(float(d_h * (d + m + 1) + m))


RISK = Question(
    name="2h",
    points=2,
    title=Words("Empirical risk and parameters", "Risque empirique et paramètres"),
    task=Words(
        "Write the empirical risk $hat(R)$, the set $theta$ of parameters, their number "
        "$n_theta$, and the optimisation problem of training.",
        "Formuler le risque empirique $hat(R)$, l’ensemble $theta$ des paramètres, leur nombre "
        "$n_theta$, et le problème d’optimisation de l’entraînement.",
    ),
    answer="n_theta = d_h (d + m + 1) + m",
    steps=(
        Step(
            Words(
                "The empirical risk is the mean loss over the $n$ examples:",
                "Le risque empirique est la perte moyenne sur les $n$ exemples :",
            ),
            "hat(R)(theta) = frac(1, n) sum_(i = 1)^n L(bx^((i)), y^((i))) "
            "= -frac(1, n) sum_(i = 1)^n log bo_(y^((i)))^s (bx^((i)))",
        ),
        Step(
            Words("The parameters are", "Les paramètres sont"),
            "theta = {bW^((1)), bb^((1)), bW^((2)), bb^((2))}",
        ),
        Step(
            Words("and each holds so many numbers:", "et chacun contient tant de nombres :"),
            "n_theta = underbrace(d_h d, bW^((1))) + underbrace(d_h, bb^((1))) "
            "+ underbrace(m d_h, bW^((2))) + underbrace(m, bb^((2))) = d_h (d + m + 1) + m",
        ),
        Step(
            Words("Training looks for", "L’entraînement cherche"),
            "theta^* in arg min_(theta in RR^(n_theta)) hat(R)(theta)",
        ),
    ),
    remark=Words(
        "With 784 inputs, 100 hidden neurons and 10 classes: 100 × 795 + 10 = 79,510 parameters.",
        "Avec 784 entrées, 100 neurones cachés et 10 classes : 100 × 795 + 10 = 79 510 paramètres.",
    ),
    proofs=(
        Proof(
            claim="n_theta = d_h (d + m + 1) + m",
            scope=ANY_SIZE,
            sides=lambda: [(_entries(W1, b1, W2, b2), d_h * (d + m + 1) + m)],
            false="n_theta = d_h (d + m)",
            wrong=lambda: [(_entries(W1, b1, W2, b2), d_h * (d + m))],
        ),
    ),
    checks=(
        Check(
            claim=Words("n_θ", "n_θ"),
            against=Words(
                "the numbers in the parameters of byhand’s MLP",
                "les nombres dans les paramètres du MLP de byhand",
            ),
            draw=draw_network,
            claimed=_formula,
            oracle=_count,
            wrong=lambda net: torch.tensor(float(net.W1.numel() + net.W2.numel())),
            tolerance=0.0,
        ),
        Check(
            claim=Words("R̂, the mean loss", "R̂, la perte moyenne"),
            against=Words("torch’s cross-entropy", "l’entropie croisée de torch"),
            draw=_draw_batch,
            claimed=_risk,
            oracle=lambda net, X, y: F.cross_entropy(network.as_mlp(net).forward(X)[0], y),
            wrong=lambda net, X, y: (len(X) + 1) * _risk(net, X, y),
        ),
    ),
    code=(
        CodeLine(
            "byhand.fast_mlp",
            "FastMLP._loss_gradient",
            'return dz.div_(z.shape[-2]) if reduction == "mean" else dz',
        ),
    ),
)

FIRST = (HIDDEN, OUTPUT, PROBABILITIES)
QUESTIONS = (HIDDEN, OUTPUT, PROBABILITIES, LOSS, RISK)
