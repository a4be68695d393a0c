"""Samples in memory: the bytes of the stream that they come from, whatever is asked, under a limit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rethink.data.betons.beton import PreparedData
from rethink.data.betons.stored_samples import StoredPixels
from rethink.data.resident.samples_in_memory import ResidentPixels, ResidentSamples
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.crops import crop, crop_on_device
from rethink.data.streams.normalization import SCALES, normalize, normalize_on_device
from rethink.data.streams.samples import Samples
from rethink.data.trial_data import StreamPool
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.trial.memory import bytes_of_a_trial, total_memory
from rethink.trial.settings import TrialSettings
from tests.undisturbed import without_times

CPU = torch.device("cpu")
DEVICES = [CPU, *([torch.device("cuda")] if torch.cuda.is_available() else [])]
PLENTY = 2**30
RAW: dict[str, Any] = {
    "dataset": "fashion_mnist_mini",
    "model": "mlp_1x512",
    "learning_rate": 0.01,
    "train_samples": 150,
}
JPEG: dict[str, Any] = {
    "dataset": "imagenet",
    "model": "alexnet",
    "learning_rate": 0.01,
    "image_size": 70,
    "max_side": 500,
    "jpeg_quality": 90,
}
CROP = {"random_crop": True, "crop_padding": 4}
Kind = type[BetonStream] | type[ResidentSamples] | type[ResidentPixels]


def spec_of(**fields: Any) -> TrialSpec:
    return TrialSpec(**{"image_size": 24, "label_corruption": 0.5, **fields})


def augmentation_of(spec: TrialSpec, epoch: int = 1) -> Augmentation | None:
    if not (spec.random_crop or spec.flip or spec.rotation or spec.random_resized_crop):
        return None
    return Augmentation(spec.crop_padding, spec.flip, spec.seed, epoch, spec.random_resized_crop, spec.rotation)


def copied(samples: Samples, order: np.ndarray, batch_size: int, drawn: Augmentation | None) -> list[torch.Tensor]:
    """Images, labels and indices, one after another."""
    batches = [
        (batch.images.cpu().clone(), batch.labels.cpu().clone(), torch.from_numpy(batch.indices.copy()))
        for batch in samples.batches(order, batch_size, drawn)
    ]
    assert [len(labels) for _, labels, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize(
    ("fields", "trained", "tested"),
    [
        (RAW, ResidentPixels, ResidentPixels),
        ({**RAW, "image_size": 28}, ResidentPixels, ResidentPixels),
        ({**RAW, "normalization": "unit"}, ResidentPixels, ResidentPixels),
        ({**RAW, "pixel_corruption": "gaussian"}, ResidentPixels, ResidentPixels),
        ({**RAW, "pixel_corruption": "random_pixels", "train_samples": None}, ResidentPixels, ResidentPixels),
        ({**RAW, **CROP}, ResidentPixels, ResidentPixels),
        ({**RAW, "flip": True, "normalization": "imagenet"}, ResidentPixels, ResidentPixels),
        ({**RAW, **CROP, "flip": True, "pixel_corruption": "gaussian"}, ResidentPixels, ResidentPixels),
        ({**RAW, **CROP, "flip": True, "pixel_corruption": "shuffled_pixels"}, ResidentPixels, ResidentPixels),
        ({**RAW, "flip": True, "rotation": 25.0}, BetonStream, ResidentPixels),
        (JPEG, ResidentSamples, ResidentSamples),
        ({**JPEG, "random_resized_crop": True}, BetonStream, ResidentSamples),
        ({**JPEG, "flip": True}, BetonStream, ResidentSamples),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else ", ".join(f"{k}={value[k]}" for k in value),
)
def test_samples_in_memory_are_those_of_the_stream(
    fields: dict[str, Any],
    trained: Kind,
    tested: Kind,
    device: torch.device,
    prepared: PreparedData,
    prepared_ilsvrc: PreparedData,
) -> None:
    spec = spec_of(**fields)
    data_set = prepared if spec.dataset == "fashion_mnist_mini" else prepared_ilsvrc
    resident = StreamPool(read_ahead=False, device=device, resident_bytes=PLENTY).open(spec, data_set)
    streamed = StreamPool(read_ahead=False).open(spec, data_set)
    if device.type == "cuda":  # makes views itself only where a pass draws them
        trained = trained if spec.random_crop or spec.flip or trained is BetonStream else ResidentSamples
        tested = ResidentSamples
    assert (type(resident.train), type(resident.test)) == (trained, tested)
    order = np.random.default_rng(1).permutation(streamed.subset)
    tests = np.random.default_rng(2).permutation(len(streamed.test.true_labels))
    for batch_size in (7, 128):
        passes = [("train", order, augmentation_of(spec, epoch)) for epoch in (1, 2)]
        passes += [("train", order[:20], None), ("test", tests, None)]
        for split, indices, drawn in passes:
            ours = copied(getattr(resident, split), indices, batch_size, drawn)
            theirs = copied(getattr(streamed, split), indices, batch_size, drawn)
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True)), (split, drawn)


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("kind", ["per_image", *SCALES])
@pytest.mark.parametrize("unit", [1, 32])
def test_a_device_crops_and_normalizes_to_the_same_bits(device: torch.device, kind: str, unit: int) -> None:
    rng = np.random.default_rng(unit)
    images = rng.integers(0, 256, (60, 30, 26, 3)).astype(np.uint8 if unit == 1 else np.int16) * unit
    images[7], images[8, 1:] = 3 * unit, 0  # a standard deviation of nothing, and nearly
    where = rng.permutation(60)[:40]
    views = np.stack([rng.integers(-5, 12, 40), rng.integers(-5, 8, 40), rng.integers(0, 2, 40)], 1)
    crops, normalized = np.empty((40, 24, 24, 3), images.dtype), np.empty((40, 24, 24, 3), np.float32)
    crop(images[where], crops, views)
    normalize(kind, crops, normalized, unit)
    ours = crop_on_device(torch.from_numpy(images).to(device), torch.from_numpy(where).to(device), views, 24)
    np.testing.assert_array_equal(ours.cpu().numpy(), crops)
    np.testing.assert_array_equal(normalize_on_device(kind, ours, unit).cpu().numpy(), normalized)


@pytest.mark.parametrize(
    "fields", [{}, CROP, {"pixel_corruption": "gaussian", "evaluate_steps": 3}, {"rotation": 20.0}]
)
@pytest.mark.parametrize("model", ["mlp_1x512", "alexnet_small"])
def test_rows_are_the_same_bit_for_bit(fields: dict[str, Any], model: str, prepared: PreparedData) -> None:
    spec = spec_of(**{**RAW, "model": model, "image_size": 28, "max_epochs": 3, "test_every": 3, **fields})
    pools = [StreamPool(read_ahead=False, resident_bytes=limit) for limit in (0, PLENTY)]
    rows = [
        [without_times(record.to_dict()) for record in Training(spec, pool.open(spec, prepared), CPU).records()]
        for pool in pools
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) >= 3


TRAIN_BYTES, TEST_BYTES = 150 * 24 * 24 * 3, 1000 * 24 * 24 * 3
CROP_BYTES = 150 * 28 * 28 * 3


@pytest.mark.parametrize(
    ("fields", "limit", "kept"),
    [
        ({}, 0, ()),
        ({"train_samples": 1000}, 1000, ()),
        ({}, TRAIN_BYTES - 1, ()),
        ({}, TRAIN_BYTES, ("train",)),
        ({}, TRAIN_BYTES + TEST_BYTES - 1, ("train",)),
        ({}, TRAIN_BYTES + TEST_BYTES, ("train", "test")),
        ({"train_samples": None}, TEST_BYTES, ("test",)),
        (CROP, CROP_BYTES - 1, ()),
        (CROP, CROP_BYTES, ("train",)),
        ({**CROP, "pixel_corruption": "gaussian"}, 2 * CROP_BYTES - 1, ()),
        ({**CROP, "pixel_corruption": "gaussian"}, 2 * CROP_BYTES, ("train",)),
        ({"rotation": 9.0}, TEST_BYTES, ("test",)),
    ],
)
def test_the_limit_is_kept_and_training_comes_first(
    fields: dict[str, Any], limit: int, kept: tuple[str, ...], prepared: PreparedData
) -> None:
    data = StreamPool(read_ahead=False, resident_bytes=limit).open(spec_of(**RAW | fields), prepared)
    assert tuple(name for name in ("train", "test") if not isinstance(getattr(data, name), BetonStream)) == kept


def test_the_next_trial_reads_only_what_differs(prepared: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    stored = StoredPixels.read

    def counted(self: StoredPixels, indices: np.ndarray) -> np.ndarray:
        read.append(len(indices))
        return stored(self, indices)

    monkeypatch.setattr(StoredPixels, "read", counted)
    pool = StreamPool(read_ahead=False, resident_bytes=PLENTY)

    def reads(**fields: Any) -> list[int]:
        read.clear()
        data = pool.open(spec_of(**RAW | fields), prepared)
        for samples, order in ((data.train, data.subset), (data.test, np.arange(1000))):
            labels = copied(samples, order, 100, None)[1].numpy()
            given = data.labels.given if samples is data.train else data.test.true_labels
            np.testing.assert_array_equal(labels, given[order])
        return read

    train, test = 150, 1000
    assert reads() == [train, test]
    assert reads(label_corruption=1.0, seed=3, corruption_seed=2) == []
    assert reads(subset_seed=1) == [train]
    assert reads(subset_seed=1, pixel_corruption="gaussian") == [train, test]
    assert reads(subset_seed=1, pixel_corruption="gaussian", corruption_seed=1) == [train, test]
    assert reads(subset_seed=1, pixel_corruption="gaussian", corruption_seed=1, normalization="unit") == [train, test]
    assert reads(subset_seed=1, pixel_corruption="gaussian", corruption_seed=1, normalization="unit", **CROP) == [train]


def test_samples_of_jpeg_files_are_read_at_their_first_pass_and_then_kept(
    prepared_ilsvrc: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    batches = BetonStream.batches

    def counted(self: BetonStream, *arguments: Any) -> Any:
        read.append(self.beton.path.stem)
        return batches(self, *arguments)

    monkeypatch.setattr(BetonStream, "batches", counted)
    data = StreamPool(read_ahead=False, resident_bytes=PLENTY).open(spec_of(**JPEG), prepared_ilsvrc)
    assert read == []
    copied(data.train, data.subset, 7, None)
    copied(data.train, data.subset[::-1].copy(), 128, None)
    assert read == ["train"]


@pytest.mark.parametrize("fields", [{}, CROP])
def test_an_index_that_is_not_kept_is_refused_at_once(fields: dict[str, Any], prepared: PreparedData) -> None:
    data = StreamPool(read_ahead=False, resident_bytes=PLENTY).open(spec_of(**RAW | fields), prepared)
    other = np.setdiff1d(np.arange(5000), data.subset)[:1]
    with pytest.raises(IndexError, match=f"sample {other[0]} is not one of the 150 that are kept"):
        data.train.batches(np.concatenate([data.subset, other]), 10)
    with pytest.raises(IndexError, match="do not fit 5000 samples"):
        data.train.batches(np.array([5000]), 10)
    with pytest.raises(IndexError, match="non-empty"):
        data.train.batches(np.array([], np.int64), 10)


def test_passes_over_samples_in_memory_may_overlap(prepared: PreparedData) -> None:
    data = StreamPool(read_ahead=False, resident_bytes=PLENTY).open(spec_of(**RAW), prepared)
    alone = copied(data.train, data.subset, 50, None)[0]
    first, second = data.train.batches(data.subset, 50), data.train.batches(data.subset[::-1].copy(), 50)
    taken = []
    for batch in first:
        taken.append(batch)
        next(second)
        assert torch.equal(batch.images, alone[50 * len(taken) - 50 : 50 * len(taken)])
    assert len(taken) == 3


@pytest.fixture
def settings(tmp_path: Any) -> TrialSettings:
    return TrialSettings(run=tmp_path, data_sha256={}, versions={})


def test_a_trials_share_counts_all_trials_of_the_machine(settings: TrialSettings) -> None:
    assert bytes_of_a_trial(settings) == total_memory(CPU) // 4
    assert bytes_of_a_trial(replace(settings, sharing=8)) == total_memory(CPU) // 4 // 8
    assert bytes_of_a_trial(replace(settings, resident_memory=1.5, sharing=3)) == 2**29
    assert bytes_of_a_trial(replace(settings, resident_memory=0.0)) == 0


def test_a_machines_memory_is_its_containers(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import psutil

    limit = tmp_path / "memory.max"
    monkeypatch.setattr("rethink.trial.memory._OF_THE_CONTAINER", limit)
    assert total_memory(CPU) == psutil.virtual_memory().total
    limit.write_text("max\n")
    assert total_memory(CPU) == psutil.virtual_memory().total
    limit.write_text(f"{2**20}\n")
    assert total_memory(CPU) == 2**20


def test_the_option_is_checked() -> None:
    make: Callable[..., RunOptions] = RunOptions
    assert make(resident_memory=0.0).resident_memory == 0.0
    with pytest.raises(Exception, match="resident_memory = -1"):
        make(resident_memory=-1.0)
