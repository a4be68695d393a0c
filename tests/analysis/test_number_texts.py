"""Numbers in tables: null is said as such, and one value has no spread."""

import math
import statistics

import pandas as pd
import pytest

from analysis.captions import MISSING
from analysis.tables.number_texts import mean_and_spread, number


@pytest.mark.parametrize("null", [None, math.nan, pd.NA])
def test_null_is_said_as_such(null: object) -> None:
    assert number(null, "d") == MISSING
    assert number(null, ".3g", "?") == "?"
    assert mean_and_spread(0.25, null, ".2f") == "0.25"


def test_a_whole_number_is_whole_and_others_have_their_digits() -> None:
    assert [number(7.0, "d"), number(7, ".1f"), number(1234.5, ".3g")] == ["7", "7.0", "1.23e+03"]


def test_the_spread_is_that_of_a_sample() -> None:
    values = [90.0, 91.5, 94.25]
    column = pd.Series(values)
    expected = f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
    assert mean_and_spread(column.mean(), column.std(), ".2f") == expected
    assert mean_and_spread(column[:1].mean(), column[:1].std(), ".2f") == "90.00"
