"""The ranking as a frame: known nulls are near chance, the gap itself is perfect, and nobody is left out unsaid."""

import itertools

import numpy as np
import pandas as pd
import pytest
from made_networks import measures_frame

from analysis.ranking.normalization import normalized
from analysis.ranking.ranking import moment_of, ranking, without_repetitions
from analysis.schema.statistics_columns import CONSTANT, NULL_BY_NETWORK, NULL_BY_SETTING, RANKED, RANKING

LEVELS, WIDTHS, SIZES, SEEDS = (0.0, 0.5, 1.0), (32, 64), (100, 400), range(4)


@pytest.fixture(scope="module")
def measures():
    """Two measures: one equal to the gap, one of noise; and one network that has no value of it."""
    random = np.random.default_rng(0)
    rows = []
    for number, (level, width, size, seed) in enumerate(itertools.product(LEVELS, WIDTHS, SIZES, SEEDS)):
        gap = 0.1 + 0.5 * level + 0.1 * (size == 100) + 0.05 * (width == 32) + 0.01 * random.standard_normal()
        own = {"label_corruption": level, "width": width, "train_samples": size, "seed": seed, "gap": gap}
        for name, value in (("path_norm", gap), ("l2_norm", random.uniform())):
            known = None if name == "l2_norm" and number == 0 else value
            rows.append({**own, "measure": name, "value": known, "spec_id": f"{number:012x}"})
    return measures_frame(rows)


@pytest.fixture(scope="module")
def table(measures):
    return ranking(pd.DataFrame({"spec_id": range(50)}), measures)


def value(table, measure, statistic, hyperparameter=None, normalized=False):
    own = table[(table["measure"] == measure) & (table["statistic"] == statistic) & (table["normalized"] == normalized)]
    axis = own["hyperparameter"]
    (row,) = own[axis.isna() if hyperparameter is None else axis == hyperparameter].to_dict("records")
    return row


def test_a_measure_equal_to_the_gap_is_perfect_in_everything(table):
    for axis in (None, "label_corruption", "width", "train_samples"):
        assert value(table, "path_norm", "psi", axis)["value"] == pytest.approx(1)
        assert value(table, "path_norm", "sign_error_max", axis)["value"] == 0
        assert value(table, "path_norm", "conditional_information", axis)["value"] == pytest.approx(1)
    assert value(table, "path_norm", "tau")["value"] == pytest.approx(1)


@pytest.mark.parametrize("name", [NULL_BY_NETWORK, NULL_BY_SETTING])
def test_known_nulls_are_at_chance(table, name):
    for statistic, chance in {"tau": 0, "psi": 0, "sign_error_mean": 0.5}.items():
        row = value(table, name, statistic)
        assert row["value"] == pytest.approx(chance, abs=0.06)
        assert row["low"] < chance < row["high"]
    assert value(table, name, "conditional_information")["value"] > 0  # counting is biased: hence the null
    assert value(table, name, "sign_error_max")["value"] > 0.8


def test_known_nulls_come_first_and_noise_lies_in_their_range(table):
    assert table["measure"].unique()[:3].tolist() == [NULL_BY_NETWORK, NULL_BY_SETTING, CONSTANT]
    noise, null = value(table, "l2_norm", "tau"), value(table, NULL_BY_SETTING, "tau")
    assert null["low"] < noise["value"] < null["high"]


def test_the_normalized_constant_orders_by_the_size_of_the_training_set_alone(table):
    assert value(table, CONSTANT, "psi", "train_samples", normalized=True)["value"] == 1
    assert value(table, CONSTANT, "psi", "width", normalized=True)["value"] == 0


def test_networks_without_a_value_and_trials_without_the_moment_are_counted(table):
    row = value(table, "l2_norm", "tau")
    assert (row["networks"], row["without_value"], row["trials"]) == (47, 1, 50)
    assert (row["settings"], row["replicates"]) == (12, 4)
    assert row["n"] + row["left_out"] < 48 * 47 / 2
    assert value(table, "path_norm", "tau")["n"] + row["left_out"] == 48 * 47 / 2


def test_groups_and_environments_in_all_are_those_of_the_grid(table):
    groups, environments = value(table, "path_norm", "psi"), value(table, "path_norm", "sign_error_mean")
    assert groups["n"] + groups["left_out"] == 4 * (2 * 2 + 3 * 2 + 3 * 2)
    assert environments["n"] + environments["left_out"] == 3 * 4 + 6 + 6


def test_its_columns_are_the_described_ones_and_every_statistic_is_there(table):
    assert [str(table[column.name].dtype) for column in RANKING] == [column.dtype for column in RANKING]
    assert set(table["statistic"]) == set(RANKED)
    assert ranking(pd.DataFrame(), measures_frame([])).empty
    assert moment_of(table) == "fit"


def test_equal_sizes_are_not_normalized(measures):
    assert not ranking(pd.DataFrame(), measures[measures["train_samples"] == 100])["normalized"].any()


def test_unknown_sizes_are_not_normalized(measures):
    unknown = measures.assign(train_samples=measures["train_samples"].replace(100, pd.NA))
    assert not ranking(pd.DataFrame(), unknown)["normalized"].any()


def test_normalization_is_that_of_the_root_of_complexity_over_size():
    complexity, size = np.array([3.0, 50.0]), np.array([100.0, 400.0])
    root = np.sqrt(complexity / size)
    assert normalized(complexity, size, is_logarithm=False) == pytest.approx(root)
    assert normalized(np.log(complexity), size, is_logarithm=True) == pytest.approx(np.log(root))
    assert normalized(np.array([-4.0]), np.array([100.0]), is_logarithm=False) == pytest.approx(-0.2)


def test_an_exact_norm_that_ranks_as_the_other_one_is_a_repetition(measures):
    plain = measures.assign(measure=measures["measure"].replace({"l2_norm": "spectral_sum"}))
    exact = plain[plain["measure"] == "spectral_sum"].assign(measure="spectral_sum_fft")
    other = exact.assign(value=exact["value"] ** 2 - 2 * exact["value"], measure="stable_rank_sum_fft")
    of_other = exact.assign(measure="stable_rank_sum")
    table = ranking(pd.DataFrame(), pd.concat([plain, exact, other, of_other], ignore_index=True))
    kept = set(without_repetitions(table)["measure"])
    assert {"spectral_sum", "stable_rank_sum", "stable_rank_sum_fft"} <= kept
    assert "spectral_sum_fft" not in kept
    assert set(table["measure"]) - kept == {"spectral_sum_fft"}


def test_the_information_over_all_is_the_least_of_every_condition(table):
    single = [value(table, "l2_norm", "conditional_information", axis)["value"] for axis in ("width", "train_samples")]
    least = value(table, "l2_norm", "conditional_information")
    assert least["value"] <= min(single)
    assert least["low"] <= least["value"] + 1e-12


def test_environments_of_noise_alone_are_counted_as_left_out():
    rows = [
        {"label_corruption": level, "width": width, "seed": seed, "gap": 0.2 + level / 2, "value": 1.0 * width}
        for level, width, seed in itertools.product(LEVELS, WIDTHS, SEEDS)
    ]
    table = ranking(pd.DataFrame(), measures_frame(rows))
    row = value(table, "l2_norm", "sign_error_mean", "width")
    assert (row["n"], row["left_out"]) == (0, 3)
    assert pd.isna(row["value"])
    assert value(table, "l2_norm", "sign_error_mean")["left_out"] == 3
    groups = value(table, "l2_norm", "psi", "width")
    assert (groups["n"], groups["left_out"]) == (0, 12)
