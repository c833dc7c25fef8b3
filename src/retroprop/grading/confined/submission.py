"""Inside the confinement: runs the files of a submission statement by statement, answers probes.

Whatever a submission does to this process, it can only change what it answers; the grader judges.
"""

import ast
import linecache
import os
import re
import sys
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import messages

PROBES = "<probes>"
MOST_FAILURES = 20
MOST_CUTS = 5
"""Functions of a file that are cut out where they cannot be parsed."""


class Unknown:
    """What the grader never sends."""

    def __init__(self, name: str) -> None:
        self.name = name


def serve(connection: int, held: Sequence[str]) -> None:
    """Answer the grader's orders until it closes the connection.

    Args:
        connection: The number of its file.
        held: The layers of confinement that hold.
    """
    incoming = messages.Incoming(Unknown)
    send(connection, {"id": 0, "held": list(held)})
    loaded: Submission | None = None
    while True:
        try:
            order = receive(connection, incoming)
        except messages.Closed:
            return
        report = {"id": order["id"]}

        def progress(file: str, line: int, report: dict = report) -> None:
            send(connection, report | {"at": [file, line]})

        try:
            if order["do"] == "load":
                loaded = Submission(order["files"], skip=order["skip"], progress=progress)
                reply = {"failures": loaded.load(order["probes"], order["definitions_only"])}
            else:
                assert loaded is not None
                reply = {"value": loaded.probe(order["probe"], order["values"])}
        except BaseException as error:  # SystemExit too
            reply = {"raised": describe(error, loaded.sources if loaded else {})}
        try:
            send(connection, report | reply)
        except messages.TooLarge as error:
            send(connection, report | {"too_large": str(error)})
        except Exception as error:  # what was answered does not let itself be looked at
            send(connection, report | {"raised": describe(error, {})})
        sys.stdout.flush()


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
    """The modules of a submission, as attributes: `submission.mlp` is the file mlp.py."""

    def __init__(
        self,
        files: Mapping[str, str],
        *,
        skip: Sequence[Sequence] = (),
        progress: Callable[[str, int], None],
    ) -> None:
        """What has been sent.

        Args:
            files: Names of modules and their source.
            skip: [file, line] of statements that ended an earlier process.
            progress: Is told which statement begins.
        """
        self.files = dict(files)
        self.sources = {f"{name}.py": name for name in files}
        self.skip = {(file, line) for file, line in skip}
        self.progress = progress
        self.definitions_only = False
        self.failures: list[dict] = []
        self.modules: dict[str, types.ModuleType] = {}
        self.probes: dict[str, Any] = {}

    def load(self, probes: str, definitions_only: bool) -> list[dict]:
        """Run every file; what went wrong."""
        self.definitions_only = definitions_only
        exec(compile(probes, PROBES, "exec"), self.probes)
        sys.meta_path.insert(0, Finder(self))  # pyright: ignore[reportArgumentType]
        for name in self.files:
            self.module(name)
        return self.failures

    def __getattr__(self, name: str) -> types.ModuleType:
        try:
            return self.__dict__["modules"][name]
        except KeyError:
            raise AttributeError(f"the submission has no file {name}.py") from None

    def probe(self, name: str, values: Any) -> Any:
        """Ask one of the probes."""
        return self.probes[name](self, values)

    def module(self, name: str) -> types.ModuleType:
        """The module of a file, which is run if it was not."""
        if name not in self.modules:
            module = types.ModuleType(name)
            module.__file__ = f"{name}.py"
            self.modules[name] = sys.modules[name] = module
            self.run(module, self.files[name])
        return self.modules[name]

    def run(self, module: types.ModuleType, source: str) -> None:
        """Run a file statement by statement: one that fails does not take the next ones with it."""
        file = f"{module.__name__}.py"
        try:
            source, tree, failures = healed(source, file)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.failures.append(describe(error, self.sources) | {"file": file})
            return
        self.failures += failures
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        for statement in tree.body:
            if self.definitions_only and not defines(statement):
                continue
            if (file, statement.lineno) in self.skip:
                continue
            if not isinstance(statement, DEFINITIONS):
                self.progress(file, statement.lineno)
            try:
                exec(compile(ast.Module([statement], []), file, "exec"), module.__dict__)
            except BaseException as error:
                self.failures.append(
                    describe(error, self.sources) | {"file": file, "line": statement.lineno}
                )
                if len(self.failures) > MOST_FAILURES:
                    return


DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)


def defines(statement: ast.stmt) -> bool:
    """Whether a statement defines something, and calls nothing."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return not any(isinstance(node, ast.Call) for node in ast.walk(statement))
    return isinstance(statement, DEFINITIONS)


class Finder:
    """Finds the files of a submission for its imports."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The submission's module of this name."""
        if name not in self.submission.files:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self)  # pyright: ignore[reportArgumentType]

    def create_module(self, spec: Any) -> types.ModuleType:
        """Run its file."""
        return self.submission.module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """It has been run."""


# --- what went wrong ------------------------------------------------------------------------------


def healed(source: str, file: str) -> tuple[str, ast.Module, list[dict]]:
    """A file without the functions that cannot be parsed: the rest still earns its points.

    Returns:
        Source, tree, and what was left out.
    """
    failures: list[dict] = []
    while True:
        try:
            return source, ast.parse(source, file), failures
        except SyntaxError as error:
            line = error.lineno or 1
            cut = without_function(source, line, error.msg) if len(failures) < MOST_CUTS else None
            if cut is None:
                raise
            source, name = cut
            message = f"{error.msg}: {name} is left out"
            failures.append(
                {"type": "SyntaxError", "message": message, "line": line, "text": "", "file": file}
            )


FUNCTION = re.compile(r"\s*(?:async )?def\s+(\w+)")


def without_function(source: str, line: int, reason: str) -> tuple[str, str] | None:
    """The source with the function around a line raising SyntaxError, and the function's name."""
    lines = source.split("\n")
    start = min(line, len(lines)) - 1
    while start >= 0 and not FUNCTION.match(lines[start]):
        start -= 1
    if start < 0:
        return None
    indent = indentation(lines[start])
    stop = start + 1
    while stop < len(lines) and (not lines[stop].strip() or indentation(lines[stop]) > indent):
        stop += 1
    name = FUNCTION.match(lines[start])[1]  # pyright: ignore[reportOptionalSubscript]
    message = f"line {line}: {reason}"
    lines[start] = f"{' ' * indent}def {name}(*_, **__): raise SyntaxError({message!r})"
    lines[start + 1 : stop] = [""] * (stop - start - 1)
    return "\n".join(lines), name


def indentation(line: str) -> int:
    """Spaces before a line."""
    return len(line) - len(line.lstrip())


def describe(error: BaseException, files: Mapping[str, str]) -> dict:
    """An exception, and the last line of the submission that it went through."""
    where: dict[str, Any] = {"line": None, "text": "", "file": None}
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in files:
            where = {"line": frame.lineno, "text": (frame.line or "")[:200], "file": frame.filename}
    try:
        message = str(error)[:500]
    except Exception:
        message = ""
    return {"type": type(error).__name__[:100], "message": message} | where
