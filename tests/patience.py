"""Waiting for what takes seconds, on a machine that may do much other work."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 600.0  # seconds; only what hangs takes so long


def wait_for(holds: Callable[[], Any]) -> Any:
    """What `holds` returns, as soon as that is true."""
    until = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found
