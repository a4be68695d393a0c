"""Trials that differ in one thing and share their seeds: common random numbers make differences precise."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from analysis.grouping.cells import line_columns
from analysis.schema.columns import SPEC

Trial = Mapping[str, Any]


def records(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The trials as plain mappings; a null is None."""
    plain = trials.astype(object).where(trials.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def alike(trial: Trial, columns: Collection[str]) -> tuple[Any, ...]:
    """What a partner shares: the values of these columns."""
    return tuple(trial[name] for name in columns)


def all_but(trials: pd.DataFrame, differing: Collection[str]) -> list[str]:
    """Every spec column except those in which the partners differ; and the run, if one spec ran twice."""
    names = [column.name for column in SPEC if column.name not in differing]
    return [*names, *(["run"] if "run" in line_columns(trials) else [])]
