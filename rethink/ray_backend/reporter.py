"""What the user and the run's files hear of trials while Ray runs them."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ray import tune
from ray.tune import TuneError
from ray.tune.experiment import Trial
from ray.tune.progress_reporter import TrialProgressCallback

from rethink.errors import RethinkError
from rethink.ray_backend.failures import FULL
from rethink.ray_backend.forgiving_restarts import failures_text, last_failure
from rethink.ray_backend.schedulers import spec_of
from rethink.ray_backend.trainable import NOTES
from rethink.records.record import stop_reason
from rethink.records.run_directory import RunDirectory
from rethink.records.run_observer import TrialDisplay
from rethink.records.run_record import LabelFacts


class Reporter(tune.Callback):
    """Carries what the controller hears to a display, and failures to the run directory."""

    def __init__(self, run: RunDirectory, display: TrialDisplay, labels: Mapping[str, LabelFacts]) -> None:
        self._run = run
        self._labels = labels
        self._display = display
        self._restarts: Counter[str] = Counter()  # by trial
        self._fault: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_run": self._run}  # Tune pickles its callbacks for a restore of its own; a display has no copy

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        self._display.update(spec_of(trial), result, result["time_total_s"])
        for note in result.get(NOTES, ()):
            self._display.say_once(note)

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._restarts[trial.trial_id] += 1

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """A trial has ended, or is given up as it waits for a restart that could not cure it."""
        try:
            if trial.status == Trial.PENDING:
                self._fail(trial)
            else:
                self._end(trial)
        except Exception as error:  # Tune would take it for a failure of the trial
            self._fault = error

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._fail(trial)

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        if self._fault:
            raise self._fault

    def _end(self, trial: Trial) -> None:
        spec = spec_of(trial)
        attainable = self._labels[spec.spec_id].attainable_accuracy
        reason = stop_reason(spec, trial.last_result, attainable) or "scheduler"
        self._display.finish(spec, reason)

    def _fail(self, trial: Trial) -> None:
        spec, tries = spec_of(trial), self._restarts[trial.trial_id] + 1
        self._display.fail(spec, tries, last_failure(trial).reason, self._keep_stack(trial))
        self._run.record_outcome(spec.spec_id, "error", int((trial.last_result or {}).get("epoch", 0)))

    def _keep_stack(self, trial: Trial) -> str:
        """Where the stacks of a trial's failures are now."""
        path = self._run.error_file(spec_of(trial).spec_id)
        try:
            path.write_text(failures_text(trial))
        except OSError as error:
            return f"its stack could not be kept: {error}"
        return str(path)


class Silence(TrialProgressCallback):
    """In the place of Tune's own lines, some of which no verbosity silences."""

    def _print(self, msg: str) -> None:
        pass


@contextlib.contextmanager
def faults_of_the_sweep() -> Iterator[None]:
    """Raise what ended the sweep itself, a full disk perhaps, in place of what Tune makes of it."""
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
