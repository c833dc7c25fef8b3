"""A layer that somebody derived by hand, against the twin of the same layer: proved or refuted.

The cases, the inputs and the twin are those of the parity table (`retroprop verify`), without
populations. Output and every gradient must agree in every case; where they do not, known mistakes
are tried, and the one that explains a tensor wherever it is wrong is named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retroprop.errors import UserError
from retroprop.grading.answers import Raised
from retroprop.grading.comparison import allowed_difference, close, kind_of, numbers_of
from retroprop.grading.layer_cases import Situation, arguments, situation
from retroprop.grading.layer_mistakes import LayerMistake, known_mistakes
from retroprop.languages import Say
from retroprop.parity.rows import FunctionRow
from retroprop.parity.table import find_row

PROBES = (Path(__file__).parent / "confined" / "own_layer.py").read_text(encoding="utf-8")
"""What asks a layer in the confined process."""
TOLERANCE, SINGLE = 1e-7, 1e-4
"""Relative, of an answer in float64 and in float32."""

Answer = Callable[[Mapping[str, Any]], Any]
"""Runs the layer on a case (the arguments of `confined.own_layer.answer_of`)."""


@dataclass(frozen=True, kw_only=True)
class TensorFinding:
    """What was found about the output or one gradient, over all cases.

    Attributes:
        tensor: "y", "dx", "dW"…
        right: In how many cases it is.
        cases: How many there were.
        sentence: What is wrong, in the first case where something is; empty if nothing is.
        mistake: The name of a known mistake that explains it; empty if none does.
        where: The first case where something is wrong, in words.
    """

    tensor: str
    right: int
    cases: int
    sentence: str = ""
    mistake: str = ""
    where: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is right in all cases."""
        return self.right == self.cases


@dataclass(frozen=True, kw_only=True)
class LayerFindings:
    """What was found about a layer.

    Attributes:
        tensors: The output first, then the gradients by input and parameters.
        left_out: Cases that the layer has no options for: the case in words → what it lacks.
        raised: Cases in which it raised an exception: the case in words → what and where.
    """

    tensors: Sequence[TensorFinding]
    left_out: Mapping[str, Sequence[str]]
    raised: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether the layer is proved, in the cases that it has options for."""
        return not self.raised and all(one.passed for one in self.tensors)


def check_layer(answer: Answer, like: str, say: Say) -> LayerFindings:
    """Compare a layer with the twin of the row that it should be like.

    Args:
        answer: Runs the layer on a case; but for `Raised`, what it raises is the caller's.
        like: The name of a layer or loss of the parity table: linear, conv2d, relu…
        say: The language of the sentences.

    Raises:
        UserError: If the table has no such layer or loss, or none of its cases fits.
    """
    kinds = ("layer", "loss")
    row = find_row(like, kinds)
    if not isinstance(row, FunctionRow) or row.kind not in kinds:
        raise UserError(
            f"--like takes a layer or a loss, and {row.name} is of the kind {row.kind}; "
            "`retroprop verify` lists them."
        )
    if row.name == "Dropout":
        raise UserError("a dropout layer draws its mask: two of them cannot be compared.")
    situations, answers, left_out, raised = [], [], {}, {}
    for one in (situation(row, case) for case in row.cases if not case.population):
        try:
            answered = answer(arguments(row, one))
        except Raised as exception:
            raised[str(one.case)] = exception.said(say)
            continue
        if isinstance(answered, Mapping) and "left out" in answered:
            left_out[str(one.case)] = [str(name) for name in answered["left out"]]
        else:
            situations.append(one)
            answers.append(answered)
    if not situations and not raised:
        raise UserError(
            f"no case of {row.name} fits this layer; it is called as `retroprop check --help` says."
        )
    if row.kind == "loss":
        situations = [_scaled(s, a) for s, a in zip(situations, answers, strict=True)]
    tensors = dict.fromkeys(tensor for one in situations for tensor in one.right)
    findings = [_finding(row.name, tensor, situations, answers, say) for tensor in tensors]
    return LayerFindings(tensors=findings, left_out=left_out, raised=raised)


def _scaled(one: Situation, answer: Any) -> Situation:
    """A loss may sum over the batch or average: its value says which, and its gradient follows."""
    mean = {name: tensor / one.batch for name, tensor in one.right.items()}
    if one.batch > 1 and close(_part(answer, "y"), mean["y"], SINGLE):
        return replace(one, right=mean, averaged=True, twin=lambda t: one.twin(t) / one.batch)
    return one


def _part(answer: Any, tensor: str) -> Any:
    """The output or a gradient of an answer; None if it has none."""
    if not isinstance(answer, Mapping):
        return None
    if tensor == "y":
        return answer.get("y")
    gradients = answer.get("gradients")
    return gradients.get(tensor[1:]) if isinstance(gradients, Mapping) else None


def tolerance_of(value: Any) -> float:
    """What rounding an answer may have: that of its own precision."""
    return SINGLE if isinstance(value, Tensor) and value.dtype != torch.float64 else TOLERANCE


def _finding(
    row: str, tensor: str, situations: Sequence[Situation], answers: Sequence[Any], say: Say
) -> TensorFinding:
    pairs = [
        (one, _part(answer, tensor))
        for one, answer in zip(situations, answers, strict=True)
        if tensor in one.right
    ]
    wrong = [
        (one, part) for one, part in pairs if not close(part, one.right[tensor], tolerance_of(part))
    ]
    n = len(pairs)
    if not wrong:
        return TensorFinding(tensor=tensor, right=n, cases=n)
    mistake = next((m for m in known_mistakes(row, tensor) if _explains(m, tensor, wrong)), None)
    one, part = wrong[0]
    return TensorFinding(
        tensor=tensor,
        right=n - len(wrong),
        cases=n,
        sentence=say(mistake.sentence) if mistake else _described(tensor, one, part, say),
        mistake=mistake.name if mistake else "",
        where=str(one.case),
    )


def _explains(mistake: LayerMistake, tensor: str, wrong: Sequence[tuple[Situation, Any]]) -> bool:
    for one, part in wrong:
        try:
            made = mistake.makes(one, tensor)
        except Exception:  # it cannot be made in this case
            return False
        if made is None or not close(part, made, tolerance_of(part)):
            return False
    return True


def _described(tensor: str, one: Situation, part: Any, say: Say) -> str:
    right = one.right[tensor]
    if part is None:
        return say("is missing: backward returns it, or it stands in the layer as {name}").format(
            name=tensor
        )
    given = numbers_of(part)
    if given is None or given.shape != numbers_of(right).shape:  # pyright: ignore[reportOptionalMemberAccess] - `right` is a tensor
        return say("is {kind}, and {expected} was expected").format(
            kind=kind_of(part, say), expected=kind_of(right, say)
        )
    if given.isnan().any():
        return say("holds NaN")
    if right.numel() == 1:
        return say("is {kind}, and {expected} was expected").format(
            kind=f"{given.item():.6g}", expected=f"{right.item():.6g}"
        )
    ratio = (given * right).sum() / right.square().sum()
    if close(given, ratio * right, SINGLE) and float(ratio) not in (0.0, 1.0):
        return say("is {ratio} times the right one").format(ratio=f"{float(ratio):.6g}")
    difference = (given - right).abs()
    wrong = int((difference > allowed_difference(right, TOLERANCE)).sum())
    worst = tuple(int(i) for i in torch.unravel_index(difference.argmax(), right.shape))
    return say("differs in {wrong} of {all} numbers, most at {index}").format(
        wrong=wrong, all=right.numel(), index=list(worst)
    )
