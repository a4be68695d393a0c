"""Every column of every frame, described once. `python -m analysis.columns` writes docs/dataframes.md from it."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from rethink.metrics import STOP_REASONS, Record
from rethink.spec import TrialSpec

STATUSES = {
    "fitted": "zero training errors reached",
    "censored": "ended without it: max_epochs, max_steps, contradiction, diverged or scheduler",
    "failed": "ended without it by an error",
    "unfinished": "running, interrupted or waiting to be restored, not fitted so far",
    "not started": "no attempt has begun",
}
DTYPES = {int: "Int64", float: "Float64", bool: "boolean", str: "category"}
TIME = "datetime64[us, UTC]"
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "dataframes.md"


@dataclass(frozen=True)
class Column:
    """One column of a frame. `categories` fixes a categorical column's values and their order."""

    name: str
    dtype: str
    unit: str
    meaning: str
    categories: tuple[str, ...] | None = None


def _declared(record: type[Any]) -> tuple[Column, ...]:
    hints = get_type_hints(record)
    return tuple(
        Column(f.name, _dtype(hints[f.name]), f.metadata.get("unit", ""), f.metadata["doc"])
        for f in dataclasses.fields(record)
    )


def _dtype(hint: Any) -> str:
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
    return DTYPES[kinds[0]]


_IDENTITY = (
    Column("run", "category", "", "name of the run directory"),
    Column("spec_id", "string", "", "id of the spec; `run` and `spec_id` together are the key of a trial"),
)
SPEC = _declared(TrialSpec)
_LABELS = (
    Column(
        "labels_changed",
        "Float64",
        "fraction",
        "share of the training subset whose given label differs from the true one, as drawn: about "
        "`label_corruption` · (1 - 1/classes)",
    ),
    Column(
        "attainable_train_accuracy",
        "Float64",
        "fraction",
        "greatest accuracy on the training subset, as corrupted and unaugmented, that any function of the image can "
        "reach; below 1 equal images have unequal labels, and the trial can never fit",
    ),
)
_OUTCOME = (
    Column("status", "category", "", "; ".join(f"*{k}*: {v}" for k, v in STATUSES.items()), tuple(STATUSES)),
    Column(
        "stop_reason",
        "category",
        "",
        "what the rows show, else the recorded outcome; " + "; ".join(f"*{k}*: {v}" for k, v in STOP_REASONS.items()),
        tuple(STOP_REASONS),
    ),
    Column("fitted", "boolean", "", "whether `epochs_to_fit` is known"),
    Column("epochs_to_fit", "Int64", "epochs", "first epoch after which there was no training error; null: none yet"),
    Column("epochs", "Int64", "epochs", "last epoch done, 0 before the first; if not fitted, the censoring time"),
    Column("steps", "Int64", "steps", "optimizer steps up to the last row, 0 before the first"),
    Column(
        "horizon",
        "Int64",
        "epochs",
        "epochs that the trial has at most: `max_epochs`, or the whole ones within `max_steps`, if fewer; null while "
        "their length is not known",
    ),
    Column("images_to_fit", "Int64", "images", "training images seen at `epochs_to_fit`"),
    Column("train_loss", "Float64", "nats", "running, of the last row; null if not finite"),
    Column("train_accuracy", "Float64", "fraction", "running, of the last row"),
    Column("train_eval_accuracy", "Float64", "fraction", "at the last row; null if not measured there"),
    Column("train_eval_top5_accuracy", "Float64", "fraction", "at the last row; null if not measured there"),
    Column("exact_train_accuracy", "Float64", "fraction", "at the last row; null if not measured there"),
    Column("exact_train_top5_accuracy", "Float64", "fraction", "at the last row; null if not measured there"),
    Column("test_loss", "Float64", "nats", "at the last row; null if not measured there"),
    Column("test_accuracy", "Float64", "fraction", "at the last row; null if not measured there"),
    Column("test_top5_accuracy", "Float64", "fraction", "at the last row; null if not measured there"),
    Column("test_error", "Float64", "fraction", "1 - `test_accuracy`"),
    Column("generalization_gap", "Float64", "fraction", "`exact_train_accuracy` - `test_accuracy`; null if either is"),
    Column(
        "best_test_accuracy",
        "Float64",
        "fraction",
        "greatest over the rows: early stopping's potential, chosen on the test set: never a result",
    ),
    Column("best_test_top5_accuracy", "Float64", "fraction", "the same of top-5, at a row of its own"),
    Column(
        "seconds",
        "Float64",
        "s",
        "train, check and test seconds summed over the rows that count (repeated work is left out); "
        "null if a row is lost",
    ),
    Column("attempts", "Int64", "", "attempts begun"),
    Column("damaged_lines", "Int64", "lines", "unreadable lines in the trial's row files"),
    Column("rows_from_ray", "Int64", "rows", "rows whose own line is lost and which Ray's log of the run still has"),
    Column("missing_rows", "Int64", "rows", "rows that are lost altogether, told by the numbers of those after them"),
)
_PROVENANCE = (
    Column("host", "category", "", "machine of the last attempt"),
    Column("device", "category", "", "device of the last attempt"),
    Column("threads", "Int64", "", "threads of the last attempt"),
    Column("code_version", "category", "", "version of rethink in the last attempt"),
    Column("versions", "category", "", "every version that the last attempt recorded"),
    Column("data_sha256", "category", "", "content hash of the data that the last attempt read"),
    Column("started", TIME, "", "start of the first attempt"),
)
TRIALS = _IDENTITY + SPEC + _LABELS + _OUTCOME + _PROVENANCE

