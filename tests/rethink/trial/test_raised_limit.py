"""A trial that was given up goes on when its limit is raised: its rows are those of one long run, bit for bit."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial
from tests.made_record import made_record
from tests.undisturbed import recorded_rows, undisturbed_rows

# 200 samples in batches of 32: seven steps an epoch.
EASY = {"label_corruption": 0.0, "stop_loss": 0.02, "train_samples": 40, "batch_size": 10, "test_every": 0}
FIELDS: dict[str, Any] = {"batch_size": 32, "dropout": 0.5, "label_corruption": 1.0}


@pytest.fixture
def settings(tmp_path: Path, cache_dir: Path, prepared: PreparedData) -> TrialSettings:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    run.create(made_record())
    return TrialSettings(
        run=run.root,
        data_sha256={"fashion_mnist_mini": prepared.content_sha256},
        places=DataPlaces(cache_dir=cache_dir),
    )


def train(spec: TrialSpec, settings: TrialSettings) -> None:
    trial = Trial(spec, settings, DataStore(settings))
    trial.run_until(lambda: False)


def test_limits_are_no_part_of_what_a_trial_is(make_spec: Callable[..., TrialSpec]) -> None:
    specs = [make_spec(**limits) for limits in ({}, {"max_epochs": 7}, {"max_steps": 9}, {"max_epochs": 7})]
    assert len({spec.spec_id for spec in specs}) == 1
    assert len({spec.name for spec in specs}) == 1
    assert len(set(specs)) == 3


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ({"max_epochs": 2}, {"max_epochs": 4}),
        ({"max_epochs": 2, "test_every": 0}, {"max_epochs": 4}),
        ({"max_epochs": 2, "test_every": 2, "train_eval_samples": 50}, {"max_epochs": 4}),
        ({"max_epochs": 3, "test_every": 2, "train_eval_samples": 50}, {"max_epochs": 4}),
        # An easy set: without an error in epochs 11, 15 and 18, at that loss in epoch 18.
        *(({**EASY, "max_epochs": epochs}, {"max_epochs": 60}) for epochs in (10, 11, 15, 16)),
        ({"max_steps": 10}, {"max_steps": None, "max_epochs": 3}),
        ({"max_steps": 14}, {"max_steps": 20}),
        ({"max_steps": 3}, {"max_steps": 5}),
        ({"max_steps": 10, "evaluate_steps": 4}, {"max_steps": 20}),
        ({"max_steps": 12, "evaluate_steps": 4, "train_eval_samples": 50}, {"max_steps": 20}),
    ],
    ids=str,
)
def test_its_rows_are_those_of_one_long_run(
    low: dict[str, Any],
    high: dict[str, Any],
    settings: TrialSettings,
    make_spec: Callable[..., TrialSpec],
    make_training: Callable[..., Training],
) -> None:
    given_up = make_spec(**{**FIELDS, **low})
    raised = dataclasses.replace(given_up, **high)
    run = RunDirectory(settings.run)
    train(given_up, settings)
    assert recorded_rows(run, given_up) == undisturbed_rows(make_training, given_up)
    train(raised, settings)
    assert recorded_rows(run, raised) == undisturbed_rows(make_training, raised)
    attempts = run.read_attempts(raised.spec_id)
    assert len(attempts) == 2
    assert attempts[1].header is not None
    assert attempts[1].header.resumed_from_steps > 0, "it was trained anew"


def test_a_row_that_is_taken_back_counts_its_steps_and_seconds_in_the_next(
    settings: TrialSettings, make_spec: Callable[..., TrialSpec]
) -> None:
    low = make_spec(**FIELDS, max_steps=10)
    run = RunDirectory(settings.run)
    train(low, settings)
    before = run.read_attempts(low.spec_id)[0].rows[-1]
    train(dataclasses.replace(low, max_steps=14), settings)
    after = run.read_attempts(low.spec_id)[1].rows[0]
    assert (before["row"], before["steps"], after["row"], after["steps"]) == (2, 10, 2, 14)
    assert after["train_seconds"] > before["train_seconds"]
    assert after["images_per_second"] == pytest.approx(200 / after["train_seconds"])


def test_a_limit_below_what_was_trained_changes_nothing(
    settings: TrialSettings, make_spec: Callable[..., TrialSpec]
) -> None:
    spec = make_spec(**FIELDS, max_epochs=3)
    train(spec, settings)
    rows = recorded_rows(RunDirectory(settings.run), spec)
    train(dataclasses.replace(spec, max_epochs=2), settings)
    assert recorded_rows(RunDirectory(settings.run), spec) == rows
