"""Rotation: like SciPy and PIL, but exactly the same on every processor; distribution and determinism of angles."""

import hashlib

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch
from scipy import ndimage, stats

from rethink.corruption.pixels import pixel_corruption
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.stored_samples import StoredPixels
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.rotation import rotate, turns

CPU = torch.device("cpu")
INDICES = np.random.default_rng(0).permutation(5000)[:300]
ANGLES = np.array([0.0, 25.0, -13.7, 1e-3, 60.0, 137.0, -180.0])


def noise(side: int, dtype: type = np.uint8, least: int = 0, most: int = 255) -> npt.NDArray[np.integer]:
    return np.random.default_rng(side).integers(least, most, (len(ANGLES), side, side, 3), endpoint=True).astype(dtype)


def turned(images: npt.NDArray[np.integer], degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.integer]:
    out = np.empty_like(images)
    rotate(images, out, turns(degrees))
    return out


def by_scipy(image: npt.NDArray[np.integer], degrees: float) -> npt.NDArray[np.float64]:
    """Bilinear around the centre, counterclockwise, zero beyond the edges: (side, side, 3)."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix, centre = np.array([[cosine, sine], [-sine, cosine]]), np.full(2, (len(image) - 1) / 2)
    settings = {"offset": centre - matrix @ centre, "order": 1, "mode": "grid-constant"}
    channels = [ndimage.affine_transform(image[..., c].astype(np.float64), matrix, **settings) for c in range(3)]
    return np.stack(channels, -1)


@pytest.mark.parametrize("side", [28, 31])
@pytest.mark.parametrize(("dtype", "least", "most"), [(np.uint8, 0, 255), (np.int16, -9000, 17000)])
def test_pixels_are_scipys_to_half_a_unit_and_a_hair(dtype: type, least: int, most: int, side: int) -> None:
    images = noise(side, dtype, least, most)
    hair = (most - least) * side * 2.0**-20  # of the cosine's and sine's rounding, twice
    for image, own, degrees in zip(images, turned(images, ANGLES), ANGLES, strict=True):
        assert np.abs(own - by_scipy(image, degrees)).max() <= 0.5 + hair


def test_the_direction_is_pils_and_quarters_are_exact() -> None:
    images = noise(28)
    for quarters in (0, 1, 2, -1):
        own = turned(images, np.full(len(images), 90.0 * quarters))
        assert np.array_equal(own, np.rot90(images, quarters, axes=(1, 2)))
    smooth = np.array(PIL.Image.fromarray(images[0].astype(np.uint8)[:4, :4]).resize((64, 64)))
    theirs = np.asarray(PIL.Image.fromarray(smooth).rotate(25, PIL.Image.Resampling.BILINEAR), np.float64)
    inside = (slice(16, 48),) * 2
    assert np.abs(turned(smooth[None], np.array([25.0]))[0] - theirs)[inside].max() <= 1


def test_the_bytes_are_those_of_every_machine() -> None:
    degrees = np.linspace(-180, 180, 100_001)
    exact = np.stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))], 1) * 2**20
    assert np.abs(turns(degrees) - exact).max() <= 0.5 + 1e-6
    pattern = (np.arange(len(ANGLES) * 28 * 28 * 3) * 7919 >> 3).astype(np.uint8).reshape(-1, 28, 28, 3)
    content = turns(degrees).tobytes() + turned(pattern, ANGLES).tobytes()
    assert hashlib.sha256(content).hexdigest() == "894c987b29084cdf3d1483881c4bc92c2450d6d8a852216daae6ca678e6f1982"


def test_angles_are_uniform_and_depend_on_seed_epoch_and_index_alone() -> None:
    many = np.arange(50_000)
    drawn = Augmentation(None, True, 0, 1, rotation=25.0)
    angles = drawn.angles(many)
    assert stats.kstest(angles, stats.uniform(-25, 50).cdf).pvalue > 1e-4
    assert np.abs(angles).max() <= 25
    assert np.array_equal(drawn.angles(many[::-1][:99]), angles[::-1][:99])
    mirrored = drawn.views(many, (28, 28), 28)[:, 2]
    others = [Augmentation(None, True, *place, rotation=25.0).angles(many) for place in ((1, 1), (0, 2))]
    for other in (*others, mirrored, angles[np.roll(many, 1)]):
        assert abs(np.corrcoef(angles, other)[0, 1]) < 5 / np.sqrt(len(many))
    wider = Augmentation(None, False, 0, 1, rotation=100.0).angles(many)
    np.testing.assert_allclose(wider, 4 * angles)


def read(stream: BetonStream, drawn: Augmentation | None, batch_size: int = 128) -> npt.NDArray[np.float32]:
    return torch.cat([b.images.clone() for b in stream.batches(INDICES, batch_size, drawn)]).numpy()


def test_the_network_is_given_the_crop_mirrored_and_then_turned(prepared: PreparedData) -> None:
    stream = BetonStream(prepared.train, read_ahead=False)
    uncorrupted = pixel_corruption("none", 0, "train", (28, 28), (0.0,), (1.0,))
    stream.configure(20, stream.true_labels, uncorrupted, "unit")
    drawn = Augmentation(None, True, 3, 2, rotation=25.0)
    mirrored = drawn.views(INDICES, (28, 28), 20)[:, 2]
    centres = StoredPixels(prepared.train).read(INDICES)[:, 4:24, 4:24]
    upright = [image[:, ::-1] if flip else image for image, flip in zip(centres, mirrored, strict=True)]
    expected = np.stack([by_scipy(*one) for one in zip(upright, drawn.angles(INDICES), strict=True)])
    given = (read(stream, drawn).transpose(0, 2, 3, 1) + 1) * 127.5
    assert np.abs(given - expected).max() < 0.51
    assert np.array_equal(read(stream, drawn, 1), read(stream, drawn, 7919))
    plain = read(stream, None)
    assert not np.array_equal(plain, read(stream, drawn))
    assert np.array_equal(plain, read(stream, Augmentation(None, False, 3, 2)))
    stream.configure(
        20, stream.true_labels, pixel_corruption("gaussian", 0, "train", (28, 28), (73.0,) * 3, (90.0,) * 3)
    )
    noisy = read(stream, drawn)
    assert np.isfinite(noisy).all()
    assert np.array_equal(noisy, read(stream, drawn, 7))
