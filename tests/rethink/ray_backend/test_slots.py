"""How many trials share a machine's memory, or a GPU's: for the images that they keep there."""

from typing import Any
from unittest.mock import MagicMock

import pytest

from rethink.ray_backend import cluster, tuner
from rethink.ray_backend.reporter import Reporter
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.sweep.recipes import complete
from tests.made_record import made_record


@pytest.mark.parametrize(
    ("present", "startable", "shares", "sharing"),
    [
        ([{"CPU": 2}], [], {"cpu": 1.0, "gpu": 0.0}, 2),
        ([{"CPU": 2}], [], {"cpu": 0.5}, 4),
        ([{"CPU": 1}], [], {"cpu": 2.0, "gpu": 0.0}, 1),
        ([{"CPU": 2}, {"CPU": 16}], [], {"cpu": 4.0, "gpu": 0.0}, 4),
        ([{}], [({"CPU": 8}, 3)], {"cpu": 1.0, "gpu": 0.0}, 8),
        ([{"CPU": 64, "GPU": 8}], [], {"cpu": 1.0, "gpu": 1.0}, 1),
        ([{"CPU": 64, "GPU": 8}], [], {"cpu": 1.0, "gpu": 0.25}, 4),
        ([{"CPU": 64, "GPU": 8}], [], {"cpu": 1.0, "gpu": 0.3}, 3),
    ],
)
def test_those_of_the_fullest_machine_or_of_one_gpu(
    monkeypatch: pytest.MonkeyPatch, present: Any, startable: Any, shares: dict[str, float], sharing: int
) -> None:
    monkeypatch.setattr(cluster, "_present", lambda: present)
    monkeypatch.setattr(cluster, "_startable", lambda: startable)
    assert cluster.most_on_one_device(shares) == sharing


@pytest.mark.parametrize(("trials", "sharing"), [(1, 1), (2, 2), (600, 16)])
def test_no_more_than_there_are_trials_share(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, trials: int, sharing: int
) -> None:
    class Made(Exception):
        pass

    def settings(**made: Any) -> None:
        raise Made(made["sharing"], made["resident_memory"])

    monkeypatch.setattr(cluster, "_present", lambda: [{"CPU": 16}])
    monkeypatch.setattr(cluster, "_startable", lambda: [])
    monkeypatch.setattr(tuner, "TrialSettings", settings)
    run = RunDirectory(tmp_path)
    run.create(made_record())
    costs = {complete({"model": "mlp_1x512", "seed": seed}): 1.0 for seed in range(trials)}
    asked = RunOptions(resident_memory=3.0)
    with pytest.raises(Made) as made:
        tuner.run_trials(run, costs, {}, asked, {"cpu": 1.0, "gpu": 0.0}, None, Reporter(run, MagicMock(), {}))
    assert made.value.args == (sharing, 3.0)
