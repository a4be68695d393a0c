"""Censored times to fit: the Kaplan-Meier curve, its median and its restricted mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from analysis.statistics.intervals import COVERAGE, NO_INTERVAL, Interval, t_quantile

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9  # of a product of fractions: 5/6 · 4/5 · 3/4 is a half
_NORMAL_QUANTILE = float(ndtri((1 + COVERAGE) / 2))


class Estimate(NamedTuple):
    """A value and its 95% interval; None: not identified, or a bound that is open."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Curve:
    """The Kaplan-Meier estimate of the share S(t) not fitted by t: an entry for each distinct epoch of a fit."""

    epochs: _Ints  # ascending
    unfitted: _Floats  # S just after each
    terms: _Floats  # of Greenwood's sum, d / (n (n - d)); 0 where nobody is left
    n: int  # observations longer than 0, the only informative ones
    last: int  # the longest observation


def kaplan_meier(times: Sequence[int] | _Ints, fitted: Sequence[bool] | npt.NDArray[np.bool_]) -> Curve:
    """The curve of right-censored epochs to fit, from 0; of equal times, fits come before censorings.

    A trial that is not fitted is censored at its time. The estimate is unbiased only if censoring is independent of the
    time that would have followed.
    """
    seen, happened = np.asarray(times, dtype=np.int64), np.asarray(fitted, dtype=np.bool_)
    epochs, counts = np.unique(seen[happened], return_counts=True)
    at_risk = len(seen) - np.searchsorted(np.sort(seen), epochs)
    left = at_risk - counts
    terms = np.divide(counts, at_risk * left, out=np.zeros(len(left)), where=left > 0)
    unfitted: _Floats = np.cumprod(left / at_risk, dtype=np.float64)
    return Curve(epochs, unfitted, terms, int(np.sum(seen > 0)), int(seen.max(initial=0)))


def median_epochs(curve: Curve) -> Estimate:
    """The epoch at which S falls below a half, with the interval of Brookmeyer and Crowley (1982), log-log scale.

    Where S is a half over a range of epochs, it is the middle of the range, the usual median when nothing is censored.
    The interval ends where S differs significantly from a half. The test is asymptotic and does not exist where S is 0,
    so few trials leave the upper bound open. One observation has no interval.
    """
    below = curve.epochs[curve.unfitted < 0.5 - _ROUNDING]
    half = curve.epochs[np.abs(curve.unfitted - 0.5) <= _ROUNDING]
    value = float([*half, *below][0] + below[0]) / 2 if len(below) else None
    return Estimate(value, *(_median_interval(curve) if curve.n > 1 else NO_INTERVAL))


def _median_interval(curve: Curve) -> Interval:
    tested = curve.unfitted > 0
    logs = np.log(curve.unfitted[tested])
    errors = np.sqrt(np.cumsum(curve.terms)[tested]) / -logs  # of log(-log S)
    below_half = np.zeros(len(tested))  # in standard errors; without a test, not significant
    below_half[tested] = (np.log(-logs) - math.log(math.log(2))) / errors
    return (
        _first(curve.epochs[below_half > -_NORMAL_QUANTILE]),
        _first(curve.epochs[below_half >= _NORMAL_QUANTILE]),
    )


def _first(epochs: _Ints) -> float | None:
    return float(epochs[0]) if len(epochs) else None


def restricted_mean(curve: Curve, horizon: int) -> Estimate:
    """The mean of min(time, horizon), the area under S up to the horizon, with an interval by Student's t.

    Its variance is Greenwood's, times n / (n - 1), with n - 1 degrees of freedom, where n counts the observations
    longer than 0: if nothing is censored before the horizon, the interval is the usual one of a mean. It is clipped to
    [0, horizon]. There is no value if S is unknown before the horizon, and no interval for one observation or if no
    trial fitted.
    """
    unknown = curve.last < horizon and not (len(curve.epochs) and curve.unfitted[-1] == 0)
    if unknown:
        return Estimate(None, None, None)
    before = curve.epochs < horizon
    edges = np.concatenate([[0], curve.epochs[before], [horizon]])
    areas = np.diff(edges) * np.concatenate([[1.0], curve.unfitted[before]])
    value = float(areas.sum())
    if curve.n < 2 or len(curve.epochs) == 0:
        return Estimate(value, None, None)
    left = np.cumsum(areas[:0:-1])[::-1]  # the area from each event on
    greenwood = float(np.sum(left**2 * curve.terms[before]))
    freedom = curve.n - 1
    half = t_quantile(freedom) * math.sqrt(greenwood * curve.n / freedom)
    return Estimate(value, max(value - half, 0.0), min(value + half, float(horizon)))
