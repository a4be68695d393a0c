"""docs/dataframes.md, written from the columns' descriptions by `python -m analysis.schema.document`."""

from pathlib import Path
from textwrap import fill

from analysis.schema.columns import DATA, EPOCHS, IDENTITY, MOMENT, OUTCOME, PROVENANCE, SPEC, Column
from analysis.schema.statistics_columns import CAPACITY, EFFECTS, RANKING, SLOWDOWNS, STATISTICS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "dataframes.md"
LINE_LENGTH = 120


_INTRODUCTION = """# Data frames

Written by `python -m analysis.schema.document` from the descriptions in the code; change it there.

```python
from analysis.frames import load
load("runs/demo").trials.query("label_corruption == 1 and fitted")[["model", "seed", "epochs_to_fit", "test_error"]]
```

`load` takes any number of run directories, finished, running or crashed. A trial that did not fit, failed or never
started has its row in `trials` like every other, with `<NA>` where nothing was measured. If two runs that are loaded
together hold the same spec, both rows stay and `run` tells them apart. `summary` and the figures then keep the runs
apart too: one trial that ran twice is never taken for two replicates. `damaged_lines` is the number of unreadable lines
in all files read (a crash can tear the last one); a warning names the files.

The dtypes are pandas' nullable ones; they stand in parentheses, with the unit where there is one. A category without
rows is left out, except in `status` and `stop_reason`.
"""


_SECTIONS = (
    ("trials: the spec", "`load(...).trials`: one row per trial of `run.json`.", IDENTITY + SPEC),
    (
        "trials: their data",
        "Known before the trial starts.",
        DATA,
    ),
    ("trials: what became of it", "", OUTCOME),
    ("trials: where it comes from", "", PROVENANCE),
    (
        "epochs",
        "`load(...).epochs`: one row per trial and epoch, and per evaluation inside an epoch (`evaluate_steps`; there "
        "`epoch` counts the finished epochs from 0, and `fitted` is null). A trial that was restored has one row for "
        "each step too: that of the last attempt that reached it, up to the row that ended the trial. For other spec "
        "columns, merge with `trials` on `run` and `spec_id`. `learning_rate` is here that of the schedule, in "
        "`trials` the initial one.",
        EPOCHS,
    ),
    (
        "measures",
        "`load(...).measures`: one row per trial, moment and complexity measure ([measures.md](measures.md)), with "
        "every column of the trial's spec, and `test_images`. A trial that did not fit has its row at the end. Read "
        "when it is asked for.",
        MOMENT,
    ),
    (
        "summary",
        "`analysis.statistics.cells.summary(trials)`: one row per cell, that is `dataset`, `train_samples`, `model`, "
        "whatever options differ within a model, and `label_corruption`. Trials that differ in seeds alone share a "
        "cell.",
        STATISTICS,
    ),
    (
        "slowdowns",
        "`analysis.statistics.slowdowns.slowdowns(trials)`: one row per cell above level 0 that has partners on clean "
        "labels, named by the columns of its cell.",
        SLOWDOWNS,
    ),
    (
        "effects",
        "`analysis.statistics.effects.effects(trials)`: one row per regularizer, strength, measure and cell without "
        "the regularizer, named by the columns of that cell.",
        EFFECTS,
    ),
    (
        "capacity",
        "`analysis.statistics.capacity.capacity(trials)`: one row per network, level and setting that ran with at "
        "least two sizes of the training set, named by the columns of its cells but for `train_samples`.",
        CAPACITY,
    ),
    (
        "ranking",
        "`analysis.ranking.ranking.ranking(trials, measures)`: how well each complexity measure orders generalization "
        "gaps ([ranking.md](ranking.md)), one row per moment, measure, normalization, statistic and hyperparameter.",
        RANKING,
    ),
)


def document() -> str:
    """The text of docs/dataframes.md."""
    return "\n".join([_INTRODUCTION, *(_section(*section) for section in _SECTIONS)])


def _section(title: str, text: str, columns: tuple[Column, ...]) -> str:
    introduction = [_wrapped(text), ""] if text else []
    return "\n".join([f"## {title}", "", *introduction, *map(_entry, columns), ""])


def _entry(column: Column) -> str:
    kind = f"{column.dtype}, {column.unit}" if column.unit else column.dtype
    return _wrapped(f"* `{column.name}` ({kind}): {column.meaning}", indent="  ")


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, LINE_LENGTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    DOCUMENT.write_text(document())
