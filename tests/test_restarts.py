"""Only failures without progress count against a trial."""

from types import SimpleNamespace
from typing import Any

import pytest

from rethink.restarts import ForgiveProgress


class Trial:
    """What the callback uses of Tune's trial, counting as Tune does."""

    def __init__(self) -> None:
        self.trial_id = "a"
        self.run_metadata = SimpleNamespace(num_failures=0)
        self.last_result: dict[str, Any] | None = None
        self.callback = ForgiveProgress()

    def reports(self, steps: int) -> None:
        self.last_result = {"steps": steps}
        self.callback.on_trial_result(1, [], self, self.last_result)

    def fails(self) -> None:
        self.run_metadata.num_failures += 1
        self.callback.on_trial_recover(1, [], self)

    @property
    def failures(self) -> int:
        return int(self.run_metadata.num_failures)


def test_failures_before_any_report_count() -> None:
    trial = Trial()
    for number in (1, 2, 3):
        trial.fails()
        assert trial.failures == number


def test_progress_beyond_the_last_failure_forgives_all() -> None:
    trial = Trial()
    for steps in range(100, 1100, 100):
        trial.reports(steps)
        assert trial.failures == 0
        trial.fails()


@pytest.mark.parametrize("steps", [60, 100])
def test_reaching_the_same_step_again_after_a_restore_is_no_progress(steps: int) -> None:
    trial = Trial()
    trial.reports(100)
    trial.fails()
    trial.reports(steps)
    assert trial.failures == 1
    trial.fails()
    assert trial.failures == 2
    trial.reports(80)
    trial.fails()
    trial.reports(101)
    assert trial.failures == 0
