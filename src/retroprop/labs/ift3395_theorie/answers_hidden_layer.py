"""The sheet, question 2 (l) to (o): backpropagation through the hidden layer, and beyond it.

2 (p) goes on to the first layer and the input, which the sheet leaves out.
"""

from retroprop.labs.ift3395_theorie import network
from retroprop.labs.ift3395_theorie.answers_backward_pass import (
    MATRIX,
    SCALAR,
    WEIGHT_LINE,
    compare,
    through_outputs,
)
from retroprop.labs.ift3395_theorie.answers_forward_pass import ANY_SIZE, d_h, m, sizes
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.proved_question import Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, Matrix, sigma, sp
from retroprop.languages import say_later

_j, _c, _l = (sp.Symbol(name, integer=True, positive=True) for name in "jcl")
_row, _column = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("k", "j"))
_W, _h, _g, _a = (sp.IndexedBase(name, real=True) for name in ("W", "h", "g", "a"))
G, W = sp.MatrixSymbol("G", m, 1), sp.MatrixSymbol("W", m, d_h)  # ∂L/∂oᵃ and W⁽²⁾
GH, S = sp.MatrixSymbol("GH", d_h, 1), sp.MatrixSymbol("S", d_h, 1)  # ∂L/∂hˢ and σ(hᵃ)
INPUT_LINE = CodeLine("byhand.linear", "linear_input_gradient", "return _product(dz, W.mT)")
SIGMOID_LINE = CodeLine(
    "byhand.activations",
    "Sigmoid.backward_",
    "return dy.mul_(saved.addcmul_(saved, saved, value=-1))",
)


def _through_sigmoid() -> Expr:
    """Σ_l ∂L/∂hˢ_l ∂σ(hᵃ_l)/∂hᵃ_j, with g_l = ∂L/∂hˢ_l and a = hᵃ."""
    return sp.Sum(_g[_l] * sp.diff(sigma(_a[_l]), _a[_j]), (_l, 1, d_h))


HIDDEN_OUTPUTS = ProvedQuestion(
    name="2l",
    points=2,
    title="The outputs of the hidden layer",
    task="Compute $frac(partial L, partial bh_j^s)$: $L$ depends on $bh_j^s$ through all output "
    "activations.",
    answer="frac(partial L, partial bh_j^s) = sum_(k = 1)^m frac(partial L, partial bo_k^a) "
    "bW_(k j)^((2))",
    steps=(
        Step(
            "By 2 (b),",
            "frac(partial bo_k^a, partial bh_j^s) = frac(partial, partial bh_j^s) "
            "(sum_(l = 1)^(d_h) bW_(k l)^((2)) bh_l^s + bb_k^((2))) = bW_(k j)^((2))",
        ),
        Step(
            "and the chain rule gives",
            "frac(partial L, partial bh_j^s) = sum_(k = 1)^m frac(partial L, partial bo_k^a) "
            "frac(partial bo_k^a, partial bh_j^s) "
            "= sum_(k = 1)^m frac(partial L, partial bo_k^a) bW_(k j)^((2))",
        ),
    ),
    proofs=(
        Proof(
            claim="sum_k frac(partial L, partial bo_k^a) frac(partial bo_k^a, partial bh_j^s) "
            "= sum_k frac(partial L, partial bo_k^a) bW_(k j)^((2))",
            scope=ANY_SIZE,
            sides=lambda: [(through_outputs(_h[_j]), sp.Sum(_g[_c] * _W[_c, _j], (_c, 1, m)))],
            false="frac(partial L, partial bh_j^s) = sum_k frac(partial L, partial bo_k^a) "
            "bW_(j k)^((2))",
            wrong=lambda: [(through_outputs(_h[_j]), sp.Sum(_g[_c] * _W[_j, _c], (_c, 1, m)))],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "hs",
            ways=SCALAR,
            claim=say_later("∂L/∂hˢ: by its elements, and by byhand"),
            wrong=lambda net, right: [net.W2.mT @ network.forward(net).os],
        ),
    ),
    code=(INPUT_LINE,),
)

HIDDEN_OUTPUTS_MATRIX = ProvedQuestion(
    name="2m",
    points=2,
    title="The outputs of the hidden layer, as matrices",
    task="Write the gradient of 2 (l) as a matrix expression, with all dimensions.",
    answer="underbrace(frac(partial L, partial bh^s), d_h times 1) "
    "= underbrace((bW^((2)))^top, d_h times m) "
    "underbrace(frac(partial L, partial bo^a), m times 1)",
    steps=(
        Step(
            "The sum of 2 (l) runs over the rows $k$ of $bW^((2))$: it is the product with row $j$ "
            "of the transposed matrix.",
            "sum_(k = 1)^m bW_(k j)^((2)) frac(partial L, partial bo_k^a) "
            "= ((bW^((2)))^top frac(partial L, partial bo^a))_j",
        ),
        Step("$bW^((2))$ carries activities forward, its transpose carries gradients back."),
    ),
    proofs=(
        Proof(
            claim="((bW^((2)))^top frac(partial L, partial bo^a))_j "
            "= sum_k bW_(k j)^((2)) frac(partial L, partial bo_k^a)",
            scope=ANY_SIZE,
            sides=lambda: [
                ((W.T * G)[_column, 0], sp.Sum(W[_row, _column] * G[_row, 0], (_row, 0, m - 1))),
                *sizes(W.T * G, d_h, 1),
            ],
            false="((bW^((2)))^top frac(partial L, partial bo^a))_j "
            "= sum_k bW_(j k)^((2)) frac(partial L, partial bo_k^a)",
            wrong=lambda: [
                ((W.T * G)[_column, 0], sp.Sum(W[_column, _row] * G[_row, 0], (_row, 0, m - 1)))
            ],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "hs",
            ways=MATRIX,
            claim=say_later("∂L/∂hˢ: by matrices, and by byhand"),
            wrong=lambda net, right: [net.W2.mT @ network.forward(net).os],
        ),
    ),
    code=(INPUT_LINE,),
)

