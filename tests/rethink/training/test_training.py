"""Training's laws: bit-equal repetition and restore, the protocol's learning rate, exact accounting."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from rethink.records.record import TIMING_COLUMNS, Record, stop_reason
from rethink.training.loop import Training

MakeTraining = Callable[..., Training]
# Every model once, small enough to be quick: (fields of the spec).
MODELS: list[dict[str, Any]] = [
    {"model": "mlp_1x512", "dropout": 0.5},
    {"model": "mlp_3x512", "random_crop": True, "flip": True, "weight_decay": 5e-4, "pixel_corruption": "gaussian"},
    {"model": "mlp_1x512", "flip": True, "rotation": 25},
    {"model": "alexnet_small", "train_samples": 60, "dropout": 0.3, "batch_size": 32},
    {"model": "inception_small", "train_samples": 30, "batch_size": 16, "image_size": 14},
    {"model": "wide_resnet", "depth": 10, "train_samples": 30, "batch_size": 16, "precision": "bf16"},
]


def without_times(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.to_dict().items() if name not in TIMING_COLUMNS}


def train(training: Training, epochs: int) -> list[dict[str, Any]]:
    return [without_times(record) for _, record in zip(range(epochs), training.records(), strict=False)]


def weights(training: Training) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in training.learner.network.state_dict().values())


@pytest.mark.parametrize("fields", MODELS, ids=lambda fields: fields["model"])
@pytest.mark.slow
def test_a_restored_trial_goes_on_bit_for_bit(
    make_training: MakeTraining, fields: dict[str, Any], tmp_path: Any
) -> None:
    undisturbed = make_training(**fields, max_epochs=5)
    expected = train(undisturbed, 5)
    stopped = make_training(**fields, max_epochs=5)
    train(stopped, 2)
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(123)  # what else happened in the process must not matter
    resumed = make_training(**fields, max_epochs=5)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert train(resumed, 5) == expected[2:]
    assert weights(resumed) == weights(undisturbed)


@pytest.mark.parametrize("toggles", [{"random_crop": True, "flip": True}, {"rotation": 25}], ids=["crop", "rotation"])
def test_augmentation_reaches_the_steps_and_never_a_check_or_a_test(
    make_training: MakeTraining, toggles: dict[str, Any]
) -> None:
    """With a step too small to move a weight, plain and augmented training score the same network."""
    still = {"learning_rate": 1e-30, "max_epochs": 1}
    plain, augmented = (make_training(**still, **on) for on in ({}, toggles))
    (one,), (other,) = train(plain, 1), train(augmented, 1)
    assert one["train_loss"] != other["train_loss"]
    assert one["exact_train_accuracy"] == other["exact_train_accuracy"]
    assert (one["test_loss"], one["test_accuracy"]) == (other["test_loss"], other["test_accuracy"])


@pytest.mark.slow
def test_an_augmented_fit_holds_on_the_images_as_they_are(make_training: MakeTraining) -> None:
    training = make_training(random_crop=True, flip=True, label_corruption=0.0, train_samples=50, max_epochs=1000)
    last = next(record for record in training.records() if record.fitted)
    data = training._data
    pixels = torch.cat([b.images.clone() for b in data.train.batches(data.subset, 64)])
    with torch.no_grad():
        predicted = copy.deepcopy(training.learner.network).eval()(pixels).argmax(1).numpy()
    assert (predicted == data.labels.given[data.subset]).all()
    assert last.exact_train_accuracy == 1.0


@pytest.mark.parametrize(
    "toggle", [{"flip": True}, {"random_crop": True}, {"rotation": 25}, {"weight_decay": 5e-4}, {"dropout": 0.5}]
)
def test_every_regularizer_changes_training(make_training: MakeTraining, toggle: dict[str, Any]) -> None:
    assert train(make_training(**toggle), 2) != train(make_training(), 2)


def test_another_seed_gives_another_trial(make_training: MakeTraining) -> None:
    assert train(make_training(seed=0), 2) != train(make_training(seed=1), 2)


def test_the_state_of_another_spec_is_refused(make_training: MakeTraining) -> None:
    with pytest.raises(ValueError, match="does not fit trial"):
        make_training(seed=0).load_state_dict(make_training(seed=1).state_dict())


@pytest.mark.slow
def test_the_learning_rate_decays_by_images_seen_not_by_subset_epochs(make_training: MakeTraining) -> None:
    rows = train(make_training(train_samples=5000, max_epochs=11, test_every=0), 11)
    assert [row["learning_rate"] for row in rows] == [0.01] * 10 + [0.01 * 0.95]
    assert rows[-1]["images_seen"] == 55_000
    assert rows[-1]["steps"] == 11 * math.ceil(5000 / 128)


def test_accuracy_is_accounted_separately_on_corrupted_and_clean_samples(make_training: MakeTraining) -> None:
    training = make_training(train_samples=400, label_corruption=0.5)
    chosen = training._data.labels.corrupted[training._data.subset]
    share = chosen.mean()
    for row in train(training, 5):
        mixed = share * row["train_accuracy_corrupted"] + (1 - share) * row["train_accuracy_clean"]
        assert row["train_accuracy"] == pytest.approx(mixed)
    assert train(make_training(label_corruption=0.0), 1)[0]["train_accuracy_corrupted"] is None
    assert train(make_training(label_corruption=1.0), 1)[0]["train_accuracy_clean"] is None


@pytest.mark.slow
def test_fitted_means_zero_errors_and_is_the_first_such_epoch(make_training: MakeTraining) -> None:
    training = make_training(label_corruption=1.0)
    data = training._data
    for record in training.records():
        pixels = torch.cat([b.images.clone() for b in data.train.batches(data.subset, 64)])
        with torch.no_grad():
            predicted = copy.deepcopy(training.learner.network).eval()(pixels).argmax(1).numpy()
        errors = int((predicted != data.labels.given[data.subset]).sum())
        assert record.fitted == (errors == 0)
        if record.fitted:
            break
    assert record.fitted
    assert record.epochs_to_fit == record.epoch
    assert record.exact_train_accuracy == 1.0
    assert record.checked_images >= len(data.subset)


@pytest.mark.slow
def test_one_wrong_label_is_found(make_training: MakeTraining) -> None:
    training = make_training(label_corruption=0.0)
    while not next(training.records()).fitted:
        pass
    data = training._data
    for victim in (data.subset[0], data.subset[-1]):
        given = data.labels.given.copy()
        given[victim] = (given[victim] + 1) % 10
        data.train.configure(28, given, None)
        assert not training._measurement.evaluator.interpolates(data.train, data.subset).fitted
    data.train.configure(28, data.labels.given, None)
    assert training._measurement.evaluator.interpolates(data.train, data.subset).fitted


def test_a_loss_that_is_not_finite_ends_the_trial_as_diverged(make_training: MakeTraining) -> None:
    training = make_training(learning_rate=1e6, max_epochs=50)
    last = list(training.records())[-1]
    assert last.diverged
    assert last.train_loss is None
    assert last.epoch < 50
    assert stop_reason(training.spec, last.to_dict()) == "diverged"


def test_test_scores_come_when_they_are_due(make_training: MakeTraining) -> None:
    rows = train(make_training(test_every=3, max_epochs=7), 7)
    measured = [row["epoch"] for row in rows if row["test_accuracy"] is not None]
    assert measured == [3, 6, 7]
    assert rows[-1]["exact_train_accuracy"] is not None
    never = make_training(test_every=0, label_corruption=0.0)
    at_fit = next(record for record in never.records() if record.test_accuracy is not None)
    assert at_fit.fitted


def test_test_labels_are_never_corrupted(make_training: MakeTraining) -> None:
    data = make_training(label_corruption=1.0)._data
    labels = np.concatenate([b.labels.numpy().copy() for b in data.test.batches(np.arange(1000), 100)])
    assert np.array_equal(labels, data.test.true_labels)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({"epoch": 5, "epochs_to_fit": 3, "diverged": False}, "interpolated"),
        ({"epoch": 4, "epochs_to_fit": 3, "diverged": False}, None),
        ({"epoch": 9, "epochs_to_fit": None, "diverged": True}, "diverged"),
        ({"epoch": 100, "epochs_to_fit": None, "diverged": False}, "max_epochs"),
        ({"epoch": 99, "epochs_to_fit": None, "diverged": False}, None),
        ({"epoch": 2, "epochs_to_fit": None, "diverged": False, "steps": 500}, "max_steps"),
        ({"epoch": 5, "epochs_to_fit": 3, "diverged": False, "steps": 500}, "interpolated"),
    ],
)
def test_why_a_trial_stops(make_spec: Any, place: dict[str, Any], reason: str | None) -> None:
    assert stop_reason(make_spec(epochs_after_fit=2, max_steps=500), {"steps": 499, **place}) == reason
