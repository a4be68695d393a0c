"""Loaders: FFCV delivers what NumPy computes, for every order, batch size and process; and nothing hangs."""

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
import torch
from torchvision.transforms import Normalize

from benchmarks.page_cache import pages_held
from rethink.corruption.labels import corrupt_labels
from rethink.corruption.pixels import pixel_corruption
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import DataError, prepare
from rethink.data.betons.stored_samples import StoredPixels
from rethink.data.ffcv_bridge.runtime import PipelineError
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.trial_data import StreamPool
from rethink.spec import TrialSpec
from rethink.training.epoch_pass import epoch_order
from tests.plain_pixels import expected_noise, expected_random_pixels, image_state

CPU = torch.device("cpu")
UNCORRUPTED = pixel_corruption("none", 0, "train", (28, 28), (0.0,) * 3, (1.0,) * 3)


@pytest.fixture(scope="module", params=[False, True], ids=["reads here", "reads ahead"])
def stream(prepared: PreparedData, request: pytest.FixtureRequest) -> BetonStream:
    return BetonStream(prepared.train, read_ahead=request.param)


@pytest.fixture(autouse=True)
def configured(stream: BetonStream) -> Iterator[None]:
    stream.configure(28, corrupt_labels(stream.true_labels, 10, 0.5, 0).given, UNCORRUPTED)
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before, "a loader thread was left behind"