HIDDEN_ACTIVATIONS = ProvedQuestion(
    name="2n",
    points=3,
    title="The activations of the hidden layer",
    task="Compute $frac(partial L, partial bh_j^a)$, beginning with $frac(partial sigma(z), "
    "partial z)$.",
    answer="frac(partial L, partial bh_j^a) = frac(partial L, partial bh_j^s) sigma(bh_j^a) "
    "(1 - sigma(bh_j^a))",
    steps=(
        Step(
            "By 1 (c),", "frac(partial sigma(z), partial z) = sigma'(z) = sigma(z) (1 - sigma(z))"
        ),
        Step(
            "so, because $bh_j^s = sigma(bh_j^a)$,",
            "frac(partial bh_j^s, partial bh_j^a) = sigma(bh_j^a) (1 - sigma(bh_j^a)) "
            "= bh_j^s (1 - bh_j^s)",
        ),
        Step(
            "and the chain rule gives",
            "frac(partial L, partial bh_j^a) = frac(partial L, partial bh_j^s) "
            "frac(partial bh_j^s, partial bh_j^a) "
            "= frac(partial L, partial bh_j^s) bh_j^s (1 - bh_j^s)",
        ),
    ),
    proofs=(
        Proof(
            claim="sum_l frac(partial L, partial bh_l^s) frac(partial bh_l^s, partial bh_j^a) "
            "= frac(partial L, partial bh_j^s) sigma(bh_j^a) (1 - sigma(bh_j^a))",
            scope=ANY_SIZE,
            sides=lambda: [(_through_sigmoid(), _g[_j] * sigma(_a[_j]) * (1 - sigma(_a[_j])))],
            false="frac(partial L, partial bh_j^a) = frac(partial L, partial bh_j^s) sigma(bh_j^a)",
            wrong=lambda: [(_through_sigmoid(), _g[_j] * sigma(_a[_j]))],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "ha",
            ways=SCALAR,
            claim=say_later("∂L/∂hᵃ: by its elements, and by byhand"),
            wrong=lambda net, right: [right["hs"] * network.forward(net).hs],
        ),
    ),
    code=(SIGMOID_LINE,),
)

HIDDEN_ACTIVATIONS_MATRIX = ProvedQuestion(
    name="2o",
    points=2,
    title="The activations of the hidden layer, as vectors",
    task="Write the gradient of 2 (n) as a matrix expression, with all dimensions.",
    answer="underbrace(frac(partial L, partial bh^a), d_h times 1) "
    "= underbrace(frac(partial L, partial bh^s), d_h times 1) circle "
    "underbrace(bh^s, d_h times 1) circle underbrace((bone - bh^s), d_h times 1)",
    steps=(
        Step(
            "Component $j$ only needs components $j$, so the product is element by element, "
            "$circle$; $bone$ is the vector of $d_h$ ones.",
            "(frac(partial L, partial bh^s) circle bh^s circle (bone - bh^s))_j "
            "= frac(partial L, partial bh_j^s) bh_j^s (1 - bh_j^s)",
        ),
        Step(
            "It is also the product with a diagonal matrix, the Jacobian of $sigma$:",
            "frac(partial L, partial bh^a) = underbrace(diag(bh^s circle (bone - bh^s)), "
            "d_h times d_h) underbrace(frac(partial L, partial bh^s), d_h times 1)",
        ),
    ),
    proofs=(
        Proof(
            claim="(frac(partial L, partial bh^s) circle bh^s circle (bone - bh^s))_j "
            "= frac(partial L, partial bh_j^s) bh_j^s (1 - bh_j^s)",
            scope=ANY_SIZE,
            sides=lambda: [
                (
                    sp.HadamardProduct(GH, S, sp.OneMatrix(d_h, 1) - S)[_column, 0],
                    GH[_column, 0] * S[_column, 0] * (1 - S[_column, 0]),
                ),
                *sizes(sp.HadamardProduct(GH, S), d_h, 1),
            ],
            false="frac(partial L, partial bh^a) = frac(partial L, partial bh^s) circle bh^s",
            wrong=lambda: [
                (
                    sp.HadamardProduct(GH, S)[_column, 0],
                    GH[_column, 0] * S[_column, 0] * (1 - S[_column, 0]),
                )
            ],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "ha",
            ways=MATRIX,
            claim=say_later("∂L/∂hᵃ: by matrices, and by byhand"),
            wrong=lambda net, right: [right["hs"] * network.forward(net).hs],
        ),
    ),
    code=(SIGMOID_LINE,),
)


