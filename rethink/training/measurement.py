"""Measurement: what is due after some steps is measured, and becomes a record."""

import math
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rethink.data.trial_data import TrialData
from rethink.records.record import Record
from rethink.spec import TrialSpec
from rethink.training.epoch_pass import EpochPass, Seen
from rethink.training.evaluation import PERFECT, Evaluator, Interpolation, Scores
from rethink.training.place import Place


@dataclass(frozen=True)
class Trained:
    """What the steps since the last record were like."""

    seen: Seen
    images: int
    seconds: float
    learning_rate: float


@dataclass(frozen=True)
class Measured:
    """What was measured where a trial stands; none: not due there."""

    check: Interpolation | None  # at the end of an epoch
    exact: Scores | None  # of the whole training subset
    test: Scores | None
    train_eval: Scores | None  # of the part of the training subset that is scored with the test set
    check_seconds: float
    test_seconds: float


class Measurement:
    """Measures a trial's network on its own data."""

    def __init__(self, spec: TrialSpec, data: TrialData, evaluator: Evaluator) -> None:
        self._spec = spec
        self._data = data
        self.evaluator = evaluator

    def take(self, place: Place, ended: EpochPass | None) -> Measured:
        """Measure what is due; a first fit is noted in `place`. `ended`: the epoch whose last step was just done."""
        started = time.perf_counter()
        check = None if ended is None else self._check(place, ended)
        exact = self._exact_scores(place, check, ended)
        checked = time.perf_counter()
        test, train_eval = self._evaluated(place, exact, ends_epoch=ended is not None)
        return Measured(check, exact, test, train_eval, checked - started, time.perf_counter() - checked)

    def record(self, place: Place, trained: Trained, measured: Measured) -> Record:
        """The row of a place."""
        seen, exact, test, part = trained.seen, measured.exact, measured.test, measured.train_eval
        corrupted = self._data.labels.corrupted[seen.indices]
        return Record(
            **place.to_dict(),
            learning_rate=trained.learning_rate,
            train_loss=_finite(float(seen.losses.mean())),
            train_accuracy=float((~seen.wrong).mean()),
            train_accuracy_corrupted=_accuracy(seen.wrong[corrupted]),
            train_accuracy_clean=_accuracy(seen.wrong[~corrupted]),
            test_loss=_finite(test.loss) if test else None,
            test_accuracy=test.accuracy if test else None,
            test_top5_accuracy=self._top5(test),
            train_eval_accuracy=part.accuracy if part else None,
            train_eval_top5_accuracy=self._top5(part),
            exact_train_accuracy=exact.accuracy if exact else None,
            exact_train_top5_accuracy=self._top5(exact),
            exact_train_loss=_finite(exact.loss) if exact and exact is not PERFECT else None,
            fitted=measured.check.fitted if measured.check else None,
            checked_images=measured.check.checked_images if measured.check else 0,
            train_seconds=trained.seconds,
            check_seconds=measured.check_seconds,
            test_seconds=measured.test_seconds,
            images_per_second=trained.images / trained.seconds,
        )

    def _check(self, place: Place, ended: EpochPass) -> Interpolation:
        if place.diverged:
            return Interpolation(False, 0)
        check = self.evaluator.interpolates(self._data.train, ended.likeliest_errors_first())
        if check.fitted and place.epochs_to_fit is None:
            place.epochs_to_fit = place.epoch
        return check

    def _exact_scores(self, place: Place, check: Interpolation | None, ended: EpochPass | None) -> Scores | None:
        """Of the whole training subset, if it is due; a first loss of at most `stop_loss` is noted in `place`."""
        reached = self._reached_loss(place, ended)
        if reached is not None:
            place.epochs_to_loss = place.epoch
        if check is not None and check.fitted:
            return PERFECT if reached is None else PERFECT._replace(loss=reached.loss)
        if reached is not None:
            return reached
        if place.diverged or not place.is_last(self._spec):
            return None
        return self.evaluator.scores(self._data.train, self._data.subset)

    def _reached_loss(self, place: Place, ended: EpochPass | None) -> Scores | None:
        is_awaited = self._spec.stop_loss is not None and place.epochs_to_fit and place.epochs_to_loss is None
        if not is_awaited or ended is None or place.diverged:
            return None
        return self.evaluator.scores_within(self._data.train, ended.likeliest_errors_first(), self._spec.stop_loss)

    def _evaluated(
        self, place: Place, exact: Scores | None, *, ends_epoch: bool
    ) -> tuple[Scores | None, Scores | None]:
        """The scores of the test set and of the part of the training set that is scored with it, if due."""
        if place.diverged or not place.is_test_due(self._spec, ends_epoch=ends_epoch):
            return None, None
        part = self._data.subset[: self._spec.train_eval_samples]  # its order is balanced, any beginning of it
        test = self.evaluator.scores(self._data.test, np.arange(len(self._data.test.true_labels)))
        if not len(part):
            return test, None
        known = (exact and exact.accuracy == 1) or len(part) == len(self._data.subset)
        return test, exact if exact and known else self.evaluator.scores(self._data.train, part)

    def _top5(self, scores: Scores | None) -> float | None:
        return scores.top5_accuracy if scores and self._data.classes > 5 else None


def _accuracy(wrong: npt.NDArray[np.bool_]) -> float | None:
    return float((~wrong).mean()) if len(wrong) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
