"""Trials and what they measured as one Arrow table: a row for each trial, its own rows in a list."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.schema.columns import MEASURED, RECORD, TIME, TRIALS, Column
from analysis.schema.typed_frames import recast
from rethink.records.record import Record
from rethink.spec import TrialSpec
from rethink.spec.fields import REQUIRED, Field, fields_of

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


def completed(table: pa.Table) -> pa.Table:
    """A table that was written before some fields of specs and rows were there, with these at their defaults.

    Raises ValueError for one that lacks others, or has columns that SCHEMA does not have.
    """
    arrays = {name: table[name].combine_chunks() for name in table.column_names}
    lists = arrays.pop("measured", None)
    if lists is None or not pa.types.is_list(lists.type) or not pa.types.is_struct(lists.type.value_type):
        raise ValueError("it lacks measured")
    structs = lists.flatten()
    rows = dict(zip((field.name for field in structs.type), structs.flatten(), strict=True))
    own = _filled(rows, _RECORD, fields_of(Record), len(structs))
    measured = pa.ListArray.from_arrays(_offsets(lists), pa.StructArray.from_arrays(own, fields=[*_RECORD]))
    trials = _filled(arrays, _TRIALS, fields_of(TrialSpec), table.num_rows)
    return pa.Table.from_arrays([*trials, measured], schema=SCHEMA)


def _filled(
    arrays: Mapping[str, pa.Array], schema: pa.Schema, fields: Mapping[str, Field], rows: int
) -> list[pa.Array]:
    """The arrays in the order of the schema; raises ValueError unless all that lack are fields with a default."""
    if strange := sorted(arrays.keys() - set(schema.names)):
        raise ValueError(f"it has {strange[0]}")
    filled = []
    for field in schema:
        if field.name in arrays:
            if arrays[field.name].type != field.type:
                raise ValueError(f"its {field.name} is of another type")
            filled.append(arrays[field.name])
        elif field.name in fields and fields[field.name].default is not REQUIRED:
            filled.append(pa.array([fields[field.name].default] * rows, field.type))
        else:
            raise ValueError(f"it lacks {field.name}")
    return filled


def _offsets(lists: pa.ListArray) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())]), pa.int32())


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS.get)
    return frame
