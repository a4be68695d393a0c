"""`analysis` and `sweeps` always mean this package's own, whatever else of these names can be imported."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

NAMES = ("analysis", "sweeps")
HOME = Path(__file__).parents[1]


class OwnPackages:
    """A finder that looks for these packages only beside this one."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [str(HOME)]) if name in NAMES else None


def claim() -> None:
    """Make the names mean this package's own from now on.

    Raises:
        SystemExit: Another file has been imported under one of them; one line says which.
    """
    for name in NAMES:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is not None and Path(file or "").resolve() != (HOME / name / "__init__.py").resolve():
            print(f"rethink: {file} stands in the way of this package's own `{name}`; rename it", file=sys.stderr)
            raise SystemExit(2)
    if OwnPackages not in sys.meta_path:
        sys.meta_path.insert(0, OwnPackages)
