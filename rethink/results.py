"""The way to analysis/: what a sweep keeps and ends with, and the commands that look further."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import pandas as pd

from analysis import figures, frames, query, report, store, summary
from rethink.run_directory import RunDirectory, atomic_file
from rethink.spec import SpecError, TrialSpec

NOT_ENDED = ("error", "unfinished")  # stop reasons
QUERY_FORMATS = tuple(query.FORMATS)


def keep_trial(run: RunDirectory, spec: TrialSpec, stop_reason: str) -> None:
    """Add a trial that has ended to the run's store. A store that cannot be written stops no sweep: it warns."""
    try:
        store.append(run, spec, stop_reason)
    except (OSError, ValueError) as error:
        told = f"{run.store} is not up to date with {spec.name} ({error})"
        warnings.warn(f"{told}; `rethink store {quote(str(run.root))}` writes it anew", stacklevel=2)


def rebuild_store(run: RunDirectory) -> None:
    """Write the store of a run anew and say how much is in it."""
    stored, trials = store.rebuild(run)
    print(f"{run.store}: {stored} of {trials} trials; the others have not ended, or have damaged rows")


def answer(runs: Sequence[RunDirectory], sql: str, form: str, output: Path | None) -> None:
    """Print the answer of an SQL query of these runs, or write it to a file, in one of QUERY_FORMATS."""
    if form == "parquet" and output is None:
        raise SpecError("a Parquet answer needs a file: --output FILE")
    _check_writable(output)
    content = query.FORMATS[form](query.query(frames.load(*(run.root for run in runs)), sql))
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        with atomic_file(output.absolute()) as file:
            file.write(content)


def report_runs(runs: Sequence[RunDirectory], output: Path | None) -> Path:
    """Write the report of these runs; return its path."""
    _check_writable(output)
    path = output or runs[0].root / "report.html"
    report.write_report([run.root for run in runs], path)
    return path


def _check_writable(output: Path | None) -> None:
    """Refuse a file that cannot be written before the work for it is done."""
    if output is not None and (output.is_dir() or not output.absolute().parent.is_dir()):
        raise SpecError(f"output = {str(output)!r} is not allowed: a file in a folder that exists")


def show_results(runs: Sequence[RunDirectory], output: Path | None = None) -> bool:
    """Print the table, draw the figures, say where to look. Returns whether every trial came to an end of its own."""
    folders = [run.root for run in runs]
    trials = frames.load(*folders).trials
    print()
    print(summary.to_text(summary.summary(trials)))
    print()
    for path in figures.draw(folders, output or runs[0].figures):
        print(f"figure       {path}")
    for run in runs:
        print(f"run          {run.root}")
        print(f"curves       tensorboard --logdir {quote(str(run.tensorboard))}")
        print(f"report       rethink report {quote(str(run.root))}")
        _print_what_is_left(run, trials[trials["run"] == run.root.resolve().name])
    return not trials["stop_reason"].isin(NOT_ENDED).any()


def _print_what_is_left(run: RunDirectory, trials: pd.DataFrame) -> None:
    for spec_id in trials.loc[trials["stop_reason"] == "error", "spec_id"]:
        print(f"failed       {run.error_file(spec_id)}")
    if trials["stop_reason"].isin(NOT_ENDED).any():
        print(f"go on with   rethink resume {quote(str(run.root))}")
