"""What a submission uses that should have been derived by hand: by reading its code and running it.

Names are resolved through imports and simple assignments, so `from torch import nn as n` hides
nothing, nor does `getattr(torch, "nn")`; what is hidden better is seen when it is called. It is
evidence for a teacher, and costs no points: code may stand in a comparison, or never be called, and
who counts operations does not know why there are so many.
"""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from torch import Tensor

from retroprop.grading.answers import Seen
from retroprop.grading.checks import Check, LabGrading, Question
from retroprop.grading.results import Evidence, Sheet
from retroprop.languages import Say

AUTOGRAD = (
    "torch.autograd",
    "torch.func",
    "torch.nn",
    "torch.optim",
    "torch.enable_grad",
    ".backward()",
    ".requires_grad",
    ".requires_grad_",
    "requires_grad=",
)
"""What derives, or holds layers, in torch. A `backward` of one's own takes arguments."""

REARRANGE = {f"torch.nn.functional.{name}" for name in ("pad", "one_hot", "unfold", "fold")}
"""They move numbers, and derive nothing."""

_PROGRAM = ("__name__ == '__main__'", "'__main__' == __name__")
_IMPORTERS = {"importlib.import_module", "__import__"}
MOST = 20
"""Places in a file."""
PER_DERIVATIVE = 10
"""Operations of finite differences: two losses, each by a product, an activation and three more."""


def evidence_in(files: Mapping[str, str], grading: LabGrading, say: Say) -> list[Evidence]:
    """The places of a submission that use what they should not.

    Functions that nothing else uses and the template does not have are a student's own tests.

    Args:
        files: Module name → source; what is no Python is passed over.
        grading: Of the lab. Its `by_hand` has of a module what is not to be used: "torch.nn" with
            all below it, ".grad" as an attribute of anything, ".backward()" called without
            arguments, "requires_grad=" given.
        say: The language.
    """
    found = []
    for file, unwanted in grading.by_hand.items():
        try:
            tree = ast.parse(files.get(file, ""))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        lines = files.get(file, "").splitlines()
        asked_for = {*_defined(ast.parse(grading.template.get(file, ""))), *_shared(files, file)}
        places = dict(sorted(_used(tree, unwanted, asked_for), reverse=True))
        for line in sorted(places)[:MOST]:
            sentence = say("uses {name}, where the assignment asks for a derivation by hand")
            found.append(
                Evidence(
                    sentence=sentence.format(name=places[line]),
                    file=file,
                    line=line,
                    text=lines[line - 1].strip(),
                )
            )
    return found


def evidence_of_running(
    seen: Seen, answer: Any, check: Check, question: Question, sheet: Sheet, say: Say
) -> Iterator[Evidence]:
    """What a submission asked torch for while it answered, and should not have.

    Args:
        seen: What it asked for.
        answer: What it answered.
        check: What was asked.
        question: Of which question.
        sheet: With the submission and the evidence so far; no line is told twice.
        say: The language.
    """
    files = sheet.submission.files
    told = {(one.file, one.line) for one in sheet.evidence}
    sentence = say("calls {name} when it runs, where the assignment asks for a derivation by hand")
    for name, file, line in seen.places:
        module = file.removesuffix(".py")
        lines = files.get(module, "").splitlines()
        unwanted = sheet.grading.by_hand.get(module, ())
        if (module, line) in told or not _within(name, unwanted) or not 0 < line <= len(lines):
            continue
        told.add((module, line))
        text = lines[line - 1].strip()
        yield Evidence(
            sentence=sentence.format(name=name),
            file=module,
            line=line,
            text=text,
            question=question.number,
        )
    derivatives = _numbers_in(answer)
    if check.probe in sheet.grading.derivatives and seen.operations > PER_DERIVATIVE * derivatives:
        sentence = say(
            "{check}: {operations} operations on tensors for {numbers} derivatives, as many as "
            "finite differences take"
        )
        sentence = sentence.format(
            check=say(check.name), operations=seen.operations, numbers=derivatives
        )
        yield Evidence(sentence=sentence, question=question.number)


