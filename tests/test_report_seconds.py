"""How often trials report: the controller keeps half of its time, and who asks for a time gets it."""

import pytest

from rethink import runner
from rethink.run_options import RunOptions
from rethink.spec import SpecError


def busy(trials: int, seconds: float) -> float:
    """Share of the controller's time that reports take, at the cost that docs/scaling.md measures."""
    return trials / seconds * (1e-3 + 1e-6 * trials)


@pytest.mark.parametrize("trials", [1, 10, 300, 1000, 8000])
def test_reports_take_half_of_the_controllers_time_at_most(trials: int) -> None:
    seconds = runner._report_seconds(RunOptions(), trials)
    assert busy(trials, seconds) <= 0.5 + 1e-9
    assert seconds == 1.0 or busy(trials, seconds) == pytest.approx(0.5)


def test_what_was_asked_for_counts() -> None:
    assert runner._report_seconds(RunOptions(report_seconds=0.0), 8000) == 0.0


def test_what_was_asked_for_is_kept_and_read_again() -> None:
    for asked in (None, 2.5):
        assert RunOptions.restored(RunOptions(report_seconds=asked).to_dict()).report_seconds == asked


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(SpecError, match="report_seconds = -1 is not allowed"):
        RunOptions(report_seconds=-1)
