"""ChannelMoments: mean and standard deviation of pixels per channel, exact for any number and order."""

from collections.abc import Iterable


class ChannelMoments:
    """Sums up three channels of uint8 pixels in integers."""

    def __init__(self) -> None:
        self._pixels, self._sums, self._squares = 0, [0, 0, 0], [0, 0, 0]

    def add(self, pixels: int, sums: Iterable[int], squares: Iterable[int]) -> None:
        """Add that many pixels by the sums of their values and of their squared values, per channel."""
        self._pixels += pixels
        self._sums = [total + int(more) for total, more in zip(self._sums, sums, strict=True)]
        self._squares = [total + int(more) for total, more in zip(self._squares, squares, strict=True)]

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, 0-255."""
        return tuple(total / self._pixels for total in self._sums)

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, 0-255."""
        n = self._pixels
        moments = zip(self._sums, self._squares, strict=True)
        return tuple(((n * squares - total**2) / n**2) ** 0.5 for total, squares in moments)
