"""ResidentMemory: which samples of a trial are kept in memory, under a limit; what the next trial reads too is not read
again."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rethink.corruption.pixels import PixelCorruption
from rethink.data.resident.samples_in_memory import ResidentPixels, ResidentSamples
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.samples import Samples
from rethink.spec import TrialSpec

Resident = ResidentSamples | ResidentPixels
_CHANNELS, _FLOAT = 3, 4  # bytes of a float32


@dataclass(frozen=True)
class Wanted:
    """Samples of a split that a trial reads, from a stream that is configured for it."""

    stream: BetonStream
    indices: npt.NDArray[np.int64]
    given: npt.NDArray[np.int64]  # labels of the whole split
    pixels: PixelCorruption | None  # none: JPEG
    is_trained_on: bool


class ResidentMemory:
    """The samples that a process keeps on a device for one trial after another, at most so many bytes for each."""

    def __init__(self, device: torch.device, limit: int) -> None:
        self._device = device
        self._limit = limit
        self._kept: dict[Hashable, Resident] = {}

    def samples(self, spec: TrialSpec, *wanted: Wanted) -> list[Samples]:
        """Each of them, kept as long as the limit allows, the first ones first; else its stream."""
        keys = [_key(spec, one) for one in wanted]
        self._kept = {key: resident for key, resident in self._kept.items() if key in keys}
        left = self._limit
        given: list[Samples] = []
        for key, one in zip(keys, wanted, strict=True):
            size = self._bytes(spec, one)
            if size is None or size > left:
                self._kept.pop(key, None)
                given.append(one.stream)
                continue
            left -= size
            resident = self._kept.get(key) or self._make(spec, one)
            resident.label(one.given)
            self._kept[key] = resident
            given.append(resident)
        return given

    def _make(self, spec: TrialSpec, wanted: Wanted) -> Resident:
        if wanted.pixels is None or not self._keeps_pixels(spec, wanted):
            return ResidentSamples(wanted.stream, wanted.indices, spec.image_size, self._device)
        return ResidentPixels(
            wanted.stream,
            wanted.pixels,
            wanted.indices,
            spec.image_size,
            spec.normalization,
            self._device,
            whole=_is_moved(spec, wanted),
        )

    def _keeps_pixels(self, spec: TrialSpec, wanted: Wanted) -> bool:
        """Whether images are kept as they are stored, a quarter of the bytes. A GPU would have to make them views in
        many small steps, so it does that only where a pass draws them."""
        return wanted.pixels is not None and (self._device.type == "cpu" or _is_moved(spec, wanted))

    def _bytes(self, spec: TrialSpec, wanted: Wanted) -> int | None:
        """What keeping them takes; none: they are made anew in every pass, by rotation or out of JPEG files."""
        beton, samples = wanted.stream.beton, len(wanted.indices)
        if wanted.is_trained_on and (spec.rotation > 0 or spec.random_resized_crop):
            return None
        if wanted.pixels is not None and self._keeps_pixels(spec, wanted):
            area = beton.height * beton.width if _is_moved(spec, wanted) else spec.image_size**2
            return samples * area * _CHANNELS * wanted.pixels.dtype.itemsize
        return None if _is_moved(spec, wanted) else samples * spec.image_size**2 * _CHANNELS * _FLOAT


def _is_moved(spec: TrialSpec, wanted: Wanted) -> bool:
    return wanted.is_trained_on and (spec.random_crop or spec.flip)


def _key(spec: TrialSpec, wanted: Wanted) -> Hashable:
    """Equal for samples with the same pixels, whatever their labels."""
    corrupted = wanted.pixels is not None and wanted.pixels.kind != "none"
    pixels = (wanted.pixels.kind, wanted.pixels.key) if wanted.pixels is not None and corrupted else None
    view = (spec.image_size, spec.normalization, spec.view, _is_moved(spec, wanted))
    return wanted.stream.beton, pixels, view, wanted.indices.tobytes()
