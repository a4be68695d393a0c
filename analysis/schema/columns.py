"""Every column of the frames that `load` makes, described once; docs/dataframes.md is written from them."""

from collections.abc import Iterable
from dataclasses import dataclass

from rethink.records.measures.measure_file import MOMENTS
from rethink.records.measures.registry import NAMES
from rethink.records.record import STOP_REASONS, Record
from rethink.spec import TrialSpec
from rethink.spec.fields import fields_of

STATUSES = {
    "fitted": "zero training errors reached",
    "censored": "ended without it: max_epochs, max_steps, contradiction, diverged or scheduler",
    "failed": "ended without it by an error",
    "unfinished": "running, interrupted or waiting to be restored, not fitted so far",
    "not started": "no attempt has begun",
}
DTYPES = {int: "Int64", float: "Float64", bool: "boolean", str: "category"}
TIME = "datetime64[us, UTC]"


@dataclass(frozen=True)
class Column:
    """One column of a frame. `categories` fixes a categorical column's values and their order."""

    name: str
    dtype: str
    unit: str
    meaning: str
    categories: tuple[str, ...] | None = None


def _declared(record: type) -> tuple[Column, ...]:
    return tuple(Column(f.name, DTYPES[f.kind], f.unit, f.doc) for f in fields_of(record).values())


IDENTITY = (
    Column("run", "category", "", "name of the run directory"),
    Column("spec_id", "string", "", "id of the spec; `run` and `spec_id` together are the key of a trial"),
)
SPEC = _declared(TrialSpec)
DATA = (
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
    Column("test_images", "Int64", "images", "size of the test set"),
)
OUTCOME = (
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
    Column("missing_rows", "Int64", "rows", "rows that are lost altogether, as the numbers of later rows show"),
)
PROVENANCE = (
    Column("host", "category", "", "machine of the last attempt"),
    Column("device", "category", "", "device of the last attempt"),
    Column("threads", "Int64", "", "threads of the last attempt"),
    Column("code_version", "category", "", "version of rethink in the last attempt"),
    Column("versions", "category", "", "every version that the last attempt recorded"),
    Column("data_sha256", "category", "", "content hash of the data that the last attempt read"),
    Column("started", TIME, "", "start of the first attempt"),
)
TRIALS = IDENTITY + SPEC + DATA + OUTCOME + PROVENANCE

JOINED = ("run", "spec_id", "dataset", "train_samples", "model", "label_corruption", "seed")
RECORD = _declared(Record)


def of_trials(names: Iterable[str]) -> tuple[Column, ...]:
    """These columns of the trials frame, in this order."""
    declared = {column.name: column for column in TRIALS}
    return tuple(declared[name] for name in names)


EPOCHS = of_trials(JOINED) + RECORD
MEASURED = (IDENTITY[1], *RECORD)  # what a row itself says

MOMENT = (
    Column("moment", "category", "", "; ".join(f"*{k}*: {v}" for k, v in MOMENTS.items()), tuple(MOMENTS)),
    Column("epoch", "Int64", "epochs", "epochs finished at that moment"),
    Column("steps", "Int64", "steps", "optimizer steps at that moment"),
    Column("measure", "category", "", "name of the measure, as docs/measures.md has them", NAMES),
    Column("value", "Float64", "", "its value; null: undefined for this network, or not finite"),
    Column("train_accuracy", "Float64", "fraction", "at that moment, over the whole training set, evaluation mode"),
    Column("test_accuracy", "Float64", "fraction", "at that moment, over the whole test set"),
    Column("gap", "Float64", "fraction", "`train_accuracy` - `test_accuracy` of that moment; null if either is"),
)
OF_NETWORK = tuple(column.name for column in (*IDENTITY, *SPEC, DATA[-1]))  # `test_images`
MEASURES = of_trials(OF_NETWORK) + MOMENT
