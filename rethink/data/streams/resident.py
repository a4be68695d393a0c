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
from rethink.data.streams.normalization import normalize, normalize_on_device
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


class ResidentCrops:
    """Uncompressed images as they are stored, corrupted: cropped and mirrored as each pass draws, then normalized."""

    def __init__(
        self,
        stream: BetonStream,
        pixels: PixelCorruption,
        indices: Indices,
        side: int,
        normalization: str,
        device: torch.device,
    ) -> None:
        self.true_labels = stream.true_labels
        self._kept = _Kept(indices, len(stream.true_labels), device)
        self._side, self._normalization, self._unit = side, normalization, pixels.unit
        stored = StoredPixels(stream.beton).read(indices)
        corrupted = np.empty(stored.shape, pixels.dtype)
        pixels.apply(stored, indices, corrupted)
        self._images = torch.from_numpy(corrupted).to(device)

    def label(self, given: Indices) -> None:
        """Take the labels of the split's samples (N,) for all passes to come."""
        self._kept.label(given)

    def batches(self, order: Indices, batch_size: int, augmentation: Augmentation | None = None) -> Iterator[Batch]:
        """As Samples has it, without rotation."""
        if augmentation is not None and augmentation.rotation > 0:
            raise ValueError("rotated images are not made here")
        parts = self._kept.parts(order, batch_size)
        return (Batch(self._seen(at, i, augmentation), labels, i) for i, at, labels in parts)

    def _seen(self, positions: torch.Tensor, indices: Indices, augmentation: Augmentation | None) -> torch.Tensor:
        size = self._images.shape[1], self._images.shape[2]
        if augmentation is None:
            views = centre_views(len(indices), size, self._side)
        else:
            views = augmentation.views(indices, size, self._side)
        if self._images.device.type == "cpu":
            normalized = self._on_cpu(positions, views)
        else:
            crops = crop_on_device(self._images, positions, views, self._side)
            normalized = normalize_on_device(self._normalization, crops, self._unit)
        return normalized.permute(0, 3, 1, 2)

    def _on_cpu(self, positions: torch.Tensor, views: Indices) -> torch.Tensor:
        images = self._images.numpy()[positions.numpy()]
        crops = np.empty((len(images), self._side, self._side, 3), images.dtype)
        crop(images, crops, views)
        normalized = np.empty(crops.shape, np.float32)
        normalize(self._normalization, crops, normalized, self._unit)
        return torch.from_numpy(normalized)
