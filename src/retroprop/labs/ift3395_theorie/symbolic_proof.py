"""Symbolic proofs by SymPy: two sides are equal when their difference reduces to 0.

First, numbers are looked for that tell the sides apart: then the equality is *refuted*. Otherwise
SymPy has to reduce the difference to 0, for all values at once. An index that the statement takes
from 1 to n is known to lie there, so "x_j if j ≤ n" is x_j. Where neither succeeds the equality
stays *open*, which counts as not proved.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from retroprop.labs.ift3395_theorie.proved_question import Proof
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sp

Verdict = Literal["proved", "refuted", "open"]
Pairs = Sequence[tuple[Expr, Expr]]


def prove(proof: Proof) -> Verdict:
    """What SymPy says of the statement."""
    return verdict(proof.sides(), proof)


def prove_false_variant(proof: Proof) -> Verdict:
    """What SymPy says of the false variant; "refuted" is what it should be."""
    return verdict(proof.wrong(), proof)


def verdict(pairs: Pairs, proof: Proof) -> Verdict:
    """Whether all pairs are equal, or numbers tell one of them apart."""
    assert pairs, "a proof of nothing"
    differences = [sp.sympify(left - right) for left, right in pairs]
    if any(differ(one, proof) for one in differences if one != 0):
        return "refuted"
    return "proved" if all(reduces_to_zero(one, proof) for one in differences) else "open"


def reduces_to_zero(difference: Expr, proof: Proof) -> bool:
    """Whether SymPy brings an expression to 0, in steps that hold for all values."""
    if difference == 0:
        return True
    reduced, before = difference, None
    while reduced != before:  # a sum may open up once its index is known to be in range
        before, reduced = reduced, reduced.doit().subs(_within(difference, proof))
    reduced = _same_names(_constants_out(reduced))
    if reduced == 0:
        return True
    numerator, _ = sp.fraction(sp.together(_without_exponentials(reduced)))
    return sp.expand(numerator) == 0 or sp.simplify(reduced) == 0


def _without_exponentials(expression: Expr) -> Expr:
    """A new symbol in place of each e^t and of each sum, and e^(t + u) = e^t e^u.

    What is left is rational. If it is 0 whatever the symbols are, then it is 0 for what they stand
    for. Sums go first: inside of them an exponential depends on the running index.
    """
    sums = {total: sp.Dummy() for total in expression.atoms(sp.Sum)}
    symbols: dict[Expr, Expr] = {}

    def of(exponent: Expr) -> Expr:
        factors = []
        for term in sp.Add.make_args(exponent):
            opposite = term.could_extract_minus_sign()
            symbol = symbols.setdefault(-term if opposite else term, sp.Dummy(positive=True))
            factors.append(1 / symbol if opposite else symbol)
        return sp.Mul(*factors)

    return expression.xreplace(sums).replace(sp.exp, of)


def _constants_out(expression: Expr) -> Expr:
    """Σ_k a b_k as a Σ_k b_k, in every sum of the expression."""

    def of(total: Expr) -> Expr:
        constant, rest = total.function.as_independent(*total.variables, as_Add=False)
        return constant * sp.Sum(rest, *total.limits)

    return expression.replace(sp.Sum, lambda *parts: of(sp.Sum(*parts)))


def _same_names(expression: Expr) -> Expr:
    """Every sum with the same name for its running index: Σ_k b_k and Σ_l b_l are one sum."""

    def of(total: Expr) -> Expr:
        if total.function.has(sp.Sum) or len(total.limits) > 1:
            return total
        (index, first, last) = total.limits[0]
        name = sp.Dummy("running", dummy_index=1, integer=True, nonnegative=True)
        return sp.Sum(total.function.xreplace({index: name}), (name, first, last))

    return expression.replace(sp.Sum, lambda *parts: of(sp.Sum(*parts)))


def _within(expression: Expr, proof: Proof) -> dict[Any, bool]:
    """What is known of the indices: they are at most their dimension (less 1 if from 0)."""
    known: dict[Any, bool] = {}
    symbols = {symbol.name: symbol for symbol in expression.free_symbols}
    for index, dimension in proof.indices.items():
        if index in symbols and dimension in symbols:
            i, n = symbols[index], symbols[dimension]
            for last in (n, n - 1):
                known |= {sp.Le(i, last): True, sp.Ge(last, i): True}
    return known


def differ(difference: Expr, proof: Proof) -> bool:
    """Whether the difference is far from 0 for some choice of its free symbols."""
    rationals = _rationals()
    integers = {s.name for s in difference.free_symbols if s.is_integer}
    dimensions = sorted(integers - proof.indices.keys())
    indices = sorted(integers & proof.indices.keys())
    for sizes in itertools.islice(itertools.product((3, 2), repeat=len(dimensions)), 4):
        named = dict(zip(dimensions, sizes, strict=True))
        ranges = [range(1, named.get(proof.indices[index], 3)) for index in indices]
        for values in itertools.product(*ranges):
            chosen = named | dict(zip(indices, values, strict=True))
            number = _instance(difference, chosen, rationals)
            if number is not None and abs(number) > 1e-9:
                return True
    return False


def _rationals() -> Iterator[Expr]:
    """Numbers of both signs, near 1, without a pattern that a formula might share."""
    numerators = itertools.cycle((7, -4, 11, -13, 5, 17, -3, 19, -23, 2))
    return (sp.Rational(p, 9) + sp.Rational(1, 50 + q) for q, p in enumerate(numerators))


def _instance(expression: Expr, named: dict[str, int], rationals: Iterator[Expr]) -> complex | None:
    """The value for these named integers and for rational numbers in place of all else."""
    chosen = {s: named[s.name] for s in expression.free_symbols if s.name in named}
    value = sp.sympify(expression).subs(chosen).doit()
    value = value.replace(
        lambda e: isinstance(e, sp.core.function.AppliedUndef),
        lambda e: _smooth(*e.args),
    ).doit()
    entries = sorted(
        value.atoms(sp.Indexed, sp.matrices.expressions.matexpr.MatrixElement), key=str
    )
    value = value.xreplace({entry: sp.Float(next(rationals), 30) for entry in entries})
    symbols = sorted((s for s in value.free_symbols if not isinstance(s, sp.IndexedBase)), key=str)
    numbers = {
        s: sp.Float(abs(r) if s.is_positive else r, 30)
        for s, r in zip(symbols, rationals, strict=False)
    }
    value = sp.N(value.xreplace(numbers))
    return complex(value) if value.is_number and value.is_finite else None


def _smooth(*arguments: Expr) -> Expr:
    """A function that stands for an unknown one: no two of its arguments play the same part."""
    return sum(
        (sp.sin((p + 1) * a) * sp.Rational(1, p + 1) for p, a in enumerate(arguments)), sp.S(0)
    ) * sp.Mul(*arguments)