def _whole_network() -> tuple[Expr, dict[str, Matrix], Matrix, Matrix]:
    """L of a network with d = 2, d_h = 2, m = 3, y = 1; its symbols; hˢ and oˢ."""
    sizes = {"W1": (2, 2), "b1": (2, 1), "W2": (3, 2), "b2": (3, 1), "x": (2, 1)}
    net = {
        name: sp.Matrix(*size, lambda i, j, name=name: sp.Symbol(f"{name}_{i}{j}", real=True))
        for name, size in sizes.items()
    }
    hs = (net["W1"] * net["x"] + net["b1"]).applyfunc(sigma)
    oa = net["W2"] * hs + net["b2"]
    total = sum(one for one in oa.applyfunc(sp.exp))
    return -oa[0] + sp.log(total), net, hs, oa.applyfunc(sp.exp) / total


def _end_to_end(*, transposed: bool = True) -> list[tuple[Expr, Expr]]:
    """∂L/∂W⁽¹⁾, ∂L/∂b⁽¹⁾, ∂L/∂x of the whole network beside the matrix expressions."""
    L, net, hs, os = _whole_network()
    doa = os - sp.Matrix([1, 0, 0])
    dha = (net["W2"].T * doa).multiply_elementwise(hs).multiply_elementwise(sp.ones(2, 1) - hs)
    dx = (net["W1"].T if transposed else net["W1"]) * dha
    claimed = {"W1": dha * net["x"].T, "b1": dha, "x": dx}
    return [
        (sp.diff(L, variable), expression)
        for name, matrix in claimed.items()
        for variable, expression in zip(net[name], matrix, strict=True)
    ]


BEYOND = ProvedQuestion(
    name="2p",
    points=0,
    beyond=True,
    title="Beyond the sheet: the first layer",
    task="Go on to $bW^((1))$, $bb^((1))$ and the input $bx$.",
    answer="underbrace(frac(partial L, partial bW^((1))), d_h times d) "
    "= underbrace(frac(partial L, partial bh^a), d_h times 1) underbrace(bx^top, 1 times d), quad "
    "frac(partial L, partial bb^((1))) = frac(partial L, partial bh^a), quad "
    "underbrace(frac(partial L, partial bx), d times 1) = underbrace((bW^((1)))^top, d times d_h) "
    "underbrace(frac(partial L, partial bh^a), d_h times 1)",
    steps=(
        Step(
            "The first layer is linear like the second one: $bh^a$ stands for $bo^a$, and $bx$ for "
            "$bh^s$. As in 2 (j) and 2 (l),",
            "frac(partial L, partial bW_(j l)^((1))) = frac(partial L, partial bh_j^a) bx_l, quad "
            "frac(partial L, partial bb_j^((1))) = frac(partial L, partial bh_j^a), quad "
            "frac(partial L, partial bx_l) = sum_(j = 1)^(d_h) frac(partial L, partial bh_j^a) "
            "bW_(j l)^((1))",
        ),
        Step(
            "and as matrices, as in 2 (k) and 2 (m),",
            "frac(partial L, partial bW^((1))) = frac(partial L, partial bh^a) bx^top, quad "
            "frac(partial L, partial bb^((1))) = frac(partial L, partial bh^a), quad "
            "frac(partial L, partial bx) = (bW^((1)))^top frac(partial L, partial bh^a)",
        ),
    ),
    proofs=(
        Proof(
            claim="frac(partial L, partial bW^((1))) = frac(partial L, partial bh^a) bx^top, quad "
            "frac(partial L, partial bb^((1))) = frac(partial L, partial bh^a), quad "
            "frac(partial L, partial bx) = (bW^((1)))^top frac(partial L, partial bh^a)",
            scope="the whole network at once, for $d = 2$, $d_h = 2$, $m = 3$",
            sides=_end_to_end,
            false="frac(partial L, partial bx) = bW^((1)) frac(partial L, partial bh^a)",
            wrong=lambda: _end_to_end(transposed=False),
        ),
    ),
    checks=(
        compare(
            "W1",
            "b1",
            "W2",
            "b2",
            "x",
            ways=(
                network.scalar_gradients,
                network.matrix_gradients,
                network.byhand_gradients,
                network.mlp_gradients,
            ),
            claim=say_later("all gradients: elements, matrices, byhand’s layers, byhand’s MLP"),
            wrong=lambda net, right: [
                right["W1"],
                right["b1"],
                right["W2"],
                right["b2"],
                net.W1.mT @ right["hs"],  # without σ′
            ],
        ),
    ),
    code=(WEIGHT_LINE, INPUT_LINE),
)

QUESTIONS = (
    *(HIDDEN_OUTPUTS, HIDDEN_OUTPUTS_MATRIX, HIDDEN_ACTIVATIONS, HIDDEN_ACTIVATIONS_MATRIX),
    BEYOND,
)
