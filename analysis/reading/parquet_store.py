"""The Parquet store beside a run: the two frames of its ended trials, in parts, appended as trials end.

    store/<part>.trials.parquet    the columns of `trials` but `run`, and `source`: the files that a row was made from
    store/<part>.epochs.parquet    the columns of `epochs` but `run`

Nothing is in it that the rows do not say: `rebuild` makes it anew from them. A trial whose files are no longer those of
its `source` is read from the files. A part is named by the SHA-256 of its trials file, which names that of its epochs
file and the run: what was altered, emptied, swapped or copied from another run is not used.
"""

import hashlib
import io
import math
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.reading.run_files import RunFiles, files_of, run_files
from analysis.reading.trial_rows import to_frames
from analysis.schema.columns import EPOCHS, MEASURED, TIME, TRIALS, Column
from analysis.schema.typed_frames import recast
from rethink.files.atomic_files import replace_file
from rethink.files.checked_files import open_plain, read_plain
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec

_MOST_SMALL, _SMALL = 32, 1000  # so many parts of fewer than so many trials become one
_ARROW = {
    "Int64": pa.int64(),
    "Float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "category": pa.string(),
    TIME: pa.timestamp("us", tz="UTC"),
}
_PANDAS = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}
_SOURCE = "source"
_EPOCHS_DIGEST, _RUN = "epochs_sha256", "run_id"  # in the metadata of a trials file


def _schema(columns: Iterable[Column], *further: str) -> pa.Schema:
    stored = [(column.name, _ARROW[column.dtype]) for column in columns if column.name != "run"]
    return pa.schema([*stored, *((name, pa.string()) for name in further)])


_SCHEMAS = {"trials": _schema(TRIALS, _SOURCE), "epochs": _schema(EPOCHS)}


@dataclass(frozen=True)
class Stored:
    """The trials whose files are still those that they were stored from, as Arrow tables, and the unreadable parts."""

    trials: pa.Table
    measured: pa.Table  # the columns of MEASURED
    damaged_files: int

    def frames(self, run: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(trials, measured), with the declared columns and dtypes."""
        trials = _to_pandas(self.trials.drop_columns([_SOURCE])).assign(run=run)
        return recast(trials, TRIALS), recast(_to_pandas(self.measured), MEASURED)


def read(files: RunFiles) -> Stored:
    """Every trial of the store that has not changed since, once. Warns of the parts that are not used; counts them."""
    trials, measured = [_SCHEMAS["trials"].empty_table()], [_measured(_SCHEMAS["epochs"].empty_table())]
    known: set[str] = set()
    damaged = 0
    for part in parts(files.run):
        try:
            own, rows = _read(part, files.run.run_id)
        except (OSError, ValueError) as error:
            if not _is_there(part):
                continue  # the sweep, still running, has merged it into another since; the rows have it too
            damaged += 1
            reason = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
            warnings.warn(f"{part}.*.parquet: cannot be read ({reason}), left out", stacklevel=2)
            continue
        pairs = zip(own["spec_id"].to_pylist(), own[_SOURCE].to_pylist(), strict=True)
        chosen = [i for i, source in pairs if i in files.specs and i not in known and source == files.source(i)]
        known.update(chosen)
        trials.append(_of(own, chosen))
        measured.append(_of(_measured(rows), chosen))
    return Stored(pa.concat_tables(trials), pa.concat_tables(measured), damaged)


def append(run: RunDirectory, spec: TrialSpec, stop_reason: str) -> None:
    """Store one trial that has ended for this reason; merge small parts once there are many."""
    _write(run, files_of(run, spec, stop_reason))
    small = [part for part in parts(run) if _trials_of(part) < _SMALL]
    if len(small) >= _MOST_SMALL:
        tables = [pa.concat_tables(halves) for halves in zip(*(_read(part, run.run_id) for part in small), strict=True)]
        _remove(set(small) - {_write_part(run, *tables)})


def rebuild(run: RunDirectory) -> tuple[int, int]:
    """Store anew every trial that has ended, from the run's own files; return (trials stored, trials of the run)."""
    old, files = parts(run), run_files(run)
    stored, part = _write(run, files)
    _remove(set(old) - {part})
    return stored, len(files.specs)


def parts(run: RunDirectory) -> list[Path]:
    """The parts, as paths without their endings; the trials of a part are written last, so its epochs are there."""
    return sorted(path.with_suffix("").with_suffix("") for path in run.store.glob("*.trials.parquet"))


def _write(run: RunDirectory, files: RunFiles) -> tuple[int, Path | None]:
    """Store those of the trials that have ended undamaged; return their number, and the part if there are any."""
    trials, epochs = to_frames("", files.trials(files.specs))
    damage = trials[["damaged_lines", "rows_from_ray", "missing_rows"]].sum(axis="columns")
    whole = trials[(trials["stop_reason"] != "unfinished") & (damage == 0)]
    if whole.empty:
        return 0, None
    sources = [files.source(spec_id) for spec_id in whole["spec_id"]]
    kept = epochs[epochs["spec_id"].isin(whole["spec_id"])]
    frames = {"trials": whole.assign(**{_SOURCE: sources}), "epochs": kept}
    tables = (pa.Table.from_pandas(frames[name], schema, False) for name, schema in _SCHEMAS.items())
    return len(whole), _write_part(run, *tables)


def _write_part(run: RunDirectory, trials: pa.Table, epochs: pa.Table) -> Path:
    run.store.mkdir(exist_ok=True)
    told = _parquet(epochs, {})
    own = _parquet(trials, {_EPOCHS_DIGEST: _digest(told), _RUN: run.run_id})
    part = run.store / _digest(own)
    replace_file(_file(part, "epochs"), told)
    replace_file(_file(part, "trials"), own)
    return part


def _parquet(table: pa.Table, about: dict[str, str]) -> bytes:
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(about or None), content, compression="zstd")
    return content.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove(old: Iterable[Path]) -> None:
    for part in old:
        for name in ("trials", "epochs"):
            _file(part, name).unlink(missing_ok=True)


