"""The statistics of cells as a table of text, for a terminal."""

from typing import Any

import pandas as pd

from analysis.captions import span
from analysis.statistics.changed_labels import changed_text
from analysis.tables.number_texts import mean_and_spread
from analysis.tables.table import aligned
from rethink.spec import number_text

_SPELLED = {"label_corruption": "p", "train_samples": "images", "dataset": "data"}


_COUNTED = ("n", "fitted", "censored", "diverged", "contradicted", "failed", "unfinished", "damaged_lines")


_LEGEND = (
    "{fitted} of {n} trials fitted; {censored} censored ({diverged} diverged, {contradicted} contradicted), "
    "{failed} failed, {unfinished} unfinished; {damaged_lines} damaged lines.\n"
    "epochs to fit: median [min-max of the fitted; k > e: k trials not fitted after e epochs or more]. "
    "changed: labels that really differ from the true ones. ±: sample standard deviation."
)


def to_text(table: pd.DataFrame) -> str:
    """The summary as an aligned table, and a line that counts the trials by outcome."""
    keys = [str(name) for name in table.columns[: table.columns.get_loc("n")]]
    header = [_SPELLED.get(name, name) for name in keys]
    lines = [[*header, "changed, %", "fitted", "epochs to fit", "test error", "generalization gap", "minutes"]]
    for row in table.to_dict("records"):
        cells = [_key(name, row[name]) for name in keys]
        lines.append([*cells, changed_text(row), f"{row['fitted']}/{row['n']}", *_measured(row)])
    return "\n".join([*aligned(lines), "", _counts(table)])


def _key(name: str, value: Any) -> str:
    if pd.isna(value):
        return "all" if name == "train_samples" else "-"
    return f"{value:,}" if name == "train_samples" else number_text(value) if isinstance(value, float) else str(value)


def _measured(row: dict[Any, Any]) -> list[str]:
    spreads = [_spread(row[f"{name}_mean"], row[f"{name}_std"], row[f"{name}_n"]) for name in ("test_error", "gap")]
    return [to_epochs_text(row), *spreads, "-" if pd.isna(row["minutes"]) else f"{row['minutes']:.1f}"]


def to_epochs_text(row: dict[Any, Any]) -> str:
    """A row of the summary as text: the median epochs to fit, and the range of what was fitted and what was not."""
    open_median = pd.isna(row["epochs_to_fit_median"])
    text = f"> {row['epochs_to_fit_above']:g}" if open_median else f"{row['epochs_to_fit_median']:g}"
    unfitted = row["n"] - row["fitted"]
    parts = [span([row["epochs_to_fit_min"], row["epochs_to_fit_max"]])] if row["fitted"] else []
    parts += [f"{unfitted} > {row['unfitted_from']}"] if unfitted else []
    return f"{text} [{'; '.join(parts)}]"


def _spread(mean: Any, std: Any, n: int) -> str:
    return f"{mean_and_spread(mean, std, '.4f')} (n={n})" if n else "- (n=0)"


def _counts(table: pd.DataFrame) -> str:
    count = {name: int(table[name].sum()) for name in table.columns if name in _COUNTED}
    return _LEGEND.format(**count)
