"""Where a result comes from: code, packages and machine."""

import hashlib
import importlib
import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import rethink

PACKAGES = ("torch", "torchvision", "ffcv", "ray", "numpy", "numba", "pandas")


CODE = ("rethink", "analysis", "sweeps", "pyproject.toml", "constraints.txt", ":(exclude,glob)**/__pycache__/**")


@cache
def versions() -> dict[str, str]:
    """Versions of the code (with its commit, where it is a checkout), of Python and of the packages that matter.

    `code` stands for the content of the package's modules: the same on every machine, whatever git says there.
    """
    digest = code_digest("rethink")
    own = {"rethink": _code_version(), "code": digest, "python": platform.python_version()}
    return {**own, **{package: version(package) for package in PACKAGES}}


def command() -> str:
    """What was typed to start this process, quoted: it can be pasted. A byte that is no text is written as \\udc.."""
    return shlex.join(sys.argv).encode(errors="backslashreplace").decode()


@cache
def code_digest(package: str) -> str:
    """A digest of the names and contents of a package's modules."""
    folder = Path(importlib.import_module(package).__path__[0])
    digest = hashlib.blake2b(digest_size=8)
    for module in sorted(folder.rglob("*.py")):
        content = module.read_bytes()
        digest.update(f"{module.relative_to(folder)} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _code_version() -> str:
    """The version and commit, and `dirty` where code differs from it; a machine of a cluster has no other files."""
    commit = _git("describe", "--always", "--abbrev=12")
    if commit is None:
        return rethink.__version__
    dirty = "-dirty" if _git("status", "--porcelain", "--untracked-files=all", "--", *CODE) else ""
    return f"{rethink.__version__}+{commit}{dirty}"


def _git(*arguments: str) -> str | None:
    """What git says of this checkout; None if it is none."""
    checkout = Path(rethink.__file__).parents[1]
    if not (checkout / ".git").exists():
        return None
    # Copied to a machine, the checkout may have another owner, whom git would not trust.
    command = ["git", "-c", f"safe.directory={checkout}", "--no-optional-locks", "-C", str(checkout), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
