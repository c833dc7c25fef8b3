"""The sheet, question 2 (i) to (o): backpropagation from the loss to the hidden layer and beyond.

Every gradient twice: one number at a time, as the chain rule gives it, and as a matrix expression
with its dimensions. 2 (p) goes on to the first layer and the input, which the sheet leaves out.
"""

from collections.abc import Callable

from retroprop.calculus.functions import softmax
from retroprop.calculus.theory import network
from retroprop.calculus.theory.algebra import Expr, Matrix, sp
from retroprop.calculus.theory.code_lines import CodeLine
from retroprop.calculus.theory.forward_pass import ANY_SIZE, d_h, loss, m, o, output
from retroprop.calculus.theory.network import Gradients, Network, draw_network
from retroprop.calculus.theory.question import Check, Proof, Question, Step, Words
from retroprop.calculus.theory.usual_functions import AUTOGRAD

ANY_CLASSES = Words("for every number $m$ of classes", "pour tout nombre $m$ de classes")

_y, _k, _j, _c, _l = (sp.Symbol(name, integer=True, positive=True) for name in "ykjcl")
_W, _b, _h, _g, _a, _x = (
    sp.IndexedBase(name, real=True) for name in ("W", "b", "h", "g", "a", "x")
)
_row, _column = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("k", "j"))
G, H = sp.MatrixSymbol("G", m, 1), sp.MatrixSymbol("H", d_h, 1)  # ∂L/∂oᵃ and hˢ
W = sp.MatrixSymbol("W", m, d_h)
GH, S = sp.MatrixSymbol("GH", d_h, 1), sp.MatrixSymbol("S", d_h, 1)  # ∂L/∂hˢ and σ(hᵃ)


def _delta(a: Expr, b: Expr) -> Expr:
    return sp.KroneckerDelta(a, b)


def _activation(index: Expr) -> Expr:
    """oᵃ_index = Σ_l W_(index, l) h_l + b_index."""
    return sp.Sum(_W[index, _l] * _h[_l], (_l, 1, d_h)) + _b[index]


def _through_outputs(variable: Expr) -> Expr:
    """The chain rule Σ_c ∂L/∂oᵃ_c ∂oᵃ_c/∂variable, with g_c = ∂L/∂oᵃ_c."""
    return sp.Sum(_g[_c] * sp.diff(_activation(_c), variable), (_c, 1, m))


def _sigma(x: Expr) -> Expr:
    return 1 / (1 + sp.exp(-x))


def _through_sigmoid() -> Expr:
    """Σ_l ∂L/∂hˢ_l ∂σ(hᵃ_l)/∂hᵃ_j, with g_l = ∂L/∂hˢ_l and a = hᵃ."""
    return sp.Sum(_g[_l] * sp.diff(_sigma(_a[_l]), _a[_j]), (_l, 1, d_h))


def _sizes(matrix: Matrix, rows: Expr, columns: Expr | int) -> list[tuple[Expr, Expr]]:
    return [(matrix.shape[0], rows), (matrix.shape[1], sp.sympify(columns))]


