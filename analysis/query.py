"""SQL over the frames, by DuckDB: tables `trials`, `epochs`, `measures`, `cells`, `slowdowns`, `effects`, `capacity`
and `ranking`.

A query only asks. It sees these tables and nothing else: no file, no network, no setting and no Python variable; and it
is bounded in time, in memory and in the size of its answer.
"""

import atexit
import csv
import io
import json
import os
import re
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.frames import Frames
from analysis.query_limits import FORMATS, MOST_ANSWER_GIGABYTES, MOST_GIGABYTES, MOST_SECONDS
from analysis.ranking.ranking import ranking
from analysis.statistics.capacity import capacity
from analysis.statistics.cells import summary
from analysis.statistics.effects import effects
from analysis.statistics.slowdowns import slowdowns
from rethink.errors import QueryError

TABLES: dict[str, Callable[[Frames], pd.DataFrame]] = {
    "trials": lambda frames: frames.trials,
    "epochs": lambda frames: frames.epochs,
    "measures": lambda frames: frames.measures,
    "cells": lambda frames: summary(frames.trials),
    "slowdowns": lambda frames: slowdowns(frames.trials),
    "effects": lambda frames: effects(frames.trials),
    "capacity": lambda frames: capacity(frames.trials),
    "ranking": lambda frames: ranking(frames.trials, frames.measures),
}
_CHEAP = {"trials", "epochs"}  # always there; the others are read or computed where a query says their name
_AGGREGATE = re.compile(r"\(\s*(distinct\s+)?(\w+\.)?(epochs|images)_to_fit\b", re.IGNORECASE)
_GIGABYTE = 10**9
_PATIENCE = 1.0  # seconds that an interrupted query is given to end
_AGAIN = 0.02  # seconds between two interrupts
_SHOWN = 60  # characters of a refused query
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,  # Python's variables are no tables
    "temp_directory": "",  # else a query may fill the disk
    "memory_limit": f"{MOST_GIGABYTES}GB",
}
_NULLABLE = {
    **dict.fromkeys((pa.int8(), pa.int16(), pa.int32(), pa.int64()), pd.Int64Dtype()),
    **dict.fromkeys((pa.float32(), pa.float64()), pd.Float64Dtype()),
    pa.bool_(): pd.BooleanDtype(),
}
# Types whose values Arrow has only as DuckDB's own bytes, or not at all
_UNREADABLE = re.compile(r"\b(BIT|BIGNUM|VARIANT|UNION|GEOMETRY|TIME WITH TIME ZONE)\b")


def query(frames: Frames, sql: str) -> pd.DataFrame:
    """The answer of one SELECT, as `ask` gives it, with columns that hold nulls."""
    return _frame(ask(frames, sql))


def ask(frames: Frames, sql: str) -> pa.Table:
    """The answer of one SELECT; `level` may be said for `label_corruption`.

    Warns where an aggregate of epochs to fit would leave out trials that did not fit.

    Raises:
        QueryError: In one line: what DuckDB cannot answer, is no single SELECT, or takes more than LIMITS.
        KeyboardInterrupt: Ctrl-C; the query is interrupted.
    """
    sql = _as_unicode(sql)
    connection = duckdb.connect(config=_CLOSED)
    _check_one_select(connection, sql)
    for name in _CHEAP | (TABLES.keys() & set(re.findall(r"\w+", sql.lower()))):
        _add_table(connection, name, TABLES[name](frames))
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    _warn_of_the_unfitted(frames.trials, sql)
    return _within_limits(connection, lambda: _answer(connection, sql))


def _as_unicode(sql: str) -> str:
    """The text, also where Python took it from the command line in a locale that does not know its characters."""
    try:
        return os.fsencode(sql).decode()
    except UnicodeError:
        raise QueryError(f"{_shown(sql)} is no UTF-8") from None


def _check_one_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    except duckdb.Error as error:
        raise _one_line(error) from error
    if not kinds:
        raise QueryError(f"{sql!r} answers with no table: say select ...")
    if kinds == ["MULTI"]:
        raise QueryError(f"{_shown(sql)} is not allowed: a PIVOT needs its values, as in `on level in (0, 1)`")
    if kinds != ["SELECT"]:
        raise QueryError(f"{_shown(sql)} is not allowed ({', '.join(kinds)}): exactly one SELECT statement")


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


