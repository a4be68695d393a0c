"""Where a result comes from: code, packages and machine."""

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import rethink

PACKAGES = ("torch", "torchvision", "ffcv", "ray", "numpy", "numba", "pandas")


@cache
def versions() -> dict[str, str]:
    """Versions of the code (with its commit, where it is a checkout), of Python and of the packages that matter."""
    return {"rethink": _code_version(), "python": platform.python_version(), **{p: version(p) for p in PACKAGES}}


def _code_version() -> str:
    checkout = Path(__file__).parents[1]
    if not (checkout / ".git").exists():
        return rethink.__version__
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{rethink.__version__}+{answer.stdout.strip()}" if answer.returncode == 0 else rethink.__version__
