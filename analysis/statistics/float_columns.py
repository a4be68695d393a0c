"""A frame's column of numbers as an array of floats, for NumPy and Matplotlib."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def floats(column: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """The values in order; NaN for null."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
