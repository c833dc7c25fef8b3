"""`retroprop conv` and `retroprop budget` as a person meets them."""

import inspect
import re
from importlib import import_module

import pytest
from PIL import Image

from retroprop.cli.help_texts import CALCULATE
from tests_cli import in_a_process

SHEET = "3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1"


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
