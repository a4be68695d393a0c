"""When a trial's next checkpoint is due."""

import contextlib
import time
from collections.abc import Iterator

USUAL_SECONDS = 30.0


class CheckpointClock:
    """Counts from the end of the last checkpoint.

    Args:
        asked: Least seconds between two checkpoints; none: 30, or more where writing one takes long, so that it takes
            at most a twentieth of the time and crowded storage is written to less often (docs/scaling.md).
    """

    def __init__(self, asked: float | None) -> None:
        self._asked = asked
        self._due = time.monotonic() + self._rest(0.0)

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._due

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A checkpoint is written in the `with` block."""
        started = time.monotonic()
        yield
        ended = time.monotonic()
        self._due = ended + self._rest(ended - started)

    def _rest(self, last: float) -> float:
        return max(USUAL_SECONDS, 20 * last) if self._asked is None else self._asked