JOINED = ("run", "spec_id", "dataset", "train_samples", "model", "label_corruption", "seed")
RECORD = _declared(Record)


def of_trials(names: Iterable[str]) -> tuple[Column, ...]:
    """These columns of the trials frame, in this order."""
    declared = {column.name: column for column in TRIALS}
    return tuple(declared[name] for name in names)


EPOCHS = of_trials(JOINED) + RECORD
MEASURED = (_IDENTITY[1], *RECORD)  # what a row itself says

_CHANGED = (
    Column("labels_changed_mean", "Float64", "fraction", "mean of `labels_changed` over the trials of the cell"),
    Column("labels_changed_min", "Float64", "fraction", "its least"),
    Column("labels_changed_max", "Float64", "fraction", "its greatest"),
)
STATISTICS = (
    Column("n", "Int64", "trials", "trials of the cell, whatever became of them"),
    Column("fitted", "Int64", "trials", "of them, *fitted*"),
    Column("censored", "Int64", "trials", "of them, *censored*"),
    Column("diverged", "Int64", "trials", "of the censored, those that diverged"),
    Column("contradicted", "Int64", "trials", "of the censored, those that could never fit (*contradiction*)"),
    *_CHANGED,
    Column("failed", "Int64", "trials", "of them, *failed*"),
    Column("unfinished", "Int64", "trials", "of them, *unfinished* or *not started*"),
    Column(
        "epochs_to_fit_median",
        "Float64",
        "epochs",
        "median over all n, an unfitted trial standing for any time above its censoring time; "
        "null where that leaves the median open",
    ),
    Column("epochs_to_fit_above", "Float64", "epochs", "where it is open: the median is above this"),
    Column("epochs_to_fit_min", "Int64", "epochs", "least over the fitted trials"),
    Column("epochs_to_fit_max", "Int64", "epochs", "greatest over the fitted trials"),
    Column("unfitted_from", "Int64", "epochs", "least censoring time of the unfitted trials"),
    Column("given_up", "Int64", "trials", "of the censored, those that the inner scheduler gave up for doing badly"),
    Column(
        "km_median",
        "Float64",
        "epochs",
        "Kaplan-Meier median over all n; a diverged trial never fits, nor one with a contradiction; every other "
        "unfitted one may at any later epoch; null where it is open, or if `given_up`: such censoring would bias it",
    ),
    Column(
        "km_median_low",
        "Float64",
        "epochs",
        "its 95% interval (Brookmeyer-Crowley, log-log, asymptotic: few trials are covered less often); null for n < 2",
    ),
    Column("km_median_high", "Float64", "epochs", "upper end; null also where it is open"),
    Column(
        "restricted_mean",
        "Float64",
        "epochs",
        "Kaplan-Meier mean of min(epochs to fit, `horizon`) over all n; null if the last trial seen, unfitted, was "
        "not seen to the horizon, if `given_up`, or without a whole epoch up to the horizon",
    ),
    Column(
        "restricted_mean_low",
        "Float64",
        "epochs",
        "its 95% interval (Greenwood's variance times n / (n - 1), Student's t, clipped to 0 and the horizon; a trial "
        "without an epoch does not count); null for n < 2, and if no trial fitted; a point if all times are equal",
    ),
    Column("restricted_mean_high", "Float64", "epochs", "upper end"),
    Column("horizon", "Int64", "epochs", "that of its trials, which share all that decides it; null if null of all"),
    Column(
        "test_error_n",
        "Int64",
        "trials",
        "trials that the test error statistics are over: ended, not by an error, and measured at the last row",
    ),
    Column("test_error_mean", "Float64", "fraction", "their mean"),
    Column("test_error_std", "Float64", "fraction", "their sample standard deviation (n - 1); null for n < 2"),
    Column(
        "test_error_low",
        "Float64",
        "fraction",
        "95% interval of the mean (Student's t); null for n < 2; a point if all are equal",
    ),
    Column("test_error_high", "Float64", "fraction", "upper end"),
    Column("test_error_min", "Float64", "fraction", "their least"),
    Column("test_error_max", "Float64", "fraction", "their greatest"),
    Column("gap_n", "Int64", "trials", "the same for the generalization gap"),
    Column("gap_mean", "Float64", "fraction", "mean generalization gap"),
    Column("gap_std", "Float64", "fraction", "its sample standard deviation; null for n < 2"),
    Column("gap_low", "Float64", "fraction", "95% interval of the mean (Student's t); null for n < 2"),
    Column("gap_high", "Float64", "fraction", "upper end"),
    Column("minutes", "Float64", "min", "`seconds` summed over the cell; null if that of any trial is"),
    Column("damaged_lines", "Int64", "lines", "unreadable lines in the cell's row files"),
)
SLOWDOWNS = (
    *_CHANGED,
    Column("pairs", "Int64", "pairs", "trials of the cell that have a partner: level 0, equal in all else, seeds too"),
    Column("unpaired", "Int64", "trials", "trials of the cell that have none"),
    Column("both_fitted", "Int64", "pairs", "pairs of which both trials fitted"),
    Column(
        "slowdown_median",
        "Float64",
        "",
        "median over all pairs of epochs to fit, divided by the partner's; null where unfitted trials leave it open",
    ),
    Column("slowdown_above", "Float64", "", "where it is open: it is at least this; null if nothing is known"),
    Column("slowdown_mean", "Float64", "", "geometric mean; null unless both trials of every pair fitted"),
    Column("slowdown_low", "Float64", "", "its 95% interval (Student's t of the logarithms); null for one pair"),
    Column("slowdown_high", "Float64", "", "upper end"),
)
EFFECTS = (
    *_CHANGED,
    Column(
        "regularizer",
        "category",
        "",
        "spec field that is off in one trial of a pair and on in the other; two joined by _and_: both are",
    ),
    Column(
        "strength",
        "Float64",
        "",
        "its value where on (_and_: the second's); null for a switch; random_crop: `crop_padding`",
    ),
    Column("pairs", "Int64", "pairs", "pairs of trials that are equal in all else, seeds too"),
    Column("unpaired", "Int64", "trials", "trials with the regularizer, otherwise of this cell, that have no partner"),
    Column(
        "measure",
        "category",
        "",
        "what is compared: test_accuracy, exact_train_accuracy, generalization_gap (with minus without, fractions), "
        "log2_epochs_to_fit (binary logarithm of the ratio)",
    ),
    Column(
        "n",
        "Int64",
        "pairs",
        "pairs in which both were measured, in trials that ended; for epochs: all, or none unless all fitted",
    ),
    Column("mean", "Float64", "", "mean difference"),
    Column("low", "Float64", "", "its 95% interval (Student's t); null for n < 2"),
    Column("high", "Float64", "", "upper end"),
    Column(
        "effect_size",
        "Float64",
        "",
        "mean over the standard deviation of the differences, with Hedges' correction for small n; null for n < 3, "
        "for which the correction leaves nothing, and where all differences are equal",
    ),
)


_INTRODUCTION = """# Data frames

Written by `python -m analysis.columns` from the descriptions in the code; change it there.

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
    ("trials: what was asked for", "`load(...).trials`: one row per trial of `run.json`.", _IDENTITY + SPEC),
    (
        "trials: the labels that it was given",
        "Known before the trial starts.",
        _LABELS,
    ),
    ("trials: what became of it", "", _OUTCOME),
    ("trials: where it comes from", "", _PROVENANCE),
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
        "`analysis.summary.summary(trials)`: one row per cell, that is `dataset`, `train_samples`, `model`, whatever "
        "options differ within a model, and `label_corruption`; trials that differ in seeds alone share a cell.",
        STATISTICS,
    ),
    (
        "slowdowns",
        "`analysis.slowdowns.slowdowns(trials)`: one row per cell above level 0 that has partners on clean labels, "
        "named by the columns of its cell.",
        SLOWDOWNS,
    ),
    (
        "effects",
        "`analysis.effects.effects(trials)`: one row per regularizer, strength, measure and cell without the "
        "regularizer, named by the columns of that cell.",
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
