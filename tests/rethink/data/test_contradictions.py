"""Equal images with unequal labels: the best accuracy that is possible, against a comparison of all pairs."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rethink.data import contradictions, sources
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.betons.writing.options import Writing
from rethink.data.contradictions import best_train_accuracy, changed_share
from rethink.data.sources import ArraySplit, ImageData, ImageSource
from rethink.data.sources.contract import registry
from rethink.data.trial_data import StreamPool, TrialData
from rethink.spec import TrialSpec
from tests.made_jpegs import make_ilsvrc, wnid

CPU = torch.device("cpu")
RNG = np.random.default_rng(5)


def repeated_images() -> np.ndarray:
    """(80, 7, 6, 3): 12 images, each several times; of some only the border differs, of others only the contrast."""
    different = RNG.integers(0, 100, (12, 7, 6, 3), np.uint8)
    different[1, 1:-1, 1:-1] = different[0, 1:-1, 1:-1]
    different[3] = different[2] * 2
    different[4], different[5] = 0, 200
    return different[RNG.integers(0, 12, 80)]


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedData]:
    """A data set of many equal images, whose true labels contradict each other."""
    split = ArraySplit(repeated_images(), RNG.integers(0, 3, 80))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry.SOURCES, "_entries", dict(registry.SOURCES._entries))
        sources.register(ImageSource("repeated", lambda _: ImageData(split, split, ("a", "b", "c")), lambda _: ""))
        yield prepare("repeated", None, tmp_path_factory.mktemp("cache"))


def make(**fields: Any) -> TrialSpec:
    small = {"dataset": "repeated", "image_size": 6, "model": "mlp_1x512", "learning_rate": 0.1}
    return TrialSpec(**{**small, **fields})


def best_by_comparing(data: TrialData) -> float:
    """Compares every image that the trial's own stream delivers with every other."""
    batch = next(data.train.batches(data.subset, len(data.subset)))
    images, labels = batch.images.flatten(1).numpy(), batch.labels.tolist()
    equal = (images[:, None] == images[None]).all(2)
    right = 0
    for k, row in enumerate(equal):
        if not row[:k].any():  # the first of its group
            right += Counter(labels[i] for i in np.flatnonzero(row)).most_common(1)[0][1]
    return right / len(labels)


@pytest.mark.parametrize("normalization", ["per_image", "unit"])
@pytest.mark.parametrize("kind", ["none", "shuffled_pixels", "random_pixels", "gaussian"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"image_size": 4},
        {"label_corruption": 0.4, "corruption_seed": 3},
        {"label_corruption": 1.0, "train_samples": 31, "subset_seed": 2, "image_size": 5},
    ],
)
def test_it_is_what_comparing_all_images_of_the_stream_gives(
    repeated: PreparedData, streams: StreamPool, kind: str, normalization: str, fields: dict[str, Any]
) -> None:
    spec = make(**fields, pixel_corruption=kind, normalization=normalization)
    best = best_train_accuracy(spec, repeated)
    assert best == best_by_comparing(streams.open(spec, repeated))
    assert best == 1.0 if kind == "gaussian" else best < 1.0


def test_a_smaller_view_or_equal_contrast_can_only_contradict_more(repeated: PreparedData) -> None:
    whole = best_train_accuracy(make(normalization="unit"), repeated)
    assert best_train_accuracy(make(normalization="unit", image_size=4), repeated) < whole
    assert best_train_accuracy(make(normalization="per_image"), repeated) < whole


def test_many_specs_of_a_sweep_read_each_image_once(repeated: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    whole = contradictions.StoredPixels.read

    def counted(self: contradictions.StoredPixels, indices: np.ndarray) -> np.ndarray:
        read.extend(indices.tolist())
        return whole(self, indices)

    contradictions._seen_images.cache_clear()
    monkeypatch.setattr(contradictions.StoredPixels, "read", counted)
    for seed in range(5):
        best_train_accuracy(make(label_corruption=seed / 5, subset_seed=seed, train_samples=40), repeated)
    assert len(read) == len(set(read)) > 40


def test_jpeg_images_of_equal_bytes_are_equal(tmp_path: Path, streams: StreamPool) -> None:
    tree = make_ilsvrc(tmp_path / "tree", classes=3, train_per_class=6, val_per_class=2)
    first, second, third = (sorted((tree / "train" / wnid(label)).iterdir()) for label in range(3))
    second[2].write_bytes(first[3].read_bytes())
    third[0].write_bytes(first[3].read_bytes())
    third[5].write_bytes(third[4].read_bytes())
    prepared = prepare("imagenet", tree, tmp_path / "cache", writing=Writing(processes=1))
    assert prepared.train.equal_images == ((3, 8, 12), (16, 17))
    assert prepare("imagenet", tree, tmp_path / "cache") == prepared  # as read from its sidecar
    for fields in ({}, {"label_corruption": 0.7}, {"train_samples": 9}):
        spec = make(dataset="imagenet", image_size=32, max_side=500, jpeg_quality=90, **fields)
        assert best_train_accuracy(spec, prepared) == best_by_comparing(streams.open(spec, prepared))
    spec = make(dataset="imagenet", image_size=32, max_side=500, jpeg_quality=90)
    assert best_train_accuracy(spec, prepared) == 16 / 18


def test_the_changed_share_is_of_the_labels_that_the_trial_is_given(
    prepared: PreparedData, streams: StreamPool, make_spec: Callable[..., TrialSpec]
) -> None:
    for fields in ({"label_corruption": 0.0}, {"label_corruption": 0.3}, {"label_corruption": 1.0, "subset_seed": 4}):
        spec = make_spec(**fields)
        data = streams.open(spec, prepared)
        changed = [data.labels.true[i] != data.labels.given[i] for i in data.subset.tolist()]
        assert changed_share(spec, prepared) == sum(changed) / 200
    assert 0.8 < changed_share(spec, prepared) < 1
