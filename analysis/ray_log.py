"""Ray's own record of a run, for the rows that a trial's own files have lost: tune/start-*/<trial>/result.json.

Ray hears of a trial at most once a `report_seconds`, so its log lacks rows; that with which a trial ends, it has.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.columns import RECORD
from rethink.metrics import of_any_version
from rethink.run_directory import Attempt, RunDirectory, read_json_lines
from rethink.spec import TrialSpec

_NAMES = [column.name for column in RECORD]


class RayLog:
    """The results that Ray logged for a run's trials, by trial."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    @cached_property
    def _starts(self) -> list[Path]:
        return sorted(self._run.tune.glob("start-*"))

    def attempt(self, spec: TrialSpec) -> Attempt:
        """What Ray logged of a trial, over all starts of the run, as one attempt; nothing: one without rows."""
        rows: list[dict[str, Any]] = []
        for start in self._starts:
            path = start / spec.name / "result.json"
            if path.is_file():
                lines, _ = read_json_lines(path)
                whole = filter(_is_whole, map(of_any_version, lines))
                rows += [{name: line[name] for name in _NAMES} for line in whole]
        return Attempt(spec.spec_id, 0, rows=rows)


def _is_whole(line: Mapping[str, Any]) -> bool:
    return line.keys() >= set(_NAMES)
