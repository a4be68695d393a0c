"""What the attempts at a trial wrote: rows/<spec id>-<attempt>.jsonl, a header line, then one line per row.

A trial appends and syncs its own rows, so nothing that was measured depends on the driver's life. Every attempt has
a file of its own: two writers never share one, whatever the network did. A line that does not hold to its schema, or
that others of its file contradict, is left out, named and counted; so is a file that is not what its name says.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from rethink.files.checked_files import decode_json, decode_json_lines, read_plain
from rethink.records.record import TIMING_COLUMNS, Count, Ordinal, RowLine

NAME = re.compile(r"(?P<spec_id>[0-9a-f]+)-(?P<number>[0-9]{4,})\.jsonl")
_NAMED = 3  # damaged lines of a file that a warning names

Row = dict[str, Any]
Line = TypeVar("Line")
Date = Annotated[datetime, msgspec.Meta(tz=True)]


class Owner(msgspec.Struct, kw_only=True, frozen=True):
    """Whose rows a file holds, and in which form."""

    format: Literal[1] = 1
    run_id: str
    spec_id: str
    number: Ordinal  # of the attempt


class Header(Owner, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an attempt says of itself before its first row."""

    host: str
    pid: Count
    device: str
    threads: Ordinal
    versions: dict[str, str]
    data_sha256: str
    resumed_from_epoch: Count
    resumed_from_steps: Count
    notes: tuple[str, ...]  # what was amiss with its checkpoints
    started: Date


class _FirstLine(msgspec.Struct, forbid_unknown_fields=True):
    attempt: Header


