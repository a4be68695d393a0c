"""Augmentation: the random crop and flip of every training image, a pure function of (seed, epoch, sample index)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rethink.corruption import counter
from rethink.randomness import key64

_TOP, _LEFT, _MIRRORED = 1, 2, 3  # the draws of a sample


@dataclass(frozen=True)
class Augmentation:
    """What is drawn anew in an epoch (from 1): the crop's place, where `padding` is not none, and the mirroring."""

    padding: int | None  # black pixels added on every side before the random crop; none: the centre crop
    flip: bool
    seed: int
    epoch: int

    def views(self, indices: npt.NDArray[np.int64], size: tuple[int, int], crop: int) -> npt.NDArray[np.int64]:
        """(n, 3): top and left (pixels, may be negative: in the padding) and mirrored (0 or 1) of each sample's crop.

        `size` is the stored images' (height, width). Every place of the crop in the padded image is equally likely.
        """
        views = centre_views(len(indices), size, crop)
        if self.padding is not None:
            for column, draw in enumerate((_TOP, _LEFT)):
                places = size[column] + 2 * self.padding - crop + 1
                views[:, column] = counter.integers(self._key(draw), indices, places) - self.padding
        if self.flip:
            views[:, 2] = counter.integers(self._key(_MIRRORED), indices, 2)
        return views

    def _key(self, draw: int) -> int:
        return key64("augmentation", self.seed, self.epoch, draw)


def centre_views(number: int, size: tuple[int, int], crop: int) -> npt.NDArray[np.int64]:
    """(number, 3): the views of unaugmented images, the centre crop as it is."""
    return np.tile(np.array([(size[0] - crop) // 2, (size[1] - crop) // 2, 0]), (number, 1))
