"""Inside the confinement: runs the files of a submission statement by statement, answers probes.

Whatever a submission does to this process, it can only change what it answers; the grader judges.
"""

import __future__

import ast
import importlib.util
import linecache
import os
import random
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from typing import Any

from . import messages
from .healing import healed
from .observation import Observation

PACKAGE = "submission"
"""In which the files of a submission are modules."""
PROBES = "<probes>"
MOST_FAILURES = 20
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)


class Unknown:
    """What the grader never sends."""

    def __init__(self, name: str) -> None:
        self.name = name


def serve(orders: int, replies: int, held: Sequence[str]) -> None:
    """Answer the grader's orders until it closes the connection.

    Args:
        orders: The number of the file that they come from.
        replies: That of the file that they are answered in.
        held: The layers of confinement that hold.
    """
    incoming = messages.Incoming(Unknown)
    send(replies, {"id": 0, "held": list(held)})
    submission = Submission()
    while True:
        try:
            order = receive(orders, incoming)
        except messages.Closed:
            return
        number = order["id"]
        submission.progress = lambda file, line, number=number: send(
            replies, {"id": number, "at": [file, line]}
        )
        reply = {"id": number, **replied(submission, order)}
        try:
            send(replies, reply)
        except messages.TooLarge:
            send(replies, {"id": number, "too_large": True})
        except OSError:
            raise
        except Exception as error:  # what was answered does not let itself be looked at
            send(replies, {"id": number, "raised": submission.describe(error)})
        with suppress(Exception):  # it may have put anything there
            sys.stdout.flush()


def replied(submission: "Submission", order: dict) -> dict:
    """The reply to an order."""
    try:
        ordinary_state()
        if order["do"] == "load":
            submission.load(order)
            return {"failures": submission.failures}
        probe = submission.probes[order["probe"]]
        with submission.with_substitutes(order["substitutes"]):
            if not submission.observed:
                return {"value": probe(submission, order["values"])}
            with Observation({f"{name}.py" for name in submission.files}) as observation:
                value = probe(submission, order["values"])
        return {"value": value, "seen": observation.told()}
    except BaseException as error:  # SystemExit too
        return {"raised": submission.describe(error)}


def ordinary_state() -> None:
    """What a submission may have left otherwise, and what makes the same answers every time."""
    import numpy as np
    import torch

    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.default_generator.manual_seed(0)  # torch.manual_seed asks every kind of device, too
    np.random.seed(0)
    random.seed(0)


def receive(connection: int, incoming: messages.Incoming) -> Any:
    """The next order."""
    while (found := incoming.message()) is None:
        data = os.read(connection, 1 << 20)
        if not data:
            raise messages.Closed
        incoming.add(data)
    return found[0]


def send(connection: int, message: Any) -> None:
    """All of a message."""
    rest = memoryview(messages.packed(message))
    while rest:
        rest = rest[os.write(connection, rest) :]


# --- the files of a submission --------------------------------------------------------------------


