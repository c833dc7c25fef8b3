"""Watches what torch is asked for while a probe runs, and changes none of it.

Inference mode would be a stricter witness, but what derives automatically fails in it: that would
cost points, and only a teacher may take them.
"""

import sys
from collections.abc import Callable, Collection
from typing import Any

from torch.overrides import TorchFunctionMode

DERIVES_OR_HOLDS_LAYERS = ("torch.autograd", "torch.nn")
"""Modules whose functions are told."""
METHODS = {"Tensor.backward": ".backward()", "TensorBase.requires_grad_": ".requires_grad_"}
MOST_PLACES = 50


class Observation(TorchFunctionMode):
    """Counts the operations on tensors, and notes which of them derive or stand in a layer.

    Attributes:
        operations: How many there were; one that was asked for inside another does not count.
        places: [name, file, line], where a line of the submission first asked for it.
    """

    def __init__(self, files: Collection[str]) -> None:
        """Args: files: Those of the submission."""
        super().__init__()
        self.files = files
        self.operations = 0
        self.places: list[list[Any]] = []
        self._seen: set[tuple[str, str, int]] = set()

    def __torch_function__(
        self, function: Callable, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        """Called by torch instead of the function."""
        named = named or {}
        if type(function).__name__ != "method-wrapper":  # which is a look at an attribute
            self.operations += 1
        if told := told_name(function, named):
            self._note(told)
        return function(*arguments, **named)

    def _note(self, told: str) -> None:
        frame = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename not in self.files:
            frame = frame.f_back
        if frame is None:
            return
        place = (told, frame.f_code.co_filename, frame.f_lineno)
        if place not in self._seen and len(self.places) < MOST_PLACES:
            self._seen.add(place)
            self.places.append(list(place))

    def told(self) -> dict[str, Any]:
        """All of it, as the reply to a probe has it."""
        return {"operations": self.operations, "places": self.places}


def told_name(function: Any, named: dict[str, Any]) -> str:
    """What a function is called in what is told; empty for one that is not told of."""
    name = getattr(function, "__qualname__", "")
    if name in METHODS:
        return METHODS[name]
    if name == "getset_descriptor.__set__" and function.__self__.__name__ == "requires_grad":
        return ".requires_grad"
    if named.get("requires_grad"):
        return "requires_grad="
    module = getattr(function, "__module__", None) or ""
    module = "torch.nn.functional" if module == "torch._C._nn" else module
    return f"{module}.{name}" if module.startswith(DERIVES_OR_HOLDS_LAYERS) else ""
