"""Pixel corruption in plain Python integers and SciPy, which the compiled kernels must equal."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from rethink.randomness.streams import seed_sequence

MASK = 2**64 - 1


def splitmix64(x: int) -> int:
    """Steele, Lea and Flood's output function, in Python's own integers."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
    return x ^ x >> 31


def image_state(seed: int, split_key: int, index: int) -> int:
    key = int(seed_sequence("pixel_corruption", seed, split_key).generate_state(1, np.uint64)[0])
    return splitmix64(splitmix64(int(index)) ^ key)


def expected_random_pixels(image: npt.NDArray[np.uint8], state: int) -> npt.NDArray[np.uint8]:
    """Fisher and Yates inside out, on a list."""
    shuffled: list[Any] = []
    for k, pixel in enumerate(image.reshape(-1, 3).tolist()):
        draw = splitmix64((state + k // 2) & MASK) >> 32 * (k % 2) & 0xFFFFFFFF
        place = draw * (k + 1) >> 32
        shuffled.append(pixel)
        shuffled[k], shuffled[place] = shuffled[place], pixel
    return np.array(shuffled, np.uint8).reshape(image.shape)


def expected_noise(
    shape: tuple[int, int, int], state: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Grey levels: the normal quantile (by scipy) of 16 random bits per value."""
    size = int(np.prod(shape))
    bits = [splitmix64((state + v // 4) & MASK) >> 16 * (v % 4) & 0xFFFF for v in range(size)]
    z = stats.norm.ppf((np.array(bits) + 0.5) / 65536)
    return z.reshape(shape) * std + mean
