"""Augmentation: random crop, flip and rotation of training images, a pure function of (seed, epoch, sample index)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rethink.randomness import counter
from rethink.randomness.streams import key64

_TOP, _LEFT, _MIRRORED, _AREA, _RATIO, _ANGLE = 1, 2, 3, 4, 5, 6  # the draws of a sample
_CENTRE = 224 / 256  # side of the centre crop over the image's shorter side, as usual with ImageNet
_LEAST_AREA = 0.08  # of the image, in a random resized crop (Szegedy et al. 2014); the most is all of it
_LEAST_RATIO, _MOST_RATIO = 3 / 4, 4 / 3  # of width and height
_LOG_RATIO = 0.28768207245178093  # log 4/3; not computed: libraries differ in the last bit
_TRIES = 10


@dataclass(frozen=True)
class Augmentation:
    """The random draws of an epoch (from 1): the crop's place, if `padding` is not none, mirroring and rotation.

    Images of any size have `boxes`, drawn if `resized`; those of one size have `views`. The visible part is mirrored
    first, then turned.
    """

    padding: int | None  # black pixels added on every side before the random crop; none: the centre crop
    flip: bool
    seed: int
    epoch: int
    resized: bool = False  # random resized crops; else the view that is not augmented
    rotation: float = 0.0  # greatest angle, degrees

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

    def angles(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(n,): the angle of each sample in degrees, uniform from -rotation to rotation."""
        return self.rotation * (2 * counter.uniform(self._key(_ANGLE), indices) - 1)

    def boxes(
        self,
        indices: npt.NDArray[np.int64],
        heights: npt.NDArray[np.int64],
        widths: npt.NDArray[np.int64],
        view: str = "centre",
    ) -> npt.NDArray[np.int64]:
        """(n, 5): top, left, height, width (pixels) and mirrored (0 or 1) of the part of each image that is scaled.

        Random resized crops as torchvision and FFCV draw them: area uniform in 8 to 100% of the image, ratio of width
        and height log-uniform in 3/4 to 4/3, ten tries to fit it in, else the largest centred part of a near ratio.
        Without them, those of `plain_boxes`.
        """
        boxes = self._random_boxes(indices, heights, widths) if self.resized else plain_boxes(view, heights, widths)
        if self.flip:
            boxes[:, 4] = counter.integers(self._key(_MIRRORED), indices, 2)
        return boxes

    def _random_boxes(
        self, indices: npt.NDArray[np.int64], heights: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        tries = indices[:, None] * _TRIES + np.arange(_TRIES)  # (n, 10): all at once, the first that fits is taken
        rows, columns = heights[:, None], widths[:, None]
        area = rows * columns * (_LEAST_AREA + (1 - _LEAST_AREA) * counter.uniform(self._key(_AREA), tries))
        ratio = _exp(_LOG_RATIO * (2 * counter.uniform(self._key(_RATIO), tries) - 1))
        width, height = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
        fits = np.logical_and.reduce([width > 0, width <= columns, height > 0, height <= rows])
        top = np.floor(counter.uniform(self._key(_TOP), tries) * (rows - height + 1))
        left = np.floor(counter.uniform(self._key(_LEFT), tries) * (columns - width + 1))
        drawn = np.stack([top, left, height, width, np.zeros_like(top)], 2)  # (n, 10, 5)
        first = drawn[np.arange(len(indices)), fits.argmax(1)]
        return np.where(fits.any(1)[:, None], first, _fallback_boxes(heights, widths)).astype(np.int64)

    def _key(self, draw: int) -> int:
        return key64("augmentation", self.seed, self.epoch, draw)


def centre_views(number: int, size: tuple[int, int], crop: int) -> npt.NDArray[np.int64]:
    """(number, 3): the views of unaugmented images, the centre crop as it is."""
    return np.tile(np.array([(size[0] - crop) // 2, (size[1] - crop) // 2, 0]), (number, 1))


def plain_boxes(view: str, heights: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(n, 5): the boxes of unaugmented images, not mirrored: all of each, or a centred square of 7/8 of its shorter
    side."""
    if view == "whole":
        return _centred(heights, widths, heights, widths)
    side = (_CENTRE * np.minimum(heights, widths)).astype(np.int64)
    return _centred(heights, widths, side, side)


def _fallback_boxes(heights: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The largest centred boxes whose ratio is allowed."""
    height = np.where(widths < _LEAST_RATIO * heights, np.rint(widths / _LEAST_RATIO), heights).astype(np.int64)
    width = np.where(widths > _MOST_RATIO * heights, np.rint(heights * _MOST_RATIO), widths).astype(np.int64)
    return _centred(heights, widths, height, width)


def _centred(
    heights: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
    height: npt.NDArray[np.int64],
    width: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    return np.stack([(heights - height) // 2, (widths - width) // 2, height, width, np.zeros_like(height)], 1)


def _exp(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """e^x for |x| < 0.3 by its series. NumPy's own differs in the last bit from processor to processor."""
    result = np.ones_like(x)
    for k in range(13, 0, -1):  # 0.3¹⁴ / 14! < 2⁻⁵³
        result = 1 + x / k * result
    return result