def compare(
    *names: str,
    ways: tuple[Callable[[Network], Gradients], ...],
    claim: Words,
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
BY_ELEMENTS = "{}: by its elements, and by byhand", "{} : par éléments, et par byhand"
BY_MATRICES = "{}: by matrices, and by byhand", "{} : par matrices, et par byhand"


def _named(words: tuple[str, str], name: str) -> Words:
    return Words(*(one.format(name) for one in words))


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
INPUT_LINE = CodeLine("byhand.linear", "linear_input_gradient", "return _product(dz, W.mT)")
SIGMOID_LINE = CodeLine(
    "byhand.activations",
    "Sigmoid.backward_",
    "return dy.mul_(saved.addcmul_(saved, saved, value=-1))",
)

OUTPUT_ACTIVATIONS = Question(
    name="2i",
    points=3,
    title=Words("The gradient at the output activations", "Le gradient aux activations de sortie"),
    task=Words(
        "Prove that $frac(partial L, partial bo^a) = bo^s - onehot_m (y)$.",
        "Démontrer que $frac(partial L, partial bo^a) = bo^s - onehot_m (y)$.",
    ),
    answer="underbrace(frac(partial L, partial bo^a), m times 1) = underbrace(bo^s, m times 1) "
    "- underbrace(onehot_m (y), m times 1)",
    steps=(
        Step(
            Words("Start from the loss of 2 (g):", "On part de la perte de 2 (g) :"),
            "L = -bo_y^a + log sum_(c = 1)^m exp(bo_c^a)",
        ),
        Step(
            Words(
                "For $k != y$ only the logarithm depends on $bo_k^a$, and the derivative of "
                "$log v$ is $frac(v', v)$:",
                "Pour $k != y$, seul le logarithme dépend de $bo_k^a$, et la dérivée de $log v$ "
                "est $frac(v', v)$ :",
            ),
            "frac(partial L, partial bo_k^a) = frac(exp(bo_k^a), sum_c exp(bo_c^a)) = bo_k^s",
        ),
        Step(
            Words(
                "For $k = y$ the first term adds its own:",
                "Pour $k = y$, le premier terme ajoute le sien :",
            ),
            "frac(partial L, partial bo_y^a) = -1 + frac(exp(bo_y^a), sum_c exp(bo_c^a)) "
            "= bo_y^s - 1",
        ),
        Step(
            Words(
                "Both cases in one, then as a vector:",
                "Les deux cas en un, puis en forme vectorielle :",
            ),
            "frac(partial L, partial bo_k^a) = bo_k^s - bone_(k = y) quad => quad "
            "frac(partial L, partial bo^a) = bo^s - onehot_m (y)",
        ),
    ),
    proofs=(
        Proof(
            claim="frac(partial L, partial bo_k^a) = bo_k^s - bone_(k = y)",
            scope=ANY_CLASSES,
            sides=lambda: [(sp.diff(loss(), o[_k]), output(_k) - _delta(_k, _y))],
            false="frac(partial L, partial bo_k^a) = bone_(k = y) - bo_k^s",
            wrong=lambda: [(sp.diff(loss(), o[_k]), _delta(_k, _y) - output(_k))],
            indices={"k": "m", "y": "m"},
        ),
    ),
    checks=(
        compare(
            "oa",
            ways=(network.scalar_gradients, network.matrix_gradients, network.byhand_gradients),
            claim=Words(
                "oˢ − onehot(y): elements, vector, byhand",
                "oˢ − onehot(y) : éléments, vecteur, byhand",
            ),
            wrong=lambda net, right: [-right["oa"]],
        ),
    ),
    code=(
        CodeLine(
            "byhand.losses", "softmax_cross_entropy_gradient", "return softmax(z).sub_(targets)"
        ),
    ),
)

OUTPUT_PARAMETERS = Question(
    name="2j",
    points=3,
    title=Words("The parameters of the output layer", "Les paramètres de la couche de sortie"),
    task=Words(
        "Compute $frac(partial L, partial bW_(k j)^((2)))$ and "
        "$frac(partial L, partial bb_k^((2)))$ by the chain rule.",
        "Calculer $frac(partial L, partial bW_(k j)^((2)))$ et "
        "$frac(partial L, partial bb_k^((2)))$ par la règle de dérivation en chaîne.",
    ),
    answer="frac(partial L, partial bW_(k j)^((2))) = frac(partial L, partial bo_k^a) bh_j^s, "
    "quad frac(partial L, partial bb_k^((2))) = frac(partial L, partial bo_k^a)",
    steps=(
        Step(
            Words("By 2 (b),", "Par 2 (b),"),
            "bo_k^a = sum_(l = 1)^(d_h) bW_(k l)^((2)) bh_l^s + bb_k^((2))",
        ),
        Step(
            Words(
                "In this sum $bW_(k j)^((2))$ is met once, with the factor $bh_j^s$:",
                "Dans cette somme $bW_(k j)^((2))$ apparaît une fois, avec le facteur $bh_j^s$ :",
            ),
            "frac(partial bo_k^a, partial bW_(k j)^((2))) = bh_j^s, quad "
            "frac(partial bo_k^a, partial bb_k^((2))) = 1",
        ),
        Step(
            Words("The chain rule gives", "La règle de dérivation en chaîne donne"),
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
                (_through_outputs(_W[_k, _j]), _g[_k] * _h[_j]),
                (_through_outputs(_b[_k]), _g[_k]),
            ],
            false="frac(partial L, partial bW_(k j)^((2))) "
            "= frac(partial L, partial bo_j^a) bh_k^s",
            wrong=lambda: [(_through_outputs(_W[_k, _j]), _g[_j] * _h[_k])],
            indices={"k": "m", "j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "W2",
            "b2",
            ways=SCALAR,
            claim=_named(BY_ELEMENTS, "∂L/∂W⁽²⁾, ∂L/∂b⁽²⁾"),
            wrong=lambda net, right: [
                right["oa"][:, None] * network.forward(net).ha,  # hᵃ in place of hˢ
                softmax(right["oa"]),
            ],
        ),
    ),
    code=(WEIGHT_LINE,),
)

OUTPUT_MATRICES = Question(
    name="2k",
    points=2,
    title=Words(
        "The parameters of the output layer, as matrices",
        "Les paramètres de la couche de sortie, en matrices",
    ),
    task=Words(
        "Write the gradients of 2 (j) as matrix expressions, with all dimensions.",
        "Exprimer les gradients de 2 (j) sous forme matricielle, en précisant les dimensions.",
    ),
    answer="underbrace(frac(partial L, partial bW^((2))), m times d_h) "
    "= underbrace(frac(partial L, partial bo^a), m times 1) underbrace((bh^s)^top, 1 times d_h), "
    "quad underbrace(frac(partial L, partial bb^((2))), m times 1) "
    "= underbrace(frac(partial L, partial bo^a), m times 1)",
    steps=(
        Step(
            Words(
                "The derivative by $bW_(k j)^((2))$ is a product of a number of row $k$ and a "
                "number of column $j$: an outer product.",
                "La dérivée par rapport à $bW_(k j)^((2))$ est le produit d’un nombre de la ligne "
                "$k$ et d’un nombre de la colonne $j$ : un produit extérieur.",
            ),
            "(frac(partial L, partial bo^a) (bh^s)^top)_(k j) = frac(partial L, partial bo_k^a) "
            "bh_j^s",
        ),
        Step(
            Words(
                "A column of $m$ rows times a row of $d_h$ columns has the shape "
                "$m times d_h$ of $bW^((2))$. For the bias, the $m$ derivatives are the "
                "components of $frac(partial L, partial bo^a)$.",
                "Une colonne de $m$ lignes fois une ligne de $d_h$ colonnes a la forme "
                "$m times d_h$ de $bW^((2))$. Pour le biais, les $m$ dérivées sont les "
                "composantes de $frac(partial L, partial bo^a)$.",
            ),
        ),
    ),
    proofs=(
        Proof(
            claim="(frac(partial L, partial bo^a) (bh^s)^top)_(k j) "
            "= frac(partial L, partial bo_k^a) bh_j^s",
            scope=ANY_SIZE,
            sides=lambda: [
                ((G * H.T)[_row, _column], G[_row, 0] * H[_column, 0]),
                *_sizes(G * H.T, m, d_h),
            ],
            false="frac(partial L, partial bW^((2))) = bh^s (frac(partial L, partial bo^a))^top",
            wrong=lambda: [
                ((H * G.T)[_row, _column], G[_row, 0] * H[_column, 0]),
                *_sizes(H * G.T, m, d_h),
            ],
            indices={"k": "m", "j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "W2",
            "b2",
            ways=MATRIX,
            claim=_named(BY_MATRICES, "∂L/∂W⁽²⁾, ∂L/∂b⁽²⁾"),
            wrong=lambda net, right: [
                right["oa"][:, None] * network.forward(net).ha,
                softmax(right["oa"]),
            ],
        ),
    ),
    code=(WEIGHT_PRODUCT,),
)

HIDDEN_OUTPUTS = Question(
    name="2l",
    points=2,
    title=Words("The outputs of the hidden layer", "Les sorties de la couche cachée"),
    task=Words(
        "Compute $frac(partial L, partial bh_j^s)$: $L$ depends on $bh_j^s$ through all output "
        "activations.",
        "Calculer $frac(partial L, partial bh_j^s)$ : $L$ dépend de $bh_j^s$ à travers toutes "
        "les activations de sortie.",
    ),
    answer="frac(partial L, partial bh_j^s) = sum_(k = 1)^m frac(partial L, partial bo_k^a) "
    "bW_(k j)^((2))",
    steps=(
        Step(
            Words("By 2 (b),", "Par 2 (b),"),
            "frac(partial bo_k^a, partial bh_j^s) = frac(partial, partial bh_j^s) "
            "(sum_(l = 1)^(d_h) bW_(k l)^((2)) bh_l^s + bb_k^((2))) = bW_(k j)^((2))",
        ),
        Step(
            Words("and the chain rule gives", "et la règle de dérivation en chaîne donne"),
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
            sides=lambda: [(_through_outputs(_h[_j]), sp.Sum(_g[_c] * _W[_c, _j], (_c, 1, m)))],
            false="frac(partial L, partial bh_j^s) = sum_k frac(partial L, partial bo_k^a) "
            "bW_(j k)^((2))",
            wrong=lambda: [(_through_outputs(_h[_j]), sp.Sum(_g[_c] * _W[_j, _c], (_c, 1, m)))],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "hs",
            ways=SCALAR,
            claim=_named(BY_ELEMENTS, "∂L/∂hˢ"),
            wrong=lambda net, right: [net.W2.mT @ network.forward(net).os],
        ),
    ),
    code=(INPUT_LINE,),
)

HIDDEN_OUTPUTS_MATRIX = Question(
    name="2m",
    points=2,
    title=Words(
        "The outputs of the hidden layer, as matrices",
        "Les sorties de la couche cachée, en matrices",
    ),
    task=Words(
        "Write the gradient of 2 (l) as a matrix expression, with all dimensions.",
        "Exprimer le gradient de 2 (l) sous forme matricielle, en précisant les dimensions.",
    ),
    answer="underbrace(frac(partial L, partial bh^s), d_h times 1) "
    "= underbrace((bW^((2)))^top, d_h times m) "
    "underbrace(frac(partial L, partial bo^a), m times 1)",
    steps=(
        Step(
            Words(
                "The sum of 2 (l) runs over the rows $k$ of $bW^((2))$: it is the product with "
                "row $j$ of the transposed matrix.",
                "La somme de 2 (l) porte sur les lignes $k$ de $bW^((2))$ : c’est le produit avec "
                "la ligne $j$ de la matrice transposée.",
            ),
            "sum_(k = 1)^m bW_(k j)^((2)) frac(partial L, partial bo_k^a) "
            "= ((bW^((2)))^top frac(partial L, partial bo^a))_j",
        ),
        Step(
            Words(
                "$bW^((2))$ carries activities forward, its transpose carries gradients back.",
                "$bW^((2))$ porte les activités vers l’avant, sa transposée porte les gradients "
                "vers l’arrière.",
            ),
        ),
    ),
    proofs=(
        Proof(
            claim="((bW^((2)))^top frac(partial L, partial bo^a))_j "
            "= sum_k bW_(k j)^((2)) frac(partial L, partial bo_k^a)",
            scope=ANY_SIZE,
            sides=lambda: [
                (
                    (W.T * G)[_column, 0],
                    sp.Sum(W[_row, _column] * G[_row, 0], (_row, 0, m - 1)),
                ),
                *_sizes(W.T * G, d_h, 1),
            ],
            false="((bW^((2)))^top frac(partial L, partial bo^a))_j "
            "= sum_k bW_(j k)^((2)) frac(partial L, partial bo_k^a)",
            wrong=lambda: [
                (
                    (W.T * G)[_column, 0],
                    sp.Sum(W[_column, _row] * G[_row, 0], (_row, 0, m - 1)),
                )
            ],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "hs",
            ways=MATRIX,
            claim=_named(BY_MATRICES, "∂L/∂hˢ"),
            wrong=lambda net, right: [net.W2.mT @ network.forward(net).os],
        ),
    ),
    code=(INPUT_LINE,),
)

HIDDEN_ACTIVATIONS = Question(
    name="2n",
    points=3,
    title=Words("The activations of the hidden layer", "Les activations de la couche cachée"),
    task=Words(
        "Compute $frac(partial L, partial bh_j^a)$, beginning with "
        "$frac(partial sigma(z), partial z)$.",
        "Calculer $frac(partial L, partial bh_j^a)$, en commençant par "
        "$frac(partial sigma(z), partial z)$.",
    ),
    answer="frac(partial L, partial bh_j^a) = frac(partial L, partial bh_j^s) sigma(bh_j^a) "
    "(1 - sigma(bh_j^a))",
    steps=(
        Step(
            Words("By 1 (c),", "Par 1 (c),"),
            "frac(partial sigma(z), partial z) = sigma'(z) = sigma(z) (1 - sigma(z))",
        ),
        Step(
            Words(
                "so, because $bh_j^s = sigma(bh_j^a)$,",
                "donc, puisque $bh_j^s = sigma(bh_j^a)$,",
            ),
            "frac(partial bh_j^s, partial bh_j^a) = sigma(bh_j^a) (1 - sigma(bh_j^a)) "
            "= bh_j^s (1 - bh_j^s)",
        ),
        Step(
            Words("and the chain rule gives", "et la règle de dérivation en chaîne donne"),
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
            sides=lambda: [(_through_sigmoid(), _g[_j] * _sigma(_a[_j]) * (1 - _sigma(_a[_j])))],
            false="frac(partial L, partial bh_j^a) = frac(partial L, partial bh_j^s) sigma(bh_j^a)",
            wrong=lambda: [(_through_sigmoid(), _g[_j] * _sigma(_a[_j]))],
            indices={"j": "d_h"},
        ),
    ),
    checks=(
        compare(
            "ha",
            ways=SCALAR,
            claim=_named(BY_ELEMENTS, "∂L/∂hᵃ"),
            wrong=lambda net, right: [right["hs"] * network.forward(net).hs],
        ),
    ),
    code=(SIGMOID_LINE,),
)

HIDDEN_ACTIVATIONS_MATRIX = Question(
    name="2o",
    points=2,
    title=Words(
        "The activations of the hidden layer, as vectors",
        "Les activations de la couche cachée, en vecteurs",
    ),
    task=Words(
        "Write the gradient of 2 (n) as a matrix expression, with all dimensions.",
        "Exprimer le gradient de 2 (n) sous forme matricielle, en précisant les dimensions.",
    ),
    answer="underbrace(frac(partial L, partial bh^a), d_h times 1) "
    "= underbrace(frac(partial L, partial bh^s), d_h times 1) circle "
    "underbrace(bh^s, d_h times 1) circle underbrace((bone - bh^s), d_h times 1)",
    steps=(
        Step(
            Words(
                "Component $j$ only needs components $j$, so the product is element by element, "
                "$circle$; $bone$ is the vector of $d_h$ ones.",
                "La composante $j$ n’a besoin que des composantes $j$, le produit est donc élément "
                "par élément, $circle$ ; $bone$ est le vecteur de $d_h$ uns.",
            ),
            "(frac(partial L, partial bh^s) circle bh^s circle (bone - bh^s))_j "
            "= frac(partial L, partial bh_j^s) bh_j^s (1 - bh_j^s)",
        ),
        Step(
            Words(
                "It is also the product with a diagonal matrix, the Jacobian of $sigma$:",
                "C’est aussi le produit avec une matrice diagonale, la jacobienne de $sigma$ :",
            ),
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
                *_sizes(sp.HadamardProduct(GH, S), d_h, 1),
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
            claim=_named(BY_MATRICES, "∂L/∂hᵃ"),
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
    hs = (net["W1"] * net["x"] + net["b1"]).applyfunc(_sigma)
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


BEYOND = Question(
    name="2p",
    points=0,
    beyond=True,
    title=Words("Beyond the sheet: the first layer", "Au-delà de l’énoncé : la première couche"),
    task=Words(
        "Go on to $bW^((1))$, $bb^((1))$ and the input $bx$.",
        "Continuer jusqu’à $bW^((1))$, $bb^((1))$ et l’entrée $bx$.",
    ),
    answer="underbrace(frac(partial L, partial bW^((1))), d_h times d) "
    "= underbrace(frac(partial L, partial bh^a), d_h times 1) underbrace(bx^top, 1 times d), quad "
    "frac(partial L, partial bb^((1))) = frac(partial L, partial bh^a), quad "
    "underbrace(frac(partial L, partial bx), d times 1) = underbrace((bW^((1)))^top, d times d_h) "
    "underbrace(frac(partial L, partial bh^a), d_h times 1)",
    steps=(
        Step(
            Words(
                "The first layer is linear like the second one: $bh^a$ stands for $bo^a$, and "
                "$bx$ for $bh^s$. As in 2 (j) and 2 (l),",
                "La première couche est linéaire comme la seconde : $bh^a$ joue le rôle de "
                "$bo^a$, et $bx$ celui de $bh^s$. Comme en 2 (j) et 2 (l),",
            ),
            "frac(partial L, partial bW_(j l)^((1))) = frac(partial L, partial bh_j^a) bx_l, quad "
            "frac(partial L, partial bb_j^((1))) = frac(partial L, partial bh_j^a), quad "
            "frac(partial L, partial bx_l) = sum_(j = 1)^(d_h) frac(partial L, partial bh_j^a) "
            "bW_(j l)^((1))",
        ),
        Step(
            Words(
                "and as matrices, as in 2 (k) and 2 (m),",
                "et en matrices, comme en 2 (k) et 2 (m),",
            ),
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
            scope=Words(
                "the whole network at once, for $d = 2$, $d_h = 2$, $m = 3$",
                "le réseau entier d’un coup, pour $d = 2$, $d_h = 2$, $m = 3$",
            ),
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
            claim=Words(
                "all gradients: elements, matrices, byhand’s layers, byhand’s MLP",
                "tous les gradients : éléments, matrices, couches et MLP de byhand",
            ),
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
    *(OUTPUT_ACTIVATIONS, OUTPUT_PARAMETERS, OUTPUT_MATRICES, HIDDEN_OUTPUTS),
    *(HIDDEN_OUTPUTS_MATRIX, HIDDEN_ACTIVATIONS, HIDDEN_ACTIVATIONS_MATRIX, BEYOND),
)
