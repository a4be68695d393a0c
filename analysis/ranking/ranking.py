"""The ranking: how each measure orders generalization gaps, with intervals, beside measures that know nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.ranking.networks import Floats, Networks, networks_at
from analysis.ranking.normalization import normalizable, normalized
from analysis.ranking.replicates import Bootstrap
from analysis.ranking.statistics import Judge, Statistic
from analysis.schema.statistics_columns import CONSTANT, NULL_BY_NETWORK, NULL_BY_SETTING, RANKING
from analysis.schema.typed_frames import typed_rows
from rethink.records.measures.measure_file import MOMENTS
from rethink.records.measures.registry import MEASURES

DRAWS = 1000  # of replicates
NULLS = 100  # draws of each known-null measure
EXACT = "_fft"  # suffix of measures by the exact spectral norm of a convolution
_NULL_SEED = 64
_LOGARITHMS = {measure.name for measure in MEASURES if measure.is_logarithm}
_Row = dict[str, Any]


def ranking(trials: pd.DataFrame, measures: pd.DataFrame, moments: Sequence[str] = tuple(MOMENTS)) -> pd.DataFrame:
    """How each measure orders the generalization gaps of these networks, at each of some moments.

    Larger values are taken to foretell larger gaps. Where the size of the training set differs, each measure is judged
    twice: as it is, and `normalized`. The known-null measures come first: noise drawn anew for each network, or for
    each setting, whose intervals are the range of 95 of 100 draws; and, normalized, a constant, which orders by the
    size of the training set alone.

    Args:
        trials: `load(...).trials`, or some of its rows.
        measures: `load(...).measures`, or the rows of the same trials.
        moments: Among fit, loss and end.

    Returns:
        One row per moment, measure, normalization, statistic and hyperparameter: docs/dataframes.md. No row of a
        moment that fewer than two networks have.

    Raises:
        SpecError: Two trials are the same network: they differ in no hyperparameter and in no seed.
    """
    rows: list[_Row] = []
    for moment in moments:
        networks = networks_at(measures, moment)
        if networks is not None:
            rows += [{"moment": moment, "trials": len(trials), **row} for row in _ranked(networks)]
    return typed_rows(rows, RANKING)


def _ranked(networks: Networks) -> Iterator[_Row]:
    judge = Judge(networks)
    bootstrap = Bootstrap.of(networks.replicates, DRAWS)
    yield from _null_rows(judge, NULL_BY_NETWORK, networks.gap.shape)
    yield from _null_rows(judge, NULL_BY_SETTING, (len(networks.gap), 1))
    by_size = normalizable(networks)
    measured = {CONSTANT: np.ones_like(networks.gap), **networks.measures} if by_size else networks.measures
    for name, values in measured.items():
        if name != CONSTANT:
            yield from _rows(judge, name, False, values, bootstrap)
        if by_size:
            in_bounds = normalized(values, networks.train_images, name in _LOGARITHMS)
            yield from _rows(judge, name, True, in_bounds, bootstrap)


def _rows(judge: Judge, name: str, is_normalized: bool, values: Floats, bootstrap: Bootstrap) -> Iterator[_Row]:
    for statistic in judge.statistics(values, bootstrap.taken):
        of_data = float(statistic.drawn[0])
        yield _row(judge, name, is_normalized, values, statistic, of_data, *bootstrap.interval(statistic.drawn))


def _null_rows(judge: Judge, name: str, shape: tuple[int, int]) -> Iterator[_Row]:
    """Mean and range of the statistics of noise; those without a value in any draw have none here."""
    random = np.random.default_rng(_NULL_SEED)
    once = np.ones((1, judge.networks.replicates))
    noises = [np.broadcast_to(random.standard_normal(shape), judge.networks.gap.shape) for _ in range(NULLS)]
    drawn = [[*judge.statistics(np.where(np.isnan(judge.networks.gap), np.nan, noise), once)] for noise in noises]
    for same in zip(*drawn, strict=True):
        values = np.concatenate([statistic.drawn for statistic in same])
        known = values[~np.isnan(values)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        mean = known.mean() if len(known) else np.nan
        yield _row(judge, name, False, judge.networks.gap, same[0], mean, low, high)


def _row(judge: Judge, name: str, is_normalized: bool, values: Floats, statistic: Statistic, *numbers: float) -> _Row:
    gap = judge.networks.gap
    measured = int((~np.isnan(values) & ~np.isnan(gap)).sum())
    value, low, high = (None if np.isnan(number) else float(number) for number in numbers)
    return {
        "measure": name,
        "normalized": is_normalized,
        "statistic": statistic.name,
        "hyperparameter": statistic.hyperparameter,
        "value": value,
        "low": low,
        "high": high,
        "n": statistic.n,
        "left_out": statistic.left_out,
        "networks": measured,
        "without_value": int((~np.isnan(gap)).sum()) - measured,
        "settings": len(gap),
        "replicates": gap.shape[1],
    }


def moment_of(frame: pd.DataFrame) -> str | None:
    """The moment at which networks are compared unless another one is asked for: at equal loss, else at the fit.

    Args:
        frame: The measures frame, or a ranking; None for one without rows.
    """
    known = set(frame["moment"])
    return next((moment for moment in ("loss", "fit", "end") if moment in known), None)


def without_repetitions(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a ranking but those of measures by the exact norm of convolutions that rank as without it.

    Networks without convolutions have equal values by both norms.
    """
    keys = ["moment", "normalized", "statistic", "hyperparameter"]
    name = table["measure"].astype(str)
    plain = table.assign(name=name)[[*keys, "name", "value"]]
    both = table.assign(name=name.str.removesuffix(EXACT)).merge(plain, on=[*keys, "name"], how="left")
    differs = ~(both["value_x"].eq(both["value_y"]) | (both["value_x"].isna() & both["value_y"].isna())).to_numpy(bool)
    exact = name.str.endswith(EXACT).to_numpy()
    of_measure = pd.Series(differs & exact).groupby(name.to_numpy()).transform("any").to_numpy()
    kept: pd.DataFrame = table[~exact | of_measure]
    return kept
