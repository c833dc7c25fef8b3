"""Names that a package offers without importing what defines them until somebody asks.

`import retroprop.studies` takes no second of torch, and yet `dir()` and `help()` show what it has.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def offers(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package (PEP 562).

    Args:
        package: Its full name.
        names: What it offers, by the module of the package that defines it.

    >>> find, listed = offers("retroprop.calculus", {"norms": ["gradient_norm"]})
    >>> listed(), find("gradient_norm").__module__
    (['gradient_norm'], 'retroprop.calculus.norms')
    """
    module_of = {name: module for module, some in names.items() for name in some}

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{module_of[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        return sorted(module_of)

    return find, listed
