"""Frames with declared dtypes, so that an empty run and a full one have the same columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.api.types import union_categoricals

from analysis.schema.columns import TIME, Column


def typed(values: Mapping[str, Sequence[Any]], columns: Iterable[Column]) -> pd.DataFrame:
    """A frame with exactly these columns and dtypes, whatever the number of rows.

    Raises KeyError for a column without values, TypeError or ValueError for a value that its dtype does not hold.
    """
    return pd.DataFrame({column.name: _array(values[column.name], column) for column in columns})


def typed_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """A typed frame of rows, each a mapping from column to value."""
    return typed({column.name: [row[column.name] for row in rows] for column in columns}, columns)


def _array(values: Sequence[Any], column: Column) -> Any:
    if column.dtype == "category":
        return _categorical(values, column)
    if column.dtype == TIME:
        return pd.DatetimeIndex(pd.to_datetime(list(values), utc=True, format="ISO8601")).as_unit("us")
    dtype: Any = column.dtype  # the stubs want a literal
    return pd.array(values, dtype=dtype)


def concatenated(frames: Sequence[pd.DataFrame], columns: Sequence[Column]) -> pd.DataFrame:
    """One frame of the rows of several, at least one, all with these columns; its categories are those in use."""
    if len(frames) == 1:
        return frames[0]
    return pd.DataFrame({column.name: _joined([frame[column.name] for frame in frames], column) for column in columns})


def _joined(parts: Sequence["pd.Series[Any]"], column: Column) -> Any:
    if column.dtype != "category" or column.categories is not None:
        return pd.concat(parts, ignore_index=True)
    return union_categoricals([part.cat.remove_unused_categories() for part in parts], sort_categories=True)


def recast(frame: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """A frame with its declared dtypes; text becomes categories where declared."""
    return pd.DataFrame({column.name: _recast(frame[column.name], column) for column in columns})


def _recast(values: "pd.Series[Any]", column: Column) -> Any:
    if column.dtype == "category":
        return _categorical(values, column)
    dtype: Any = column.dtype
    return values.astype(dtype)


def _categorical(values: Any, column: Column) -> pd.Categorical:
    categories = pd.Categorical(values, categories=column.categories)
    # Without values the categories would have no type, and could not be joined with those of other frames.
    return categories if len(categories.categories) else categories.set_categories(pd.Index([], dtype="str"))
