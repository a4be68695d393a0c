"""The Ray edge: a class Trainable around one Trial at a time, reused for trial after trial."""

import time
from pathlib import Path
from typing import Any

import torch
from ray import tune

from rethink.ray_backend.failures import as_trial_errors
from rethink.ray_backend.node_check import check_node
from rethink.ray_backend.registrations import Entries
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial

STATE_FILE = "state.pt"
NOTES = "notes"  # key of a result: lines that are shown to the user once


class NetworkTrainable(tune.Trainable):
    """Trains the network of `config["spec"]` and reports its newest record at most every `report_seconds`.

    The trial itself writes rows and checkpoints to the run directory, not Tune, whose bookkeeping loses finished trials
    when the driver dies. Tune's save and restore serve the schedulers that pause trials.
    """

    def setup(self, config: dict[str, Any], settings: TrialSettings, entries: Entries) -> None:
        """Get the process ready. Raises ClusterError for code or packages that differ from the run's.

        A failure here is the machine's: the trial may be restarted elsewhere. A failure in `step` is the trial's own.
        """
        check_node(RunDirectory(settings.run).run_file, settings.versions)
        entries.register()
        torch.set_num_threads(settings.threads)
        torch.backends.cudnn.deterministic = True
        self._settings = settings
        self._store = DataStore(settings)
        self._trial: Trial | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Get ready for another trial in this process: no import, no compilation, no new loader."""
        self.cleanup()
        return True

    def step(self) -> dict[str, Any]:
        """Train for about `report_seconds`, at least to the next row, never past the trial's end.

        Raises TrialError, whatever went wrong.
        """
        until = time.monotonic() + self._settings.report_seconds
        with as_trial_errors():
            trial = self._begun()
            record = trial.run_until(lambda: time.monotonic() >= until)
        return {**record.to_dict(), **({NOTES: trial.notes} if trial.notes else {})}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        with as_trial_errors():
            self._begun().save(Path(checkpoint_dir) / STATE_FILE)

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        with as_trial_errors():
            self._begun().load(Path(checkpoint_dir) / STATE_FILE)

    def cleanup(self) -> None:
        if self._trial is not None:
            trial, self._trial = self._trial, None
            trial.close()

    def _begun(self) -> Trial:
        """The trial of `config`, built at its first use."""
        if self._trial is None:
            self._trial = Trial(TrialSpec.from_dict(self.config["spec"]), self._settings, self._store)
        return self._trial
