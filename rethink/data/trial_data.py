"""TrialData: what one trial reads: the streams of its data set as corrupted, and its training subset."""

import socket
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.corruption.labels import LabelTable, corrupt_labels
from rethink.corruption.pixels import PixelCorruption, pixel_corruption
from rethink.data.beton import Beton, PreparedData
from rethink.data.loaders import BetonStream
from rethink.data.subset import balanced_subset
from rethink.spec import SpecError, TrialSpec


@dataclass(frozen=True)
class TrialData:
    """Train and test streams configured for one trial, until the next trial of the process configures them anew."""

    train: BetonStream
    test: BetonStream
    subset: npt.NDArray[np.int64]  # training indices in the data set
    labels: LabelTable  # of the whole data set, by index
    input_shape: tuple[int, int, int]  # (C, H, W)
    classes: int


class StreamPool:
    """The streams of one process, one per beton however many trials use it: FFCV leaks with every loader built."""

    def __init__(self, read_ahead: bool) -> None:
        self._read_ahead = read_ahead
        self._streams: dict[Beton, BetonStream] = {}

    def open(self, spec: TrialSpec, prepared: PreparedData) -> TrialData:
        """The data of a trial. Raises SpecError if the crop or the subset does not fit the data set."""
        check_fits(spec, prepared)
        train, test = self._stream(prepared.train), self._stream(prepared.test)
        labels = corrupt_labels(train.true_labels, prepared.classes, spec.label_corruption, spec.corruption_seed)
        train.configure(spec.image_size, labels.given, corrupted_pixels(spec, prepared, "train"))
        test.configure(spec.image_size, test.true_labels, corrupted_pixels(spec, prepared, "test"))
        subset = balanced_subset(labels.true, spec.train_samples, spec.subset_seed)
        return TrialData(train, test, subset, labels, (3, spec.image_size, spec.image_size), prepared.classes)

    def _stream(self, beton: Beton) -> BetonStream:
        if beton not in self._streams:
            self._streams[beton] = BetonStream(beton, self._read_ahead)
        return self._streams[beton]


def corrupted_pixels(spec: TrialSpec, prepared: PreparedData, split: str) -> PixelCorruption:
    """What a trial's pixel corruption does to the "train" or "test" images of its data set."""
    train = prepared.train
    size = (train.height, train.width)
    return pixel_corruption(spec.pixel_corruption, spec.corruption_seed, split, size, train.mean, train.std)


def check_same_data(prepared: PreparedData, expected_sha256: str, run: Path) -> None:
    """Raise SpecError if a data set's content on this machine is not what a run was started with."""
    if prepared.content_sha256 != expected_sha256:
        host = socket.gethostname()
        raise SpecError(f"data set {prepared.source!r} on {host} is not the one that the run {run} was started with")


def check_fits(spec: TrialSpec, prepared: PreparedData) -> None:
    """Raise SpecError, naming both numbers, if the data set is too small for the spec, or leaves a crop no choice."""
    stored = min(prepared.train.height, prepared.train.width)
    if spec.image_size > stored:
        raise SpecError(f"image_size = {spec.image_size} is not allowed: {spec.dataset} has images of {stored} pixels")
    if spec.train_samples is not None and spec.train_samples > prepared.train.samples:
        raise SpecError(
            f"train_samples = {spec.train_samples} is not allowed: {spec.dataset} has {prepared.train.samples}"
        )
    if spec.crop_padding is not None and stored + 2 * spec.crop_padding == spec.image_size:
        raise SpecError(
            f"crop_padding = {spec.crop_padding} is not allowed: images of {stored} pixels are the crop itself, so it "
            "would never move; pad by 1 or more, or choose a smaller image_size"
        )
