"""The measures frame as a grid: what is a hyperparameter, what a replicate, and what is not there."""

import numpy as np
import pytest
from made_networks import measures_frame

from analysis.ranking.networks import networks_at
from rethink.errors import SpecError


def row(width, seed, value, gap=0.2, **changes):
    return {"width": width, "seed": seed, "value": value, "gap": gap, **changes}


def test_settings_by_replicates_with_nan_where_no_network_is():
    found = networks_at(measures_frame([row(64, 0, 1.0), row(64, 1, 2.0), row(32, 1, 3.0, gap=0.4)]), "fit")
    assert found.settings["width"].tolist() == [32, 64]
    np.testing.assert_array_equal(found.measures["l2_norm"], [[np.nan, 3], [1, 2]])
    np.testing.assert_array_equal(found.gap, [[np.nan, 0.4], [0.2, 0.2]])
    assert found.test_images[1, 0] == 10_000


def test_a_value_that_is_null_is_nan_and_its_network_stays():
    rows = [row(32, 0, None), row(64, 0, 2.0)]
    found = networks_at(measures_frame(rows), "fit")
    assert np.isnan(found.measures["l2_norm"][0, 0])
    assert not np.isnan(found.gap).any()


def test_a_network_without_one_of_the_measures_is_nan_there():
    rows = [row(32, 0, 1.0), row(64, 0, 2.0), row(64, 0, 5.0, measure="path_norm", spec_id="000000000001")]
    found = networks_at(measures_frame(rows), "fit")
    np.testing.assert_array_equal(found.measures["path_norm"], [[np.nan], [5]])


def test_other_moments_and_unknown_gaps_are_not_there():
    rows = [row(32, 0, 1.0), row(64, 0, 2.0), row(96, 0, 2.0, gap=None), row(128, 0, 1.0, moment="end")]
    assert networks_at(measures_frame(rows), "fit").settings["width"].tolist() == [32, 64]
    assert networks_at(measures_frame(rows), "end") is None


def test_what_decides_only_when_a_trial_ends_is_no_hyperparameter():
    rows = [row(32, 0, 1.0, max_epochs=10), row(64, 0, 2.0, max_epochs=20, stop_loss=0.01, test_every=0)]
    assert networks_at(measures_frame(rows), "fit").hyperparameters == ["width"]


def test_a_replicate_is_all_seeds_together():
    rows = [row(32, seed, 1.0, subset_seed=seed, corruption_seed=seed) for seed in range(3)]
    rows += [row(64, 0, 1.0, subset_seed=1)]
    assert networks_at(measures_frame(rows), "fit").replicates == 4


def test_one_network_twice_is_refused():
    rows = [row(32, 0, 1.0, max_epochs=10), row(64, 0, 1.0), row(32, 0, 2.0, max_epochs=20)]
    with pytest.raises(SpecError, match="trials 000000000000 of made and 000000000002 of made are one network twice"):
        networks_at(measures_frame(rows), "fit")
