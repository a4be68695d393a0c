"""Samples in the memory of the device that trains, read once and then gathered by index.

The bytes are those of the stream, so no result depends on where samples lie. On a GPU random crops and mirroring are
computed there: whole numbers and single operations of float64, whose bits are the CPU's too.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from rethink.corruption.pixels import PixelCorruption
from rethink.data.betons.stored_samples import StoredPixels
from rethink.data.streams.augmentation import Augmentation, centre_views
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.crops import crop, crop_on_device
from rethink.data.streams.normalization import (
    measure,
    normalize,
    normalize_on_device,
    standardize_at,
)
from rethink.data.streams.samples import Batch, check_order

_READ = 128  # images that are read at a time
Indices = npt.NDArray[np.int64]


class _Kept:
    """Which samples of a split are kept, at which positions, and their labels."""

    def __init__(self, indices: Indices, samples: int, device: torch.device) -> None:
        self.indices = indices
        self.device = device
        self._positions = np.full(samples, -1, np.int64)
        self._positions[indices] = np.arange(len(indices))
        self._labels = torch.empty(0, dtype=torch.int64)

    def label(self, given: Indices) -> None:
        self._labels = torch.from_numpy(given[self.indices]).to(self.device)

    def parts(self, order: Indices, batch_size: int) -> Iterator[tuple[Indices, torch.Tensor, torch.Tensor]]:
        """(indices, positions on the device, labels) of each batch. Raises IndexError at once for one not kept."""
        check_order(order, len(self._positions))
        positions = self._positions[order]
        if positions.min() < 0:
            raise IndexError(f"sample {order[positions.argmin()]} is not one of the {len(self.indices)} that are kept")
        on_device = torch.from_numpy(positions).to(self.device)
        return self._parts(order, on_device, batch_size)

    def _parts(
        self, order: Indices, positions: torch.Tensor, batch_size: int
    ) -> Iterator[tuple[Indices, torch.Tensor, torch.Tensor]]:
        for start in range(0, len(order), batch_size):
            part = slice(start, start + batch_size)
            yield order[part], positions[part], self._labels.index_select(0, positions[part])


class ResidentSamples:
    """Samples as the network sees them where they are not augmented; read from their stream at the first pass."""

    def __init__(self, stream: BetonStream, indices: Indices, side: int, device: torch.device) -> None:
        self.true_labels = stream.true_labels
        self._stream = stream
        self._side = side
        self._kept = _Kept(indices, len(stream.true_labels), device)
        self._images: torch.Tensor | None = None  # (n, side · side · 3) float32

    def label(self, given: Indices) -> None:
        """Take the labels of the split's samples (N,) for all passes to come."""
        self._kept.label(given)

    def batches(self, order: Indices, batch_size: int, augmentation: Augmentation | None = None) -> Iterator[Batch]:
        """As Samples has it, without augmentation. Raises what the stream raises at the first pass."""
        if augmentation is not None:
            raise ValueError("these samples are kept as they are without augmentation")
        return self._batches(self._kept.parts(order, batch_size), min(batch_size, len(order)))

    def _batches(self, parts: Iterator[tuple[Indices, torch.Tensor, torch.Tensor]], most: int) -> Iterator[Batch]:
        images = self._read()
        memory = torch.empty((most, images.shape[1]), device=self._kept.device)
        for indices, positions, labels in parts:
            rows = torch.index_select(images, 0, positions, out=memory[: len(indices)])
            yield Batch(rows.view(-1, self._side, self._side, 3).permute(0, 3, 1, 2), labels, indices)

    def _read(self) -> torch.Tensor:
        if self._images is None:
            kept, size = self._kept, 3 * self._side * self._side
            images = torch.empty((len(kept.indices), size), device=kept.device)
            for number, batch in enumerate(self._stream.batches(kept.indices, _READ)):
                images[number * _READ : (number + 1) * _READ] = batch.images.permute(0, 2, 3, 1).reshape(-1, size)
            self._images = images
        return self._images


class ResidentPixels:
    """Uncompressed images as they are stored, corrupted: each pass normalizes what it needs, and crops and mirrors it.

    The whole images are kept for a trial that draws crops or mirrors; else their centre crops are.
    """

    def __init__(
        self,
        stream: BetonStream,
        pixels: PixelCorruption,
        indices: Indices,
        side: int,
        normalization: str,
        device: torch.device,
        whole: bool,
    ) -> None:
        self.true_labels = stream.true_labels
        self._kept = _Kept(indices, len(stream.true_labels), device)
        self._side, self._normalization, self._unit = side, normalization, pixels.unit
        images = StoredPixels(stream.beton).read(indices)
        corrupted = np.empty(images.shape, pixels.dtype)
        pixels.apply(images, indices, corrupted)
        if not whole:
            top, left, _ = centre_views(1, corrupted.shape[1:3], side)[0].tolist()
            corrupted = np.ascontiguousarray(corrupted[:, top : top + side, left : left + side])
        self._size = corrupted.shape[1], corrupted.shape[2]
        self._moments = np.empty((len(indices), 2))  # of images that are seen as they are kept
        measure(corrupted, self._unit, self._moments)
        self._images = torch.from_numpy(corrupted).to(device)

    def label(self, given: Indices) -> None:
        """Take the labels of the split's samples (N,) for all passes to come."""
        self._kept.label(given)

    def batches(self, order: Indices, batch_size: int, augmentation: Augmentation | None = None) -> Iterator[Batch]:
        """As Samples has it, without rotation."""
        if augmentation is not None and augmentation.rotation > 0:
            raise ValueError("rotated images are not made here")
        return self._batches(self._kept.parts(order, batch_size), min(batch_size, len(order)), augmentation)

    def _batches(
        self,
        parts: Iterator[tuple[Indices, torch.Tensor, torch.Tensor]],
        most: int,
        augmentation: Augmentation | None,
    ) -> Iterator[Batch]:
        memory = torch.empty((most, self._side, self._side, 3))  # of batches that are made on the CPU
        for indices, positions, labels in parts:
            if self._images.device.type != "cpu":
                seen = self._on_device(positions, self._views(indices, augmentation))
            elif augmentation is None and self._size == (self._side,) * 2 and self._normalization == "per_image":
                seen = memory[: len(indices)]
                standardize_at(self._images.numpy(), positions.numpy(), self._moments, seen.numpy())
            else:
                seen = self._on_cpu(positions, self._views(indices, augmentation), memory[: len(indices)])
            yield Batch(seen.permute(0, 3, 1, 2), labels, indices)

    def _views(self, indices: Indices, augmentation: Augmentation | None) -> Indices:
        if augmentation is None:
            return centre_views(len(indices), self._size, self._side)
        return augmentation.views(indices, self._size, self._side)

    def _on_device(self, positions: torch.Tensor, views: Indices) -> torch.Tensor:
        crops = crop_on_device(self._images, positions, views, self._side)
        return normalize_on_device(self._normalization, crops, self._unit)

    def _on_cpu(self, positions: torch.Tensor, views: Indices, memory: torch.Tensor) -> torch.Tensor:
        images = self._images.numpy()[positions.numpy()]
        crops = np.empty(memory.shape, images.dtype)
        crop(images, crops, views)
        normalize(self._normalization, crops, memory.numpy(), self._unit)
        return memory
