"""Ray's own record of a run, for the rows that a trial's own files have lost: tune/start-*/<trial>/result.json.

Ray hears of a trial at most once a `report_seconds`, so its log lacks rows; that with which a trial ends, it has.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from rethink.files.checked_files import read_plain
from rethink.records.record import RowLine
from rethink.records.rows import Attempt, decode_lines, numbered_lines, warn_of_damage
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec


class _Config(msgspec.Struct, frozen=True):
    spec: dict[str, Any]


_Logged = msgspec.defstruct(  # a row among much else, such as the configuration that Ray gave the trial
    "Logged", [("config", _Config)], bases=(RowLine,), kw_only=True, frozen=True, forbid_unknown_fields=False
)


class RayLog:
    """The results that Ray logged for a run's trials, by trial."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    @cached_property
    def _starts(self) -> list[Path]:
        return sorted(self._run.tune.glob("start-*"))

    def attempt(self, spec: TrialSpec) -> Attempt:
        """What Ray logged of a trial, over all starts of the run, as one attempt; nothing: one without rows.

        Warns of lines that are damaged, or another trial's, and of files that cannot be read.
        """
        rows: list[dict[str, Any]] = []
        damage: list[str] = []
        for start in self._starts:
            path = start / spec.name / "result.json"
            if not path.exists():
                continue
            own, damaged = _read(path, spec)
            warn_of_damage(f"Ray's log {path}", damaged)
            rows += own
            damage += damaged
        return Attempt(spec.spec_id, 0, rows=rows, damage=tuple(damage))


def _read(path: Path, spec: TrialSpec) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    try:
        lines = numbered_lines(read_plain(path))
    except OSError as error:
        return [], (f"it cannot be read ({error.strerror})",)
    logged, damage = decode_lines(lines, _Logged)
    asked = spec.to_dict()
    rows, strange = [], []
    for line, entry in logged:
        row = msgspec.structs.asdict(entry)
        if row.pop("config").spec == asked:
            rows.append(row)
        else:
            strange.append(f"line {line}: it is of another trial")
    return rows, (*damage, *strange)
