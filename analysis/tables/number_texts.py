"""Numbers as the tables print them: null said as such, a spread where there is one."""

from typing import Any

import pandas as pd

from analysis.captions import MISSING


def number(value: Any, form: str, missing: str = MISSING) -> str:
    """A number in a format of Python's, `d` for a whole one; `missing` for null."""
    return missing if pd.isna(value) else format(int(value) if form == "d" else float(value), form)


def mean_and_spread(mean: Any, std: Any, form: str) -> str:
    """Mean ± sample standard deviation; the mean alone where that is null, as of a single value."""
    return f"{mean:{form}}" if pd.isna(std) else f"{mean:{form}} ± {std:{form}}"
