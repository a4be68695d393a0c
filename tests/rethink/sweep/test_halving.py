"""Successive halving: Tune's own decisions inside a cell, which trials of other cells cannot change."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from rethink.errors import SpecError
from rethink.ray_backend.schedulers import HalvingInCells, StopAtInterpolation
from rethink.records.halving import Decision, SuccessiveHalving
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.sweep.successive_halving import Rungs

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
    """All reports, in order for each trial, with trials mixed at random."""
    turns = [s for s in curves for _ in range(EPOCHS)]
    draws.shuffle(turns)
    epochs = dict.fromkeys(curves, 0)
    reports = []
    for s in turns:
        epochs[s] += 1
        reports.append((s, row(epochs[s], curves[s][epochs[s] - 1])))
    return reports


def forget(decision: Decision) -> None:
    """Drops the decisions, for tests that do not read them."""


class NoRun:
    """Accepts outcomes, like a run directory."""

    def record_outcome(self, spec_id: str, stop_reason: str, epoch: int) -> None:
        assert stop_reason == "scheduler"


def decide(rungs: Rungs, reports: list[tuple[TrialSpec, dict[str, Any]]]) -> Decisions:
    """The decisions of the scheduler that a sweep uses; a stopped trial reports no more."""
    scheduler = StopAtInterpolation(NoRun(), HalvingInCells(rungs))  # type: ignore[arg-type]
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
    decisions = decide(Rungs(HALVING, forget), reports)
    assert decisions == expected
    assert {epoch for _, epoch, passes in decisions if not passes} <= {2, 6, 18}
    assert stopped


@pytest.mark.parametrize(
    "other",
    [{"label_corruption": 0.9}, {"model": "mlp_3x512"}, {"dropout": 0.5}, {"train_samples": 100}, {"batch_size": 99}],
    ids=str,
)
@pytest.mark.parametrize("seed", range(10))
def test_trials_of_another_corruption_level_can_never_cause_a_stop(seed: int, other: dict[str, Any]) -> None:
    """With or without trials of another level, model, regularizer or size, the decisions in a cell are the same."""
    draws = random.Random(seed)
    cell = [spec(rate / 100) for rate in range(1, 8)]
    others = [spec(rate / 100, **other) for rate in range(1, 8)]
    reports = interleaved(curves([*cell, *others], draws), draws)
    alone = decide(Rungs(HALVING, forget), [(s, result) for s, result in reports if s in cell])
    decisions = decide(Rungs(HALVING, forget), reports)
    ids = {s.spec_id for s in cell}
    assert [decision for decision in decisions if decision[0] in ids] == alone
    assert any(not passes for _, _, passes in alone)


def test_the_worst_trial_of_a_cell_that_no_other_preceded_goes_on() -> None:
    rungs = Rungs(HALVING, forget)
    for rate in (0.1, 0.2, 0.3):
        assert rungs.passes(spec(rate, label_corruption=0.0), row(2, 0.9))
    assert rungs.passes(spec(0.1, label_corruption=1.0), row(2, 0.1))
    assert not rungs.passes(spec(0.2, label_corruption=1.0, seed=7), row(2, 0.05))


def test_only_values_of_the_rungs_own_epoch_are_compared() -> None:
    rungs = Rungs(HALVING, forget)
    assert rungs.passes(spec(0.1), row(7, 1.0))  # beyond rung 6, at none
    assert rungs.passes(spec(0.2), row(6, 0.2))
    assert not rungs.passes(spec(0.3), row(6, 0.1))
    assert rungs.passes(spec(0.3), row(5, 0.0))


def test_a_trial_is_counted_and_judged_once_at_a_rung() -> None:
    """A restarted trial reports a rung's epoch again; so does a resumed one, whose rows are already recorded."""
    rungs = Rungs(HALVING, forget)
    for _ in range(5):
        assert rungs.passes(spec(0.1), row(2, 0.1))
    assert rungs.passes(spec(0.2), row(2, 0.9))
    assert rungs.passes(spec(0.3), row(2, 0.7))  # the 2/3 quantile of 0.1 and 0.9 is 0.633
    assert not rungs.passes(spec(0.4), row(2, 0.75)), "of 0.1, 0.7 and 0.9 it is 0.767; with 0.1 five times, 0.1"
    assert rungs.passes(spec(0.1), row(2, 0.1)), "though the others have overtaken it"


