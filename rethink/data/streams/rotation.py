"""Rotation of images: bilinear, in integers only, so that every processor gives the same bytes."""

import numpy as np
import numpy.typing as npt

from rethink.kernel import kernel

_BITS = 20  # cosines and sines are kept in 2⁻²⁰: at a radius of 2,000 pixels that moves a pixel by 0.001
_PI = 3.141592653589793


def turns(degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """(n, 2): cosine and sine, in units of 2⁻²⁰, of angles (n,) from -180 to 180 degrees."""
    x = degrees * (_PI / 180)
    cosine, sine = np.ones_like(x), np.ones_like(x)
    for k in range(15, 0, -1):  # π³²/32! < 2⁻⁵³. By their series: libraries differ in the last bit
        cosine = 1 - x * x / ((2 * k - 1) * 2 * k) * cosine
        sine = 1 - x * x / (2 * k * (2 * k + 1)) * sine
    return np.rint(2.0**_BITS * np.stack([cosine, x * sine], 1)).astype(np.int64)


@kernel
def rotate(images, out, turns):  # type: ignore[no-untyped-def]
    """Each image (n, side, side, 3) turned about its centre, counterclockwise for positive angles, black beyond edges.

    A pixel is the mean of the four around the place that it comes from, weighted by nearness, rounded half up.
    """
    n, side = images.shape[0], images.shape[1]
    last, bits = side - 1, _BITS + 1  # places are in units of 2⁻²¹: the centre may lie between pixels
    one = np.int64(1) << bits
    half = one * one >> 1
    for i in range(n):
        cosine, sine = turns[i, 0], turns[i, 1]
        for y in range(side):
            for x in range(side):
                right, down = 2 * x - last, 2 * y - last  # half pixels from the centre
                column = cosine * right - sine * down + last * (one >> 1)
                row = sine * right + cosine * down + last * (one >> 1)
                left, top = column >> bits, row >> bits
                to_right, to_below = column - (left << bits), row - (top << bits)
                red = green = blue = half
                for source_row, height in ((top, one - to_below), (top + 1, to_below)):
                    for source_column, width in ((left, one - to_right), (left + 1, to_right)):
                        if 0 <= source_row <= last and 0 <= source_column <= last:
                            red += height * width * images[i, source_row, source_column, 0]
                            green += height * width * images[i, source_row, source_column, 1]
                            blue += height * width * images[i, source_row, source_column, 2]
                out[i, y, x, 0], out[i, y, x, 1], out[i, y, x, 2] = red >> 2 * bits, green >> 2 * bits, blue >> 2 * bits
