"""The Ray edge: a class Trainable around one Trial at a time, reused for trial after trial."""

import time
from pathlib import Path
from typing import Any

import torch
from ray import tune

from rethink.entries import Entries
from rethink.node_check import check_node
from rethink.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.trial import DataStore, Trial, TrialSettings

STATE_FILE = "state.pt"
NOTES = "notes"  # of a result: lines that the user is told once


class NetworkTrainable(tune.Trainable):
    """Trains the network of `config["spec"]` and reports its newest record at most every `report_seconds`.

    Rows and checkpoints go to the run directory by the trial's own hand, not through Tune, whose bookkeeping loses
    finished trials when the driver dies. Tune's save and restore serve the schedulers that pause trials.
    """

    def setup(self, config: dict[str, Any], settings: TrialSettings, entries: Entries) -> None:
        """Get the process ready, then the trial. Raises SpecError for code or data that differ from the run's."""
        check_node(RunDirectory(settings.run).run_file, settings.versions)
        entries.register()
        torch.set_num_threads(settings.threads)
        torch.backends.cudnn.deterministic = True
        self._settings = settings
        self._store = DataStore(settings)
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another trial in this process: no import, no compilation, no new loader."""
        self._trial.close()
        self._start(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train for about `report_seconds`, at least to the next row, never past the trial's end."""
        until = time.monotonic() + self._settings.report_seconds
        record = self._trial.run_until(lambda: time.monotonic() >= until)
        return {**record.to_dict(), **({NOTES: self._trial.notes} if self._trial.notes else {})}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        self._trial.save(Path(checkpoint_dir) / STATE_FILE)

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        self._trial.load(Path(checkpoint_dir) / STATE_FILE)

    def cleanup(self) -> None:
        self._trial.close()

    def _start(self, config: dict[str, Any]) -> None:
        self._trial = Trial(TrialSpec.from_dict(config["spec"]), self._settings, self._store)
