"""Random search: rates are a function of the arguments, and spread over the whole range with three digits."""

import math

import pytest

from rethink.errors import SpecError
from rethink.sweep.random_search import log_uniform


@pytest.mark.parametrize(("low", "high", "samples"), [(0.001, 1.0, 12), (0.001, 1.0, 1), (1e-6, 100.0, 50)])
def test_every_stratum_of_equal_ratio_holds_one_value(low: float, high: float, samples: int) -> None:
    values = log_uniform(low, high, samples)
    ratio = (high / low) ** (1 / samples)
    for number, value in enumerate(sorted(values)):
        assert low * ratio**number * 0.995 <= value <= low * ratio ** (number + 1) * 1.005  # rounded to three digits
        assert float(f"{value:.3g}") == value


def test_values_lie_in_the_range_though_rounded() -> None:
    for seed in range(200):
        assert all(0.0012345 <= value <= 0.0012355 for value in log_uniform(0.0012345, 0.0012355, 3, seed))


def test_values_are_a_function_of_the_arguments() -> None:
    assert log_uniform(0.001, 1.0, 12) == log_uniform(0.001, 1.0, 12)
    assert log_uniform(0.001, 1.0, 4) == [0.694, 0.0548, 0.00176, 0.0309]  # on every machine, in every version
    assert log_uniform(0.001, 1.0, 12, seed=1) != log_uniform(0.001, 1.0, 12)


def test_values_are_log_uniform_over_seeds_and_in_random_order() -> None:
    drawn = [log_uniform(0.01, 100.0, 4, seed) for seed in range(2000)]
    places = [(math.log10(values[0]) + 2) / 4 for values in drawn]  # of the first, in [0, 1)
    assert sum(places) / len(places) == pytest.approx(0.5, abs=0.03)
    assert sum(place < 0.25 for place in places) / len(places) == pytest.approx(0.25, abs=0.04)
    assert sum(place % 0.25 < 0.125 for place in places) / len(places) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("low", "high", "samples"), [(0.0, 1.0, 3), (1.0, 0.1, 3), (0.1, 1.0, 0)])
def test_a_range_without_room_is_refused(low: float, high: float, samples: int) -> None:
    with pytest.raises(SpecError, match="is not allowed: 0 < low < high"):
        log_uniform(low, high, samples)
