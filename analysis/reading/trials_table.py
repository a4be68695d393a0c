"""Trials and what they measured as one Arrow table: a row for each trial, its own rows in a list."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.schema.columns import MEASURED, RECORD, TIME, TRIALS, Column
from analysis.schema.typed_frames import recast

_ARROW = {
    "Int64": pa.int64(),
    "Float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "category": pa.string(),
    TIME: pa.timestamp("us", tz="UTC"),
}
_PANDAS = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}


def _schema(columns: Iterable[Column]) -> pa.Schema:
    return pa.schema([(column.name, _ARROW[column.dtype]) for column in columns if column.name != "run"])


_TRIALS, _RECORD = _schema(TRIALS), _schema(RECORD)
SCHEMA = _TRIALS.append(pa.field("measured", pa.list_(pa.struct(list(_RECORD)))))


def to_table(trials: pd.DataFrame, epochs: pd.DataFrame) -> pa.Table:
    """These trials of one run, with SCHEMA; `epochs` may hold others' rows too. Both frames are in one order."""
    own = epochs[epochs["spec_id"].isin(trials["spec_id"])]
    rows = own.groupby("spec_id", sort=False).size().reindex(trials["spec_id"], fill_value=0)
    measured = pa.Table.from_pandas(own[_RECORD.names], _RECORD, preserve_index=False)
    structs = pa.StructArray.from_arrays([column.combine_chunks() for column in measured.columns], fields=[*_RECORD])
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(rows)]), pa.int32()), structs)
    arrays = pa.Table.from_pandas(trials[_TRIALS.names], _TRIALS, preserve_index=False).columns
    return pa.Table.from_arrays([*arrays, lists], schema=SCHEMA)


def from_table(table: pa.Table, run: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(trials, measured) of a table with SCHEMA, with the declared columns and dtypes, of a run of this name."""
    trials = _to_pandas(table.select(_TRIALS.names)).assign(run=run)
    lists = table["measured"].combine_chunks()
    measured = _to_pandas(pa.Table.from_arrays(lists.flatten().flatten(), schema=_RECORD))
    spec_ids = np.repeat(trials["spec_id"].to_numpy(), lists.value_lengths().to_numpy())
    return recast(trials, TRIALS), recast(measured.assign(spec_id=spec_ids), MEASURED)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS.get)
    return frame
