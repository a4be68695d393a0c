"""Files with names of this package beside a user's sweep do no harm, or are named in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SWEEP = """
{first}
from rethink.cli import run_sweep
from rethink.sweep import Sweep
SWEEP = Sweep(name="mine", about="for tests", variants={{"default": [{{"model": "mlp_1x512"}}]}})
raise SystemExit(run_sweep(SWEEP))
"""


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with conflicting files, which print when they are run."""
    for name in ("analysis", "sweeps"):
        (tmp_path / f"{name}.py").write_text("print('RUN BY MISTAKE')\nOWN = 1\n")
    (tmp_path / "my_sweep.py").write_text(SWEEP.format(first=""))
    return tmp_path


@pytest.mark.parametrize("command", [["-m", "rethink", "--help"], ["my_sweep.py", "--help"]], ids=" ".join)
def test_files_of_these_names_do_no_harm(command: list[str], folder: Path) -> None:
    ended = run(*command, folder=folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(("usage: rethink", "usage: python my_sweep.py"))
    assert "MISTAKE" not in ended.stdout


@pytest.mark.parametrize("package", [False, True])
def test_what_was_imported_under_these_names_is_named_in_one_line(package: bool, folder: Path) -> None:
    place = folder / "analysis.py"
    if package:
        place.unlink()
        place = folder / "analysis/__init__.py"
        place.parent.mkdir()
        place.touch()
    (folder / "my_sweep.py").write_text(SWEEP.format(first="import analysis"))
    ended = run("my_sweep.py", "--help", folder=folder)
    assert ended.returncode == 2
    assert ended.stderr == f"rethink: {place} stands in the way of this package's own `analysis`; rename it\n"
