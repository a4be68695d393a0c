"""Every column that a trial reports, spelled once, with its unit."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

import msgspec

from rethink.files.checked_files import as_kind
from rethink.spec import TrialSpec

# What a value can be at all: `RowLine` holds every row that is read or written to it.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Ordinal = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Quantity = Annotated[float, msgspec.Meta(ge=0)]  # JSON has no infinity


def _column(doc: str, *, unit: str = "", timing: bool = False, default: Any = dataclasses.MISSING) -> Any:
    """`default` stands in rows that were written before the column was there."""
    return field(default=default, metadata={"doc": doc, "unit": unit, "timing": timing})


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row: what one trial measured after an epoch, or at an evaluation inside one (`evaluate_steps`).

    `train_loss` and `train_accuracy` are running means in training mode, while the weights move: after an epoch over
    its own steps, inside one over the steps since the last evaluation. All that is exact or of an evaluation comes from
    the weights as they are after these steps. All but the timing columns are bit-reproducible.
    """

    row: Ordinal = _column("number of the row, from 1: one after every epoch and at every evaluation inside one")
    epoch: Count = _column("epochs finished", unit="epochs")
    steps: Count = _column("optimizer steps so far", unit="steps")
    images_seen: Count = _column("training images seen so far", unit="images")
    learning_rate: Quantity = _column("learning rate of the last step", unit="per step")
    train_loss: Quantity | None = _column("running cross-entropy; null if not finite", unit="nats")
    train_accuracy: Fraction = _column("running accuracy on the labels given to the network", unit="fraction")
    train_accuracy_corrupted: Fraction | None = _column(
        "the same over the samples chosen for label corruption; null without such samples", unit="fraction"
    )
    train_accuracy_clean: Fraction | None = _column(
        "the same over all other samples; null without such samples", unit="fraction"
    )
    test_loss: Quantity | None = _column(
        "cross-entropy on the test set, labels clean, pixels corrupted like the training set; null when not measured",
        unit="nats",
    )
    test_accuracy: Fraction | None = _column(
        "accuracy on the test set, labels clean, pixels corrupted like the training set; null when not measured",
        unit="fraction",
    )
    test_top5_accuracy: Fraction | None = _column(
        "fraction of the test set whose class is among the five likeliest; null when not measured, or up to 5 classes",
        unit="fraction",
    )
    train_eval_accuracy: Fraction | None = _column(
        "accuracy on the `train_eval_samples`, eval mode, no augmentation; null when not measured", unit="fraction"
    )
    train_eval_top5_accuracy: Fraction | None = _column("top-5 accuracy on the same", unit="fraction")
    exact_train_accuracy: Fraction | None = _column(
        "accuracy over the whole training set, eval mode, no augmentation; null when not measured", unit="fraction"
    )
    exact_train_top5_accuracy: Fraction | None = _column("top-5 accuracy on the same", unit="fraction")
    exact_train_loss: Quantity | None = _column(
        "cross-entropy over the whole training set, eval mode, no augmentation; null when not measured, as above "
        "`stop_loss`",
        unit="nats",
        default=None,
    )
    fitted: bool | None = _column(
        "zero errors over the whole training set after this epoch, checked exactly; null inside an epoch"
    )
    epochs_to_fit: Ordinal | None = _column("first epoch after which `fitted` held; null before", unit="epochs")
    epochs_to_loss: Ordinal | None = _column(
        "first epoch, from the fit on, after which `exact_train_loss` was at most `stop_loss`; null before",
        unit="epochs",
        default=None,
    )
    diverged: bool = _column("a loss was not finite; the trial ends here")
    checked_images: Count = _column("images the interpolation check had to look at", unit="images")
    train_seconds: Quantity = _column("time of the steps since the row before, loading included", unit="s", timing=True)
    check_seconds: Quantity = _column("time of the interpolation check", unit="s", timing=True)
    test_seconds: Quantity = _column("time of the test evaluation, and of `train_eval_samples`", unit="s", timing=True)
    images_per_second: Quantity = _column(
        "training images since the row before per second of train_seconds", unit="1/s", timing=True
    )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, column by column."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Record":
        """The inverse of to_dict. Raises ValueError for a column that is unknown, missing or cannot be so."""
        return cls(**msgspec.structs.asdict(as_kind(values, RowLine)))


_HINTS = get_type_hints(Record, include_extras=True)
_FIELDS = [
    (f.name, _HINTS[f.name]) if f.default is dataclasses.MISSING else (f.name, _HINTS[f.name], f.default)
    for f in dataclasses.fields(Record)
]
RowLine = msgspec.defstruct("RowLine", _FIELDS, kw_only=True, frozen=True, forbid_unknown_fields=True)
TIMING_COLUMNS = frozenset(f.name for f in dataclasses.fields(Record) if f.metadata["timing"])

STOP_REASONS = {
    "interpolated": "zero training errors, and epochs_after_fit further epochs done",
    "stop_loss": "the same, and a loss over the whole training set of at most stop_loss",
    "max_epochs": "max_epochs reached: right-censored, unless it had fitted and epochs_after_fit or stop_loss came "
    "later",
    "max_steps": "max_steps reached: right-censored, as with max_epochs",
    "contradiction": "max_epochs or max_steps reached, which no network could have come before: equal images of the "
    "training set have unequal labels (`attainable_train_accuracy` below 1)",
    "diverged": "right-censored: the training loss was not finite",
    "scheduler": "right-censored: the inner scheduler gave the trial up",
    "error": "right-censored: the trial failed, beyond cure or more often than it may; see its error file",
    "unfinished": "right-censored so far: the trial is running, waiting, or was interrupted",
}


def stop_reason(spec: TrialSpec, row: Mapping[str, Any], attainable: float = 1.0) -> str | None:
    """Why a trial ends after this row, of its own; none: it would train on.

    `attainable` is the greatest train accuracy that any network can have.
    """
    fit = row["epochs_to_fit"]
    if fit is not None and row["epoch"] >= fit + spec.epochs_after_fit:
        if spec.stop_loss is None:
            return "interpolated"
        if row["epochs_to_loss"] is not None:
            return "stop_loss"
    if row["diverged"]:
        return "diverged"
    if spec.max_steps is not None and row["steps"] >= spec.max_steps:
        return "contradiction" if attainable < 1 else "max_steps"
    if row["epoch"] >= spec.max_epochs:
        return "contradiction" if attainable < 1 else "max_epochs"
    return None
