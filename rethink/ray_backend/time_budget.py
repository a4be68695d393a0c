"""The time that a sweep may take: past it the sweep ends, and no trial starts that could not end before it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rethink.errors import EndedEarly
from rethink.spec import TrialSpec


class TimeBudget:
    """Says which waiting trials may still start, and when all is over.

    Args:
        until: The end, on the clock of time.monotonic, s.
        seconds_left: How long each trial would still take, by spec id, s; empty: not known yet, and then all may start.
    """

    def __init__(self, until: float, seconds_left: Callable[[], Mapping[str, float]]) -> None:
        self._until = until
        self._seconds_left = seconds_left
        self._withheld: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its scheduler for its own restore; a display cannot be copied

    def withhold(self, waiting: Iterable[TrialSpec]) -> None:
        """Withhold for good those of the waiting trials that cannot end in time, as far as is known."""
        most, left = self._until - time.monotonic(), self._seconds_left()
        self._withheld |= {spec.spec_id for spec in waiting if left and left[spec.spec_id] > most}

    def withholds(self, spec: TrialSpec) -> bool:
        return spec.spec_id in self._withheld

    def check(self, *, is_idle: bool) -> None:
        """Raise EndedEarly past the end, or where nothing runs (`is_idle`) and trials are withheld."""
        if time.monotonic() >= self._until:
            raise EndedEarly("the time budget is used up (--time-budget): trials under way go on from a checkpoint")
        if is_idle and self._withheld:
            left = len(self._withheld)
            raise EndedEarly(f"the time budget ends the sweep (--time-budget): {left} trials could not end in time")
