"""The sheet, question 2 (i) to (k): backpropagation from the loss to the output layer.

Every gradient twice: one number at a time, as the chain rule gives it, and as a matrix expression
with its dimensions. `hidden_layer` goes on from here.
"""

from collections.abc import Callable

from retroprop.calculus.functions import softmax
from retroprop.labs.ift3395_theorie import network
from retroprop.labs.ift3395_theorie.answers_forward_pass import (
    ANY_SIZE,
    d_h,
    loss,
    m,
    o,
    output,
    sizes,
)
from retroprop.labs.ift3395_theorie.answers_usual_functions import AUTOGRAD
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.network import Gradients, Network, draw_network
from retroprop.labs.ift3395_theorie.proved_question import Check, Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sp
from retroprop.languages import say_later

ANY_CLASSES = say_later("for every number $m$ of classes")

_y, _k, _j, _c, _l = (sp.Symbol(name, integer=True, positive=True) for name in "ykjcl")
_W, _b, _h, _g, _a, _x = (
    sp.IndexedBase(name, real=True) for name in ("W", "b", "h", "g", "a", "x")
)
_row, _column = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("k", "j"))
G, H = sp.MatrixSymbol("G", m, 1), sp.MatrixSymbol("H", d_h, 1)  # ∂L/∂oᵃ and hˢ
W = sp.MatrixSymbol("W", m, d_h)


def _activation(index: Expr) -> Expr:
    """oᵃ_index = Σ_l W_(index, l) h_l + b_index."""
    return sp.Sum(_W[index, _l] * _h[_l], (_l, 1, d_h)) + _b[index]


def through_outputs(variable: Expr) -> Expr:
    """The chain rule Σ_c ∂L/∂oᵃ_c ∂oᵃ_c/∂variable, with g_c = ∂L/∂oᵃ_c."""
    return sp.Sum(_g[_c] * sp.diff(_activation(_c), variable), (_c, 1, m))


def compare(
    *names: str,
    ways: tuple[Callable[[Network], Gradients], ...],
    claim: str,
    wrong: Callable[[Network, Gradients], list],
) -> Check:
    """Gradients of these names in some ways beside autograd's.

    `wrong` makes the false variant's, from the network and the right ones.
    """
    return Check(
        claim=claim,
        against=AUTOGRAD,
        draw=draw_network,
        claimed=lambda net: [way(net)[name] for way in ways for name in names],
        oracle=lambda net: [network.autograd_gradients(net)[name] for _ in ways for name in names],
        wrong=lambda net: wrong(net, network.matrix_gradients(net)) * len(ways),
    )


SCALAR = (network.scalar_gradients, network.byhand_gradients)
MATRIX = (network.matrix_gradients, network.byhand_gradients)
WEIGHT_LINE = CodeLine(
    "byhand.linear",
    "Linear.backward",
    'gradients = {"W": linear_weight_gradient(saved, dy), "b": dy.sum(-2)}',
)
WEIGHT_PRODUCT = CodeLine(
    "byhand.linear",
    "linear_weight_gradient",
    "dW = _product(rows, x)  # (*groups, members·classes, features)",
)
OUTPUT_ACTIVATIONS = ProvedQuestion(
    name="2i",
    points=3,
    title="The gradient at the output activations",
    task="Prove that $frac(partial L, partial bo^a) = bo^s - onehot_m (y)$.",
    answer="underbrace(frac(partial L, partial bo^a), m times 1) = underbrace(bo^s, m times 1) "
    "- underbrace(onehot_m (y), m times 1)",
    steps=(
        Step("Start from the loss of 2 (g):", "L = -bo_y^a + log sum_(c = 1)^m exp(bo_c^a)"),
        Step(
            "For $k != y$ only the logarithm depends on $bo_k^a$, and the derivative of $log v$ is "
            "$frac(v', v)$:",
            "frac(partial L, partial bo_k^a) = frac(exp(bo_k^a), sum_c exp(bo_c^a)) = bo_k^s",
        ),
        Step(
            "For $k = y$ the first term adds its own:",
            "frac(partial L, partial bo_y^a) = -1 + frac(exp(bo_y^a), sum_c exp(bo_c^a)) "
            "= bo_y^s - 1",
        ),
        Step(
            "Both cases in one, then as a vector:",
            "frac(partial L, partial bo_k^a) = bo_k^s - bone_(k = y) quad => quad "
            "frac(partial L, partial bo^a) = bo^s - onehot_m (y)",
        ),
    ),
    proofs=(
        Proof(
            claim="frac(partial L, partial bo_k^a) = bo_k^s - bone_(k = y)",
            scope=ANY_CLASSES,
            sides=lambda: [(sp.diff(loss(), o[_k]), output(_k) - sp.KroneckerDelta(_k, _y))],
            false="frac(partial L, partial bo_k^a) = bone_(k = y) - bo_k^s",
            wrong=lambda: [(sp.diff(loss(), o[_k]), sp.KroneckerDelta(_k, _y) - output(_k))],
            indices={"k": "m", "y": "m"},
        ),
    ),
    checks=(
        compare(
            "oa",
            ways=(network.scalar_gradients, network.matrix_gradients, network.byhand_gradients),
            claim=say_later("oˢ − onehot(y): elements, vector, byhand"),
            wrong=lambda net, right: [-right["oa"]],
        ),
    ),
    code=(
        CodeLine(
            "byhand.losses", "softmax_cross_entropy_gradient", "return softmax(z).sub_(targets)"
        ),
    ),
)

