"""Shared by all tests: the embedded data set as betons, specs, and what a trial reads."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from rethink.data.beton import PreparedData, prepare
from rethink.data.trial_data import StreamPool
from rethink.protocol import complete
from rethink.spec import TrialSpec
from rethink.training import Training


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def prepared(cache_dir: Path) -> PreparedData:
    return prepare("fashion_mnist_mini", None, cache_dir)


@pytest.fixture(scope="session")
def streams() -> StreamPool:
    return StreamPool(read_ahead=False)


@pytest.fixture
def make_spec() -> Callable[..., TrialSpec]:
    """A small, quick trial; any field can be set."""

    def make(**fields: Any) -> TrialSpec:
        small = {"model": "mlp_1x512", "train_samples": 200, "max_epochs": 100, "label_corruption": 0.5}
        return complete({**small, **fields})

    return make


@pytest.fixture
def make_training(
    prepared: PreparedData, streams: StreamPool, make_spec: Callable[..., TrialSpec]
) -> Callable[..., Training]:
    def make(**fields: Any) -> Training:
        spec = make_spec(**fields)
        return Training(spec, streams.open(spec, prepared), torch.device("cpu"))

    return make


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    yield
    assert torch.get_num_threads() == 1, "the code under test changed torch's thread count"


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """A Ray of this test module's own, with two CPUs."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
