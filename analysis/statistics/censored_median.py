"""The median of times to fit when some trials never fitted: stated where it is known, bounded where it is not."""

import math
from collections.abc import Sequence
from statistics import median


def censored_median(epochs: Sequence[int], fitted: Sequence[bool]) -> tuple[float | None, float | None]:
    """(median, None) if the unfitted trials cannot change it, else (None, a number that the median is above).

    `epochs` are epochs to fit or, where not fitted, the censoring time: such a trial fits at the next epoch or later,
    or never. The median is known if both extremes give the same. Raises StatisticsError for no trials.
    """
    earliest = median(time if fit else time + 1 for time, fit in zip(epochs, fitted, strict=True))
    latest = median(time if fit else math.inf for time, fit in zip(epochs, fitted, strict=True))
    if earliest == latest:
        return float(earliest), None
    return None, float(math.ceil(earliest) - 1)
