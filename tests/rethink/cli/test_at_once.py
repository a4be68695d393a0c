"""What a command imports: what it needs, when it is chosen. Importing torch and Ray takes seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.made_runs import make_run, spec, write_trial

TRAINING = {"torch", "torchvision", "ray", "ffcv", "numba"}
DRAWING = {"matplotlib", "duckdb", "pandas", "jinja2", "tensorboard"}
CODE = """
import json, sys
from rethink.cli import main
try:
    status = main(sys.argv[1:])
except SystemExit as end:
    status = end.code
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def imported(*arguments: str, folder: Path) -> tuple[int, set[str]]:
    """The exit status of a command in a process of its own, and the top-level modules that it has then."""
    ended = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, cwd=folder, check=True
    )
    status, modules = json.loads(ended.stderr.splitlines()[-1])
    return status, {name for name in modules if "." not in name}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 0),
        (("--help",), 0),
        (("--hlep",), 2),
        (("run", "--help"), 0),
        (("run", "label_corruption", "--help"), 0),
        (("run", "imagenet_regularization", "--help"), 0),
        (("run", "label_corruption", "--modle", "mlp_1x512"), 2),
        (("run", "label_corruption", "--model", "resnet"), 2),
        (("run", "label_corruption", "--label-corruption", "1.2"), 2),
        (("run", "label_corruption", "--paper", "--model", "wide_resnet", "--depth", "11"), 2),
        (("run", "imagenet_regularization", "--image-size", "62"), 2),
        (("run", "label_corruption", "--cpus-per-trial", "0"), 2),
        (("resume", "nowhere"), 2),
        (("prepare", "mnist"), 2),
        (("query", "--help"), 0),
        (("query", "nowhere", "select 1"), 2),
        (("figures", "nowhere"), 2),
        (("export", "--help"), 0),
        (("evaluate", "--help"), 0),
    ],
)
def test_help_and_refusals_import_nothing_that_trains(tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    ended, modules = imported(*arguments, folder=tmp_path)
    assert ended == status
    assert not modules & TRAINING
    if arguments[:1] not in (("query",), ("figures",)):
        assert not modules & DRAWING


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "demo", "select * from cells"),
        ("figures", "demo"),
        ("report", "demo"),
        ("pack", "demo", "demo.parquet"),
    ],
)
def test_what_looks_at_runs_imports_nothing_that_trains(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    run = make_run(tmp_path / "demo", [spec(seed=seed, label_corruption=level) for level in (0, 1) for seed in (0, 1)])
    for one in run.read_run().specs:
        write_trial(run, one, 5, 5)
    status, modules = imported(*arguments, folder=tmp_path)
    assert status == 0
    assert not modules & TRAINING
