"""Augmentation: views depend only on (seed, epoch, index), are uniform, and equal what NumPy cuts out."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import RandomResizedCrop

from rethink.corruption.pixels import pixel_corruption
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.stored_samples import StoredPixels
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.beton_stream import BetonStream

CPU = torch.device("cpu")
INDICES = np.random.default_rng(0).permutation(5000)[:300]


def augmentation(padding: int | None = 4, flip: bool = True, seed: int = 0, epoch: int = 1) -> Augmentation:
    return Augmentation(padding, flip, seed, epoch)


@pytest.fixture(scope="module")
def stream(prepared: PreparedData) -> BetonStream:
    return BetonStream(prepared.train, read_ahead=False)


def by_numpy(images: np.ndarray, views: np.ndarray, crop: int) -> np.ndarray:  # type: ignore[type-arg]
    """Pad with zeros, slice, mirror, standardize: (n, H, W, 3) uint8 -> (n, 3, crop, crop)."""
    pad, cut = 28, []
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    for image, (top, left, mirrored) in zip(padded, views, strict=True):
        view = image[pad + top : pad + top + crop, pad + left : pad + left + crop].astype(np.float64)
        cut.append(view[:, ::-1] if mirrored else view)
    pixels = np.stack(cut)
    mean, std = pixels.mean((1, 2, 3), keepdims=True), pixels.std((1, 2, 3), keepdims=True)
    standardized: np.ndarray = (pixels - mean) / np.maximum(std, 1 / np.sqrt(crop * crop * 3))  # type: ignore[type-arg]
    return standardized.transpose(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("padding", "flip", "crop"), [(4, True, 28), (4, False, 28), (0, True, 20), (None, True, 28), (12, True, 5)]
)
def test_the_network_is_given_the_views_that_numpy_cuts_out(
    stream: BetonStream, prepared: PreparedData, padding: int | None, flip: bool, crop: int
) -> None:
    stream.configure(crop, stream.true_labels, pixel_corruption("none", 0, "train", (28, 28), (0.0,), (1.0,)))
    drawn = augmentation(padding, flip)
    views = drawn.views(INDICES, (28, 28), crop)
    given = torch.cat([b.images.clone() for b in stream.batches(INDICES, 64, drawn)]).numpy()
    expected = by_numpy(StoredPixels(prepared.train).read(INDICES), views, crop)
    np.testing.assert_allclose(given, expected, rtol=0, atol=2e-6)


def test_the_next_pass_is_unaugmented_unless_it_asks(stream: BetonStream) -> None:
    stream.configure(28, stream.true_labels, pixel_corruption("none", 0, "train", (28, 28), (0.0,), (1.0,)))
    plain = next(stream.batches(INDICES, 300)).images.clone()
    augmented = next(stream.batches(INDICES, 300, augmentation())).images.clone()
    assert not torch.equal(plain, augmented)
    assert torch.equal(next(stream.batches(INDICES, 300)).images, plain)


@pytest.mark.parametrize("batch_size", [1, 100, 7919])
def test_bytes_do_not_depend_on_batch_size_or_order(stream: BetonStream, batch_size: int) -> None:
    stream.configure(28, stream.true_labels, pixel_corruption("random_pixels", 0, "train", (28, 28), (0.0,), (1.0,)))
    expected = torch.cat([b.images.clone() for b in stream.batches(INDICES, 128, augmentation())])
    order = np.random.default_rng(1).permutation(300)
    given = torch.cat([b.images.clone() for b in stream.batches(INDICES[order], batch_size, augmentation())])
    assert torch.equal(given, expected[order])


def test_every_place_of_the_crop_and_both_directions_are_as_likely() -> None:
    views = augmentation().views(np.arange(81_000), (28, 28), 28)
    assert views[:, :2].min() == -4
    assert views[:, :2].max() == 4
    places = np.bincount((views[:, 0] + 4) * 9 + views[:, 1] + 4, minlength=81)
    assert stats.chisquare(places).pvalue > 1e-4
    assert stats.binomtest(int(views[:, 2].sum()), 81_000).pvalue > 1e-4
    assert abs(np.corrcoef(views.T) - np.eye(3)).max() < 5 / np.sqrt(81_000)


def test_another_epoch_or_seed_is_another_draw_and_the_same_is_the_same() -> None:
    first = augmentation().views(INDICES, (28, 28), 28)
    assert np.array_equal(first, augmentation().views(INDICES, (28, 28), 28))
    for other in (augmentation(epoch=2), augmentation(seed=1)):
        assert (first == other.views(INDICES, (28, 28), 28)).all(1).mean() < 0.05


def test_what_is_off_stays_in_the_centre() -> None:
    assert (augmentation(padding=None).views(INDICES, (32, 30), 28)[:, :2] == (2, 1)).all()
    assert (augmentation(flip=False).views(INDICES, (32, 32), 28)[:, 2] == 0).all()


SIZES = {"usual": (375, 500), "tall": (640, 200), "hard to fit": (90, 240)}  # height, width


def boxes(size: tuple[int, int], n: int, **changes: int) -> np.ndarray:  # type: ignore[type-arg]
    drawn = Augmentation(None, True, changes.get("seed", 0), changes.get("epoch", 1), resized=True)
    return drawn.boxes(np.arange(n), np.full(n, size[0]), np.full(n, size[1]))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_random_resized_crops_are_distributed_as_torchvisions(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    image, n = torch.zeros(3, *size), 4000
    theirs = np.array([RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(n)])
    ours = boxes(size, n)
    for what in (
        lambda b: b[:, 2] * b[:, 3],  # area
        lambda b: b[:, 3] / b[:, 2],  # ratio
        lambda b: b[:, 0],
        lambda b: b[:, 1],
        lambda b: b[:, 0] + b[:, 2],
        lambda b: b[:, 1] + b[:, 3],
    ):
        assert stats.ks_2samp(what(ours), what(theirs)).pvalue > 1e-3


def test_random_resized_crops_fill_their_ranges_and_lie_inside() -> None:
    drawn = boxes((3000, 4000), 50_000)
    top, left, height, width, mirrored = drawn.T
    assert 0.08 - 1e-3 < (height * width / 12e6).min() < 0.081
    assert (height * width / 12e6).max() > 0.99
    assert 3 / 4 - 1e-3 < (width / height).min() < 0.751
    assert 1.332 < (width / height).max() < 4 / 3 + 1e-3
    small = height * width < 0.4 * 12e6  # these always fit: area uniform, ratio log-uniform, every place as likely
    assert stats.kstest((height * width / 12e6)[small], stats.uniform(0.08, 0.32).cdf).pvalue > 0.01
    log_ratio = stats.uniform(-np.log(4 / 3), 2 * np.log(4 / 3))
    assert stats.kstest(np.log(width / height)[small], log_ratio.cdf).pvalue > 0.01
    assert stats.kstest((top / (3000 - height))[small], "uniform").pvalue > 0.01
    assert stats.kstest((left / (4000 - width))[small], "uniform").pvalue > 0.01
    assert (drawn >= 0).all()
    assert (top + height).max() <= 3000
    assert (left + width).max() <= 4000
    assert stats.binomtest(int(mirrored.sum()), 50_000).pvalue > 1e-4


@pytest.mark.parametrize("size", [(20, 500), (500, 20), (30, 600), (4, 97)])
def test_where_no_try_can_fit_the_crop_is_torchvisions(size: tuple[int, int]) -> None:
    expected = RandomResizedCrop.get_params(torch.zeros(3, *size), [0.08, 1.0], [3 / 4, 4 / 3])
    assert (boxes(size, 100)[:, :4] == expected).all()


def test_boxes_depend_on_seed_epoch_and_index_alone() -> None:
    heights, widths = np.random.default_rng(0).integers(100, 500, (2, 5000))
    drawn = Augmentation(None, True, 0, 1, resized=True)
    together = drawn.boxes(INDICES, heights[INDICES], widths[INDICES])
    alone = [
        drawn.boxes(INDICES[i : i + 1], heights[INDICES[i : i + 1]], widths[INDICES[i : i + 1]]) for i in range(300)
    ]
    assert np.array_equal(together, np.concatenate(alone))
    for seed, epoch in ((1, 1), (0, 2)):
        other = Augmentation(None, True, seed, epoch, resized=True)
        assert (together == other.boxes(INDICES, heights[INDICES], widths[INDICES])).all(1).mean() < 0.05


def test_without_resizing_the_box_is_the_centre_and_only_mirrored() -> None:
    sizes = np.array([375, 500, 299, 5]), np.array([500, 333, 299, 4])
    expected = [(23, 86, 328, 328), (104, 21, 291, 291), (19, 19, 261, 261), (1, 0, 3, 3)]
    for flip in (True, False):
        drawn = Augmentation(None, flip, 0, 1).boxes(np.arange(4), *sizes)
        assert drawn[:, :4].tolist() == [list(box) for box in expected]
        assert flip or not drawn[:, 4].any()
    many = np.full(10_000, 300)
    mirrored = Augmentation(None, True, 0, 1).boxes(np.arange(10_000), many, many)[:, 4]
    views = Augmentation(None, True, 0, 1).views(np.arange(10_000), (300, 300), 300)
    assert np.array_equal(mirrored, views[:, 2])
