"""Shared by all tests: the embedded data set as betons, specs, and the data of a trial."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.betons.writing.options import Writing
from rethink.data.trial_data import StreamPool
from rethink.files.user_cache import KERNELS, kernel_cache
from rethink.ray_backend import cluster
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.loop import Training
from tests.made_jpegs import make_ilsvrc

# A shell has what it starts in the background ignore Ctrl-C, and children inherit that: several tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Tests of whole programs: they start Ray, browsers or processes, which take the machine for themselves.
WHOLE_PROGRAMS = (
    "browser",
    "cluster",
    "rethink/cli",
    "rethink/measuring",
    "rethink/ray_backend",
    "rethink/runs",
    "rethink/test_notebook_run.py",
    "rethink/test_own_code.py",
    "rethink/test_own_packages.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of whole programs, and run them first: the short ones then fill what time is left beside them."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(WHOLE_PROGRAMS):
            item.add_marker(pytest.mark.program)
    items.sort(key=lambda item: item.get_closest_marker("program") is None)


@pytest.fixture(scope="session", autouse=True)
def own_user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A user's cache folder of the tests' own, but for compiled kernels: compiling them takes a minute."""
    kernels = kernel_cache()
    with pytest.MonkeyPatch.context() as patch:
        if kernels is not None:
            patch.setenv(KERNELS, str(kernels))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user_cache")))
        yield


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def prepared(cache_dir: Path) -> PreparedData:
    return prepare("fashion_mnist_mini", None, cache_dir)


@pytest.fixture(scope="session")
def ilsvrc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in ImageNet's form: 6 classes, 48 training and 18 validation images, JPEG files of many sizes."""
    return make_ilsvrc(tmp_path_factory.mktemp("ilsvrc"), classes=6, train_per_class=8, val_per_class=3)


@pytest.fixture(scope="session")
def prepared_ilsvrc(ilsvrc: Path, cache_dir: Path) -> PreparedData:
    return prepare("imagenet", ilsvrc, cache_dir, writing=Writing(processes=1))


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


@pytest.fixture
def make_imagenet_training(prepared_ilsvrc: PreparedData, streams: StreamPool) -> Callable[..., Training]:
    """The narrowest Inception V3 on the made ImageNet; any field can be set."""

    def make(**fields: Any) -> Training:
        small = {"dataset": "imagenet", "model": "inception_v3", "width": 1, "batch_size": 8, "max_epochs": 2}
        spec = complete({**small, **fields})
        return Training(spec, streams.open(spec, prepared_ilsvrc), torch.device("cpu"))

    return make


@pytest.fixture(autouse=True)
def own_ctrl_c() -> Iterator[None]:
    """Tune keeps SIGINT for itself after a `fit` of its own, and would swallow the next test's."""
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    yield
    assert torch.get_num_threads() == 1, "the code under test changed torch's thread count"


@pytest.fixture(scope="module")
def local_ray() -> None:
    """A Ray with two CPUs, which all tests of one process share: a start takes seconds."""
    if not ray.is_initialized():
        cluster.start_own(cpus=2)


@pytest.fixture
def without_ray() -> None:
    """For tests that start or join a Ray: the shared one has ended."""
    for folder in [*cluster._own]:
        cluster.end_own(folder)
    assert not ray.is_initialized()
