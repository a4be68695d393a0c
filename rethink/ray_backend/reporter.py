"""Passes what happens to trials, while Ray runs them, to the user and to the run's files."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ray import tune
from ray.tune import TuneError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.progress_reporter import TrialProgressCallback

from rethink.errors import EndedEarly, RethinkError
from rethink.files.log_file import LOGGER
from rethink.ray_backend.failures import FULL
from rethink.ray_backend.forgiving_restarts import failures_text, last_failure
from rethink.ray_backend.schedulers import spec_of
from rethink.ray_backend.time_budget import TimeBudget
from rethink.ray_backend.trainable import NOTES
from rethink.records.record import stop_reason
from rethink.records.run_directory import RunDirectory
from rethink.records.run_observer import TrialDisplay
from rethink.records.run_record import LabelFacts

_UNDER_WAY = (TuneTrial.PENDING, TuneTrial.RUNNING, TuneTrial.PAUSED)


class Reporter(tune.Callback):
    """Carries what the controller hears to a display, and failures to the run directory.

    With `fail_fast` the first failure ends the sweep, with a budget its end does: `run_trials` raises EndedEarly.
    """

    def __init__(
        self,
        run: RunDirectory,
        display: TrialDisplay,
        labels: Mapping[str, LabelFacts],
        *,
        fail_fast: bool = False,
        budget: TimeBudget | None = None,
    ) -> None:
        self._run = run
        self._budget = budget
        self._fail_fast = fail_fast
        self._labels = labels
        self._display = display
        self._restarts: Counter[str] = Counter()  # by trial
        self._failures: dict[str, str] = {}  # why a trial failed last, by trial
        self._notes: set[str] = set()  # that were shown
        self._fault: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_run": self._run}  # Tune pickles its callbacks for its own restore; a display cannot be copied

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        self._display.update(spec_of(trial), result, result["time_total_s"])
        for note in result.get(NOTES, ()):
            if note not in self._notes:  # every result of a trial brings them
                self._notes.add(note)
                LOGGER.warning("%s", note)
                self._display.say(note)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        name, failure = spec_of(trial).name, self._failures.pop(trial.trial_id, None)
        if failure is None:
            LOGGER.info("%s started", name)
        else:
            LOGGER.warning("%s is tried again: %s", name, failure)

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._restarts[trial.trial_id] += 1
        self._failures[trial.trial_id] = last_failure(trial).reason  # told if it starts again

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """A trial has ended, or is given up because a restart could not cure it, or is withheld by the time budget."""
        if self._budget is not None and self._budget.withholds(spec_of(trial)):
            return
        try:
            if trial.status == TuneTrial.PENDING:
                self._fail(trial)
            else:
                self._end(trial)
        except Exception as error:  # Tune would treat it as a failure of the trial
            self._fault = error

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._fail(trial)

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        if self._fault:
            raise self._fault
        if self._budget is not None:
            self._budget.check(is_idle=not any(trial.status in _UNDER_WAY for trial in trials))

    def _end(self, trial: TuneTrial) -> None:
        spec = spec_of(trial)
        attainable = self._labels[spec.spec_id].attainable_accuracy
        reason = stop_reason(spec, trial.last_result, attainable) or "scheduler"
        LOGGER.info("%s ended: %s after %d epochs", spec.name, reason, trial.last_result["epoch"])
        self._display.finish(spec, reason)

    def _fail(self, trial: TuneTrial) -> None:
        spec, tries = spec_of(trial), self._restarts[trial.trial_id] + 1
        reason, stack = last_failure(trial).reason, self._keep_stack(trial)
        LOGGER.error("%s failed, tries: %d: %s (%s)", spec.name, tries, reason, stack)
        self._display.fail(spec, tries, reason, stack)
        self._run.record_outcome(spec.spec_id, "error", int((trial.last_result or {}).get("epoch", 0)))
        if self._fail_fast:
            self._fault = EndedEarly("the first failed trial ends the sweep (--fail-fast)")

    def _keep_stack(self, trial: TuneTrial) -> str:
        """Keep the stacks of a trial's failures; returns where they are."""
        path = self._run.error_file(spec_of(trial).spec_id)
        try:
            path.write_text(failures_text(trial))
        except OSError as error:
            return f"its stack could not be kept: {error}"
        return str(path)


class Silence(TrialProgressCallback):
    """Replaces Tune's own lines, some of which no verbosity silences."""

    def _print(self, msg: str) -> None:
        pass


@contextlib.contextmanager
def faults_of_the_sweep() -> Iterator[None]:
    """Raise the error that ended the sweep itself, such as a full disk, instead of Tune's."""
    try:
        yield
    except (TuneError, OSError) as error:
        fault: BaseException | None = error
        while fault is not None and not isinstance(fault, OSError | RethinkError):
            fault = fault.__cause__ or fault.__context__
        if fault is None:
            raise
        raise _with_a_cure(fault) from None


def _with_a_cure(fault: OSError | RethinkError) -> OSError | RethinkError:
    if not isinstance(fault, OSError) or fault.errno not in FULL:
        return fault
    cure = "a run that has begun goes on with `rethink resume`, once there is space"
    return OSError(f"{fault}; {cure}")
