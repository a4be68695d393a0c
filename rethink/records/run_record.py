"""run.json: what a run was asked for, written when it starts or grows, and checked whenever it is read."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from rethink.errors import RunError
from rethink.files.checked_files import decode_json, read_plain
from rethink.records.halving import SuccessiveHalving
from rethink.records.record import Fraction, Ordinal
from rethink.records.rows import Date
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec

FORMAT = 1


class StoredData(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the trials of a run read, and every later reading of it has to be."""

    content_sha256: str
    train_samples: Ordinal
    test_samples: Ordinal
    classes: Ordinal
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for another number of classes than of their names."""
        if self.classes != len(self.class_names):
            raise ValueError(f"classes = {self.classes} is not allowed: class_names has {len(self.class_names)} names")


class LabelFacts(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the draws made of a trial's labels, known before it starts."""

    changed: Fraction  # of the training subset's labels, those that differ from the true ones
    attainable_accuracy: Fraction  # on the training subset; below 1: equal images with unequal labels


class Addition(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A later start of the same sweep into the same run, and the trials that it added or gave a higher limit."""

    variant: str
    command: str
    created: Date
    versions: dict[str, str]
    options: RunOptions
    specs: tuple[str, ...]  # their ids


class RunRecord(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The content of run.json: what the first start said, the trials of all starts, and what later ones said."""

    format: int = FORMAT
    run_id: str  # of this start alone: rows and checkpoints name it
    sweep: str
    variant: str
    command: str
    created: Date
    versions: dict[str, str]  # of code and packages
    data: dict[str, StoredData]  # by its stored name (TrialSpec.stored_data)
    options: RunOptions
    halving: SuccessiveHalving | None
    specs: tuple[TrialSpec, ...]
    labels: dict[str, LabelFacts]  # by spec id
    additions: tuple[Addition, ...] = ()

    @property
    def starts(self) -> "tuple[RunRecord | Addition, ...]":
        """What each start said of itself, the oldest first."""
        return (self, *self.additions)

    @property
    def newest_options(self) -> RunOptions:
        """Those of the last start, with which a run goes on."""
        return self.starts[-1].options


class _Format(msgspec.Struct):
    format: int


class _Id(msgspec.Struct):
    run_id: str


def read_run_record(path: Path) -> RunRecord:
    """What a run.json says.

    Raises:
        OSError: The file is missing, or no plain file.
        RunError: It is damaged or of another format, or specs, data and options are not what they have to be; the
            message names the file, the field, its value and what it should be.
    """
    content = read_plain(path)
    try:
        return decode_run_record(content)
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); put back a whole copy, the rows are in rows/") from None


def decode_run_record(content: bytes) -> RunRecord:
    """What the bytes of a run.json say. Raises ValueError, in one line, for what `read_run_record` refuses."""
    _check_format(decode_json(content, _Format).format)
    record = decode_json(content, RunRecord)
    for problem in _problems(record, decode_json(content, dict[str, Any])):
        raise ValueError(problem)
    return record


def read_run_id(path: Path) -> str:
    """The run's id alone, of a run.json whose other entries may be many. Raises what `read_run_record` raises."""
    try:
        return decode_json(read_plain(path), _Id).run_id
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); put back a whole copy, the rows are in rows/") from None


def _check_format(said: int) -> None:
    if said != FORMAT:
        raise ValueError(f"format = {said} is not allowed: this version reads format {FORMAT}")


def _problems(record: RunRecord, plain: Mapping[str, Any]) -> Iterator[str]:
    """What the types alone do not hold: fields that nothing knows, specs twice, data of specs that is not there."""
    yield from _unknown(plain["options"], RunOptions, "options")
    for number, addition in enumerate(plain.get("additions", ())):
        yield from _unknown(addition["options"], RunOptions, f"additions[{number}].options")
    if plain["halving"] is not None:
        yield from _unknown(plain["halving"], SuccessiveHalving, "halving")
    for number, spec in enumerate(plain["specs"]):
        yield from _unknown(spec, TrialSpec, f"specs[{number}]")
    for spec_id, times in Counter(spec.spec_id for spec in record.specs).items():
        if times > 1:
            yield f"specs holds {spec_id} {times} times"
    asked = {spec.spec_id for spec in record.specs}
    for strangers in ({*addition.specs} - asked for addition in record.additions):
        if strangers:
            yield f"additions adds {min(strangers)[:60]}, which specs lacks"
    for stored in sorted({spec.stored_data for spec in record.specs} - record.data.keys()):
        yield f"data lacks {stored!r}, which specs read"
    for spec_id in sorted(asked - record.labels.keys()):
        yield f"labels lacks {spec_id}, which specs asks for"


def _unknown(values: Mapping[str, Any], kind: Any, place: str) -> Iterator[str]:
    known = {field.name for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            yield f"{place}.{name[:60]} is no field of it"
