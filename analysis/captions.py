"""The words around a figure: what a line is called, on which data it was measured, and when."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import BASE


def line_label(line: Mapping[str, Any], numbers: Sequence[int], mixed: Sequence[str]) -> str:
    """The model, the options that tell this line apart, and the trials behind each of its points.

    `mixed` names those of dataset and train_samples that differ within the figure, and so belong to the label.
    """
    options = [
        f"{name.replace('_', ' ')} {_text(line[name])}" for name in line if name not in BASE and _known(line[name])
    ]
    data = [f"{_size(line[name])} images" if name == "train_samples" else str(line[name]) for name in mixed]
    return f"{', '.join([str(line['model']), *data, *options])} (n = {span(numbers)})"


def scale(trials: pd.DataFrame, created: Sequence[str]) -> str:
    """Data set, training images, seeds and dates of the runs, in one line."""
    datasets = " and ".join(sorted(trials["dataset"].unique()))
    sizes = " and ".join(_size(number) for number in trials["train_samples"].sort_values().unique())
    days = sorted({day[:10] for day in created})
    when = f"run {days[0]}" if len(days) == 1 else f"runs {days[0]} to {days[-1]}"
    seeds = len(trials["seed"].unique())
    return f"{datasets}, {sizes} training images, {seeds} seed{'s' if seeds > 1 else ''}, {when}"


def span(numbers: Sequence[int]) -> str:
    """3, or 1-3."""
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least}-{most}"


def _size(number: Any) -> str:
    return f"{number:,}" if _known(number) else "all"


def _known(value: Any) -> bool:
    return not pd.isna(value)


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