def everything(
    stream: BetonStream, order: npt.NDArray[np.int64], batch_size: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Images and labels by sample index, in any order of delivery."""
    images = np.zeros((len(order), 3, 28, 28), np.float32)
    labels = np.full(len(order), -1)
    place = np.argsort(np.argsort(order))
    for start, batch in zip(range(0, len(order), batch_size), stream.batches(order, batch_size), strict=True):
        here = place[start : start + batch_size]
        assert np.array_equal(batch.indices, order[start : start + batch_size])
        images[here], labels[here] = batch.images.numpy(), batch.labels.numpy()
    return images, labels


@pytest.mark.slow
def test_images_and_labels_equal_an_independent_computation(stream: BetonStream, prepared: PreparedData) -> None:
    order = epoch_order(np.arange(5000), 0, 1)
    images, labels = everything(stream, order, 128)
    pixels = StoredPixels(prepared.train).read(np.arange(5000)).astype(np.float64)
    np.testing.assert_allclose(images, standardized(pixels), rtol=0, atol=2e-6)
    assert np.array_equal(labels, corrupt_labels(stream.true_labels, 10, 0.5, 0).given)


def standardized(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, H, W, 3) grey levels -> (n, 3, H, W), by NumPy."""
    mean, std = pixels.mean((1, 2, 3), keepdims=True), pixels.std((1, 2, 3), keepdims=True)
    return ((pixels - mean) / np.maximum(std, 1 / np.sqrt(pixels[0].size))).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", ["shuffled_pixels", "random_pixels", "gaussian"])
def test_the_network_is_given_the_corrupted_pixels(
    streams: StreamPool, prepared: PreparedData, make_spec: "type[TrialSpec]", kind: str, split: str
) -> None:
    """As a trial opens its data: each batch against the corruption in plain Python, standardized by NumPy."""
    data = streams.open(make_spec(pixel_corruption=kind, corruption_seed=3), prepared)
    opened, beton = (data.train, prepared.train) if split == "train" else (data.test, prepared.test)
    order = np.random.default_rng(0).permutation(beton.samples)[:200]
    images = StoredPixels(beton).read(order)
    if kind == "shuffled_pixels":
        permutation = pixel_corruption(kind, 3, "train", (28, 28), beton.mean, beton.std).table
        expected = images.reshape(200, 784, 3)[:, permutation].reshape(images.shape).astype(float)
    else:
        split_key = {"train": 2, "test": 3}[split]
        states = [image_state(3, split_key, index) for index in order]
        if kind == "random_pixels":
            expected = np.stack([expected_random_pixels(*pair) for pair in zip(images, states, strict=True)]).astype(
                float
            )
        else:
            train = prepared.train
            expected = np.stack([expected_noise((28, 28, 3), s, train.mean, train.std) for s in states])
    given = torch.cat([batch.images.clone() for batch in opened.batches(order, 64)]).numpy()
    np.testing.assert_allclose(given, standardized(expected), rtol=0, atol=1e-3 if kind == "gaussian" else 2e-6)


@pytest.mark.parametrize("kind", ["shuffled_pixels", "random_pixels", "gaussian"])
@pytest.mark.parametrize("batch_size", [1, 512, 7919])
def test_corrupted_bytes_do_not_depend_on_batch_size_or_order(stream: BetonStream, kind: str, batch_size: int) -> None:
    indices = np.arange(700)
    stream.configure(28, stream.true_labels, pixel_corruption(kind, 0, "train", (28, 28), (73.0,) * 3, (90.0,) * 3))
    expected, _ = everything(stream, indices, 128)
    for order in (indices[::-1].copy(), epoch_order(indices, 5, 3)):
        images, _ = everything(stream, order, batch_size)
        assert np.array_equal(images.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("batch_size", [1, 100, 512, 7919])
def test_bytes_do_not_depend_on_batch_size_or_order(stream: BetonStream, batch_size: int) -> None:
    indices = np.arange(700)
    expected = everything(stream, indices, 128)
    for order in (indices, indices[::-1].copy(), epoch_order(indices, 5, 3)):
        images, labels = everything(stream, order, batch_size)
        assert np.array_equal(images.view(np.uint32), expected[0].view(np.uint32))
        assert np.array_equal(labels, expected[1])


@pytest.mark.slow
def test_another_process_reads_the_same_bytes(stream: BetonStream, prepared: PreparedData) -> None:
    code = (
        "import sys, hashlib, numpy as np, torch\n"
        "from pathlib import Path\n"
        "from rethink.corruption.pixels import pixel_corruption\n"
        "from rethink.data.streams.augmentation import Augmentation\n"
        "from rethink.data.betons.prepare import prepare\n"
        "from rethink.data.streams.beton_stream import BetonStream\n"
        "from rethink.spec import PIXEL_CORRUPTIONS, TrialSpec\n"
        "from rethink.spec.fields import fields_of\n"
        "stream = BetonStream(prepare('fashion_mnist_mini', None, Path(sys.argv[1])).train, read_ahead=True)\n"
        "digest = hashlib.sha256()\n"
        "for kind in PIXEL_CORRUPTIONS:\n"
        "  pixels = pixel_corruption(kind, 0, 'train', (28, 28), stream.beton.mean, stream.beton.std)\n"
        "  for normalization in fields_of(TrialSpec)['normalization'].allowed:\n"
        "    stream.configure(28, stream.true_labels, pixels, normalization)\n"
        "    for batch in stream.batches(np.arange(5000), 1000, Augmentation(4, True, 0, 1)):\n"
        "      digest.update(batch.images.numpy().tobytes() + batch.labels.numpy().tobytes())\n"
        "print(digest.hexdigest())\n"
    )
    cache = str(prepared.train.path.parents[1])
    answers = [
        subprocess.run(
            [sys.executable, "-c", code, cache], capture_output=True, text=True, check=True, env={**os.environ, **other}
        ).stdout
        for other in ({}, {"NUMBA_CPU_NAME": "generic"})
    ]
    assert answers[0] == answers[1]


def test_the_last_partial_batch_is_delivered(stream: BetonStream) -> None:
    sizes = [len(batch.labels) for batch in stream.batches(np.arange(129), 128)]
    assert sizes == [128, 1]


def test_the_epoch_order_is_a_permutation_that_seed_and_epoch_decide() -> None:
    indices = np.arange(100, 1100)
    orders = {(s, e): epoch_order(indices, s, e) for s in (0, 1) for e in (1, 2)}
    for (seed, epoch), order in orders.items():
        assert np.array_equal(np.sort(order), indices)
        assert np.array_equal(order, epoch_order(indices, seed, epoch))
    assert len({order.tobytes() for order in orders.values()}) == 4


def test_a_centre_crop_is_the_centre(stream: BetonStream, prepared: PreparedData) -> None:
    stream.configure(20, stream.true_labels, UNCORRUPTED)
    (batch,) = stream.batches(np.arange(4), 4)
    centre = StoredPixels(prepared.train).read(np.arange(4))[:, 4:24, 4:24].astype(float)
    for image, pixels in zip(batch.images.numpy(), centre, strict=True):
        expected = (pixels - pixels.mean()) / pixels.std()
        np.testing.assert_allclose(image, expected.transpose(2, 0, 1), rtol=0, atol=2e-6)


@pytest.mark.parametrize("order", [[5000], [-1], [[0, 1]], [], [0.5]])
def test_an_impossible_order_is_refused_at_once(stream: BetonStream, order: list[float]) -> None:
    values = np.array(order)
    with pytest.raises(IndexError):
        stream.batches(values, 10)


def test_an_exception_in_the_pipeline_reaches_the_caller_within_seconds(stream: BetonStream) -> None:
    stream._labels.table = None  # type: ignore[assignment]  # the label stage cannot work with this
    started = time.monotonic()
    with pytest.raises(PipelineError):
        list(stream.batches(np.arange(5000), 10))
    assert time.monotonic() - started < 5


def test_a_dropped_iterator_leaves_no_thread(stream: BetonStream) -> None:
    for _ in range(20):
        batches = stream.batches(np.arange(5000), 10)
        next(batches)
        del batches
    gc.collect()
    assert not [t for t in threading.enumerate() if "EpochIterator" in type(t).__name__]


def test_two_passes_at_once_are_refused(stream: BetonStream) -> None:
    first = stream.batches(np.arange(500), 100)
    next(first)
    with pytest.raises(RuntimeError, match="at once"):
        next(stream.batches(np.arange(500), 100))
    assert len(list(first)) == 4
    assert len(list(stream.batches(np.arange(500), 100))) == 5


def test_torch_keeps_its_threads(stream: BetonStream, prepared: PreparedData) -> None:
    torch.set_num_threads(2)
    BetonStream(prepared.train, read_ahead=True)
    seen = {torch.get_num_threads() for _ in stream.batches(np.arange(500), 100)}
    assert seen == {2}
    torch.set_num_threads(1)


def test_an_altered_beton_is_refused_before_ffcv_opens_it(prepared: PreparedData, tmp_path: object) -> None:
    damaged = prepare("fashion_mnist_mini", None, tmp_path).train  # type: ignore[arg-type]
    content = bytearray(damaged.path.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.path.write_bytes(content)
    with pytest.raises(DataError, match="altered"):
        BetonStream(damaged, read_ahead=False)


def test_reading_ahead_changes_no_byte(prepared: PreparedData) -> None:
    here, ahead = (everything(BetonStream(prepared.train, flag), np.arange(1000), 128) for flag in (False, True))
    assert np.array_equal(here[0].view(np.uint32), ahead[0].view(np.uint32))
    assert np.array_equal(here[1], ahead[1])


@pytest.mark.parametrize("kind", ["none", "gaussian"])
def test_other_normalizations_are_what_torchvision_and_numpy_compute(
    stream: BetonStream, prepared: PreparedData, kind: str
) -> None:
    pixels = pixel_corruption(kind, 0, "train", (28, 28), prepared.train.mean, prepared.train.std)
    corrupted = np.zeros((500, 28, 28, 3), pixels.dtype)
    pixels.apply(StoredPixels(prepared.train).read(np.arange(500)), np.arange(500), corrupted)
    levels = torch.from_numpy(corrupted).permute(0, 3, 1, 2).double() / pixels.unit
    for normalization, expected in (
        ("imagenet", Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(levels / 255)),
        ("unit", levels / 127.5 - 1),
    ):
        stream.configure(28, stream.true_labels, pixels, normalization)
        given, _ = everything(stream, np.arange(500), 128)
        np.testing.assert_allclose(given, expected.numpy(), rtol=0, atol=2e-6)


def test_without_os_cache_no_byte_differs_and_none_stays_in_memory(disk_folder: Path) -> None:
    beton = prepare("fashion_mnist_mini", None, disk_folder).train
    uncached = BetonStream(beton, read_ahead=False, os_cache=False)
    given = everything(uncached, epoch_order(np.arange(1000), 0, 1), 100)
    assert pages_held(beton.path) == 0
    expected = everything(BetonStream(beton, read_ahead=False), np.arange(1000), 128)
    assert np.array_equal(given[0].view(np.uint32), expected[0].view(np.uint32))
    assert pages_held(beton.path) > 0


@pytest.mark.slow
def test_five_hundred_trials_in_one_process_grow_neither_threads_nor_memory(
    prepared: PreparedData, make_spec: "type[TrialSpec]"
) -> None:
    pool, process = StreamPool(read_ahead=True), psutil.Process()

    def run(number: int) -> None:
        spec = make_spec(train_samples=300, label_corruption=number % 11 / 10, corruption_seed=number, seed=number)
        data = pool.open(spec, prepared)
        for _ in data.train.batches(epoch_order(data.subset, spec.seed, 1), 128):
            pass
        for _ in data.test.batches(np.arange(100), 100):
            break

    for number in range(50):  # allocators settle
        run(number)
    gc.collect()
    threads, memory = process.num_threads(), process.memory_info().rss
    for number in range(50, 550):
        run(number)
    gc.collect()
    assert process.num_threads() <= threads
    assert process.memory_info().rss - memory < 40e6
