"""BetonStream: batches of a beton in any order, with any corruption, from one FFCV loader that is never rebuilt."""

import functools
import weakref
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rethink.corruption.pixels import PixelCorruption
from rethink.data.betons.beton import Beton
from rethink.data.betons.verification import verify
from rethink.data.ffcv_bridge.runtime import Loader, OrderOption, SafeEpochIterator, ToTensor, ToTorchImage
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.corruption_operations import LabelLookup
from rethink.data.streams.image_pipelines import ImagePipeline, JpegPipeline, RawPipeline
from rethink.data.streams.samples import Batch, check_order
from rethink.data.streams.uncached_file import UncachedFile

RINGS = 2  # sizes of batches whose memory is kept: training and evaluation


class BetonStream:
    """Reads one beton for many trials; whatever a trial sets may change between passes. One pass at a time.

    FFCV leaks with every loader built, so a process keeps one stream per beton. `read_ahead` prepares batches in a
    thread while the last one is used. That helps on a GPU; on a CPU the thread would only take the training's own core.
    `readers` threads decode the images of a batch of JPEG; they end with the stream. Without `os_cache` nothing of the
    file stays in memory, for files larger than memory. None of these changes a byte. Raises what `verify` raises.
    """

    def __init__(self, beton: Beton, read_ahead: bool, readers: int = 1, os_cache: bool = True) -> None:
        verify(beton)
        self.beton = beton
        self._read_ahead = read_ahead
        file = None if os_cache else UncachedFile(beton.path)
        self._images: ImagePipeline = JpegPipeline(beton, file, readers) if beton.jpeg else RawPipeline(beton, file)
        weakref.finalize(self, _close, self._images, file)
        self._labels = LabelLookup(np.zeros(0, np.int64))
        self._loader = Loader(
            str(beton.path),
            batch_size=1,
            num_workers=1,
            order=OrderOption.SEQUENTIAL,
            drop_last=False,
            pipelines={
                "image": [*self._images.operations, ToTensor(), ToTorchImage(channels_last=True)],
                "label": [self._labels, ToTensor()],
            },
        )
        # FFCV allocates a new ring of batches for every pass; passes of one size can share one.
        self._rings = functools.lru_cache(maxsize=RINGS)(self._loader.graph.allocate_memory)
        self._loader.graph.allocate_memory = self._rings
        self._in_pass = False
        self.true_labels: npt.NDArray[np.int64] = np.ascontiguousarray(self._loader.reader.metadata["f1"])
        self._labels.table = self.true_labels
        if file is not None:
            file.forget()  # what reading the checksum and the tables left in the cache

    def configure(
        self,
        side: int,
        labels: npt.NDArray[np.int64],
        pixels: PixelCorruption | None,
        normalization: str = "per_image",
        view: str = "centre",
    ) -> None:
        """Set the side of what the network sees (pixels), the label of every sample (N,), the pixel corruption (JPEG:
        none), the normalization and the view (JPEG: centre or whole) for all passes."""
        if labels.shape != self.true_labels.shape:
            raise ValueError(f"{labels.shape[0]} labels for {self.true_labels.shape[0]} samples")
        if self._images.configure(side, pixels, normalization, view):
            self._rings.cache_clear()
        self._labels.table = np.ascontiguousarray(labels, np.int64)

    def batches(
        self, order: npt.NDArray[np.int64], batch_size: int, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        """The samples of `order` as Samples has them, in the CPU's memory.

        Raises IndexError at once for an index outside the data set, RuntimeError if another pass has not ended, and
        PipelineError when a stage fails. Closing or dropping the iterator ends the pass and FFCV's thread.
        """
        check_order(order, len(self.true_labels))
        return self._batches(order, batch_size, augmentation)

    def _batches(
        self, order: npt.NDArray[np.int64], batch_size: int, augmentation: Augmentation | None
    ) -> Iterator[Batch]:
        if self._in_pass:
            raise RuntimeError(f"two passes over {self.beton.path} at once would share their memory")
        self._loader.batch_size = batch_size
        self._images.augment(augmentation)
        iterator = SafeEpochIterator(self._loader, order, in_background=self._read_ahead)
        self._in_pass = True
        try:
            for start, (images, labels) in enumerate(iterator):
                indices = order[start * batch_size : (start + 1) * batch_size]
                yield Batch(images, labels.squeeze(1), indices)
        finally:
            iterator.stop()
            self._in_pass = False


def _close(images: ImagePipeline, file: UncachedFile | None) -> None:
    images.close()
    if file is not None:
        file.close()
