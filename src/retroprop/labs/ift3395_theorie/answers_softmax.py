"""The sheet, question 1 (h) to (l): what softmax is invariant to, its Jacobian, its logarithm."""

import torch
from torch import Generator, Tensor

from retroprop.calculus import functions
from retroprop.labs.ift3395_theorie.answers_usual_functions import AUTOGRAD
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.proved_question import ANY_N, Check, Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sp
from retroprop.languages import say_later

_n, _i, _j, _l = (sp.Symbol(name, integer=True, positive=True) for name in "nijl")
_x = sp.IndexedBase("x", real=True)
_c, _u = sp.symbols("c u", real=True)
_of_u = sp.Function("x", real=True)  # x(i, u): component i of the vector x(u)

_row, _column = (sp.Symbol(name, integer=True, nonnegative=True) for name in "ij")
_S = sp.MatrixSymbol("S", _n, 1)
_matrix = sp.DiagMatrix(_S) - _S * _S.T


def _entry(sign: int) -> Expr:
    """S_i 1[i = j] − S_i S_j, the result of 1 (j); with the other sign for the false variant."""
    both = _S[_row, 0] * _S[_column, 0]
    return _S[_row, 0] * sp.KroneckerDelta(_row, _column) - sign * both


SIZES = say_later("entry by entry, for $n = 1, 2, 3$ and 4")


def vectors(g: Generator) -> tuple[Tensor]:
    """Six vectors of five numbers, with leading axes."""
    return (torch.randn(2, 3, 5, generator=g, dtype=torch.float64) * 3,)


def _with_number(g: Generator) -> tuple[Tensor, Tensor]:
    """Vectors, and a positive number for each, far from 1."""
    (x,) = vectors(g)
    return x, torch.rand(2, 3, 1, generator=g, dtype=torch.float64) * 3 + 1.5


def softmax_of(index: Expr, component=lambda index: _x[index]) -> Expr:
    """S(x)_index for a vector of n components, n a symbol."""
    total = sp.Sum(sp.exp(component(_l)), (_l, 1, _n))
    return sp.exp(component(index)) / total


def _log_ratio(c: Expr) -> Expr:
    """ln of S(c x)_i / S(c x)_j."""
    first, second = (softmax_of(index, lambda index: c * _x[index]) for index in (_i, _j))
    return sp.expand_log(sp.log(sp.simplify(first / second)))


def _delta() -> Expr:
    return sp.KroneckerDelta(_i, _j)


def _jacobian_entries(claimed) -> list[tuple[Expr, Expr]]:
    """Every entry of ∂S/∂x beside that of the claimed matrix, for n = 1 to 4."""
    pairs = []
    for size in (1, 2, 3, 4):
        x = sp.Matrix(sp.symbols(f"x1:{size + 1}", real=True))
        exponentials = x.applyfunc(sp.exp)
        S = exponentials / sum(exponentials)
        jacobian, matrix = S.jacobian(x), claimed(S)
        assert jacobian.shape == matrix.shape
        pairs += list(zip(jacobian, matrix, strict=True))
    return pairs


def jacobian_by_autograd(x: Tensor) -> Tensor:
    """∂S_i/∂x_j of each vector, at […, i, j]."""
    flat = x.reshape(-1, x.shape[-1])
    rows = [torch.autograd.functional.jacobian(lambda v: v.softmax(-1), one) for one in flat]
    return torch.stack(rows).view(*x.shape, x.shape[-1])


