"""README's own data set, model and sweep: exactly that file runs, on Ray workers that never registered its parts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.frames import load
from rethink.records.run_directory import RunDirectory
from tests.patience import PATIENCE
from tests.undisturbed import recorded_rows

ROOT = Path(__file__).parents[3]
SECTION = (ROOT / "README.md").read_text().split("## Own data set, model, sweep")[1].split("\n## ")[0]
(FILE,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
IMPORTS, DATA, MODEL, SWEEP = re.split(r"\n(?=# Data:|# A model,|# A sweep:)", FILE)


def call(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, *command]
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's, with the file and one run of it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_sweep.py").write_text(FILE)
    small = ["--max-epochs", "20", "--seed", "0", "--cache-dir", "cache", "--storage", "runs", "--name", "first"]
    finished = call(folder, "my_sweep.py", *small)
    assert finished.returncode == 0, finished.stderr
    return folder


def test_the_file_makes_a_sweep_whose_every_trial_ends(folder: Path) -> None:
    trials = load(folder / "runs/first").trials
    assert len(trials) == 4
    assert set(trials["model"]) == {"tiny_conv"}
    assert set(trials["dataset"]) == {"stripes"}
    assert set(trials["stop_reason"]) <= {"interpolated", "max_epochs"}
    clean = trials[(trials["label_corruption"] == 0) & (trials["dropout"] == 0)]
    assert (clean["test_error"] < 0.25).all(), "the stripes can be learned"


def test_the_own_file_resumes_its_run_and_another_process_says_how(folder: Path) -> None:
    run = RunDirectory(folder / "runs/first")
    spec = run.read_run().specs[0]
    before = recorded_rows(run, spec)
    for path in [*run.rows.glob(f"{spec.spec_id}-*"), run.checkpoint(spec.spec_id)]:
        path.unlink()
    stranger = call(folder, "-m", "rethink", "resume", "runs/first")
    assert stranger.returncode == 2
    assert "unknown model 'tiny_conv'" in stranger.stderr
    assert "python FILE --resume" in stranger.stderr
    assert len(stranger.stderr.splitlines()) == 1
    resumed = call(folder, "my_sweep.py", "--resume", "runs/first")
    assert resumed.returncode == 0, resumed.stderr
    assert recorded_rows(run, spec) == before


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("nn.Linear(256, classes)", "nn.Linear(256, exit(0))", r"raised SystemExit: 0 \(my_sweep.py, line \d+\)"),
        ("return nn.Sequential(convolution", "return print(convolution", "returned None, not a torch.nn.Module"),
        (
            'variants={"default"',
            'variants={"seed": [own], "default"',
            "variant 'seed' is not allowed: --seed is an option",
        ),
    ],
)
def test_a_fault_in_the_own_file_ends_in_one_line_and_leaves_nothing(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    assert right in FILE
    (tmp_path / "my_sweep.py").write_text(FILE.replace(right, wrong))
    refused = call(tmp_path, "my_sweep.py", "--cache-dir", "cache", "--storage", "runs")
    assert refused.returncode == 2
    assert re.fullmatch(rf"rethink run my_sweep: .*{said}.*\n", refused.stderr)
    assert {path.name for path in tmp_path.iterdir()} == {"my_sweep.py"}


def test_a_run_of_another_sweep_is_refused(folder: Path) -> None:
    refused = call(folder, "-m", "rethink", "run", "label_corruption", "--resume", "runs/first")
    assert refused.returncode == 2
    assert "is a run of 'my_sweep', not of 'label_corruption'" in refused.stderr


def test_a_sweep_that_is_a_module_of_a_package_reaches_the_workers_with_the_files_beside_it(
    tmp_path: Path, cache_dir: Path
) -> None:
    """`python -m` has the working directory in its path, so the workers have it in theirs."""
    package = tmp_path / "mine"
    package.mkdir()
    (package / "entries.py").write_text(IMPORTS + DATA + MODEL)
    (package / "sweep.py").write_text(f"from mine import entries\n{IMPORTS}{SWEEP}")
    small = ["--max-epochs", "1", "--seed", "0", "--dropout", "0", "--label-corruption", "0"]
    places = ["--storage", str(tmp_path / "runs"), "--cache-dir", str(cache_dir), "--name", "run"]
    ended = call(tmp_path, "-m", "mine.sweep", *small, *places)
    assert ended.returncode == 0, ended.stderr
    assert len(load(tmp_path / "runs/run").trials) == 1
