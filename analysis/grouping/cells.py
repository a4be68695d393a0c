"""Cells: groups of trials that differ only in their seeds, the only groups that may be averaged."""

import pandas as pd

from analysis.schema.columns import SPEC
from rethink.spec import SEEDS

BASE = ("dataset", "train_samples", "model")
LEVEL = "label_corruption"


def line_columns(trials: pd.DataFrame) -> list[str]:
    """The columns that tell the lines of a figure apart: data, model, every option that differs within a model.

    `run` is among them if a spec was run twice: one trial run twice is not two replicates.
    """
    options = [column.name for column in SPEC if column.name not in (*BASE, *SEEDS, LEVEL)]
    groups = trials.groupby(list(BASE), observed=True, dropna=False)
    most = groups[options].nunique(dropna=False).max()  # distinct values within one model
    most["crop_padding"] = groups["crop_padding"].nunique(dropna=True).max()  # null: no random_crop
    differing = [name for name in options if most[name] > 1]
    return [*BASE, *differing, *(["run"] if trials["spec_id"].duplicated().any() else [])]


def cell_columns(trials: pd.DataFrame) -> list[str]:
    """The columns that tell cells apart: those of the lines, and the label corruption level."""
    return [*line_columns(trials), LEVEL]
