"""docs/dataframes.md, written from the columns' descriptions by `python -m analysis.schema.document`."""

from pathlib import Path

from analysis.schema.columns import EPOCHS, IDENTITY, LABELS, OUTCOME, PROVENANCE, SPEC, Column
from analysis.schema.statistics_columns import EFFECTS, SLOWDOWNS, STATISTICS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "dataframes.md"


_INTRODUCTION = """# Data frames

Written by `python -m analysis.schema.document` from the descriptions in the code; change it there.

```python
from analysis.frames import load
load("runs/demo").trials.query("label_corruption == 1 and fitted")[["model", "seed", "epochs_to_fit", "test_error"]]
```

`load` takes any number of run directories, finished, running or crashed. A trial that did not fit, failed or never
started has its row in `trials` like every other, with `<NA>` where nothing was measured. If two runs given together
hold the same spec, both rows stay and `run` tells them apart; `summary` and the figures then keep the runs apart too:
one trial run twice is never taken for two replicates. `damaged_lines` is the number of unreadable lines in all files
read (a crash can tear the last one); the files are named in a warning.

The dtypes are pandas' nullable ones. A category that nobody used is not offered, save in `status` and `stop_reason`.
"""


_SECTIONS = (
    ("trials: what was asked for", "`load(...).trials`: one row per trial of `run.json`.", IDENTITY + SPEC),
    (
        "trials: the labels that it was given",
        "Known before the trial starts.",
        LABELS,
    ),
    ("trials: what became of it", "", OUTCOME),
    ("trials: where it comes from", "", PROVENANCE),
    (
        "epochs",
        "`load(...).epochs`: one row per trial and epoch, and per evaluation inside an epoch (`evaluate_steps`; there "
        "`epoch`, from 0, counts those finished, and `fitted` is null), however often a trial was restored: of each "
        "step, that of the last attempt that reached it, up to the row that ended the trial. Other spec "
        "columns: merge with `trials` on `run` and `spec_id`. `learning_rate` is here the schedule's, in `trials` the "
        "initial one.",
        EPOCHS,
    ),
    (
        "summary",
        "`analysis.statistics.cells.summary(trials)`: one row per cell, that is `dataset`, `train_samples`, `model`, "
        "whatever options differ within a model, and `label_corruption`; trials that differ in seeds alone share a "
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
)


def document() -> str:
    """The text of docs/dataframes.md."""
    return "\n".join([_INTRODUCTION, *(_section(*section) for section in _SECTIONS)])


def _section(title: str, text: str, columns: tuple[Column, ...]) -> str:
    rows = [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning} |" for c in columns]
    told = [text, ""] if text else []
    return "\n".join([f"## {title}", "", *told, "| name | dtype | unit | meaning |", "|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    DOCUMENT.write_text(document())
