"""What run.json says of several runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.reading.runs import open_runs
from rethink.records.run_record import RunRecord

Runs = Mapping[str, RunRecord]  # run.json by the run's name


def read_runs(run_paths: Sequence[str | Path]) -> Runs:
    """What run.json says of each run, by the run's name. Raises SpecError for one that is damaged."""
    return {run.name: run.read_run() for run in open_runs(run_paths)}


def created(runs: Runs) -> dict[str, str]:
    """When each run was started, ISO 8601."""
    return {name: run.created.isoformat() for name, run in runs.items()}