class _OwnersLine(msgspec.Struct):
    attempt: Owner


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial: its header, its rows in the order of the file, and what is wrong with each damaged line.

    There is no header if the attempt died before it wrote one, or if it is damaged but for its owner.
    """

    spec_id: str
    number: int
    header: Header | None = None
    rows: list[Row] = field(default_factory=list)
    damage: tuple[str, ...] = ()

    @property
    def damaged_lines(self) -> int:
        return len(self.damage)


def read_attempts(paths: Iterable[Path], run_id: str) -> tuple[list[Attempt], int]:
    """(the attempts of these files, in their order; the number of files left out). Warns of all that is damaged."""
    attempts, left_out = [], 0
    for path in paths:
        try:
            attempt = _read_attempt(path, run_id)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            warnings.warn(f"{path}: cannot be read ({reason}), left out", stacklevel=1)
            left_out += 1
            continue
        attempts.append(attempt)
        warn_of_damage(path, attempt.damage)
    return attempts, left_out


def warn_of_damage(what: object, damage: tuple[str, ...]) -> None:
    """One warning that names the first damaged lines of a file and counts all."""
    if damage:
        more = f"; and {len(damage) - _NAMED} more" if len(damage) > _NAMED else ""
        named = "; ".join(damage[:_NAMED])
        warnings.warn(f"{what}: {len(damage)} damaged line(s), left out: {named}{more}", stacklevel=1)


def _read_attempt(path: Path, run_id: str) -> Attempt:
    """Raises OSError for what is no plain file, ValueError for a file that is not what its name says."""
    name = NAME.fullmatch(path.name)
    if name is None:
        raise ValueError("it is not named <spec id>-<attempt>.jsonl")
    spec_id, number = name["spec_id"], int(name["number"])
    lines = numbered_lines(read_plain(path))
    if not lines:
        return Attempt(spec_id, number)
    (place, first), *others = lines
    header, damage = _header(place, first)
    due = {"run_id": run_id, "spec_id": spec_id, "number": number}
    said = {field: getattr(header, field) for field in due}
    if said != due:
        differences = (f"{field} = {said[field]!r}, not {due[field]!r}" for field in due if said[field] != due[field])
        raise ValueError(f"its header says {' and '.join(differences)}")
    rows, damaged = decode_lines(others, RowLine)
    as_dicts = [(line, msgspec.structs.asdict(row)) for line, row in rows]
    contradicted = dict(_contradictions(as_dicts))
    damage = (*damage, *damaged, *(f"line {line}: {reason}" for line, reason in contradicted.items()))
    kept = [row for line, row in as_dicts if line not in contradicted]
    return Attempt(spec_id, number, header if isinstance(header, Header) else None, kept, damage)


def _header(place: int, line: bytes) -> tuple[Owner, tuple[str, ...]]:
    """The header, or at least its owner. Raises ValueError if not even that can be read."""
    try:
        return decode_json(line, _FirstLine).attempt, ()
    except ValueError as error:
        reason = str(error)
    try:
        return decode_json(line, _OwnersLine).attempt, (f"line {place}: {reason}",)
    except ValueError as error:
        raise ValueError(f"no header says whose rows these are: line {place}: {error}") from None


def numbered_lines(content: bytes) -> list[tuple[int, bytes]]:
    """(number from 1, text) of the lines that hold anything; a crash can leave zero bytes."""
    lines = enumerate(content.split(b"\n"), start=1)
    return [(number, line) for number, line in lines if line.strip(b"\0 \r")]


def decode_lines(lines: list[tuple[int, bytes]], kind: type[Line]) -> tuple[list[tuple[int, Line]], tuple[str, ...]]:
    """(number and content of each line of this kind, what is wrong with the others)."""
    try:
        at_once = decode_json_lines(b"\n".join(line for _, line in lines), kind)
        if len(at_once) == len(lines):
            return [(number, value) for (number, _), value in zip(lines, at_once, strict=True)], ()
    except ValueError:
        pass  # each line is read by itself below
    whole, damage = [], []
    for number, line in lines:
        try:
            whole.append((number, decode_json(line, kind)))
        except ValueError as error:
            damage.append(f"line {number}: {error}")
    return whole, tuple(damage)


def _contradictions(rows: list[tuple[int, Row]]) -> Iterator[tuple[int, str]]:
    """(line, why) of rows that others of the same attempt contradict; of two rows of one step the later counts."""
    by_step: dict[int, tuple[int, Row]] = {}
    for line, row in rows:
        earlier, other = by_step.get(row["steps"], (line, row))
        by_step[row["steps"]] = line, row
        if other is not row and _measured(other) != _measured(row):
            yield earlier, f"line {line} has other values for its steps = {row['steps']}"
    sound = []
    for line, row in by_step.values():
        if problem := _at_odds(row):
            yield line, problem
        else:
            sound.append((line, row))
    fitted = {row["epoch"]: row["fitted"] for _, row in sound if row["fitted"] is not None}
    first = min((epoch for epoch, holds in fitted.items() if holds), default=None)
    for line, row in sound:
        if problem := _denied_fit(row, fitted, first):
            yield line, problem


def _measured(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in TIMING_COLUMNS}


def _at_odds(row: Row) -> str | None:
    """Why a row contradicts itself."""
    epoch, fit, exact = row["epoch"], row["epochs_to_fit"], row["exact_train_accuracy"]
    if fit is not None and fit > epoch:
        return f"epochs_to_fit = {fit}, but epoch = {epoch}"
    if row["fitted"] is False and fit == epoch:
        return f"epochs_to_fit = {fit} = epoch, but fitted is false"
    if row["fitted"] and fit is None:
        return "fitted is true, but epochs_to_fit is null"
    return f"fitted is true, but exact_train_accuracy = {exact}" if row["fitted"] and exact not in (None, 1) else None


def _denied_fit(row: Row, fitted: Mapping[int, bool], first: int | None) -> str | None:
    """Why `epochs_to_fit` cannot be: `fitted` by epoch as the attempt's rows say, and the first epoch of them that fit.

    An attempt that went on from a later checkpoint has no row of the fit itself.
    """
    fit, reached = row["epochs_to_fit"], first is not None and row["epoch"] >= first
    if fit is None:
        return f"epochs_to_fit is null, but the row of epoch {first} has fitted" if reached else None
    if not fitted.get(fit, True):
        return f"epochs_to_fit = {fit}, but the row of epoch {fit} has not fitted"
    if first is not None and fit > first:
        return f"epochs_to_fit = {fit}, but the row of epoch {first} has fitted before"
    return None


def rows_of(attempts: list[Attempt]) -> dict[int, Row]:
    """The rows that count, by their number, in order: of each number, that of the last attempt that reached it."""
    rows = {row["row"]: row for attempt in attempts for row in attempt.rows}
    return dict(sorted(rows.items()))
