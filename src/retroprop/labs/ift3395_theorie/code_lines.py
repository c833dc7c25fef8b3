"""Where in the library a formula is computed: a module, a function in it, and the line itself.

The text of the line is what ties them: when the code changes, or the line moves to another
function, the link breaks with a sentence, and a test with it. The number of the line is looked up.
"""

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CodeLine:
    """A line of code.

    Attributes:
        module: Below `retroprop`: "byhand.linear".
        function: Its qualified name there: "Linear.backward".
        text: The line, without indentation.
    """

    module: str
    function: str
    text: str

    @property
    def path(self) -> str:
        """The file, from the package's folder: "byhand/linear.py"."""
        return self.module.replace(".", "/") + ".py"

    @property
    def place(self) -> str:
        """The file and the line's number: "byhand/linear.py:118"."""
        return f"{self.path}:{self.number()}"

    def number(self) -> int:
        """The line's number in its file.

        Raises:
            LookupError: If the function, or the line in it, is not there any more.
        """
        found: object = importlib.import_module(f"retroprop.{self.module}")
        for name in self.function.split("."):
            if name not in vars(found):
                raise LookupError(f"{self.path} has no {self.function} any more")
            found = vars(found)[name]
        assert inspect.isfunction(found), self
        lines, first = inspect.getsourcelines(inspect.unwrap(found))
        places = [at for at, line in enumerate(lines) if line.strip() == self.text]
        if len(places) != 1:
            raise LookupError(
                f"{self.path}: {self.function} holds the line {self.text!r} {len(places)} times, "
                "and the theory ties a formula to it"
            )
        return first + places[0]

    def source(self) -> Path:
        """The file on this machine."""
        package = Path(inspect.getfile(importlib.import_module("retroprop"))).parent
        return package / self.path
