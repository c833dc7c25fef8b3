"""INF8225, TP1: what Adam remembers, by the template's names `t`, `m_t` and `v_t`.

The template's models set all three to 0 in `__init__`; a subclass or a notebook may do so again, or
give other values, and the next step goes on from there. The steps are the library's.
"""

from typing import Any

import torch
from torch import Tensor

from retroprop.byhand.optimizers import Adam


class AdamState:
    """One Adam for each tensor of `params`, from the first step or the first value that is not 0.

    Attributes:
        params: A tensor, or a list of them.
    """

    params: Any
    _adams: tuple[Adam, ...] = ()

    @property
    def t(self) -> int:
        """How many steps were made."""
        return self._adams[0].t if self._adams else 0

    @t.setter
    def t(self, steps: int) -> None:
        for adam, own in self._each(steps):
            adam.t = own

    @property
    def m_t(self) -> Any:
        """Moving average of the gradient, like `params`; 0 before there is any."""
        return self._like_params([adam.m for adam in self._adams])

    @m_t.setter
    def m_t(self, value: Any) -> None:
        for adam, own in self._each(value):
            adam.m.copy_(torch.as_tensor(own))

    @property
    def v_t(self) -> Any:
        """Moving average of the squared gradient, like `params`; 0 before there is any."""
        return self._like_params([adam.v for adam in self._adams])

    @v_t.setter
    def v_t(self, value: Any) -> None:
        for adam, own in self._each(value):
            adam.V.copy_(torch.as_tensor(own))
            adam.decay = 1.0
            adam.settle()

    def adams(self) -> tuple[Adam, ...]:
        """The optimizers, made when they are first needed."""
        if not self._adams:
            thetas = self.params if isinstance(self.params, list) else [self.params]
            self._adams = tuple(Adam(theta, 0.0) for theta in thetas)
        return self._adams

    def _each(self, value: Any) -> list[tuple[Adam, Any]]:
        """Each optimizer with its part of a value: a list has one for each, a number is for all."""
        if not self._adams and isinstance(value, int | float) and value == 0:
            return []  # they begin at 0
        values = value if isinstance(value, list | tuple) else [value] * len(self.adams())
        return list(zip(self.adams(), values, strict=True))

    def _like_params(self, values: list[Tensor]) -> Any:
        """A list where the parameters are one; 0 before there is anything."""
        if not values:
            return 0
        return values if isinstance(self.params, list) else values[0]
