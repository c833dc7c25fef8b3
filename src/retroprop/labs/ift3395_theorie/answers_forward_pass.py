"""The sheet, question 2 (a) to (c), (g) and (h): the network, its loss and its parameters."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from retroprop.byhand import losses
from retroprop.calculus import functions
from retroprop.labs.ift3395_theorie import network
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.network import Network, draw_network
from retroprop.labs.ift3395_theorie.proved_question import Check, Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, Matrix, sp
from retroprop.languages import say_later

ANY_SIZE = say_later("for all dimensions $d$, $d_h$ and $m$")
TORCH = say_later("torch")

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


HIDDEN = ProvedQuestion(
    name="2a",
    points=2,
    title="The hidden layer",
    task="$bW^((1))$ is $d_h times d$. Give the dimension of $bb^((1))$, the pre-activations "
    "$bh^a$ as a matrix expression and element by element, and $bh^s$ from $bh^a$.",
    answer="underbrace(bh^a, d_h times 1) = underbrace(bW^((1)), d_h times d) "
    "underbrace(bx, d times 1) + underbrace(bb^((1)), d_h times 1), quad "
    "bh^s = sigma(bh^a)",
    steps=(
        Step(
            "$bW^((1)) bx$ has $d_h$ rows and one column; the bias is added to it, so $bb^((1))$ "
            "has $d_h$ components.",
            "bh^a = bW^((1)) bx + bb^((1))",
        ),
        Step(
            "Row $j$ of the matrix times the vector, plus its bias:",
            "bh_j^a = sum_(l = 1)^d bW_(j l)^((1)) bx_l + bb_j^((1)), quad j = 1, dots, d_h",
        ),
        Step(
            "The non-linearity acts on each component:",
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
            claim="hᵃ and hˢ: matrices, elements, byhand",
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

OUTPUT = ProvedQuestion(
    name="2b",
    points=2,
    title="The output layer",
    task="Give the dimensions of $bW^((2))$ and $bb^((2))$, and the activations $bo^a$ of the "
    "output neurons from $bh^s$: the matrix expression, then $bo_k^a$.",
    answer="underbrace(bo^a, m times 1) = underbrace(bW^((2)), m times d_h) "
    "underbrace(bh^s, d_h times 1) + underbrace(bb^((2)), m times 1)",
    steps=(
        Step(
            "There are $m$ output neurons, each connected to the $d_h$ hidden ones, so $bW^((2))$ "
            "is $m times d_h$ and $bb^((2))$ has $m$ components.",
            "bo^a = bW^((2)) bh^s + bb^((2))",
        ),
        Step(
            "Neuron $k$ by itself:",
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
            claim="oᵃ: matrices, elements, byhand",
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

PROBABILITIES = ProvedQuestion(
    name="2c",
    points=1,
    title="The outputs are probabilities",
    task="With $bo^s = softmax(bo^a)$, write $bo_k^s$ with exponentials. Prove that the $bo_k^s$ "
    "are positive and sum to 1. Why does it matter?",
    answer="bo_k^s = frac(exp(bo_k^a), sum_(c = 1)^m exp(bo_c^a)) > 0, quad "
    "sum_(k = 1)^m bo_k^s = 1",
    steps=(
        Step(
            "The exponential of a real number is positive, and so is a sum of positive numbers; a "
            "quotient of positive numbers is positive:",
            "exp(bo_k^a) > 0, quad sum_(c = 1)^m exp(bo_c^a) > 0 quad => quad bo_k^s > 0",
        ),
        Step(
            "All have the same denominator, so the numerators add up to it:",
            "sum_(k = 1)^m bo_k^s = frac(sum_(k = 1)^m exp(bo_k^a), sum_(c = 1)^m exp(bo_c^a)) = 1",
        ),
        Step(
            "So they are the probabilities of $m$ exclusive classes: $bo_k^s$ can be read as the "
            "probability of class $k$, and its logarithm is defined, which the cross-entropy "
            "needs."
        ),
    ),
    proofs=(
        Proof(
            claim="sum_(k = 1)^m bo_k^s = 1",
            scope="for every number $m$ of classes",
            sides=lambda: [(sp.Sum(output(_k), (_k, 1, m)), sp.S(1))],
            false="sum_(k = 1)^m bo_k^s = m",
            wrong=lambda: [(sp.Sum(output(_k), (_k, 1, m)), m)],
        ),
        Proof(
            claim="sign(bo_k^s) = 1",
            scope="for $m = 1, 2, 3, 4$ and 5",
            sides=lambda: _signs(sp.exp),
            false="sign(frac(bo_k^a, sum_c bo_c^a)) = 1",
            wrong=lambda: _signs(lambda one: one),
        ),
    ),
    checks=(
        Check(
            claim="the sum and the signs of softmax",
            against="1 and +",
            draw=_draw_logits,
            claimed=lambda z, _: _sum_and_signs(functions.softmax(z)),
            oracle=lambda z, _: [torch.ones_like(z[:, 0]), torch.ones_like(z)],
            wrong=lambda z, _: _sum_and_signs(z / z.sum(-1, keepdim=True)),
        ),
    ),
    code=(CodeLine("calculus.functions", "softmax", "return exponentials.div_(total)"),),
)

LOSS = ProvedQuestion(
    name="2g",
    points=2,
    title="The loss from the activations",
    task="With $L(bx, y) = -log bo_y^s (bx)$, write $L$ directly from the vector $bo^a$.",
    answer="L(bx, y) = -bo_y^a + log sum_(k = 1)^m exp(bo_k^a)",
    steps=(
        Step(
            "Put the softmax in its place:",
            "L(bx, y) = -log frac(exp(bo_y^a), sum_(k = 1)^m exp(bo_k^a))",
        ),
        Step(
            "and the logarithm of the quotient is a difference:",
            "L(bx, y) = -bo_y^a + log sum_(k = 1)^m exp(bo_k^a)",
        ),
    ),
    remark="This form is also the stable one: it never takes the logarithm of a probability that "
    "has vanished.",
    proofs=(
        Proof(
            claim="-log bo_y^s = -bo_y^a + log sum_k exp(bo_k^a)",
            scope="for every number $m$ of classes",
            sides=lambda: [(sp.exp(loss()), sp.exp(-o[_y]) * sp.Sum(sp.exp(o[_c]), (_c, 1, m)))],
            false="-log bo_y^s = bo_y^a + log sum_k exp(bo_k^a)",
            wrong=lambda: [(loss(), o[_y] + sp.log(sp.Sum(sp.exp(o[_c]), (_c, 1, m))))],
            indices={"y": "m"},
        ),
    ),
    checks=(
        Check(
            claim="softmax_cross_entropy",
            against="torch’s cross-entropy",
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


RISK = ProvedQuestion(
    name="2h",
    points=2,
    title="Empirical risk and parameters",
    task="Write the empirical risk $hat(R)$, the set $theta$ of parameters, their number "
    "$n_theta$, and the optimisation problem of training.",
    answer="n_theta = d_h (d + m + 1) + m",
    steps=(
        Step(
            "The empirical risk is the mean loss over the $n$ examples:",
            "hat(R)(theta) = frac(1, n) sum_(i = 1)^n L(bx^((i)), y^((i))) "
            "= -frac(1, n) sum_(i = 1)^n log bo_(y^((i)))^s (bx^((i)))",
        ),
        Step("The parameters are", "theta = {bW^((1)), bb^((1)), bW^((2)), bb^((2))}"),
        Step(
            "and each holds so many numbers:",
            "n_theta = underbrace(d_h d, bW^((1))) + underbrace(d_h, bb^((1))) "
            "+ underbrace(m d_h, bW^((2))) + underbrace(m, bb^((2))) = d_h (d + m + 1) + m",
        ),
        Step("Training looks for", "theta^* in arg min_(theta in RR^(n_theta)) hat(R)(theta)"),
    ),
    remark="With 784 inputs, 100 hidden neurons and 10 classes: 100 × 795 + 10 = 79,510 "
    "parameters.",
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
            claim="n_θ",
            against="the numbers in the parameters of byhand’s MLP",
            draw=draw_network,
            claimed=_formula,
            oracle=_count,
            wrong=lambda net: torch.tensor(float(net.W1.numel() + net.W2.numel())),
            tolerance=0.0,
        ),
        Check(
            claim="R̂, the mean loss",
            against="torch’s cross-entropy",
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

QUESTIONS = (HIDDEN, OUTPUT, PROBABILITIES, LOSS, RISK)
