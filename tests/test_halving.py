"""Successive halving: Tune's own decisions inside a cell, and none that a trial of another cell can change."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from rethink.halving import Rungs, SuccessiveHalving
from rethink.protocol import complete
from rethink.run_directory import RunDirectory
from rethink.schedulers import HalvingInCells, StopAtInterpolation
from rethink.spec import SpecError, TrialSpec

HALVING = SuccessiveHalving(grace_epochs=2, reduction_factor=3)
EPOCHS = 20  # rungs: 2, 6, 18

Decisions = list[tuple[str, int, bool]]  # (spec id, epoch, trains on)


def spec(rate: float, **fields: Any) -> TrialSpec:
    return complete({"model": "mlp_1x512", "max_epochs": 100, "learning_rate": rate, **fields})


def row(epoch: int, accuracy: float, fit: int | None = None) -> dict[str, Any]:
    return {"epoch": epoch, "train_accuracy": accuracy, "epochs_to_fit": fit, "diverged": False}


def curves(specs: list[TrialSpec], draws: random.Random) -> dict[TrialSpec, list[float]]:
    """Accuracies by epoch of each trial; few values, so that there are ties."""
    return {s: [draws.randint(0, 10) / 10 for _ in range(EPOCHS)] for s in specs}


def interleaved(curves: dict[TrialSpec, list[float]], draws: random.Random) -> list[tuple[TrialSpec, dict[str, Any]]]:
    """All reports, each trial's in order, trials mixed at random."""
    turns = [s for s in curves for _ in range(EPOCHS)]
    draws.shuffle(turns)
    epochs = dict.fromkeys(curves, 0)
    reports = []
    for s in turns:
        epochs[s] += 1
        reports.append((s, row(epochs[s], curves[s][epochs[s] - 1])))
    return reports


def decide(rungs: Rungs, reports: list[tuple[TrialSpec, dict[str, Any]]]) -> Decisions:
    """What the scheduler that a sweep uses decides; a stopped trial reports no more."""
    scheduler = StopAtInterpolation(RunDirectory(None), HalvingInCells(rungs))  # type: ignore[arg-type]
    stopped, decisions = set(), []
    for s, result in reports:
        if s not in stopped:
            trial = SimpleNamespace(config={"spec": s.to_dict()})
            decision = scheduler.on_trial_result(None, trial, result)
            decisions.append((s.spec_id, result["epoch"], decision == TrialScheduler.CONTINUE))
            stopped |= {s} if decision == TrialScheduler.STOP else set()
    return decisions


@pytest.mark.parametrize("seed", range(30))
def test_inside_a_cell_the_decisions_are_those_of_tunes_own_scheduler(seed: int) -> None:
    draws = random.Random(seed)
    specs = [spec(rate / 100, seed=trial_seed) for rate in range(1, 9) for trial_seed in (0, 1)]
    reports = interleaved(curves(specs, draws), draws)
    tunes = AsyncHyperBandScheduler("epoch", "train_accuracy", "max", max_t=1000, grace_period=2, reduction_factor=3)
    trials = {s: SimpleNamespace(trial_id=s.spec_id) for s in specs}
    for trial in trials.values():
        tunes.on_trial_add(None, trial)
    expected: Decisions = []
    stopped = set()
    for s, result in reports:
        if s not in stopped:
            decision = tunes.on_trial_result(None, trials[s], result)
            expected.append((s.spec_id, result["epoch"], decision == TrialScheduler.CONTINUE))
            stopped |= {s} if decision == TrialScheduler.STOP else set()
    decisions = decide(Rungs(HALVING), reports)
    assert decisions == expected
    assert {epoch for _, epoch, passes in decisions if not passes} <= {2, 6, 18}
    assert stopped


@pytest.mark.parametrize(
    "other",
    [{"label_corruption": 0.9}, {"model": "mlp_3x512"}, {"dropout": 0.5}, {"train_samples": 100}, {"max_epochs": 99}],
    ids=str,
)
@pytest.mark.parametrize("seed", range(10))
def test_trials_of_another_corruption_level_can_never_cause_a_stop(seed: int, other: dict[str, Any]) -> None:
    """Nor of another model, regularizer or size: with them or without, the decisions in a cell are the same."""
    draws = random.Random(seed)
    cell = [spec(rate / 100) for rate in range(1, 8)]
    others = [spec(rate / 100, **other) for rate in range(1, 8)]
    reports = interleaved(curves([*cell, *others], draws), draws)
    alone = decide(Rungs(HALVING), [(s, result) for s, result in reports if s in cell])
    decisions = decide(Rungs(HALVING), reports)
    ids = {s.spec_id for s in cell}
    assert [decision for decision in decisions if decision[0] in ids] == alone
    assert any(not passes for _, _, passes in alone)


def test_the_worst_trial_of_a_cell_that_no_other_preceded_goes_on() -> None:
    rungs = Rungs(HALVING)
    for rate in (0.1, 0.2, 0.3):
        assert rungs.passes(spec(rate, label_corruption=0.0), row(2, 0.9))
    assert rungs.passes(spec(0.1, label_corruption=1.0), row(2, 0.1))
    assert not rungs.passes(spec(0.2, label_corruption=1.0, seed=7), row(2, 0.05))


def test_only_values_of_the_rungs_own_epoch_are_compared() -> None:
    rungs = Rungs(HALVING)
    assert rungs.passes(spec(0.1), row(7, 1.0))  # beyond rung 6, at none
    assert rungs.passes(spec(0.2), row(6, 0.2))
    assert not rungs.passes(spec(0.3), row(6, 0.1))
    assert rungs.passes(spec(0.3), row(5, 0.0))


def test_a_trial_is_counted_and_judged_once_at_a_rung() -> None:
    """A restarted trial reports a rung's epoch again; so does a resumed one, whose rows are already recorded."""
    rungs = Rungs(HALVING)
    for _ in range(5):
        assert rungs.passes(spec(0.1), row(2, 0.1))
    assert rungs.passes(spec(0.2), row(2, 0.9))
    assert rungs.passes(spec(0.3), row(2, 0.7))  # the 2/3 quantile of 0.1 and 0.9 is 0.633
    assert not rungs.passes(spec(0.4), row(2, 0.75)), "of 0.1, 0.7 and 0.9 it is 0.767; with 0.1 five times, 0.1"
    assert rungs.passes(spec(0.1), row(2, 0.1)), "though the others have overtaken it"


def test_a_trial_that_has_interpolated_is_not_judged_but_counts() -> None:
    rungs = Rungs(HALVING)
    assert rungs.passes(spec(0.1), row(2, 0.8))
    assert rungs.passes(spec(0.2), row(2, 0.7, fit=1))
    assert not rungs.passes(spec(0.3), row(2, 0.75)), "0.767 is the 2/3 quantile of 0.7 and 0.8"
    fits_at_the_rung = SimpleNamespace(config={"spec": spec(0.1).to_dict()})
    scheduler = HalvingInCells(rungs := Rungs(HALVING))
    scheduler.on_trial_complete(None, fits_at_the_rung, row(6, 0.99, fit=6))
    assert not rungs.passes(spec(0.2), row(6, 0.98))


def test_rungs_are_powers_of_the_factor_from_the_grace_epochs() -> None:
    assert SuccessiveHalving(10, 3).rungs(270) == {10, 30, 90, 270}
    assert SuccessiveHalving(10, 3).rungs(9) == set()
    for wrong in ({"grace_epochs": 0}, {"grace_epochs": 1, "reduction_factor": 1}):
        with pytest.raises(SpecError, match="is not allowed"):
            SuccessiveHalving(**wrong)
