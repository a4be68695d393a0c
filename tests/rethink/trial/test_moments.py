"""A trial measures its network at its moments, whatever kills it, and changes no row by it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rethink import models
from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.records.measures.measure_file import MeasuredState, read_measures
from rethink.records.measures.registry import QUICK
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.training.network import initialized_network
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial
from tests.made_record import made_record
from tests.undisturbed import recorded_rows, undisturbed_rows

MakeSpec = Callable[..., TrialSpec]
Begin = Callable[[TrialSpec], Trial]
LOSS = 0.01


@pytest.fixture
def make_spec(make_spec: MakeSpec) -> MakeSpec:
    """As elsewhere, but quicker: most of such a trial's time is its tests."""
    return lambda **fields: make_spec(
        **{"train_samples": 40, "batch_size": 20, "learning_rate": 0.05, "test_every": 0, **fields}
    )


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    run.create(made_record())
    return run


@pytest.fixture
def begin(run: RunDirectory, cache_dir: Path, prepared: PreparedData) -> Iterator[Begin]:
    settings = TrialSettings(
        run=run.root,
        data_sha256={"fashion_mnist_mini": prepared.content_sha256},
        places=DataPlaces(cache_dir=cache_dir),
    )
    store, trials = DataStore(settings), []

    def begin(spec: TrialSpec) -> Trial:
        trials.append(Trial(spec, settings, store))
        return trials[-1]

    yield begin
    for trial in trials:
        trial.close()


def states(run: RunDirectory, spec: TrialSpec) -> dict[tuple[str, ...], MeasuredState]:
    own = read_measures(run.measures_file(spec.spec_id), run.run_id, spec.spec_id).states
    return {state.moments: state for state in own}


@pytest.mark.slow
def test_at_the_fit_at_the_loss_and_at_the_end(begin: Begin, run: RunDirectory, make_spec: MakeSpec) -> None:
    spec = make_spec(stop_loss=LOSS, epochs_after_fit=40)
    last = begin(spec).run_until(lambda: False)
    measured = states(run, spec)
    assert [*measured] == [("fit",), ("loss",), ("end",)]
    rows = {row["epoch"]: row for row in recorded_rows(run, spec)}
    epochs = (last.epochs_to_fit, last.epochs_to_loss, last.epoch)
    for state, epoch in zip(measured.values(), epochs, strict=True):
        assert tuple(state.values) == QUICK
        row = rows[epoch]
        assert (state.epoch, state.steps) == (epoch, row["steps"])
        assert (state.train_accuracy, state.test_accuracy) == (row["exact_train_accuracy"], row["test_accuracy"])
        assert state.values["l2_distance"] > 0
    losses = [state.values["train_cross_entropy"] for state in measured.values()]
    assert losses[0] > LOSS >= losses[1] > losses[2]
    assert np.isclose(losses[1], rows[last.epochs_to_loss]["exact_train_loss"], rtol=1e-5)


def test_moments_that_coincide_are_measured_once(begin: Begin, run: RunDirectory, make_spec: MakeSpec) -> None:
    spec = make_spec(label_corruption=0.0)
    begin(spec).run_until(lambda: False)
    assert [*states(run, spec)] == [("fit", "end")]


def test_a_trial_that_never_fits_is_measured_at_its_end(begin: Begin, run: RunDirectory, make_spec: MakeSpec) -> None:
    spec = make_spec(max_epochs=2)
    begin(spec).run_until(lambda: False)
    (state,) = states(run, spec).values()
    assert (state.moments, state.epoch) == (("end",), 2)
    assert state.train_accuracy < 1
    assert state.values["inverse_margin"] is None  # its margin is below 0
    assert state.values["l2_norm"] is not None


def test_a_trial_that_diverged_has_its_row(begin: Begin, run: RunDirectory, make_spec: MakeSpec) -> None:
    spec = make_spec(learning_rate=1e6)
    assert begin(spec).run_until(lambda: False).diverged
    (state,) = states(run, spec).values()
    assert (state.train_accuracy, state.test_accuracy) == (None, None)
    assert state.values == dict.fromkeys(QUICK)


@pytest.mark.slow
def test_measuring_changes_no_row(
    begin: Begin, run: RunDirectory, make_spec: MakeSpec, make_training: Callable[..., Training]
) -> None:
    spec = make_spec(label_corruption=0.0, dropout=0.2, epochs_after_fit=2)
    begin(spec).run_until(lambda: False)
    assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)


def test_distances_are_from_the_weights_of_the_seed(begin: Begin, run: RunDirectory, make_spec: MakeSpec) -> None:
    spec = make_spec(max_epochs=2)
    trial = begin(spec)
    trial.run_until(lambda: False)
    initial = initialized_network(spec, (3, 28, 28), 10, torch.device("cpu"))
    pairs = zip(trial._training.learner.network.parameters(), initial.parameters(), strict=True)
    weights = [(one - other).detach().double() for one, other in pairs if one.ndim > 1]
    (state,) = states(run, spec).values()
    expected = np.sqrt(sum(float(weight.square().sum()) for weight in weights))
    assert np.isclose(state.values["l2_distance"], expected, rtol=1e-6)


@pytest.mark.slow
def test_a_trial_cut_off_after_its_fit_measures_the_same_again(
    begin: Begin, run: RunDirectory, make_spec: MakeSpec
) -> None:
    spec = make_spec(label_corruption=0.0, epochs_after_fit=3)
    cut = begin(spec)
    record = cut.run_until(lambda: True)
    cut.save(run.checkpoint(spec.spec_id))
    while record.epochs_to_fit is None:
        record = cut.run_until(lambda: True)
    before = states(run, spec)
    run.measures_file(spec.spec_id).write_bytes(b"half a fi")
    again = begin(spec)
    again.run_until(lambda: False)
    assert [*before] == [("fit",)]
    assert [*states(run, spec)] == [("fit",), ("end",)]
    assert states(run, spec)[("fit",)] == before[("fit",)]
    (note,) = again.notes
    assert str(run.measures_file(spec.spec_id)) in note
    assert note.endswith("replaced")


def test_a_network_of_ones_own_with_other_layers_is_measured_as_far_as_it_can_be(
    begin: Begin, run: RunDirectory, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(spec: TrialSpec, shape: Any, classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.LayerNorm(3 * 28 * 28), nn.Linear(3 * 28 * 28, classes))

    monkeypatch.setattr(models.registry.MODELS, "_entries", dict(models.registry.MODELS._entries))
    models.register(models.ModelEntry("normed", build, learning_rate=0.01))
    trial = begin(make_spec(model="normed", max_epochs=1))
    trial.run_until(lambda: False)
    assert trial.notes == [
        "the network's weights have no measures: its 1 (LayerNorm) has weights that no measure knows"
    ]
    (state,) = states(run, trial.spec).values()
    assert state.values["l2_norm"] is None
    assert state.values["train_confidence"] is not None
