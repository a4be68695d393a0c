"""The schedulers on a real Tune: stops in the very epoch of the fit, longest first, halving inside cells."""

import errno
import time
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from rethink.ray_backend.failures import TrialError
from rethink.ray_backend.reporter import faults_of_the_sweep
from rethink.ray_backend.schedulers import HalvingInCells, StopAtInterpolation, longest_first
from rethink.records.halving import SuccessiveHalving
from rethink.records.run_directory import Outcome, RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.sweep.successive_halving import Rungs
from tests.made_record import made_record

FIT = 4  # the epoch in which a trial below fits


class Pretender(tune.Trainable):
    """Reports epoch after epoch what a trial would, without training; seeds from 10 never fit.

    For an accuracy it gives its learning rate.
    """

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.spec, self.epoch = TrialSpec.from_dict(new_config["spec"]), 0
        Path(new_config["log"], self.spec.spec_id).write_text(str(time.time()))
        return True

    def step(self) -> dict[str, Any]:
        self.epoch += 1
        fits = self.spec.seed < 10 and self.epoch >= FIT
        accuracy = self.spec.learning_rate
        epochs_to_fit = FIT if fits else None
        return {"epoch": self.epoch, "train_accuracy": accuracy, "epochs_to_fit": epochs_to_fit, "diverged": False}


class GivesUpAt(FIFOScheduler):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        decision = TrialScheduler.STOP if result["epoch"] >= self.epoch else TrialScheduler.CONTINUE
        return str(decision)


def spec(**fields: Any) -> TrialSpec:
    return complete({"model": "mlp_1x512", "max_epochs": 8, **fields})


def run_trials(run: RunDirectory, specs: list[TrialSpec], inner: TrialScheduler | None) -> dict[str, Outcome]:
    """Run the specs one at a time; returns the recorded outcomes by spec id."""
    run.create(made_record())
    configs = longest_first({s: s.label_corruption for s in specs})
    run.figures.mkdir()
    tune.Tuner(
        tune.with_resources(Pretender, {"cpu": 2}),
        param_space=tune.grid_search([{**config, "log": str(run.figures)} for config in configs]),
        tune_config=tune.TuneConfig(scheduler=StopAtInterpolation(run, inner), reuse_actors=True),
        run_config=tune.RunConfig(
            storage_path=str(run.tune), verbose=0, checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False)
        ),
    ).fit()
    return run.read_outcomes()[0]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    return RunDirectory(tmp_path)


def test_stops_at_the_fit_or_the_asked_number_of_epochs_later_and_says_why(local_ray: None, run: RunDirectory) -> None:
    at_once, later, never = spec(), spec(epochs_after_fit=3), spec(seed=10)
    outcomes = run_trials(run, [at_once, later, never], None)
    told = {spec_id: (outcome.stop_reason, outcome.epoch) for spec_id, outcome in outcomes.items()}
    assert told == {
        at_once.spec_id: ("interpolated", FIT),
        later.spec_id: ("interpolated", FIT + 3),
        never.spec_id: ("max_epochs", 8),
    }


def test_the_inner_scheduler_may_give_a_trial_up_but_never_hides_a_fit(local_ray: None, run: RunDirectory) -> None:
    fits, gives_up = spec(), spec(seed=10)
    outcomes = run_trials(run, [fits, gives_up], GivesUpAt(FIT))
    assert outcomes[fits.spec_id].stop_reason == "interpolated"
    assert outcomes[gives_up.spec_id].stop_reason == "scheduler"
    assert outcomes[gives_up.spec_id].epoch == FIT


def test_the_longest_expected_trials_start_first(local_ray: None, run: RunDirectory) -> None:
    specs = [spec(label_corruption=level) for level in (0.2, 1.0, 0.0, 0.6)]
    run_trials(run, specs, None)
    started = sorted(specs, key=lambda s: float((run.figures / s.spec_id).read_text()))
    assert [s.label_corruption for s in started] == [1.0, 0.6, 0.2, 0.0]


def test_trials_of_another_corruption_level_can_never_cause_a_stop(
    local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Level 1 runs first and is far ahead; the trials of level 0 still end as without it."""
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    halving = SuccessiveHalving(grace_epochs=2, reduction_factor=2)
    ahead = [spec(learning_rate=rate, label_corruption=1.0, seed=10) for rate in (0.8, 0.7, 0.9)]
    behind = [spec(learning_rate=rate, label_corruption=0.0, seed=10) for rate in (0.2, 0.1, 0.3)]
    outcomes = {}
    for name, specs in (("alone", behind), ("together", [*ahead, *behind])):
        run = RunDirectory(tmp_path / name)
        run.root.mkdir()
        outcomes[name] = run_trials(run, specs, HalvingInCells(Rungs(halving, run.record_decision)))
    ends = [(outcomes["together"][s.spec_id].stop_reason, outcomes["together"][s.spec_id].epoch) for s in behind]
    assert ends == [("max_epochs", 8), ("scheduler", 2), ("max_epochs", 8)]
    assert {s.spec_id: outcomes["together"][s.spec_id] for s in behind} == outcomes["alone"]
    taken = [(d.spec_id, d.epoch, d.passes) for d in RunDirectory(tmp_path / "alone").read_decisions()]
    first, second, third = (s.spec_id for s in behind)
    passed = [(spec_id, epoch, True) for spec_id in (first, third) for epoch in (2, 4, 8)]
    assert sorted(taken) == sorted([*passed, (second, 2, False)])


@pytest.mark.parametrize(
    ("where", "ends"), [("checkpoints/x.pt", True), ("../elsewhere/x", False)], ids=["under the run", "elsewhere"]
)
def test_a_full_disk_under_the_run_ends_the_sweep(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, where: str, ends: bool
) -> None:
    run.create(made_record())
    full = OSError(errno.ENOSPC, "No space left on device", str((run.root / where).resolve()))
    monkeypatch.setattr("rethink.ray_backend.schedulers.last_failure", lambda trial: TrialError.of(full))
    scheduler = StopAtInterpolation(run)
    if not ends:
        scheduler.on_trial_error(None, Trial("x", stub=True))
        return
    with pytest.raises(OSError, match="goes on with `rethink resume`, once there is space") as told:
        fail_in_tune(scheduler)
    assert str(full) in str(told.value)


def test_a_run_whose_folder_has_gone_ends_the_sweep(run: RunDirectory) -> None:
    with pytest.raises(FileNotFoundError, match="The run has gone") as told:
        fail_in_tune(StopAtInterpolation(run))
    assert told.value.filename == str(run.root)


def fail_in_tune(scheduler: StopAtInterpolation) -> None:
    with faults_of_the_sweep():
        try:
            scheduler.on_trial_error(None, Trial("x", stub=True))
        except OSError:
            raise TuneError("of what the scheduler raises Tune keeps the text")  # noqa: B904


def test_what_tune_itself_fails_by_stays_as_it_is() -> None:
    with pytest.raises(TuneError, match="of its own"), faults_of_the_sweep():
        raise TuneError("of its own")
