"""A sweep from Python, as README shows it: three lines, twice in one process."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.frames import Frames, load
from rethink.errors import SpecError
from rethink.notebook import run
from rethink.records.record import TIMING_COLUMNS
from rethink.run_options import RunOptions
from sweeps.label_corruption import SWEEP

README = Path(__file__).parents[2] / "README.md"


def test_three_lines_of_readme_run_a_sweep_twice_in_one_process(
    local_ray: None, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lines,) = re.findall(r"```python\n(from rethink\.notebook import run\n.*?)```", README.read_text(), re.DOTALL)
    assert len(lines.splitlines()) == 3
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_dir))
    measured: list[Frames] = []
    for number in range(2):
        with redirect_stdout(io.StringIO()) as shown:
            known: dict[str, Frames] = {}
            exec(lines.replace('"smoke"', f'"smoke", name="run{number}"'), known)
        assert len(re.findall(r"^\[\d/\d\] mlp_1x512, level p=", shown.getvalue(), re.MULTILINE)) == 3
        measured.append(known["frames"])
    assert list(measured[0].trials["label_corruption"]) == [0, 0.5, 1]
    rows = [frames.epochs.drop(columns=["run", *TIMING_COLUMNS]) for frames in measured]
    pd.testing.assert_frame_equal(*rows)
    pd.testing.assert_frame_equal(load("runs/run1").epochs, measured[1].epochs)


def test_what_no_trial_can_run_with_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"label_corruption = 1.2 is not allowed: in \[0, 1\]"):
        run(SWEEP, "smoke", storage=tmp_path / "runs", label_corruption=1.2)
    with pytest.raises(SpecError, match="unknown variant 'smok'"):
        run(SWEEP, "smok", storage=tmp_path / "runs")
    with pytest.raises(SpecError, match="max_failures = -1 is not allowed"):
        run(SWEEP, "smoke", storage=tmp_path / "runs", options=RunOptions(max_failures=-1))
    with pytest.raises(SpecError, match=r"unknown field 'lable_corruption'; .*\(nearest: label_corruption\)"):
        run(SWEEP, "smoke", storage=tmp_path / "runs", lable_corruption=1)
    with pytest.raises(SpecError, match=r"options = {'seed': 1} is not allowed: rethink.run_options.RunOptions"):
        run(SWEEP, "smoke", storage=tmp_path / "runs", options={"seed": 1})
    with pytest.raises(SpecError, match="'label_corruption' is not a sweep"):
        run("label_corruption", storage=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("storage", ["", " ", "s3://bucket/runs", Path("s3://bucket/runs"), 7])
def test_what_is_no_folder_of_this_machine_is_refused(
    storage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"^storage = .* is not allowed: a folder of this machine"):
        run(SWEEP, "smoke", storage=storage)
    monkeypatch.setenv("RETHINK_STORAGE", "s3://bucket/runs")
    with pytest.raises(SpecError, match=r"^RETHINK_STORAGE: 's3://bucket/runs' is not allowed"):
        run(SWEEP, "smoke")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"data_dir": "s3://bucket"}, "data_dir = 's3://bucket' is not allowed: a folder of this machine"),
        ({"cache_dir": 3}, "cache_dir = 3 is not allowed: a folder of this machine"),
        ({"fail_fast": "yes"}, "fail_fast = 'yes' is not allowed: a value of type bool"),
        ({"max_failures": "3"}, "max_failures = '3' is not allowed: a finite value of type int"),
        ({"report_seconds": float("nan")}, "report_seconds = nan is not allowed: from 0 to 1000000"),
    ],
)
def test_an_option_of_another_type_is_refused_with_its_name(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError) as refused:
        RunOptions(**options)
    assert str(refused.value).startswith(told)


def test_folders_of_options_may_be_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert RunOptions(data_dir="~/x", cache_dir="y") == RunOptions(data_dir=tmp_path / "x", cache_dir=tmp_path / "y")