SCALING = ProvedQuestion(
    name="1h",
    points=1,
    title="Softmax and multiplication",
    task="With $S_c (bx) = S(c bx)$, $c >= 0$, show that softmax is not invariant under "
    "multiplication by a number.",
    answer="frac(S(c bx)_i, S(c bx)_j) = e^(c (x_i - x_j)) != e^(x_i - x_j) "
    '= frac(S(bx)_i, S(bx)_j) quad "if" c != 1, x_i != x_j',
    hypotheses="$c != 1$ and a vector with two different components; otherwise $S(c bx) = S(bx)$.",
    steps=(
        Step(
            "One example is enough. Take $bx = (0, ln 2)$ and $c = 2$:",
            "S(bx) = (frac(1, 3), frac(2, 3)) quad != quad S(2 bx) = (frac(1, 5), frac(4, 5))",
        ),
        Step(
            "In general, the denominators of two components are the same and cancel:",
            "frac(S(c bx)_i, S(c bx)_j) = frac(e^(c x_i), e^(c x_j)) = e^(c (x_i - x_j))",
        ),
        Step(
            "This ratio is that of $S(bx)$ for all $i, j$ if and only if",
            '(c - 1) (x_i - x_j) = 0 quad "for all" i, j',
        ),
    ),
    remark="With $c = 0$ softmax is uniform, $S_0 (bx)_i = frac(1, n)$; as $c -> infinity$ it puts "
    "all its weight on the largest component. $c$ is an inverse temperature.",
    proofs=(
        Proof(
            claim="ln frac(S(c bx)_i, S(c bx)_j) - ln frac(S(bx)_i, S(bx)_j) = (c - 1)(x_i - x_j)",
            scope=ANY_N,
            sides=lambda: [(_log_ratio(_c) - _log_ratio(sp.S(1)), (_c - 1) * (_x[_i] - _x[_j]))],
            false="S(c bx) = S(bx)",
            wrong=lambda: [(softmax_of(_i, lambda index: _c * _x[index]), softmax_of(_i))],
            indices={"i": "n", "j": "n"},
        ),
        Proof(
            claim="S(2 bx) = (frac(1, 5), frac(4, 5)), quad S(bx) = (frac(1, 3), frac(2, 3))",
            scope="for $bx = (0, ln 2)$",
            sides=lambda: [
                (sp.exp(c * x) / (1 + sp.exp(c * sp.log(2))), value)
                for c, row in ((2, (1, 4)), (1, (1, 2)))
                for x, value in zip(
                    (0, sp.log(2)), (sp.Rational(v, sum(row)) for v in row), strict=True
                )
            ],
            false="S(2 bx) = (frac(1, 3), frac(2, 3))",
            wrong=lambda: [(1 / (1 + sp.exp(2 * sp.log(2))), sp.Rational(1, 3))],
        ),
    ),
    checks=(
        Check(
            claim="ln S(cx) − its mean over i",
            against="c (x − its mean)",
            draw=_with_number,
            claimed=lambda x, c: _centred(functions.log_softmax(c * x)),
            oracle=lambda x, c: c * _centred(x),
            wrong=lambda x, c: _centred(functions.log_softmax(x)),
        ),
    ),
)


def _centred(x: Tensor) -> Tensor:
    """All log-ratios at once: ln S_i − mean_j ln S_j = mean_j ln (S_i / S_j)."""
    return x - x.mean(-1, keepdim=True)


TRANSLATION = ProvedQuestion(
    name="1i",
    points=1,
    title="Softmax and translation",
    task="Show that softmax is translation-invariant: $S(bx + c) = S(bx)$ for a constant $c$.",
    answer="S(bx + c) = S(bx)",
    steps=(
        Step(
            "$e^(x_i + c) = e^c e^(x_i)$, in the numerator and in every term of the sum:",
            "S(bx + c)_i = frac(e^(x_i + c), sum_j e^(x_j + c)) "
            "= frac(e^c e^(x_i), e^c sum_j e^(x_j)) = S(bx)_i",
        ),
    ),
    remark="With $c = -max_j x_j$ no exponential exceeds 1: this is how the code stays finite for "
    "components of 100,000.",
    proofs=(
        Proof(
            claim="S(bx + c)_i = S(bx)_i",
            scope=ANY_N,
            sides=lambda: [(softmax_of(_i, lambda index: _x[index] + _c), softmax_of(_i))],
            false="S(bx + c)_i = e^c S(bx)_i",
            wrong=lambda: [
                (softmax_of(_i, lambda index: _x[index] + _c), sp.exp(_c) * softmax_of(_i))
            ],
            indices={"i": "n"},
        ),
    ),
    checks=(
        Check(
            claim="S(x + c)",
            against="torch.softmax(x)",
            draw=_with_number,
            claimed=lambda x, c: functions.softmax(x + c),
            oracle=lambda x, c: torch.softmax(x, -1),
            wrong=lambda x, c: c.exp() * functions.softmax(x),
        ),
    ),
    code=(
        CodeLine(
            "calculus.functions",
            "softmax",
            "exponentials = (z - z.amax(axis, keepdim=True)).exp_()",
        ),
    ),
)