def test_a_trial_that_has_interpolated_is_not_judged_but_counts() -> None:
    rungs = Rungs(HALVING, forget)
    assert rungs.passes(spec(0.1), row(2, 0.8))
    assert rungs.passes(spec(0.2), row(2, 0.7, fit=1))
    assert not rungs.passes(spec(0.3), row(2, 0.75)), "0.767 is the 2/3 quantile of 0.7 and 0.8"


def test_a_trial_that_ends_at_a_rung_is_not_judged_but_counts() -> None:
    rungs = Rungs(HALVING, forget)
    assert rungs.passes(spec(0.1), row(6, 0.9))
    assert rungs.passes(spec(0.2, max_epochs=6), row(6, 0.5))
    assert not rungs.passes(spec(0.3), row(6, 0.75)), "0.767 is the 2/3 quantile of 0.5 and 0.9"


@pytest.mark.parametrize("seed", range(20))
def test_a_search_that_goes_on_from_its_written_decisions_decides_as_if_never_interrupted(seed: int) -> None:
    """The last decision before the fault was written or not; trials report again from the epoch where they are."""
    draws = random.Random(seed)
    specs = [spec(rate / 100, seed=trial_seed) for rate in range(1, 9) for trial_seed in (0, 1)]
    reports = interleaved(curves(specs, draws), draws)
    undisturbed = decide(Rungs(HALVING, forget), reports)
    cut = draws.randrange(len(reports))
    written: list[Decision] = []
    before = decide(Rungs(HALVING, written.append), reports[:cut])
    stopped = {spec_id for spec_id, _, goes_on in before if not goes_on}
    rungs = Rungs(HALVING, written.append)
    by_id = {s.spec_id: s for s in specs}
    for decision in written:
        rungs.take(by_id[decision.spec_id], decision)
    assert {decision.spec_id for decision in written if not decision.passes} == stopped
    again = draws.randrange(cut + 1)  # a trial that lost rows reports them again
    after = decide(rungs, [(s, result) for s, result in reports[again:] if s.spec_id not in stopped])
    assert {d for d in [*before, *after] if not d[2]} == {d for d in undisturbed if not d[2]}
    assert not any(rungs.passes(by_id[d.spec_id], row(d.epoch, 1.0)) for d in written if not d.passes), "given up again"
    assert len({(d.spec_id, d.epoch) for d in written}) == len(written), "decided twice"


def test_a_decision_that_cannot_be_written_is_not_taken() -> None:
    def full(decision: Decision) -> None:
        if not decision.passes:
            raise OSError("no space")

    rungs = Rungs(HALVING, full)
    assert rungs.passes(spec(0.1), row(2, 0.9))
    for _ in range(2):  # if it had been taken, the second call would return
        with pytest.raises(OSError, match="no space"):
            rungs.passes(spec(0.2), row(2, 0.1))
    assert rungs.passes(spec(0.3), row(2, 0.9)), "0.633 were the quantile of 0.1 and 0.9; 0.9 is that of 0.9 alone"


def test_decisions_that_are_lost_are_read_from_rows_and_outcomes() -> None:
    """A trial has passed the rungs before its last row; the rung at which it waits is undecided."""
    rungs = Rungs(HALVING, forget)
    rungs.take_rows(spec(0.1), [row(1, 0.5), row(2, 0.4), row(3, 0.9)], given_up=None)
    rungs.take_rows(spec(0.2), [row(1, 0.5), row(2, 0.3)], given_up=2)
    rungs.take_rows(spec(0.3), [row(1, 0.5), row(2, 0.1)], given_up=None)
    assert not rungs.passes(spec(0.2), row(2, 0.3))
    assert not rungs.passes(spec(0.3), row(2, 0.1))
    assert rungs.passes(spec(0.1), row(2, 0.4))
    told = Rungs(HALVING, forget)
    told.take(spec(0.1), Decision(spec(0.1).spec_id, 2, 0.4, False))
    told.take_rows(spec(0.1), [row(2, 0.4), row(3, 0.9)], given_up=None)
    assert not told.passes(spec(0.1), row(2, 0.4)), "what was written holds"


def test_rungs_are_powers_of_the_factor_from_the_grace_epochs() -> None:
    assert SuccessiveHalving(10, 3).rungs(270) == {10, 30, 90, 270}
    assert SuccessiveHalving(10, 3).rungs(9) == set()
    for wrong in ({"grace_epochs": 0}, {"grace_epochs": 1, "reduction_factor": 1}):
        with pytest.raises(SpecError, match="is not allowed"):
            SuccessiveHalving(**wrong)
