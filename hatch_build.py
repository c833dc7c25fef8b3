"""What building the package adds to it: the compiled French catalog, made of its sources.

Hatchling calls `CatalogHook` for a wheel and for an editable installation.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogHook(BuildHookInterface):
    """Compiles `src/retroprop/languages/fr/*.po`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run the script that developers run after changing a text."""
        script = Path(self.root) / "scripts" / "compile_messages.py"
        subprocess.run([sys.executable, str(script)], check=True)