PARTIAL = ProvedQuestion(
    name="1j",
    points=1,
    title="The partial derivatives of softmax",
    task="Show that $frac(partial S(bx)_i, partial x_j) = S(bx)_i bone_(i = j) - S(bx)_i S(bx)_j$.",
    answer="frac(partial S(bx)_i, partial x_j) = S(bx)_i bone_(i = j) - S(bx)_i S(bx)_j",
    steps=(
        Step(
            "The quotient rule, where $frac(partial e^(x_i), partial x_j) = e^(x_i) bone_(i = j)$ "
            "and $frac(partial, partial x_j) sum_l e^(x_l) = e^(x_j)$:",
            "frac(partial S(bx)_i, partial x_j) = frac(e^(x_i) bone_(i = j) sum_l e^(x_l) "
            "- e^(x_i) e^(x_j), (sum_l e^(x_l))^2)",
        ),
        Step(
            "Cut the fraction in two and recognise the softmax:",
            "frac(partial S(bx)_i, partial x_j) = frac(e^(x_i), sum_l e^(x_l)) bone_(i = j) "
            "- frac(e^(x_i), sum_l e^(x_l)) frac(e^(x_j), sum_l e^(x_l)) "
            "= S(bx)_i bone_(i = j) - S(bx)_i S(bx)_j",
        ),
    ),
    proofs=(
        Proof(
            claim="frac(partial S(bx)_i, partial x_j) = S(bx)_i bone_(i = j) - S(bx)_i S(bx)_j",
            scope=ANY_N,
            sides=lambda: [
                (
                    sp.diff(softmax_of(_i), _x[_j]),
                    softmax_of(_i) * _delta() - softmax_of(_i) * softmax_of(_j),
                )
            ],
            false="frac(partial S(bx)_i, partial x_j) = S(bx)_i bone_(i = j) + S(bx)_i S(bx)_j",
            wrong=lambda: [
                (
                    sp.diff(softmax_of(_i), _x[_j]),
                    softmax_of(_i) * _delta() + softmax_of(_i) * softmax_of(_j),
                )
            ],
            indices={"i": "n", "j": "n"},
        ),
    ),
    checks=(
        Check(
            claim="softmax_jacobian",
            against=AUTOGRAD,
            draw=vectors,
            claimed=functions.softmax_jacobian,
            oracle=jacobian_by_autograd,
            wrong=lambda x: functions.diag(functions.softmax(x)) + _outer(functions.softmax(x)),
        ),
    ),
    code=(
        CodeLine(
            "calculus.functions",
            "softmax_jacobian",
            "return diag(S * others.sum(-1)) - S.unsqueeze(-1) * others",
        ),
    ),
)


def _outer(S: Tensor) -> Tensor:
    return S.unsqueeze(-1) * S.unsqueeze(-2)


JACOBIAN = ProvedQuestion(
    name="1k",
    points=1,
    title="The Jacobian of softmax",
    task="Express the Jacobian $frac(partial S(bx), partial bx)$ with matrices and vectors, using "
    "$diag$.",
    answer="frac(partial S(bx), partial bx) = diag(S(bx)) - S(bx) S(bx)^top",
    steps=(
        Step(
            "The entry $(i, j)$ of the two matrices is, by their definitions,",
            "diag(S(bx))_(i j) = S(bx)_i bone_(i = j), quad "
            "(S(bx) S(bx)^top)_(i j) = S(bx)_i S(bx)_j",
        ),
        Step(
            "Their difference is the result of 1 (j), for all $i$ and $j$. The matrix is $n times "
            "n$ and symmetric.",
            "underbrace(frac(partial S(bx), partial bx), n times n) "
            "= underbrace(diag(S(bx)), n times n) "
            "- underbrace(S(bx), n times 1) underbrace(S(bx)^top, 1 times n)",
        ),
    ),
    remark="Because it is symmetric, a gradient goes back through softmax without any matrix: "
    "$diag(S) bv - S S^top bv = S circle (bv - S^top bv)$.",
    proofs=(
        Proof(
            claim="(diag(S) - S S^top)_(i j) = S_i bone_(i = j) - S_i S_j",
            scope=ANY_N,
            sides=lambda: [(_matrix[_row, _column], _entry(1))],
            false="(diag(S) - S S^top)_(i j) = S_i bone_(i = j) + S_i S_j",
            wrong=lambda: [(_matrix[_row, _column], _entry(-1))],
            indices={"i": "n", "j": "n"},
        ),
        Proof(
            claim="frac(partial S(bx), partial bx) = diag(S(bx)) - S(bx) S(bx)^top",
            scope=SIZES,
            sides=lambda: _jacobian_entries(lambda S: sp.diag(*S) - S * S.T),
            false="frac(partial S(bx), partial bx) = diag(S(bx)) - S(bx)^top S(bx) bI",
            wrong=lambda: _jacobian_entries(lambda S: sp.diag(*S) - (S.T * S)[0] * sp.eye(len(S))),
        ),
    ),
    checks=(
        Check(
            claim="diag(S) − S Sᵀ",
            against=AUTOGRAD,
            draw=vectors,
            claimed=lambda x: functions.diag(functions.softmax(x)) - _outer(functions.softmax(x)),
            oracle=jacobian_by_autograd,
            wrong=lambda x: torch.eye(x.shape[-1], dtype=x.dtype) - _outer(functions.softmax(x)),
        ),
    ),
    code=(
        CodeLine("byhand.activations", "Softmax.backward_", "return dy.sub_(inner).mul_(saved)"),
    ),
)


