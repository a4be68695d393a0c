"""Contradictions: equal training images with unequal labels, not all of which any network can fit."""

import functools
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from rethink.corruption.labels import corrupt_labels
from rethink.corruption.pixels import PixelCorruption, pixel_corruption
from rethink.data.betons.beton import Beton, PreparedData
from rethink.data.betons.stored_samples import StoredPixels, stored_labels
from rethink.data.streams.normalization import normalize
from rethink.data.training_subset import balanced_subset
from rethink.spec import TrialSpec

Indices = npt.NDArray[np.int64]

CHUNK_BYTES = 2**24  # of float32 pixels at a time
KEPT = 16  # number of data sets whose digests a process keeps, 32 bytes an image


def best_train_accuracy(spec: TrialSpec, prepared: PreparedData) -> float:
    """The greatest accuracy on a trial's training subset, as corrupted, that any function of the image can reach.

    Of images that the network sees as equal, unaugmented, only those with the commonest given label can be right.
    Exact for uncompressed images; JPEG images count as equal if their stored bytes are, so the bound may be too high.
    1.0: nothing contradicts. Quick for many specs that differ in labels and subsets. Raises what `verify` raises.
    """
    subset, _true, given = _training_labels(spec, prepared)
    _, group = np.unique(_identities(spec, prepared, subset), return_inverse=True)
    pairs, counts = np.unique(group * prepared.classes + given, return_counts=True)
    best = np.zeros(len(subset), np.int64)  # by group
    np.maximum.at(best, pairs // prepared.classes, counts)
    return int(best.sum()) / len(subset)


def changed_share(spec: TrialSpec, prepared: PreparedData) -> float:
    """The share of the labels of a trial's training subset that differ from the true ones, in [0, 1]."""
    _subset, true, given = _training_labels(spec, prepared)
    return float(np.mean(true != given))


def _training_labels(spec: TrialSpec, prepared: PreparedData) -> tuple[Indices, Indices, Indices]:
    """The training subset: indices in the data set, true and given labels, all (n,)."""
    draws = (spec.label_corruption, spec.corruption_seed, spec.train_samples, spec.subset_seed)
    return _drawn_labels(prepared.train, prepared.classes, *draws)


@functools.lru_cache(maxsize=1)
def _drawn_labels(
    beton: Beton, classes: int, level: float, corruption_seed: int, train_samples: int | None, subset_seed: int
) -> tuple[Indices, Indices, Indices]:
    table = corrupt_labels(_true_labels(beton), classes, level, corruption_seed)
    subset = balanced_subset(table.true, train_samples, subset_seed)
    return subset, table.true[subset], table.given[subset]


_true_labels = functools.lru_cache(maxsize=KEPT)(stored_labels)


def _identities(spec: TrialSpec, prepared: PreparedData, subset: Indices) -> npt.NDArray[Any]:
    """(n,) a value for each image of the subset; two values are equal if and only if the images are."""
    if prepared.train.jpeg:
        return _first_equals(prepared.train)[subset]
    seed = 0 if spec.pixel_corruption == "none" else spec.corruption_seed
    view = (spec.image_size, spec.pixel_corruption, seed, spec.normalization)
    return _seen_images(prepared.train, *view).digests(subset)


@functools.lru_cache(maxsize=1)
def _first_equals(beton: Beton) -> Indices:
    """(N,) the index of the first image with the same stored bytes."""
    first = np.arange(beton.samples)
    for indices in beton.equal_images:
        first[list(indices)] = indices[0]
    return first


class _SeenImages:
    """Digests of a beton's uncompressed images as the network sees them, each computed at its first use."""

    def __init__(self, beton: Beton, side: int, corruption: PixelCorruption, normalization: str) -> None:
        self._beton, self._side, self._corruption, self._normalization = beton, side, corruption, normalization
        self._digests = np.zeros(beton.samples, "V32")
        self._known = np.zeros(beton.samples, bool)

    def digests(self, indices: Indices) -> npt.NDArray[Any]:
        """(n,) of 32 bytes."""
        missing = np.sort(indices[~self._known[indices]])  # in the order of the file
        images = StoredPixels(self._beton)
        at_once = max(1, CHUNK_BYTES // (4 * 3 * self._beton.height * self._beton.width))
        for start in range(0, len(missing), at_once):
            chunk = missing[start : start + at_once]
            for index, image in zip(chunk.tolist(), self._seen(images.read(chunk), chunk), strict=True):
                self._digests[index] = np.void(hashlib.sha256(image).digest())
        self._known[missing] = True
        return self._digests[indices]

    def _seen(self, stored: npt.NDArray[np.uint8], indices: Indices) -> npt.NDArray[np.float32]:
        """(n, side, side, 3), as the loader's operations make them of (n, H, W, 3)."""
        corrupted = np.empty(stored.shape, self._corruption.dtype)
        self._corruption.apply(stored, indices, corrupted)
        top, left = ((size - self._side) // 2 for size in stored.shape[1:3])
        crop = np.ascontiguousarray(corrupted[:, top : top + self._side, left : left + self._side])
        seen = np.empty(crop.shape, np.float32)
        normalize(self._normalization, crop, seen, self._corruption.unit)
        return seen


@functools.lru_cache(maxsize=KEPT)
def _seen_images(beton: Beton, side: int, kind: str, corruption_seed: int, normalization: str) -> _SeenImages:
    size = (beton.height, beton.width)
    corruption = pixel_corruption(kind, corruption_seed, "train", size, beton.mean, beton.std)
    return _SeenImages(beton, side, corruption, normalization)
