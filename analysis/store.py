"""The Parquet store beside a run: the two frames of its ended trials, in parts, appended as trials end.

    store/<part>.trials.parquet    the columns of `trials` but `run`, and `source`: the files that a row was made from
    store/<part>.epochs.parquet    the columns of `epochs` but `run`

Nothing is in it that the rows do not say: `rebuild` makes it anew from them. A trial whose files are no longer those of
its `source` is read from the files.
"""

import uuid
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.columns import EPOCHS, MEASURED, TIME, TRIALS, Column
from analysis.reading import RunFiles, files_of, run_files
from analysis.records import to_frames
from analysis.typed import recast
from rethink.run_directory import RunDirectory, atomic_file
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
    """Every trial of the store that has not changed since, once. Warns of unreadable parts and counts them."""
    trials, measured = [_SCHEMAS["trials"].empty_table()], [_measured(_SCHEMAS["epochs"].empty_table())]
    known: set[str] = set()
    damaged = 0
    for part in parts(files.run):
        try:
            own, rows = _read(part)
        except (OSError, pa.ArrowException) as error:
            if not _file(part, "trials").exists():
                continue  # the sweep, still running, has merged it into another since; the rows have it too
            damaged += 1
            warnings.warn(f"{part}.*.parquet: cannot be read ({_first_line(error)}), left out", stacklevel=2)
            continue
        pairs = zip(own["spec_id"].to_pylist(), own[_SOURCE].to_pylist(), strict=True)
        chosen = [i for i, source in pairs if i not in known and source == files.source(i)]
        known.update(chosen)
        trials.append(_of(own, chosen))
        measured.append(_of(_measured(rows), chosen))
    return Stored(pa.concat_tables(trials), pa.concat_tables(measured), damaged)


def append(run: RunDirectory, spec: TrialSpec, stop_reason: str) -> None:
    """Store one trial that has ended for this reason; merge small parts once there are many."""
    _write(run, files_of(run, spec, stop_reason))
    small = [part for part in parts(run) if pq.read_metadata(_file(part, "trials")).num_rows < _SMALL]
    if len(small) >= _MOST_SMALL:
        _write_part(run, *map(pa.concat_tables, zip(*map(_read, small), strict=True)))
        _remove(small)


def rebuild(run: RunDirectory) -> tuple[int, int]:
    """Store anew every trial that has ended, from the run's own files; return (trials stored, trials of the run)."""
    old, files = parts(run), run_files(run)
    stored = _write(run, files)
    _remove(old)
    return stored, len(files.specs)


def parts(run: RunDirectory) -> list[Path]:
    """The parts, as paths without their endings; the trials of a part are written last, so its epochs are there."""
    return sorted(path.with_suffix("").with_suffix("") for path in run.store.glob("*.trials.parquet"))


def _write(run: RunDirectory, files: RunFiles) -> int:
    """Store those of the trials that have ended undamaged; return their number."""
    trials, epochs = to_frames("", files.trials(files.specs))
    ended = trials["stop_reason"] != "unfinished"
    whole = trials[ended & (trials["damaged_lines"] == 0) & (trials["rows_from_ray"] == 0)]
    if len(whole):
        sources = [files.source(spec_id) for spec_id in whole["spec_id"]]
        kept = epochs[epochs["spec_id"].isin(whole["spec_id"])]
        frames = {"trials": whole.assign(**{_SOURCE: sources}), "epochs": kept}
        _write_part(run, *(pa.Table.from_pandas(frames[name], schema, False) for name, schema in _SCHEMAS.items()))
    return len(whole)


def _write_part(run: RunDirectory, trials: pa.Table, epochs: pa.Table) -> None:
    run.store.mkdir(exist_ok=True)
    part = run.store / uuid.uuid4().hex
    for name, table in (("epochs", epochs), ("trials", trials)):
        with atomic_file(_file(part, name)) as file:
            pq.write_table(table.replace_schema_metadata(), file, compression="zstd", write_page_checksum=True)


def _remove(old: Sequence[Path]) -> None:
    for part in old:
        for name in ("trials", "epochs"):
            _file(part, name).unlink(missing_ok=True)


def _file(part: Path, table: str) -> Path:
    return part.with_name(f"{part.name}.{table}.parquet")


def _read(part: Path) -> tuple[pa.Table, pa.Table]:
    """(trials, epochs) of a part; none of either if another version of this code, with other columns, wrote it."""
    tables = [pq.ParquetFile(_file(part, name), page_checksum_verification=True).read() for name in _SCHEMAS]
    schemas = list(_SCHEMAS.values())
    ours = all(table.schema.equals(schema) for table, schema in zip(tables, schemas, strict=True))
    trials, epochs = tables if ours else [schema.empty_table() for schema in schemas]
    return trials, epochs


def _measured(epochs: pa.Table) -> pa.Table:
    return epochs.select([column.name for column in MEASURED])


def _of(table: pa.Table, spec_ids: Sequence[str]) -> pa.Table:
    return table.filter(pc.is_in(table["spec_id"], pa.array(spec_ids, pa.string())))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS.get)
    return frame


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
