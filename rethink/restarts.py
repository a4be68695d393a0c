"""Which restarts count against a trial: those without progress since the last one."""

from typing import Any

from ray import tune


class ForgiveProgress(tune.Callback):
    """Lets Tune's `max_failures` count the failures of a trial since it last got further than ever before.

    Machines that go away, spot machines above all, then end no trial that gets on between two losses, and a trial that
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
