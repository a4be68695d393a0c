"""Pixel corruption: the kernels do what NumPy and Python integers do, by seed, split and sample index alone."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from rethink.corruption.pixels import PixelCorruption, pixel_corruption
from tests.plain_pixels import expected_noise, expected_random_pixels, image_state

MEAN, STD = (73.0, 110.0, 140.0), (90.0, 20.0, 60.0)
PERMUTATIONS = ("shuffled_pixels", "random_pixels")
KINDS = (*PERMUTATIONS, "gaussian")
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 12, 10, 3), np.uint8)
INDICES = np.random.default_rng(1).permutation(60_000)[:40]


def corruption(kind: str, seed: int = 0, split: str = "train", size: tuple[int, int] = (12, 10)) -> PixelCorruption:
    return pixel_corruption(kind, seed, split, size, MEAN, STD)


def corrupted(
    kind: str, images: npt.NDArray[np.uint8] = IMAGES, indices: npt.NDArray[np.int64] = INDICES, **where: Any
) -> npt.NDArray[Any]:
    chosen = corruption(kind, size=images.shape[1:3], **where)
    out = np.empty(images.shape, chosen.dtype)
    chosen.apply(images, indices, out)
    return out


@pytest.mark.parametrize(("split", "split_key"), [("train", 2), ("test", 3)])
def test_random_pixels_equal_a_shuffle_in_plain_python(split: str, split_key: int) -> None:
    result = corrupted("random_pixels", seed=5, split=split)
    for image, index, mine in zip(IMAGES, INDICES, result, strict=True):
        assert np.array_equal(mine, expected_random_pixels(image, image_state(5, split_key, index)))


@pytest.mark.parametrize("size", [(12, 10), (5, 3), (1, 1), (3, 3)])
def test_gaussian_equals_the_quantiles_of_scipy(size: tuple[int, int]) -> None:
    images = np.zeros((4, *size, 3), np.uint8)
    result = corrupted("gaussian", images, INDICES[:4], seed=5) / 32
    for index, mine in zip(INDICES[:4], result, strict=True):
        np.testing.assert_allclose(
            mine, expected_noise((*size, 3), image_state(5, 2, index), MEAN, STD), atol=1 / 16, rtol=1e-4
        )


@pytest.mark.parametrize("split", ["train", "test"])
def test_shuffled_pixels_are_one_permutation_of_all_images_and_both_splits(split: str) -> None:
    places = np.arange(120, dtype=np.uint8)
    probe = np.repeat(places.reshape(1, 12, 10, 1), 3, axis=3)  # every pixel holds its original place
    permutation = corrupted("shuffled_pixels", probe, np.array([7]), split="train")[0, :, :, 0].ravel()
    assert sorted(permutation) == sorted(places)
    assert (permutation != places).any()
    expected = IMAGES.reshape(40, 120, 3)[:, permutation].reshape(IMAGES.shape)
    assert np.array_equal(corrupted("shuffled_pixels", split=split), expected)


@pytest.mark.parametrize("kind", PERMUTATIONS)
def test_permutations_keep_the_multiset_of_whole_pixels(kind: str) -> None:
    def pixels(images: npt.NDArray[np.uint8]) -> list[list[Any]]:
        return [sorted(map(tuple, image.reshape(-1, 3).tolist())) for image in images]

    assert pixels(corrupted(kind)) == pixels(IMAGES)
    assert not np.array_equal(corrupted(kind), IMAGES)


def test_random_permutations_are_uniform_and_each_images_own() -> None:
    """3 pixels have 6 orders; of 60,000 images about 10,000 take each."""
    probe = np.repeat(np.arange(3, dtype=np.uint8).reshape(1, 3, 1, 1), 3, axis=3).repeat(60_000, axis=0)
    result = corrupted("random_pixels", probe, np.arange(60_000))[:, :, 0, 0]
    counts = [int((result == order).all(1).sum()) for order in itertools.permutations(range(3))]
    assert sum(counts) == 60_000
    assert stats.chisquare(counts).pvalue > 1e-4


def test_every_place_of_a_shuffle_is_as_likely() -> None:
    """The place of pixel 0 is uniform over all places."""
    probe = np.zeros((20_000, 28, 28, 3), np.uint8)
    probe[:, 0, 0] = 255
    places = corrupted("random_pixels", probe, np.arange(20_000))[..., 0].reshape(20_000, -1).argmax(1)
    assert stats.chisquare(np.bincount(places, minlength=784)).pvalue > 1e-4
    permutations = np.stack([corruption("shuffled_pixels", seed, size=(28, 28)).table for seed in range(2000)])
    assert stats.chisquare(np.bincount(permutations[:, 0], minlength=784)).pvalue > 1e-4


def test_gaussian_has_the_moments_of_the_training_set_and_no_clipped_tail() -> None:
    noise = corrupted("gaussian", np.zeros((2000, 28, 28, 3), np.uint8), np.arange(2000)) / 32
    values = noise.reshape(-1, 3)
    n = len(values)
    for channel, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
        own = values[:, channel]
        assert abs(own.mean() - mean) < 5 * std / np.sqrt(n)
        assert abs(own.var() / std**2 - 1) < 5 * np.sqrt(2 / n)
        assert abs(stats.skew(own)) < 5 * np.sqrt(6 / n)
        assert abs(stats.kurtosis(own)) < 5 * np.sqrt(24 / n)
        assert own.min() < mean - 4 * std
    correlations = np.corrcoef(noise.reshape(2000, -1)[:, :200].T) - np.eye(200)
    assert np.abs(correlations).max() < 6 / np.sqrt(2000)


@pytest.mark.parametrize("kind", KINDS)
def test_the_corruption_of_an_image_depends_on_its_index_not_on_its_batch(kind: str) -> None:
    whole = corrupted(kind)
    for part in (slice(0, 1), slice(3, 17), slice(39, None, -3)):
        assert np.array_equal(corrupted(kind, IMAGES[part].copy(), INDICES[part]), whole[part])


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_and_splits_are_different_draws(kind: str) -> None:
    first, second = corrupted(kind, seed=0), corrupted(kind, seed=1)
    assert (first == second).mean() < 0.2
    if kind != "shuffled_pixels":  # one permutation serves both splits
        assert (first == corrupted(kind, seed=0, split="test")).mean() < 0.2


def test_the_true_pixels_stay_as_they_are() -> None:
    assert np.array_equal(corrupted("none"), IMAGES)


def test_a_picture_of_noise_is_its_rounded_and_clipped_grey_levels() -> None:
    picture = corruption("gaussian").picture(IMAGES, INDICES)
    expected = np.clip(np.rint(corrupted("gaussian") / 32), 0, 255)
    assert np.array_equal(picture, expected)
