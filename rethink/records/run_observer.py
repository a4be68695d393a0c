"""Who hears of trials while a sweep runs."""

from collections.abc import Mapping
from typing import Any, Protocol

from rethink.spec import TrialSpec


class TrialDisplay(Protocol):
    """Shows trials to the user."""

    def update(self, spec: TrialSpec, row: Mapping[str, Any], seconds: float) -> None:
        """Take a trial's newest row and its training time so far (s)."""

    def finish(self, spec: TrialSpec, outcome: str) -> None:
        """Take a trial's end, and why it ended."""

    def fail(self, spec: TrialSpec, tries: int, reason: str, stack: str) -> None:
        """Take a trial's failure, after so many tries: why it failed, and where its stack is."""

    def say(self, line: str) -> None:
        """Show a line."""
