"""From stored bytes to what the network sees: the image operations of each kind of beton."""

from typing import Any, Protocol

from rethink.corruption.pixels import PixelCorruption, pixel_corruption
from rethink.data.betons.beton import Beton
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.corruption_operations import CorruptedPixels
from rethink.data.streams.jpeg_operations import JpegViews
from rethink.data.streams.raw_operations import CroppedImages, NormalizedImages, StoredImages
from rethink.data.streams.uncached_file import UncachedFile


class ImagePipeline(Protocol):
    """The interface that BetonStream uses for both kinds."""

    operations: list[Any]  # of FFCV, the last gives (n, side, side, 3) float32

    def configure(self, side: int, pixels: PixelCorruption | None, normalization: str, view: str) -> bool:
        """Set what holds for all passes; true if the memory of batches changes. Raises ValueError for unfit values."""

    def augment(self, augmentation: Augmentation | None) -> None:
        """For the next pass."""

    def close(self) -> None:
        """End threads."""


class RawPipeline:
    """Uncompressed images of one size: corrupted as they are stored, cropped, normalized."""

    def __init__(self, beton: Beton, file: UncachedFile | None) -> None:
        self._size = (beton.height, beton.width)
        self._uncorrupted = pixel_corruption("none", 0, "train", self._size, beton.mean, beton.std)
        self._pixels = CorruptedPixels(self._uncorrupted)
        self._crops, self._normalized = CroppedImages(min(self._size)), NormalizedImages()
        self.operations = [StoredImages(*self._size, file), self._pixels, self._crops, self._normalized]

    def configure(self, side: int, pixels: PixelCorruption | None, normalization: str, view: str) -> bool:
        if view != "centre":
            raise ValueError(f"view {view} is for JPEG images, not uncompressed ones of one size")
        if not 1 <= side <= min(self._size):
            raise ValueError(f"a crop of {side} does not fit images of {self._size[0]} x {self._size[1]}")
        pixels = pixels or self._uncorrupted
        before = (self._crops.crop, self._pixels.corruption.kind)
        self._crops.crop, self._pixels.corruption = side, pixels
        self._normalized.unit, self._normalized.normalization = pixels.unit, normalization
        return before != (side, pixels.kind)

    def augment(self, augmentation: Augmentation | None) -> None:
        self._crops.augmentation = augmentation

    def close(self) -> None:
        """There is no thread."""


class JpegPipeline:
    """JPEG images of any size: decoded, cropped, scaled and normalized in one operation, by `readers` threads."""

    def __init__(self, beton: Beton, file: UncachedFile | None, readers: int) -> None:
        self._views = JpegViews(beton.path, readers, file)
        self.operations = [self._views]

    def configure(self, side: int, pixels: PixelCorruption | None, normalization: str, view: str) -> bool:
        if pixels is not None and pixels.kind != "none":
            raise ValueError(f"pixel corruption {pixels.kind} is for uncompressed images of one size, not JPEG")
        if side < 1:
            raise ValueError(f"a view of {side} pixels is empty")
        before = self._views.side
        self._views.side, self._views.normalization, self._views.view = side, normalization, view
        return before != side

    def augment(self, augmentation: Augmentation | None) -> None:
        self._views.augmentation = augmentation

    def close(self) -> None:
        self._views.close()
