"""The cache of frames: what `load` made of a run's ended trials, so that their rows are read once.

One Arrow file for each run, in the user's cache folder, with a row for each trial: the columns of `trials` but `run`;
`source`, the files that the row was made from; and `measured`, what each of the trial's rows says. It holds nothing
that the run does not say: a trial whose files have changed since is read from them, and so is everything if run.json or
this code has changed, or the cache is damaged, lost or cannot be written.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from analysis.reading.run_files import RunFiles
from analysis.reading.trials_table import SCHEMA, from_table, to_table
from rethink.errors import RethinkError
from rethink.files.atomic_files import replace_file
from rethink.files.checked_files import read_plain
from rethink.files.user_cache import user_cache
from rethink.records.provenance import code_digest

_MOST_FILES = 200  # of so many runs; those loaded longest ago go
_SOURCE = pa.field("source", pa.string())
_SCHEMA = SCHEMA.append(_SOURCE)


@dataclass(frozen=True)
class CachedTrials:
    """The trials whose files are still those that they were read from."""

    table: pa.Table

    @property
    def spec_ids(self) -> set[str]:
        return set(self.table["spec_id"].to_pylist())

    def frames(self, run: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(trials, measured), with the declared columns and dtypes, of a run of this name."""
        return from_table(self.table.select(SCHEMA.names), run)


def read(files: RunFiles) -> CachedTrials:
    """What the cache has of a run; nothing, if it cannot be used."""
    table = _SCHEMA.empty_table()
    with contextlib.suppress(OSError, ValueError, RethinkError):
        table = _decoded(read_plain(_path(files)))
    pairs = zip(table["spec_id"].to_pylist(), table["source"].to_pylist(), strict=True)
    unchanged = [spec_id in files.specs and source == files.source(spec_id) for spec_id, source in pairs]
    return CachedTrials(table.filter(pa.array(unchanged, pa.bool_())))


def write(files: RunFiles, known: CachedTrials, trials: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """Keep the trials of a run that have ended undamaged, if any is not known yet. Both frames are in one order.

    A cache that cannot be written costs time and nothing else: it is not spoken of.
    """
    damage = trials[["damaged_lines", "rows_from_ray", "missing_rows"]].sum(axis="columns")
    read = trials["attempts"] == [len(files.row_files.get(spec_id, ())) for spec_id in trials["spec_id"]]
    whole = trials[(trials["stop_reason"] != "unfinished") & (damage == 0) & read]
    if set(whole["spec_id"]) <= known.spec_ids:
        return
    with contextlib.suppress(OSError, RethinkError):
        path = _path(files)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, _encoded(_table(files, whole, epochs)))
        for old in sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime)[:-_MOST_FILES]:
            old.unlink()


def _table(files: RunFiles, trials: pd.DataFrame, epochs: pd.DataFrame) -> pa.Table:
    sources = pa.array([files.source(spec_id) for spec_id in trials["spec_id"]], pa.string())
    return to_table(trials, epochs).append_column(_SOURCE, sources)


def _encoded(table: pa.Table) -> bytes:
    """An Arrow file behind its SHA-256."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return hashlib.sha256(content).digest() + content


def _decoded(content: bytes) -> pa.Table:
    """Raises ValueError for a file that is not whole, or of other columns."""
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is not what was written")
    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    if table.schema != _SCHEMA:
        raise ValueError("it has other columns")
    return table


def _path(files: RunFiles) -> Path:
    """The cache file of a run as it stands in its place, and of this code."""
    code = [code_digest(package) for package in ("rethink", "analysis")]
    key = "\n".join([str(files.run.root.resolve()), files.run_stamp, *code])
    return user_cache() / "frames" / f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()}.arrow"