def _numbers_in(answer: Any) -> int:
    """How many numbers there are in the tensors and containers of an answer."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if isinstance(answer, list | tuple):
        return sum(map(_numbers_in, answer))
    return answer.numel() if isinstance(answer, Tensor) else isinstance(answer, int | float)


def _used(
    tree: ast.Module, unwanted: Sequence[str], asked_for: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Line and name of every use."""
    known = _names(tree)
    within: set[ast.AST] = set()  # the a.b of an a.b.c
    for node in (node for part in _reached(tree, asked_for) for node in ast.walk(part)):
        if isinstance(node, ast.Attribute):
            within.add(node.value)
            if (attribute := f".{node.attr}") in unwanted:
                yield node.lineno, attribute
        if isinstance(node, ast.Name | ast.Attribute | ast.Call) and node not in within:
            dotted = _dotted(node, known)
            if dotted and (module := _within(dotted, unwanted)):
                yield node.lineno, module
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and not node.args:
                called = f".{node.func.attr}()"
                if called in unwanted:
                    yield node.lineno, called
            for keyword in node.keywords:
                asked = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if f"{keyword.arg}=" in unwanted and not asked:
                    yield node.lineno, f"{keyword.arg}="


def _reached(tree: ast.Module, asked_for: Collection[str]) -> list[ast.stmt]:
    """The statements of a file, without what only a student's own tests use."""
    defined = _defined(tree)
    if not defined.keys() & asked_for:
        return tree.body
    loose = [one for one in tree.body if one not in defined.values() and not _is_program(one)]
    loose += [one for statement in tree.body if _is_program(statement) for one in statement.orelse]
    waiting = [*loose, *(one for name, one in defined.items() if name in asked_for)]
    reached: list[ast.stmt] = []
    while waiting:
        one = waiting.pop()
        reached.append(one)
        for name in {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}:
            if (used := defined.get(name)) and used not in reached and used not in waiting:
                waiting.append(used)
    return reached


def _defined(tree: ast.Module) -> dict[str, ast.stmt]:
    """The functions and classes of a file by their names."""
    return {
        one.name: one
        for one in tree.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def _is_program(statement: ast.stmt) -> TypeGuard[ast.If]:
    """Whether it is an `if __name__ == "__main__"`."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in _PROGRAM


def _shared(files: Mapping[str, str], file: str) -> Iterator[str]:
    """The names that the other files of a submission import."""
    for other, source in files.items():
        try:
            tree = ast.parse(source if other != file else "")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.Attribute):
                yield node.attr


def _names(tree: ast.AST) -> dict[str, str]:
    """Name in the file → what it stands for: modules, parts of modules, and other names of them."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (dotted := _dotted(node.value, known)):
            known |= {one.id: dotted for one in node.targets if isinstance(one, ast.Name)}
    return known


def _dotted(node: ast.AST, known: Mapping[str, str]) -> str:
    """What an expression stands for, as "torch.nn.Linear"; empty if it is not known."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "__import__" if node.id == "__import__" else "")
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, known)
        return f"{base}.{node.attr}" if base else ""
    if isinstance(node, ast.Call):
        arguments = [one.value for one in node.args if isinstance(one, ast.Constant)]
        if _dotted(node.func, known) in _IMPORTERS and arguments:
            return str(arguments[0])
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            base = _dotted(node.args[0], known)
            return f"{base}.{arguments[-1]}" if base and arguments else ""
    return ""


def _within(dotted: str, unwanted: Sequence[str]) -> str:
    """The unwanted module that a name is, or is below of; empty if it is none."""
    if dotted in REARRANGE:
        return ""
    for module in unwanted:
        if dotted == module or dotted.startswith(f"{module}."):
            return module
    return ""
