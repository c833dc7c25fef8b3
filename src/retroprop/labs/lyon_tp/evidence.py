"""The evidence beside an answer: the source of what it speaks of, and errors of rounding."""

import inspect
from collections.abc import Callable
from typing import Any

from retroprop.labs.source_code import source
from retroprop.report.document import Code
from retroprop.report.lab_report import LabReport

ROUNDING = 1e-12
"""Errors above this are no rounding of float64."""


def code(lab: LabReport, *functions: Callable[..., Any]) -> Code:
    """The source of some functions of one module, with its place."""
    module = inspect.getmodule(functions[0])
    assert module is not None
    file = module.__name__.removeprefix("retroprop.").replace(".", "/") + ".py"
    names = ", ".join(one.__qualname__ for one in functions)
    title = lab.say("In the code: {file}, {names}").format(file=file, names=names)
    return source(*functions, title=title)


def error(lab: LabReport, value: float) -> str:
    """An error of float64, and a warning where it is more than rounding."""
    text = lab.numbers.power_of_ten(value)
    if value < ROUNDING:
        return text
    return lab.say("{error} (more than rounding: a mistake)").format(error=text)
