"""Trial: one training run that survives. It keeps every row, checkpoints by the clock, and resumes where it stopped."""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rethink.records.provenance import versions
from rethink.records.record import Record, stop_reason
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.training.reopened import reopen
from rethink.trial.checkpoint_clock import CheckpointClock
from rethink.trial.data_store import DataStore
from rethink.trial.moment_log import MomentLog
from rethink.trial.settings import TrialSettings
from rethink.trial.trial_log import TrialLog
from rethink.weights.checkpoint_file import NotWhole, TrialState, write_checkpoint
from rethink.weights.checkpoints import Checkpoints, read_start, read_state


class Trial:
    """One trial in one process, from its newest checkpoint in the run directory if it has one."""

    def __init__(self, spec: TrialSpec, settings: TrialSettings, store: DataStore) -> None:
        self.spec = spec
        self._settings = settings
        self._run = RunDirectory(settings.run)
        data = store.streams.open(spec, store.prepared(spec))
        self._training = Training(spec, data, _device(settings))
        self._moments = MomentLog(self._run, spec, data, self._training.learner.network, _device(settings))
        self._records: list[Record] = []  # all of them: a checkpoint carries the rows, whose files may be lost
        self._is_unreported = False  # restored at a rung: nobody may have heard of it
        self._resumed_from = 0, 0  # epochs finished, steps
        self._clock = CheckpointClock(settings.checkpoint_seconds)
        self._log = TrialLog(self._run, spec, self._header)
        self._checkpoints = Checkpoints(self._run.checkpoint(spec.spec_id))
        self.notes: list[str] = []  # what was amiss with its checkpoints, a line each
        self._restore()

    def run_until(self, due: Callable[[], bool]) -> Record:
        """Train to the next row, and on until `due` says so, an epoch of `report_epochs` or the trial's end.

        Returns the last record. By then every row is on disk; at the end so is the trial's final checkpoint. A trial
        restored at its end, or at an epoch of `report_epochs`, says so again first.
        """
        if self._last is not None and (self._is_unreported or self._has_ended(self._last)):
            self._is_unreported = False
            return self._last
        for record in self._training.steps_and_records():
            if record:
                self._records.append(record)
                self.notes += self._moments.keep(self._records)
            is_last = record is not None and self._has_ended(record)
            if is_last or self._clock.is_due:
                self._checkpoint(is_last)
            if record is None:
                continue
            self._log.keep(record)
            if self._has_ended(record):
                self.close()  # here, where a full disk still counts for this trial
                return record
            if record.epoch in self._settings.report_epochs or due():
                return record
        raise RuntimeError(f"trial {self.spec.name} has no step left")

    def save(self, path: Path) -> None:
        """Write the whole state, and all rows so far, so that a file of that name is always whole. Raises OSError."""
        write_checkpoint(path, self._state())

    def load(self, path: Path) -> None:
        """Go to where `save` was called. A file that is damaged, or of another trial, is noted, and changes nothing."""
        try:
            state = self._read(path)
        except NotWhole as error:
            self.notes.append(f"{error}; the trial goes on from step {self._training.place.steps}")
        else:
            self._go_to(state)

    def _restore(self) -> None:
        """Go to the newest whole checkpoint, else to where the trial starts."""
        state, problems = self._checkpoints.take(self._read)
        place = "starts anew" if state is None else f"goes on from the one before, step {state.training['steps']}"
        self.notes += [f"{line}; the trial {place}" for line in problems]
        if state is not None:
            self._go_to(state)
        elif self.spec.start_from is not None:
            self._training.start_from(read_start(self._run.start_file(self.spec.spec_id), self.spec))
            self._resumed_from = self._training.place.epoch, self._training.place.steps

    def _go_to(self, state: TrialState) -> None:
        self._training.load_state_dict(state.training)
        self._resumed_from = self._training.place.epoch, self._training.place.steps
        self._records = reopen(self._training, [Record.from_dict(row) for row in state.rows])
        self._is_unreported = self._last is not None and self._last.epoch in self._settings.report_epochs
        self._log.write_lost(self._records)

    def _state(self) -> TrialState:
        return TrialState(
            run_id=self._run.run_id,
            spec_id=self.spec.spec_id,
            spec=self.spec.to_dict(),
            data_sha256=self._data_sha256,
            training=self._training.state_dict(),
            rows=[record.to_dict() for record in self._records],
        )

    def _read(self, path: Path) -> TrialState:
        return read_state(path, self._run.run_id, self.spec, self._data_sha256)[0]

    @property
    def _data_sha256(self) -> str:
        return self._settings.data_sha256[self.spec.stored_data]

    def close(self) -> None:
        """Close the trial's files; its thread and file handles are gone after this."""
        self._log.close(self._last)

    @property
    def _last(self) -> Record | None:
        return self._records[-1] if self._records else None

    def _checkpoint(self, is_last: bool) -> None:
        with self._clock.writing():
            self._checkpoints.write(self._state(), is_last)

    def _has_ended(self, record: Record) -> bool:
        return stop_reason(self.spec, record.to_dict()) is not None

    def _header(self) -> dict[str, Any]:
        epoch, steps = self._resumed_from
        about = {"device": self._settings.device, "data_sha256": self._data_sha256, "notes": self.notes}
        return {**_process(), **about, "resumed_from_epoch": epoch, "resumed_from_steps": steps}


def _process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _device(settings: TrialSettings) -> torch.device:
    return torch.device(settings.device)
