"""Why a Tune trial failed, and which restarts count against it: those without progress since the last one."""

from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.exceptions import RayActorError
from ray.tune.experiment import Trial as TuneTrial

from rethink.ray_backend.failures import TrialError

_LOST = "its process died (a crash in compiled code, a lack of memory, or its machine went away)"


def last_failure(trial: TuneTrial) -> TrialError:
    """The newest failure of a trial, from the files that Tune keeps on this machine."""
    try:
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    except Exception:  # Tune keeps only Ray's own exceptions, and unpickling one may raise anything
        return TrialError(_last_line(failures_text(trial)), may_pass=True)
    cause = getattr(error, "cause", None)
    if isinstance(cause, TrialError):
        return cause
    if isinstance(cause, Exception):
        return TrialError.of(cause)
    lost = isinstance(error, RayActorError) and not error.actor_init_failed
    return TrialError(_LOST if lost else _last_line(str(error)), may_pass=True)


def failures_text(trial: TuneTrial) -> str:
    """All failures of a trial, each with its whole stack; empty if Tune could not keep them."""
    try:
        return Path(trial.error_file).read_text(errors="replace")
    except (OSError, TypeError):  # there may be no such file
        return ""


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "an unknown reason")


class ForgiveProgress(tune.Callback):
    """Lets Tune's `max_failures` count the failures of a trial since it last got further than ever before.

    So lost machines, spot machines above all, end no trial that makes progress between two losses, while a trial that
    fails at the same step again and again still ends.
    """

    def __init__(self) -> None:
        self._furthest: dict[str, int] = {}  # steps by trial, as of its last failure

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        if result["steps"] > self._furthest.get(trial.trial_id, 0):
            trial.run_metadata.num_failures = 0

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        reached = (trial.last_result or {}).get("steps", 0)
        self._furthest[trial.trial_id] = max(reached, self._furthest.get(trial.trial_id, 0))
