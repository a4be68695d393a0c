"""Runs in, tidy frames out: one row per trial, one per trial and evaluation, one per trial and measure."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.reading import frames_cache
from analysis.reading.measure_files import measures_frame
from analysis.reading.packed_run import PackedRun
from analysis.reading.run_files import run_files
from analysis.reading.runs import Run, open_runs
from analysis.reading.trial_rows import joined, to_frames
from analysis.schema.columns import EPOCHS, MEASURED, TRIALS
from analysis.schema.typed_frames import concatenated
from rethink.errors import SpecError
from rethink.records.run_directory import RunDirectory


@dataclass(frozen=True)
class Frames:
    """The frames, described in docs/dataframes.md, and how many lines and files could not be read."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    damaged_lines: int
    damaged_files: int
    runs: tuple[Run, ...] = ()

    @cached_property
    def measures(self) -> pd.DataFrame:
        """The measures frame, read from the runs' files when it is first asked for."""
        return measures_frame(self.runs, self.trials)


def load(*paths: str | Path) -> Frames:
    """The frames of any number of runs, finished, running or crashed.

    Trials that have ended are kept in the user's cache folder, from which the next call takes those whose files have
    not changed. Warns of damaged lines and files, of rows that only Ray's log still has, and of outcomes that the rows
    do not show.

    Args:
        paths: Run directories and packed runs, each of a name of its own.

    Returns:
        One row per trial, and one per trial and evaluation: the columns of docs/dataframes.md, with their units and
        the same dtypes whatever the runs hold.

    Raises:
        FileNotFoundError: A path is no run.
        SpecError: No path was given, or two runs have one name.
        RunError: A run.json is damaged or of another format, or a run holds results of trials that it did not ask for.
    """
    runs = {run.name: run for run in open_runs(paths)}
    if not paths or len(runs) < len(paths):
        raise SpecError(f"{len(paths)} runs with {len(runs)} names: give at least one, each a name of its own")
    loaded = [_load(name, run) for name, run in runs.items()]
    return Frames(
        concatenated([frames.trials for frames in loaded], TRIALS),
        concatenated([frames.epochs for frames in loaded], EPOCHS),
        sum(frames.damaged_lines for frames in loaded),
        sum(frames.damaged_files for frames in loaded),
        tuple(runs.values()),
    )


def _load(name: str, run: Run) -> Frames:
    return _unpacked(run) if isinstance(run, PackedRun) else _from_files(name, run)


def _unpacked(run: PackedRun) -> Frames:
    trials, measured = run.frames()
    rows = measured.groupby("spec_id", sort=False).size().reindex(trials["spec_id"], fill_value=0)
    epochs = joined(trials, measured.drop(columns="spec_id"), rows)
    return Frames(trials, epochs, int(trials["damaged_lines"].sum()), 0)


def _from_files(name: str, run: RunDirectory) -> Frames:
    """Unchanged trials from the cache, all others from the run's files; they are cached then."""
    files = run_files(run)
    cached = frames_cache.read(files)
    left = files.specs.keys() - cached.spec_ids
    trials, epochs = to_frames(name, files.trials(left))
    if len(left) < len(files.specs):
        trials, epochs = _in_order([*files.specs], cached.frames(name), (trials, epochs))
    frames_cache.write(files, cached, trials, epochs)
    return Frames(trials, epochs, files.damaged_lines, files.damaged_files)


def _in_order(spec_ids: list[str], *parts: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both frames of all parts, each in the order of the trials given."""
    order = pd.Index(spec_ids, dtype="string")
    trials = concatenated([own for own, _ in parts], TRIALS)
    trials = trials.take(np.argsort(order.get_indexer(pd.Index(trials["spec_id"])))).reset_index(drop=True)
    measured = concatenated([epochs[[column.name for column in MEASURED]] for _, epochs in parts], MEASURED)
    places = order.get_indexer(pd.Index(measured["spec_id"]))
    measured = measured.take(np.argsort(places, kind="stable")).drop(columns="spec_id")
    return trials, joined(trials, measured, np.bincount(places, minlength=len(order)))
