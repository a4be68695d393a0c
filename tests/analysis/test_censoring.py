"""The median with censoring, against cases worked out by hand and against every completion of the censored times."""

from itertools import product
from statistics import median

import pytest

from analysis.statistics.censored_median import censored_median


@pytest.mark.parametrize(
    ("epochs", "fitted", "expected"),
    [
        ([67, 68, 69], [1, 1, 1], (68, None)),
        ([67, 68], [1, 1], (67.5, None)),
        ([67, 68, 200], [1, 1, 0], (68, None)),
        ([67, 200, 200], [1, 0, 0], (None, 200)),
        ([200], [0], (None, 200)),
        ([60, 200], [1, 0], (None, 130)),
        ([45, 60, 10], [1, 1, 0], (None, 44)),
        ([45, 45, 0], [1, 1, 0], (45, None)),
        ([60, 60], [1, 0], (None, 60)),
    ],
)
def test_known_answers(epochs, fitted, expected):
    assert censored_median(epochs, fitted) == expected


def test_it_holds_for_every_way_the_censored_trials_may_go_on():
    for epochs in product(range(1, 4), repeat=3):
        for fitted in product([False, True], repeat=3):
            later = [[time] if fit else range(time + 1, 8) for time, fit in zip(epochs, fitted, strict=True)]
            medians = {median(times) for times in product(*later)}
            known, above = censored_median(epochs, fitted)
            assert medians == {known} if above is None else (len(medians) > 1 and min(medians) > above)
