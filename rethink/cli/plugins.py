"""What lies above this package: commands of `analysis`, and the sweep files; imported at their first use."""

import importlib
import pkgutil
from typing import Any

SWEEPS = "sweeps"


def of_analysis(name: str) -> Any:
    """The command of this name in `analysis.commands`."""
    return getattr(importlib.import_module("analysis.commands"), name)


def of_query(name: str) -> Any:
    """What `analysis.query_limits` says under this name."""
    return getattr(importlib.import_module("analysis.query_limits"), name)


def sweep_names() -> list[str]:
    """The sweep files, by name."""
    return [module.name for module in pkgutil.iter_modules(importlib.import_module(SWEEPS).__path__)]


def sweep_module(name: str) -> Any:
    """A sweep file, imported."""
    return importlib.import_module(f"{SWEEPS}.{name}")