class Submission:
    """The modules of a submission, as attributes: `submission.mlp` is the file mlp.py.

    Attributes:
        files: Names of modules and their source.
        modules: Those that have been run, or are being run.
        failures: What went wrong with them.
        probes: The grader's functions.
        observed: Whether it is told what torch is asked for while they run.
        progress: Is told, by file and line, which statement begins.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.modules: dict[str, types.ModuleType] = {}
        self.failures: list[dict] = []
        self.probes: dict[str, Any] = {}
        self.observed = False
        self.progress: Callable[[str, int], None] = lambda file, line: None
        self._skipped: set[tuple[str, int]] = set()
        self._definitions_only = False

    def __getattr__(self, name: str) -> types.ModuleType:
        try:
            return self.__dict__["modules"][name]
        except KeyError:
            raise AttributeError(f"the submission has no file {name}.py") from None

    def load(self, order: Mapping[str, Any]) -> None:
        """Run every file.

        Args:
            order: files; probes, their source; observed, as the attribute; skip, [file, line] of
                statements that ended an earlier process; definitions_only, whether nothing else is
                run.
        """
        self._skipped = {(file, line) for file, line in order["skip"]}
        self._definitions_only = order["definitions_only"]
        self.observed = order["observed"]
        libraries = {*sys.modules, *sys.stdlib_module_names}
        for name, source in order["files"].items():
            name = name.rpartition(".")[2]
            if name in libraries:
                self.failures.append({"type": "LeftOut", "file": f"{name}.py", "line": None})
            else:
                self.files[name] = source
        exec(compile(order["probes"], PROBES, "exec"), self.probes)
        package = types.ModuleType(PACKAGE)
        package.__path__ = []
        sys.modules[PACKAGE] = package
        sys.meta_path.insert(0, Finder(self))  # pyright: ignore[reportArgumentType]
        for name in self.files:
            self.module(name)

    @contextmanager
    def with_substitutes(self, sources: Mapping[str, str]) -> Iterator[None]:
        """Meanwhile, functions of these sources (by file) take the place of the submission's."""
        before = []
        for file, source in sources.items():
            module, given = self.modules[file].__dict__, {}
            exec(compile(source, PROBES, "exec"), given)
            functions = {k: v for k, v in given.items() if isinstance(v, types.FunctionType)}
            before.append((module, functions, {k: module[k] for k in functions if k in module}))
            module.update(functions)
        try:
            yield
        finally:
            for module, functions, own in before:
                for name in functions:
                    module.pop(name, None)
                module.update(own)

    def module(self, name: str) -> types.ModuleType:
        """The module of a file, which is run if it was not."""
        if name not in self.modules:
            module = types.ModuleType(f"{PACKAGE}.{name}")
            module.__file__, module.__package__ = f"{name}.py", PACKAGE
            self.modules[name] = sys.modules[module.__name__] = module
            setattr(sys.modules[PACKAGE], name, module)
            self._run(module, f"{name}.py", self.files[name])
        return self.modules[name]

    def _run(self, module: types.ModuleType, file: str, source: str) -> None:
        """Run a file statement by statement: one that fails does not take the next with it."""
        try:
            source, tree, cuts = healed(source, file)
            tree = ast.fix_missing_locations(OwnImports(self.files).visit(tree))
        except Exception as error:  # syntax, encoding, nested too deep
            self._failed(error, file, getattr(error, "lineno", None))
            return
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        for cut in cuts:
            failure = {"type": "SyntaxError", "message": cut.reason, "left_out": cut.name}
            self.failures.append(failure | {"file": file, "line": cut.line})
        flags = 0
        for statement in tree.body:
            flags |= future_flags(statement)
            if (file, statement.lineno) in self._skipped:
                continue
            if self._definitions_only and not defines(statement):
                continue
            self.progress(file, statement.lineno)
            try:
                code = compile(ast.Module([statement], []), file, "exec", flags, dont_inherit=True)
                exec(code, module.__dict__)
            except BaseException as error:
                self._failed(error, file, statement.lineno)
                if len(self.failures) > MOST_FAILURES:
                    return

    def _failed(self, error: BaseException, file: str, line: int | None) -> None:
        self.failures.append(self.describe(error) | {"file": file, "line": line})

    def describe(self, error: BaseException) -> dict:
        """An exception, and the last line of the submission that it went through."""
        where: dict[str, Any] = {"file": None, "line": None, "text": ""}
        ours = {f"{name}.py" for name in self.files}
        with suppress(Exception):  # it may have changed anything
            for frame in traceback.extract_tb(error.__traceback__):
                if frame.filename in ours:
                    text = (frame.line or "")[:200]
                    where = {"file": frame.filename, "line": frame.lineno, "text": text}
        message = ""
        with suppress(BaseException):
            message = str(error)[:500]
        return {"type": type(error).__name__[:100], "message": message} | where


def future_flags(statement: ast.stmt) -> int:
    """What `from __future__ import …` asks of the statements that follow."""
    if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
        return 0
    features = (getattr(__future__, alias.name, None) for alias in statement.names)
    return sum(feature.compiler_flag for feature in features if feature is not None)


def defines(statement: ast.stmt) -> bool:
    """Whether a statement defines something, and calls nothing."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return not any(isinstance(node, ast.Call) for node in ast.walk(statement))
    return isinstance(statement, DEFINITIONS)


# --- their imports --------------------------------------------------------------------------------


class OwnImports(ast.NodeTransformer):
    """Lets the imports among the files of a submission find them, in the package `submission`.

    `import mlp`, `from .mlp import Linear` and `from assignment.mlp import Linear`, where there is
    no such package, mean the same file. Nothing else in this process ever finds one: a library
    that looks for an optional module `cuda` does not get a student's cuda.py.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        """`from mlp import …`, or `from . import mlp`."""
        module = node.module or ""
        if name := self._file(module, node.level):
            node.module, node.level = f"{PACKAGE}.{name}", 0
        elif all(alias.name in self.files for alias in node.names) and not is_library(module):
            node.module, node.level = PACKAGE, 0
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """`import mlp`, `import assignment.mlp`."""
        statements: list[ast.stmt] = []
        for alias in node.names:
            name = self._file(alias.name, 0)
            top, dot, _ = alias.name.partition(".")
            if name is None:
                wanted = [alias]
            elif dot and not alias.asname:
                wanted = [ast.alias(f"{PACKAGE}.{name}", "_"), ast.alias(PACKAGE, top)]
            else:
                wanted = [ast.alias(f"{PACKAGE}.{name}", alias.asname or name)]
            statements += [ast.copy_location(ast.Import([one]), node) for one in wanted]
        return statements

    def _file(self, module: str, level: int) -> str | None:
        """The file that a module's name means."""
        name = module.rpartition(".")[2]
        if name not in self.files or (name != module and not level and is_library(module)):
            return None
        return name


def is_library(module: str) -> bool:
    """Whether a name is that of something that this machine has."""
    top = module.partition(".")[0]
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):  # none, or an empty name
        return False


class Finder:
    """Finds the modules of the package `submission`."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """That of a file."""
        package, _, file = name.partition(".")
        if package != PACKAGE or file not in self.submission.files:
            return None
        return ModuleSpec(name, self)  # pyright: ignore[reportArgumentType]

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Run the file."""
        return self.submission.module(spec.name.partition(".")[2])

    def exec_module(self, module: types.ModuleType) -> None:
        """It has been run."""
