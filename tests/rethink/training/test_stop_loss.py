"""After the fit, a trial trains on to the first epoch whose exact training loss is at most `stop_loss`."""

from collections.abc import Callable
from itertools import takewhile
from typing import Any

import numpy as np
import pytest

from rethink.records.record import Record, stop_reason
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from tests.undisturbed import without_times

MakeTraining = Callable[..., Training]
LOSS = 0.01


@pytest.fixture
def make_training(make_training: MakeTraining) -> MakeTraining:
    """As elsewhere, but quicker: most of such a trial's time is its tests."""
    return lambda **fields: make_training(
        **{"train_samples": 40, "batch_size": 20, "learning_rate": 0.05, "test_every": 0, **fields}
    )


def trained(training: Training) -> list[Record]:
    """The rows of a trial up to its own end."""
    rows: list[Record] = []
    for record in training.records():
        rows.append(record)
        if stop_reason(training.spec, record.to_dict()):
            break
    return rows


def exact_losses(training: Training, epochs: int) -> list[float]:
    """The loss over the whole training set after each epoch, measured whether it is due or not."""
    losses = []
    for _ in range(epochs):
        next(training.records())
        losses.append(training._measurement.evaluator.scores(training._data.train, training._data.subset).loss)
    return losses


@pytest.mark.slow
def test_it_ends_in_the_first_such_epoch_from_the_fit_on(make_training: MakeTraining) -> None:
    rows = trained(make_training(stop_loss=LOSS))
    last, fit = rows[-1], rows[-1].epochs_to_fit
    losses = exact_losses(make_training(), last.epoch)
    assert fit is not None
    assert losses[fit - 1] > LOSS, "else this tests nothing"
    assert last.epoch == next(epoch for epoch, loss in enumerate(losses, 1) if epoch >= fit and loss <= LOSS)
    assert stop_reason(make_training(stop_loss=LOSS).spec, last.to_dict()) == "stop_loss"
    assert last.epochs_to_loss == last.epoch
    assert np.isclose(last.exact_train_loss, losses[-1], rtol=1e-5)
    assert (last.exact_train_accuracy, last.test_accuracy is not None) == (1.0, True)
    assert {row.epochs_to_loss for row in rows[:-1]} == {None}


def test_the_rows_until_the_fit_are_those_without_it(make_training: MakeTraining) -> None:
    ours, theirs = trained(make_training(stop_loss=LOSS)), trained(make_training())
    assert [without_times(row.to_dict()) for row in ours[: len(theirs)]] == [
        without_times(row.to_dict()) for row in theirs
    ]


def test_a_loss_that_the_fit_has_reached_already_ends_it_there(make_training: MakeTraining) -> None:
    rows = trained(make_training(stop_loss=10.0))
    assert rows[-1].epoch == rows[-1].epochs_to_fit == rows[-1].epochs_to_loss
    assert rows[-1].exact_train_loss is not None


def test_a_loss_out_of_reach_leaves_a_trial_that_fitted_and_is_censored(make_training: MakeTraining) -> None:
    last = trained(make_training(stop_loss=1e-9, max_epochs=30))[-1]
    assert (last.epoch, last.epochs_to_fit is None, last.epochs_to_loss) == (30, False, None)
    assert last.exact_train_accuracy is not None


@pytest.mark.slow
def test_an_evaluation_inside_an_epoch_reaches_no_loss(make_training: MakeTraining) -> None:
    rows = trained(make_training(stop_loss=LOSS, evaluate_steps=1))
    reached = [row for row in rows if row.epochs_to_loss is not None]
    assert reached == rows[-1:]
    assert reached[0].fitted is not None


def test_a_restored_trial_ends_with_the_same_rows(make_training: MakeTraining) -> None:
    whole = trained(make_training(stop_loss=LOSS))
    first = make_training(stop_loss=LOSS)
    begun = list(takewhile(lambda row: row.epochs_to_fit is None, first.records()))
    again = make_training(stop_loss=LOSS)
    again.load_state_dict(first.state_dict())
    rest = trained(again)
    assert [without_times(row.to_dict()) for row in rest] == [
        without_times(row.to_dict()) for row in whole[len(begun) + 1 :]
    ]


def test_a_check_that_fails_looks_at_few_images(make_training: MakeTraining) -> None:
    training = make_training()
    next(training.records())
    evaluator, subset = training._measurement.evaluator, training._data.subset
    seen: list[int] = []
    batches = training._data.train.batches

    class Counted:
        true_labels = training._data.train.true_labels

        def batches(self, *arguments: Any) -> Any:
            for batch in batches(*arguments):
                seen.append(len(batch.labels))
                yield batch

    assert evaluator.scores_within(Counted(), subset, 1e-6) is None
    assert seen == [40]
    whole = evaluator.scores(training._data.train, subset)
    assert evaluator.scores_within(training._data.train, subset, whole.loss) == whole
    assert evaluator.scores_within(training._data.train, subset, whole.loss * 0.999) is None


@pytest.mark.parametrize(
    ("epoch", "to_loss", "reason"),
    [(5, None, None), (5, 4, "stop_loss"), (4, 4, None), (100, None, "max_epochs")],
)
def test_it_waits_for_epochs_after_fit_too(
    make_spec: Callable[..., TrialSpec], epoch: int, to_loss: int | None, reason: str | None
) -> None:
    place = {"epoch": epoch, "epochs_to_fit": 3, "epochs_to_loss": to_loss, "diverged": False, "steps": 9}
    assert stop_reason(make_spec(epochs_after_fit=2, stop_loss=LOSS), place) == reason


def test_specs_without_it_keep_their_ids(make_spec: Callable[..., TrialSpec]) -> None:
    assert make_spec().spec_id == make_spec(stop_loss=None).spec_id != make_spec(stop_loss=LOSS).spec_id
