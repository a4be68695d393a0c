"""SQL over the frames, by DuckDB: tables `trials`, `epochs`, `cells`, `slowdowns` and `effects`."""

import io
import json
import re
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from analysis.effects import effects
from analysis.frames import Frames
from analysis.slowdowns import slowdowns
from analysis.summary import summary
from rethink.spec import SpecError

TABLES: dict[str, Callable[[Frames], pd.DataFrame]] = {
    "trials": lambda frames: frames.trials,
    "epochs": lambda frames: frames.epochs,
    "cells": lambda frames: summary(frames.trials),
    "slowdowns": lambda frames: slowdowns(frames.trials),
    "effects": lambda frames: effects(frames.trials),
}
_CHEAP = {"trials", "epochs"}  # always there; the others are computed where a query says their name
_AGGREGATE = re.compile(r"\(\s*(distinct\s+)?(\w+\.)?(epochs|images)_to_fit\b", re.IGNORECASE)
_NULLABLE = {
    **dict.fromkeys((pa.int8(), pa.int16(), pa.int32(), pa.int64()), pd.Int64Dtype()),
    **dict.fromkeys((pa.float32(), pa.float64()), pd.Float64Dtype()),
    pa.bool_(): pd.BooleanDtype(),
}


def query(frames: Frames, sql: str) -> pd.DataFrame:
    """The answer of one SQL query; `level` may be said for `label_corruption`.

    Warns where an aggregate of epochs to fit would leave out trials that did not fit. Raises SpecError, in one line,
    for what DuckDB cannot answer.
    """
    connection = duckdb.connect()
    try:
        for name in _CHEAP | (TABLES.keys() & set(re.findall(r"\w+", sql.lower()))):
            _add_table(connection, name, TABLES[name](frames))
        _warn_of_the_unfitted(frames.trials, sql)
        relation = connection.sql(sql)
        if relation is None:
            raise SpecError(f"{sql!r} answers with no table: say select ...")
        twice = sorted({name for name in relation.columns if relation.columns.count(name) > 1})
        if twice:
            raise SpecError(f"several columns are named {', '.join(twice)}: give each a name of its own with `as`")
        answer: pd.DataFrame = relation.to_arrow_table().to_pandas(types_mapper=_NULLABLE.get)
    except duckdb.Error as error:
        raise SpecError(" ".join(str(error).split())) from error
    finally:
        connection.close()
    return answer


def _add_table(connection: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    connection.register(f"{name}_frame", pa.Table.from_pandas(frame, preserve_index=False))
    level = ", label_corruption as level" if "label_corruption" in frame else ""
    connection.execute(f'create view {name} as select *{level} from "{name}_frame"')


def _warn_of_the_unfitted(trials: pd.DataFrame, sql: str) -> None:
    unfitted = int(trials["epochs_to_fit"].isna().sum())
    if unfitted and _AGGREGATE.search(sql):
        warnings.warn(
            f"{unfitted} of {len(trials)} trials have no epochs to fit (right-censored): SQL's aggregates leave them "
            "out; km_median and restricted_mean of the table cells do not",
            stacklevel=3,
        )


def to_table(answer: pd.DataFrame) -> bytes:
    """An aligned table for the terminal, whole."""
    return (answer.astype(object).map(_text).to_string(index=False) + "\n").encode()


def to_csv(answer: pd.DataFrame) -> bytes:
    """CSV with a header; a null is empty."""
    return answer.to_csv(index=False).encode()


def to_json(answer: pd.DataFrame) -> bytes:
    """A JSON array with an object a row; times as ISO 8601."""
    rows = pa.Table.from_pandas(answer, preserve_index=False).to_pylist()
    return (json.dumps(rows, indent=1, default=_iso) + "\n").encode()


def to_parquet(answer: pd.DataFrame) -> bytes:
    """A Parquet file."""
    file = io.BytesIO()
    answer.to_parquet(file, index=False)
    return file.getvalue()


FORMATS = {"table": to_table, "csv": to_csv, "json": to_json, "parquet": to_parquet}


def _text(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