def _is_there(part: Path) -> bool:
    return os.path.lexists(_file(part, "trials"))


def _file(part: Path, table: str) -> Path:
    return part.with_name(f"{part.name}.{table}.parquet")


def _trials_of(part: Path) -> float:
    """The number of trials of a part; of one that cannot be read, infinite: it is merged with none."""
    try:
        with open_plain(_file(part, "trials")) as file:
            return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowException):
        return math.inf


def _read(part: Path, run_id: str) -> tuple[pa.Table, pa.Table]:
    """(trials, epochs) of a part. Raises OSError or ValueError for one that is not whole, or not this run's."""
    own, told = read_plain(_file(part, "trials")), read_plain(_file(part, "epochs"))
    if _digest(own) != part.name:
        raise ValueError("its trials are not what was written")
    trials = pq.read_table(pa.BufferReader(own))
    about = {name.decode(): value.decode() for name, value in (trials.schema.metadata or {}).items()}
    if _digest(told) != about.get(_EPOCHS_DIGEST):
        raise ValueError("its epochs are not those of its trials")
    if about.get(_RUN) != run_id:
        raise ValueError("it is another run's")
    tables = trials.replace_schema_metadata(), pq.read_table(pa.BufferReader(told)).replace_schema_metadata()
    if any(table.schema != schema for table, schema in zip(tables, _SCHEMAS.values(), strict=True)):
        raise ValueError("another version of this code wrote it; `rethink store` writes it anew")
    return tables


def _measured(epochs: pa.Table) -> pa.Table:
    return epochs.select([column.name for column in MEASURED])


def _of(table: pa.Table, spec_ids: Sequence[str]) -> pa.Table:
    return table.filter(pc.is_in(table["spec_id"], pa.array(spec_ids, pa.string())))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS.get)
    return frame


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