def _log_softmax_slope() -> Expr:
    log_softmax = sp.log(softmax_of(_i, lambda index: _of_u(index, _u)))
    return sp.diff(log_softmax, _u)


def _slope_minus(weight) -> Expr:
    """∂x_i/∂u − Σ_l weight(l) ∂x_l/∂u."""
    mean = sp.Sum(weight(_l) * sp.diff(_of_u(_l, _u), _u), (_l, 1, _n))
    return sp.diff(_of_u(_i, _u), _u) - mean


def _draw_map(g: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """u, and the matrices of x(u) = A tanh(B u)."""
    sizes = ((3,), (5, 4), (4, 3))
    u, A, B = (torch.randn(size, generator=g, dtype=torch.float64) for size in sizes)
    return u, A, B


def _x_jacobian(u: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """∂x_i/∂u_k of x(u) = A tanh(B u), by hand: A diag(1 − tanh²) B."""
    return A @ functions.diag(functions.tanh_derivative(B @ u)) @ B


LOG_GRADIENT = ProvedQuestion(
    name="1l",
    points=3,
    title="The gradient of the log-softmax",
    task="Let $bx$ be a function of the vector $bu$. Show that $nabla_bu log S(bx(bu))_i = "
    "nabla_bu bx(bu)_i - EE_j [nabla_bu bx(bu)_j]$, where $j$ is drawn with the probabilities "
    "$S(bx(bu))_j$.",
    answer="nabla_bu log S(bx(bu))_i = nabla_bu bx(bu)_i - EE_j [nabla_bu bx(bu)_j]",
    hypotheses="$bx$ is differentiable at $bu$.",
    steps=(
        Step(
            "The logarithm turns the quotient into a difference:",
            "log S(bx(bu))_i = bx(bu)_i - log sum_j e^(bx(bu)_j)",
        ),
        Step(
            "Take the gradient; that of $log v$ is $frac(nabla v, v)$:",
            "nabla_bu log S(bx(bu))_i = nabla_bu bx(bu)_i "
            "- frac(sum_j e^(bx(bu)_j) nabla_bu bx(bu)_j, sum_l e^(bx(bu)_l))",
        ),
        Step(
            "The quotient holds the softmax as weights, so it is an expectation:",
            "sum_j S(bx(bu))_j nabla_bu bx(bu)_j = EE_j [nabla_bu bx(bu)_j]",
        ),
    ),
    remark="Its expectation over $i$ is 0: a gradient of the log-likelihood pushes one class up "
    "only as far as it pushes the others down.",
    proofs=(
        Proof(
            claim="frac(partial, partial u) log S(bx(u))_i = frac(partial x_i, partial u) "
            "- sum_j S(bx(u))_j frac(partial x_j, partial u)",
            scope="for every dimension $n$ and every differentiable $bx$, along any component $u$ "
            "of the vector",
            sides=lambda: [
                (
                    _log_softmax_slope(),
                    _slope_minus(lambda at: softmax_of(at, lambda index: _of_u(index, _u))),
                )
            ],
            false="frac(partial, partial u) log S(bx(u))_i = frac(partial x_i, partial u) "
            "- frac(1, n) sum_j frac(partial x_j, partial u)",
            wrong=lambda: [(_log_softmax_slope(), _slope_minus(lambda _: 1 / _n))],
            indices={"i": "n"},
        ),
    ),
    checks=(
        Check(
            claim="the right side, with x(u) = A tanh(B u)",
            against=AUTOGRAD,
            draw=_draw_map,
            claimed=lambda u, A, B: (
                _x_jacobian(u, A, B)
                - functions.softmax(A @ torch.tanh(B @ u)) @ _x_jacobian(u, A, B)
            ),
            oracle=lambda u, A, B: torch.autograd.functional.jacobian(
                lambda u: torch.log_softmax(A @ torch.tanh(B @ u), -1), u
            ),
            wrong=lambda u, A, B: _x_jacobian(u, A, B) - _x_jacobian(u, A, B).mean(0),
        ),
    ),
    code=(
        CodeLine(
            "calculus.functions", "log_softmax_jacobian", "return diag(others.sum(-1)) - others"
        ),
    ),
)

QUESTIONS = (SCALING, TRANSLATION, PARTIAL, JACOBIAN, LOG_GRADIENT)
