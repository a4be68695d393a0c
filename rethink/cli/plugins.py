"""What lies above this package: commands of `analysis`, and the sweep files; imported at their first use."""

import importlib
import pkgutil
from typing import Any

ANALYSIS = "analysis.commands"
SWEEPS = "sweeps"


def of_analysis(name: str) -> Any:
    """The object of this name in `analysis.commands`."""
    return getattr(importlib.import_module(ANALYSIS), name)


def sweep_names() -> list[str]:
    """The sweep files, by name."""
    return [module.name for module in pkgutil.iter_modules(importlib.import_module(SWEEPS).__path__)]


def sweep_module(name: str) -> Any:
    """A sweep file, imported."""
    return importlib.import_module(f"{SWEEPS}.{name}")
