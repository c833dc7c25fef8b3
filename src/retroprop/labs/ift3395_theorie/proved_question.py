"""What a question of the sheet is: a statement that carries its derivation, its proof, its check.

A *proof* is symbolic: SymPy reduces the difference of the two sides to 0. A *check* is numerical:
the claimed value is compared with an independent one on random inputs. Both also hold a *false
variant*, the statement with one thing wrong, and must refuse it: the proof by finding numbers for
which the two sides differ, the check by an error above its tolerance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.languages import say_later

if TYPE_CHECKING:
    import sympy
    import torch

    Pairs = Sequence[tuple["sympy.Expr", "sympy.Expr"]]
    Values = torch.Tensor | Sequence[torch.Tensor]


class Step(NamedTuple):
    """A step of a derivation: why, and the formula that follows, if there is one."""

    why: str
    formula: str = ""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A statement that SymPy proves.

    Attributes:
        claim: The statement, a formula.
        scope: For which dimensions and values it is proved.
        sides: The (left, right) expressions that must be equal.
        false: A false variant of the statement, a formula.
        wrong: Its (left, right) expressions.
        indices: Indices that run over a dimension: name → the dimension's name.
    """

    claim: str
    scope: str
    sides: Callable[[], "Pairs"]
    false: str
    wrong: Callable[[], "Pairs"]
    indices: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Check:
    """A statement that is compared with an independent computation on random inputs.

    Attributes:
        claim: What is compared.
        against: With what.
        draw: Random inputs, from a generator.
        claimed: The statement's value for these inputs.
        oracle: The independent value, of the same shapes.
        wrong: The value of a false variant.
        tolerance: The largest error that passes, relative to the oracle's largest number (or 1).
        rounds: How many times inputs are drawn.
    """

    claim: str
    against: str
    draw: Callable[["torch.Generator"], tuple[Any, ...]]
    claimed: Callable[..., "Values"]
    oracle: Callable[..., "Values"]
    wrong: Callable[..., "Values"]
    tolerance: float = 1e-13
    rounds: int = 20


@dataclass(frozen=True, kw_only=True)
class ProvedQuestion:
    """One question of the sheet, and its answer.

    Attributes:
        name: "1a" … "3e".
        points: As the sheet counts them.
        bonus: Whether the points are a bonus.
        beyond: Whether it continues the sheet, which does not ask it.
        title: In a few words.
        task: What the sheet asks.
        answer: The answer, a formula.
        hypotheses: Under which it holds; empty where it holds for all numbers.
        steps: The derivation.
        remark: What a reader may also want to know.
        proofs: What is proved symbolically.
        checks: What is compared numerically.
        code: The lines of `byhand` that compute it.
        figure: The name of a figure that belongs to it.
    """

    name: str
    points: int
    bonus: bool = False
    beyond: bool = False
    title: str
    task: str
    answer: str
    hypotheses: str = ""
    steps: tuple[Step, ...]
    remark: str = ""
    proofs: tuple[Proof, ...] = ()
    checks: tuple[Check, ...] = ()
    code: tuple[CodeLine, ...] = ()
    figure: str = ""

    @property
    def part(self) -> int:
        """1, 2 or 3."""
        return int(self.name[0])

    @property
    def label(self) -> str:
        """As the sheet numbers it: "2 (i)"."""
        return f"{self.part} ({self.name[1:]})"


ALL_REAL = say_later("for every real $x$")
ANY_N = say_later("for every dimension $n$")
