"""TrialData, which one trial reads: the samples of its data set as corrupted, and its training subset."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rethink.corruption.labels import LabelTable, corrupt_labels
from rethink.corruption.pixels import PixelCorruption, pixel_corruption
from rethink.data.betons.beton import Beton, PreparedData
from rethink.data.resident.memory_limit import ResidentMemory, Wanted
from rethink.data.spec_checks import check_fits
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.samples import Samples
from rethink.data.training_subset import balanced_subset
from rethink.spec import TrialSpec

CPU = torch.device("cpu")


@dataclass(frozen=True)
class TrialData:
    """Training and test samples for one trial, until the next trial of the process takes their streams over."""

    train: Samples
    test: Samples
    subset: npt.NDArray[np.int64]  # training indices in the data set
    labels: LabelTable  # of the whole data set, by index
    input_shape: tuple[int, int, int]  # (C, H, W)
    classes: int


class StreamPool:
    """The streams of one process, one per beton however many trials use it: FFCV leaks with every loader built.

    Args:
        read_ahead, readers, os_cache: As BetonStream has them.
        device: Where trials train.
        resident_bytes: As many bytes of a trial's samples may be kept on that device; what does not fit is read again
            in every pass.

    None of these changes a byte of what trials read.
    """

    def __init__(
        self,
        read_ahead: bool,
        readers: int = 1,
        os_cache: bool = True,
        device: torch.device = CPU,
        resident_bytes: int = 0,
    ) -> None:
        self._read_ahead, self._readers, self._os_cache = read_ahead, readers, os_cache
        self._resident = ResidentMemory(device, resident_bytes)
        self._streams: dict[Beton, BetonStream] = {}

    def open(self, spec: TrialSpec, prepared: PreparedData) -> TrialData:
        """The data of a trial. Raises what `check_fits` raises."""
        check_fits(spec, prepared)
        train, test = self._stream(prepared.train), self._stream(prepared.test)
        labels = corrupt_labels(train.true_labels, prepared.classes, spec.label_corruption, spec.corruption_seed)
        subset = balanced_subset(labels.true, spec.train_samples, spec.subset_seed)
        wanted = []
        for split, stream, indices, given in (
            ("train", train, subset, labels.given),
            ("test", test, np.arange(len(test.true_labels)), test.true_labels),
        ):
            pixels = None if stream.beton.jpeg else corrupted_pixels(spec, prepared, split)
            stream.configure(spec.image_size, given, pixels, spec.normalization, spec.view)
            wanted.append(Wanted(stream, indices, given, pixels, is_trained_on=split == "train"))
        seen = self._resident.samples(spec, *wanted)
        return TrialData(seen[0], seen[1], subset, labels, (3, spec.image_size, spec.image_size), prepared.classes)

    def _stream(self, beton: Beton) -> BetonStream:
        if beton not in self._streams:
            self._streams[beton] = BetonStream(beton, self._read_ahead, self._readers, self._os_cache)
        return self._streams[beton]


def corrupted_pixels(spec: TrialSpec, prepared: PreparedData, split: str) -> PixelCorruption:
    """What a trial's pixel corruption does to the "train" or "test" images of its data set, which is not JPEG."""
    train = prepared.train
    size = (train.height, train.width)
    return pixel_corruption(spec.pixel_corruption, spec.corruption_seed, split, size, train.mean, train.std)
