"""The schedulers: stop at interpolation, longest first, around any other; and successive halving inside cells."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from rethink.ray_backend.forgiving_restarts import last_failure
from rethink.ray_backend.time_budget import TimeBudget
from rethink.records.record import stop_reason
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.successive_halving import Rungs


class StopAtInterpolation(TrialScheduler):
    """Stops each trial in the epoch in which it fits 100% of its training set, or `epochs_after_fit` epochs later.

    Diverged trials and those at max_epochs or max_steps stop as well. Of the waiting trials, a restarted one included,
    the one with the largest expected cost is next. Trials that are not at their end are left to the inner scheduler
    (default: FIFO). It records in the run directory why each trial stops, before it stops it: a decision that cannot be
    written (OSError) ends the sweep, and is made again when the run is resumed.

    Tune restarts a trial that fails; one that fails by an error that a restart cannot cure is stopped instead. A full
    disk under the run, or its loss, ends the sweep. A waiting trial that a time budget does not allow is taken out.
    """

    _supports_buffered_results = False

    def __init__(
        self, run: RunDirectory, inner: TrialScheduler | None = None, budget: TimeBudget | None = None
    ) -> None:
        super().__init__()
        self._run = run
        self._budget = budget
        self._inner = inner or FIFOScheduler()
        self._incurable: set[TuneTrial] = set()

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        super().set_search_properties(metric, mode, **spec)
        done: bool = self._inner.set_search_properties(metric, mode, **spec)
        return done

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """A new trial, or one to be restarted."""
        self._inner.on_trial_add(tune_controller, trial)
        if trial in self._incurable:
            tune_controller.stop_trial(trial)

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        spec = spec_of(trial)
        decision = str(self._inner.on_trial_result(tune_controller, trial, result))
        reason = stop_reason(spec, result) or ("scheduler" if decision == TrialScheduler.STOP else None)
        if reason is None:
            return decision
        self._run.record_outcome(spec.spec_id, reason, result["epoch"])
        return str(TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        self._inner.on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """A trial has failed, whether it is to be restarted or not.

        Raises:
            OSError: The disk of the run is full, or the run's folder is gone: no other trial can continue.
        """
        self._inner.on_trial_error(tune_controller, trial)
        if not self._run.run_file.exists():  # not the folder, which Tune recreates for its own files
            raise FileNotFoundError(errno.ENOENT, "The run has gone", str(self._run.root))
        failure = last_failure(trial)
        if failure.full_disk and Path(failure.full_disk).is_relative_to(self._run.root):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), failure.full_disk)
        if not failure.may_pass:
            self._incurable.add(trial)

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        self._inner.on_trial_remove(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        pending = [trial for trial in tune_controller.get_trials() if trial.status == TuneTrial.PENDING]
        if self._budget is not None:
            self._budget.withhold(map(spec_of, pending))
            for trial in [trial for trial in pending if self._budget.withholds(spec_of(trial))]:
                pending.remove(trial)
                tune_controller.stop_trial(trial)
        if pending:
            return max(pending, key=lambda trial: float(trial.config["expected_cost"]))
        chosen: TuneTrial | None = self._inner.choose_trial_to_run(tune_controller)
        return chosen

    def debug_string(self) -> str:
        return f"StopAtInterpolation around {self._inner.debug_string()}"


class HalvingInCells(FIFOScheduler):
    """Stops the trials that do not pass a rung, each ranked inside its cell; used inside StopAtInterpolation."""

    def __init__(self, rungs: Rungs) -> None:
        super().__init__()
        self._rungs = rungs

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        return str(TrialScheduler.CONTINUE if self._rungs.passes(spec_of(trial), result) else TrialScheduler.STOP)

    def debug_string(self) -> str:
        return "HalvingInCells"


def longest_first(costs: Mapping[TrialSpec, float]) -> list[dict[str, Any]]:
    """Tune's configurations of trials with these expected costs, so that no long one is left alone at the end.

    Tune asks the scheduler for only one trial at a time, and fills its other free slots in this order.
    """
    ordered = sorted(costs.items(), key=lambda item: -item[1])
    return [{"spec": spec.to_dict(), "expected_cost": cost} for spec, cost in ordered]


def spec_of(trial: TuneTrial) -> TrialSpec:
    """The spec that a Tune trial runs."""
    return TrialSpec.from_dict(trial.config["spec"])
