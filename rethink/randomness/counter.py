"""Counter-based random numbers: each is a hash of (key, index) alone, so no call order or batch can change it."""

from typing import Any

import numpy as np
import numpy.typing as npt

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def mix64(x: Any) -> Any:
    """splitmix64's output function (Steele, Lea, Flood 2014): a bijection of uint64 with full avalanche."""
    x = x + _GAMMA
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def hash64(key: int, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """One uint64 for every index; another key gives an independent sequence."""
    mixed: npt.NDArray[np.uint64] = mix64(mix64(indices.astype(np.uint64)) ^ np.uint64(key))
    return mixed


def uniform(key: int, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Uniform draws in [0, 1), one for every index, multiples of 2⁻⁵³."""
    return (hash64(key, indices) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(key: int, indices: npt.NDArray[np.int64], below: int) -> npt.NDArray[np.int64]:
    """Uniform integers in [0, below), one for every index; the bias is under below · 2⁻³²."""
    high = hash64(key, indices) >> np.uint64(32)
    return ((high * np.uint64(below)) >> np.uint64(32)).astype(np.int64)
