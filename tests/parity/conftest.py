"""Shapes are checked where a gradient is compared, and not again by its central differences.

They call the same function with the same shapes, hundreds of times; checking them each time took
half of the time of these tests.
"""

import jaxtyping
import pytest

from retroprop.parity import comparisons


@pytest.fixture(autouse=True)
def _differences_without_checks(monkeypatch):
    along = comparisons._along

    def unchecked(*arguments):
        jaxtyping.config.update("jaxtyping_disable", True)
        try:
            return along(*arguments)
        finally:
            jaxtyping.config.update("jaxtyping_disable", False)

    monkeypatch.setattr(comparisons, "_along", unchecked)
