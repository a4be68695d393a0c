"""How fast a network was optimized, from the rows that training recorded."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

FIRST, SECOND = 0.1, 0.01  # cross-entropies, nats (Jiang et al., eq. 63 and 64)


def speed_measures(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Steps to the first row whose running training loss is at most 0.1, and from there to 0.01; nan: not reached.

    Args:
        rows: In the order of steps, up to the moment that is measured.
    """
    losses = [(row["steps"], row["train_loss"]) for row in rows if row["train_loss"] is not None]
    first, second = (
        next((float(steps) for steps, loss in losses if loss <= most), math.nan) for most in (FIRST, SECOND)
    )
    return {"steps_to_loss": first, "steps_between_losses": second - first}