def _frame(answer: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = answer.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    try:
        relation = connection.sql(sql)
        _check_columns(relation)
        batches, size = [], 0
        reader = relation.to_arrow_reader()
        for batch in reader:
            batches.append(batch)
            size += batch.nbytes
            if size > MOST_ANSWER_GIGABYTES * _GIGABYTE:
                raise QueryError(f"the answer is larger than {MOST_ANSWER_GIGABYTES} GB: ask for fewer rows or columns")
    except duckdb.OutOfMemoryException as error:
        raise QueryError(f"the query needs more than {MOST_GIGABYTES} GB of memory: ask for fewer rows") from error
    except duckdb.Error as error:
        raise _one_line(error) from error
    return pa.Table.from_batches(batches, reader.schema)


def _check_columns(relation: duckdb.DuckDBPyRelation) -> None:
    twice = sorted({name for name in relation.columns if relation.columns.count(name) > 1})
    if twice:
        raise QueryError(f"several columns are named {', '.join(twice)}: give each a name of its own with `as`")
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if _UNREADABLE.search(str(kind)):
            raise QueryError(
                f"column {name} is of type {kind}, which no answer can hold: cast it, as in {name}::varchar"
            )


def _within_limits(connection: duckdb.DuckDBPyConnection, ask: Callable[[], pa.Table]) -> pa.Table:
    """What `ask` answers, in a thread of its own: DuckDB does not look at Ctrl-C while it works."""
    asked: Future[pa.Table] = Future()
    thread = threading.Thread(target=_settle, args=(asked, ask), daemon=True)
    thread.start()
    try:
        answer = asked.result(MOST_SECONDS)
    except TimeoutError:
        _end(connection, thread, 2)
        raise QueryError(f"the query takes more than {MOST_SECONDS} seconds: ask for fewer rows") from None
    except KeyboardInterrupt:
        _end(connection, thread, 130)
        raise
    return answer


def _settle(asked: "Future[pa.Table]", ask: Callable[[], pa.Table]) -> None:
    try:
        asked.set_result(ask())
    except BaseException as error:  # whoever waits for the answer raises it
        asked.set_exception(error)


def _end(connection: duckdb.DuckDBPyConnection, thread: threading.Thread, status: int) -> None:
    end = time.monotonic() + _PATIENCE
    while thread.is_alive() and time.monotonic() < end:
        connection.interrupt()  # again and again: DuckDB forgets one that comes just before the query begins
        thread.join(_AGAIN)
    if thread.is_alive():  # in one of the few operators that look seldom: Python's end would wait for it, and complain
        atexit.register(os._exit, status)


def _one_line(error: duckdb.Error) -> QueryError:
    return QueryError(" ".join(str(error).split()))


def _shown(sql: str) -> str:
    text = " ".join(sql.split())
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def encoded(answer: pa.Table, form: str) -> bytes:
    """The answer in one of FORMATS. Raises QueryError for a column that the format cannot hold."""
    encode = _ENCODERS[form]
    try:
        return encode(answer)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        for name in answer.column_names:
            _check_column(answer.select([name]), form)
        raise QueryError(f"the answer cannot be written as {form}: {error}") from error


def _check_column(column: pa.Table, form: str) -> None:
    try:
        _ENCODERS[form](column)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        (field,) = column.schema
        reason = f"column {field.name}, of type {field.type}, cannot be written as {form} ({error})"
        raise QueryError(f"{reason}: choose another --format, or cast it") from error


def _to_table(answer: pa.Table) -> bytes:
    """An aligned table for the terminal, whole."""
    texts = {name: [_text(value) for value in answer[name].to_pylist()] for name in answer.column_names}
    return (pd.DataFrame(texts, dtype=object).to_string(index=False) + "\n").encode()


def _to_csv(answer: pa.Table) -> bytes:
    """CSV with a header; a null is empty."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(answer.column_names)
    lines.writerows(zip(*(answer[name].to_pylist() for name in answer.column_names), strict=True))
    return file.getvalue().encode()


def _to_json(answer: pa.Table) -> bytes:
    """A JSON array with an object a row; times as ISO 8601. JSON has no NaN and no infinity: ValueError."""
    return (json.dumps(answer.to_pylist(), indent=1, default=_iso, allow_nan=False) + "\n").encode()


def _to_parquet(answer: pa.Table) -> bytes:
    """A Parquet file, of which pandas makes the columns that `query` gives."""
    about = pa.Schema.from_pandas(_frame(answer.slice(0, 0)), preserve_index=False).metadata
    file = io.BytesIO()
    pq.write_table(answer.replace_schema_metadata(about), file)
    return file.getvalue()


_ENCODERS = dict(zip(FORMATS, (_to_table, _to_csv, _to_json, _to_parquet), strict=True))


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
