"""How often trials report: the controller keeps half of its time free, and an explicit interval is respected."""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from rethink.errors import SpecError
from rethink.files.checked_files import decode_json, to_json
from rethink.ray_backend import tuner
from rethink.ray_backend.reporter import Reporter
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.sweep.recipes import complete
from tests.made_record import made_record


def busy(trials: int, seconds: float) -> float:
    """Share of the controller's time that reports take, at the cost that docs/scaling.md measures."""
    return trials / seconds * (1e-3 + 1e-6 * trials)


@pytest.mark.parametrize("trials", [1, 10, 300, 1000, 8000])
def test_reports_take_half_of_the_controllers_time_at_most(trials: int) -> None:
    seconds = tuner._report_seconds(RunOptions(), trials)
    assert busy(trials, seconds) <= 0.5 + 1e-9
    assert seconds == 1.0 or busy(trials, seconds) == pytest.approx(0.5)


def test_what_was_asked_for_counts() -> None:
    assert tuner._report_seconds(RunOptions(report_seconds=0.0), 8000) == 0.0


def test_what_was_asked_for_is_kept_and_read_again() -> None:
    for asked in (None, 2.5):
        assert decode_json(to_json(RunOptions(report_seconds=asked)), RunOptions).report_seconds == asked


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(SpecError, match=r"report_seconds = -1\.0 is not allowed"):
        RunOptions(report_seconds=-1)


@pytest.mark.parametrize(("trials", "slots", "at_once"), [(600, 2, 2), (600, 10_000, 600), (600, 500, 500)])
def test_trials_that_wait_for_a_slot_make_no_report_rarer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int, slots: int, at_once: int
) -> None:
    class Made(Exception):
        pass

    def settings(**made: Any) -> None:
        raise Made(made["report_seconds"])

    monkeypatch.setattr(tuner.cluster, "most_slots", lambda resources: slots)
    monkeypatch.setattr(tuner.cluster, "most_on_one_device", lambda resources: slots)
    monkeypatch.setattr(tuner, "TrialSettings", settings)
    run = RunDirectory(tmp_path)
    run.create(made_record())
    costs = {complete({"model": "mlp_1x512", "max_epochs": 1, "seed": seed}): 1.0 for seed in range(trials)}
    reporter = Reporter(run, MagicMock(), {})
    with pytest.raises(Made) as made:
        tuner.run_trials(run, costs, {}, RunOptions(), {"cpu": 1.0}, None, reporter)
    assert made.value.args == (tuner._report_seconds(RunOptions(), at_once),)
