"""A start that fails leaves nothing, and its name is free again."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from rethink.cli.run_commands import run_sweep
from rethink.errors import SpecError
from rethink.ray_backend import cluster
from rethink.records.run_directory import RunDirectory
from rethink.runs import start_and_resume
from rethink.runs.new_run import discard_unbegun, new_run, open_storage
from rethink.sweep.sweep import Sweep
from tests.made_record import made_record

SWEEP = Sweep(
    "tiny", "for tests", {"default": [{"model": "mlp_1x512", "train_samples": 20, "max_epochs": 1, "batch_size": 20}]}
)


class Killed(BaseException):
    """In the place of a kill, which no `except Exception` sees."""


def fail(*_: Any, **__: Any) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (cluster, "connect"),
        (cluster, "check_nodes"),
        (start_and_resume, "prepare_all"),
        (start_and_resume, "write_label_examples"),
        (start_and_resume, "write_hyperparameters"),
        (start_and_resume, "versions"),
        (RunDirectory, "create"),
    ],
)
def test_a_start_that_fails_leaves_nothing(
    module: Any, name: str, tmp_path: Path, cache_dir: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, fail)
    storage = tmp_path / "deep/runs"
    with pytest.raises(Killed):
        run_sweep(SWEEP, ["--storage", str(storage), "--cache-dir", str(cache_dir), "--name", "run"])
    assert not list(tmp_path.iterdir())


def test_a_start_whose_trials_cannot_begin_leaves_nothing(
    tmp_path: Path, cache_dir: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no trial")

    monkeypatch.setattr(start_and_resume, "execute", refuse)
    assert run_sweep(SWEEP, ["--storage", str(tmp_path), "--cache-dir", str(cache_dir), "--name", "run"]) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kept", ["rows/a-0001.jsonl", "checkpoints/a.pt", "errors/a.txt", "outcomes.jsonl"])
def test_a_run_of_which_a_trial_began_is_kept(kept: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    for folder in ("rows", "checkpoints", "errors"):
        (run.root / folder).mkdir(parents=True)
    (run.root / kept).touch()
    discard_unbegun(run)
    assert (run.root / kept).exists()
    (run.root / kept).unlink()
    (run.root / "errors").rmdir()  # as when a disk has gone
    discard_unbegun(run)
    assert run.root.exists()
    (run.root / "errors").mkdir()
    discard_unbegun(run)
    assert not run.root.exists()


def test_storage_that_was_there_stays_and_so_does_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("kept")
    with pytest.raises(Killed), open_storage(tmp_path, "run"):
        raise Killed
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_run_takes_its_name_whole_or_not_at_all(tmp_path: Path) -> None:
    with new_run(tmp_path, "run") as new:
        new.create(made_record())
        assert not (tmp_path / "run").exists()
    assert RunDirectory(tmp_path / "run").read_run() == made_record()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    with (
        pytest.raises(SpecError, match=r"exists; choose another --name, or `rethink resume "),
        new_run(tmp_path, "run"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_of_two_starts_of_one_name_the_slower_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(SpecError, match="exists; choose another --name")
    with refused, new_run(tmp_path, "run"), new_run(tmp_path, "run") as quicker:
        quicker.create(made_record())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_a_start_leaves_when_it_is_killed_is_in_no_one_s_way(tmp_path: Path) -> None:
    (tmp_path / ".run.0123").mkdir()
    with open_storage(tmp_path, "run"), new_run(tmp_path, "run") as new:
        new.create(made_record())
    assert (tmp_path / "run/run.json").is_file()


def test_the_command_is_recorded_as_it_can_be_pasted(
    tmp_path: Path, cache_dir: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["rethink", "run", "tiny", "--name", "a b", "\udcff"]
    monkeypatch.setattr(sys, "argv", typed)
    monkeypatch.setattr(start_and_resume, "execute", lambda run, *_: None)
    run = start_and_resume.start(
        SWEEP,
        "default",
        SWEEP.specs("default", {}),
        tmp_path,
        "a b",
        start_and_resume.RunOptions(cache_dir=cache_dir),
    )
    recorded = json.loads(run.run_file.read_bytes())["command"]
    assert shlex.split(recorded)[:-1] == typed[:-1]
    assert recorded.encode().endswith(rb"\udcff'")
