"""The runner gives Tune every trial once, with exactly its configuration, the longest first, in reused processes."""

import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ray import tune

from rethink.ray_backend import tuner
from rethink.ray_backend.registrations import Entries
from rethink.ray_backend.reporter import Reporter
from rethink.ray_backend.schedulers import longest_first
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.sweep.recipes import complete
from rethink.trial.settings import TrialSettings
from tests.made_record import made_record

LEVELS = (0.2, 1.0, 0.0, 0.6, 0.4)  # a trial costs one more than its level


class Pretender(tune.Trainable):
    """Ends with its first report, and leaves a line with its process and configuration."""

    def setup(self, config: dict[str, Any], settings: TrialSettings, entries: Entries) -> None:
        self._log = settings.run / "log.jsonl"
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        with self._log.open("a") as log:
            log.write(json.dumps([os.getpid(), new_config]) + "\n")
        return True

    def step(self) -> dict[str, Any]:
        return {"epoch": 1, "steps": 1, "train_accuracy": 0.1, "epochs_to_fit": None, "diverged": False}


@pytest.mark.parametrize("slots", [1, 2])
def test_every_trial_is_given_once_as_it_is_and_the_longest_first(
    local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    monkeypatch.setattr(tuner, "NetworkTrainable", Pretender)
    run, display = RunDirectory(tmp_path), MagicMock()
    specs = [complete({"model": "mlp_1x512", "max_epochs": 1, "label_corruption": level}) for level in LEVELS]
    run.create(made_record(specs))
    resources = {"cpu": 2.0 / slots, "gpu": 0.0}
    costs = {spec: 1 + spec.label_corruption for spec in specs}
    labels = run.read_run().labels
    reporter = Reporter(run, display, labels)
    tuner.run_trials(run, costs, {}, RunOptions(), resources, None, reporter)
    expected = longest_first({spec: 1 + spec.label_corruption for spec in specs})
    given = [json.loads(path.read_text()) for path in run.tune.rglob("params.json")]
    assert sorted(given, key=expected.index) == expected
    ended = [call.args[0].spec_id for call in display.finish.call_args_list]
    assert sorted(ended) == sorted(spec.spec_id for spec in specs)
    processes, started = zip(*map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines()), strict=True)
    assert len(set(processes)) <= slots
    if slots == 1:
        assert list(started) == expected
