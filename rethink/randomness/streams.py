"""Named random streams: each is a pure function of its seed and keys, and no two share a draw."""

import numpy as np
import numpy.typing as npt

# Appending is safe; renumbering changes every result.
STREAMS = {
    "initialization": 1,
    "batch_order": 2,
    "augmentation": 3,
    "dropout": 4,
    "label_corruption": 5,
    "pixel_corruption": 6,
    "training_subset": 7,
    "search": 8,
    "perturbations": 10,
}


def seed_sequence(stream: str, seed: int, *keys: int) -> np.random.SeedSequence:
    """The seed sequence of a named stream, for a seed and further keys such as the epoch (all non-negative)."""
    return np.random.SeedSequence(entropy=(STREAMS[stream], seed, *keys))


def generator(stream: str, seed: int, *keys: int) -> np.random.Generator:
    """A NumPy generator at the start of the named stream."""
    return np.random.default_rng(seed_sequence(stream, seed, *keys))


def key64(stream: str, seed: int, *keys: int) -> int:
    """One uint64 of the named stream: a key for counter-based hashing, or a seed for torch."""
    return int(seed_sequence(stream, seed, *keys).generate_state(1, np.uint64)[0])


def raw_draws(count: int, stream: str, seed: int, *keys: int) -> npt.NDArray[np.uint64]:
    """(count,) uint64 of the named stream. NumPy promises these to stay the same in every version."""
    draws: npt.NDArray[np.uint64] = generator(stream, seed, *keys).bit_generator.random_raw(count)
    return draws