OUTPUT_PARAMETERS = ProvedQuestion(
    name="2j",
    points=3,
    title="The parameters of the output layer",
    task="Compute $frac(partial L, partial bW_(k j)^((2)))$ and $frac(partial L, partial "
    "bb_k^((2)))$ by the chain rule.",
    answer="frac(partial L, partial bW_(k j)^((2))) = frac(partial L, partial bo_k^a) bh_j^s, "
    "quad frac(partial L, partial bb_k^((2))) = frac(partial L, partial bo_k^a)",
    steps=(
        Step("By 2 (b),", "bo_k^a = sum_(l = 1)^(d_h) bW_(k l)^((2)) bh_l^s + bb_k^((2))"),
        Step(
            "In this sum $bW_(k j)^((2))$ is met once, with the factor $bh_j^s$:",
            "frac(partial bo_k^a, partial bW_(k j)^((2))) = bh_j^s, quad "
            "frac(partial bo_k^a, partial bb_k^((2))) = 1",
        ),
        Step(
            "The chain rule gives",
            "frac(partial L, partial bW_(k j)^((2))) = frac(partial L, partial bo_k^a) bh_j^s, "
            "quad frac(partial L, partial bb_k^((2))) = frac(partial L, partial bo_k^a)",
        ),
    ),
    proofs=(
        Proof(
            claim="sum_c frac(partial L, partial bo_c^a) "
            "frac(partial bo_c^a, partial bW_(k j)^((2))) = frac(partial L, partial bo_k^a) bh_j^s",
            scope=ANY_SIZE,
            sides=lambda: [
                (through_outputs(_W[_k, _j]), _g[_k] * _h[_j]),
                (through_outputs(_b[_k]), _g[_k]),
            ],
            false="frac(partial L, partial bW_(k j)^((2))) "
            "= frac(partial L, partial bo_j^a) bh_k^s",
            wrong=lambda: [(through_outputs(_W[_k, _j]), _g[_j] * _h[_k])],
            indices={"k": "m", "j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "W2",
            "b2",
            ways=SCALAR,
            claim=say_later("∂L/∂W⁽²⁾, ∂L/∂b⁽²⁾: by its elements, and by byhand"),
            wrong=lambda net, right: [
                right["oa"][:, None] * network.forward(net).ha,  # hᵃ in place of hˢ
                softmax(right["oa"]),
            ],
        ),
    ),
    code=(WEIGHT_LINE,),
)

OUTPUT_MATRICES = ProvedQuestion(
    name="2k",
    points=2,
    title="The parameters of the output layer, as matrices",
    task="Write the gradients of 2 (j) as matrix expressions, with all dimensions.",
    answer="underbrace(frac(partial L, partial bW^((2))), m times d_h) "
    "= underbrace(frac(partial L, partial bo^a), m times 1) underbrace((bh^s)^top, 1 times d_h), "
    "quad underbrace(frac(partial L, partial bb^((2))), m times 1) "
    "= underbrace(frac(partial L, partial bo^a), m times 1)",
    steps=(
        Step(
            "The derivative by $bW_(k j)^((2))$ is a product of a number of row $k$ and a number "
            "of column $j$: an outer product.",
            "(frac(partial L, partial bo^a) (bh^s)^top)_(k j) = frac(partial L, partial bo_k^a) "
            "bh_j^s",
        ),
        Step(
            "A column of $m$ rows times a row of $d_h$ columns has the shape $m times d_h$ of "
            "$bW^((2))$. For the bias, the $m$ derivatives are the components of $frac(partial L, "
            "partial bo^a)$."
        ),
    ),
    proofs=(
        Proof(
            claim="(frac(partial L, partial bo^a) (bh^s)^top)_(k j) "
            "= frac(partial L, partial bo_k^a) bh_j^s",
            scope=ANY_SIZE,
            sides=lambda: [
                ((G * H.T)[_row, _column], G[_row, 0] * H[_column, 0]),
                *sizes(G * H.T, m, d_h),
            ],
            false="frac(partial L, partial bW^((2))) = bh^s (frac(partial L, partial bo^a))^top",
            wrong=lambda: [
                ((H * G.T)[_row, _column], G[_row, 0] * H[_column, 0]),
                *sizes(H * G.T, m, d_h),
            ],
            indices={"k": "m", "j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "W2",
            "b2",
            ways=MATRIX,
            claim=say_later("∂L/∂W⁽²⁾, ∂L/∂b⁽²⁾: by matrices, and by byhand"),
            wrong=lambda net, right: [
                right["oa"][:, None] * network.forward(net).ha,
                softmax(right["oa"]),
            ],
        ),
    ),
    code=(WEIGHT_PRODUCT,),
)

QUESTIONS = (OUTPUT_ACTIVATIONS, OUTPUT_PARAMETERS, OUTPUT_MATRICES)
