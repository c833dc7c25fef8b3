"""SymPy for the proofs, without its types: it has none of its own, and guessed ones are wrong.

`sp` is SymPy, and `Expr` its expressions: checked when tests run, anything to a type checker.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

sp: Any = sympy

if TYPE_CHECKING:
    Expr: TypeAlias = Any
    Matrix: TypeAlias = Any
else:
    Expr = sympy.Expr
    Matrix = sympy.MatrixBase | sympy.MatrixExpr


def sigma(x: Expr) -> Expr:
    """The sigmoid."""
    return 1 / (1 + sp.exp(-x))
