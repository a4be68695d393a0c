"""Frames with declared dtypes, so that an empty run and a full one have the same columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.columns import TIME, Column


def typed(values: Mapping[str, Sequence[Any]], columns: Iterable[Column]) -> pd.DataFrame:
    """A frame with exactly these columns and dtypes, whatever the number of rows.

    Raises KeyError for a column without values, TypeError or ValueError for a value that its dtype does not hold.
    """
    return pd.DataFrame({column.name: _array(values[column.name], column) for column in columns})


def _array(values: Sequence[Any], column: Column) -> Any:
    if column.dtype == "category":
        return pd.Categorical(values, categories=column.categories)
    if column.dtype == TIME:
        return pd.DatetimeIndex(pd.to_datetime(list(values), utc=True, format="ISO8601")).as_unit("us")
    dtype: Any = column.dtype  # the stubs want a literal
    return pd.array(values, dtype=dtype)
