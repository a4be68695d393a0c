"""A trial that goes on beyond the limit that it was given up at: its last row, had the limit been higher all along."""

import dataclasses
from typing import Any

from rethink.records.record import Record
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.training.place import Place

_EXACT = ("exact_train_accuracy", "exact_train_top5_accuracy", "exact_train_loss")
_EVALUATED = (
    *("test_loss", "test_accuracy", "test_top5_accuracy"),
    *("train_eval_accuracy", "train_eval_top5_accuracy"),
)


def reopen(training: Training, records: list[Record]) -> list[Record]:
    """The rows so far of a training that was restored, the last without what only the end of a trial measures.

    A row that there would not be without the limit is taken back. One that no limit made stays as it is.
    """
    if not records:
        return records
    *before, last = records
    kept = _reopened(training.spec, last)
    if kept is not None:
        return [*before, kept]
    training.take_back(last, before[-1] if before else None)
    return before


def _reopened(spec: TrialSpec, record: Record) -> Record | None:
    place = Place.of(record.to_dict())
    if place.is_last(spec):
        return record
    ends_epoch = record.fitted is not None
    if not ends_epoch and not place.is_evaluation_step(spec):
        return None
    is_exact = record.fitted or (ends_epoch and place.epochs_to_loss == place.epoch)
    left_out: dict[str, Any] = {} if is_exact else dict.fromkeys(_EXACT)
    left_out |= {} if place.is_test_due(spec, ends_epoch=ends_epoch) else dict.fromkeys(_EVALUATED)
    return dataclasses.replace(record, **left_out)
