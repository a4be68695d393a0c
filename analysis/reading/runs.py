"""The runs that a user names: run directories and packed runs."""

from collections.abc import Sequence
from pathlib import Path

from analysis.reading.packed_run import SUFFIX, PackedRun
from rethink.records.run_directory import RunDirectory, find_runs

Run = RunDirectory | PackedRun


def open_runs(paths: Sequence[str | Path]) -> list[Run]:
    """Each path as what it is. Raises FileNotFoundError, in one line, for one that is neither."""
    return [_opened(Path(path)) for path in paths]


def _opened(path: Path) -> Run:
    if path.suffix == SUFFIX and path.is_file():
        return PackedRun(path.absolute())
    (run,) = find_runs([path])
    return run
