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
    """The streams of one process, one per beton however many trials use it: FFCV leaks with every loader built.

    All are built with these arguments, see BetonStream: they decide how fast data come, and no byte of them.
    """

    def __init__(self, read_ahead: bool, readers: int = 1, os_cache: bool = True) -> None:
        self._read_ahead, self._readers, self._os_cache = read_ahead, readers, os_cache
        self._streams: dict[Beton, BetonStream] = {}

    def open(self, spec: TrialSpec, prepared: PreparedData) -> TrialData:
        """The data of a trial. Raises what `check_fits` raises."""
        check_fits(spec, prepared)
        train, test = self._stream(prepared.train), self._stream(prepared.test)
        labels = corrupt_labels(train.true_labels, prepared.classes, spec.label_corruption, spec.corruption_seed)
        for stream, given, split in ((train, labels.given, "train"), (test, test.true_labels, "test")):
            pixels = None if stream.beton.jpeg else corrupted_pixels(spec, prepared, split)
            stream.configure(spec.image_size, given, pixels, spec.normalization, spec.view)
        subset = balanced_subset(labels.true, spec.train_samples, spec.subset_seed)
        return TrialData(train, test, subset, labels, (3, spec.image_size, spec.image_size), prepared.classes)

    def _stream(self, beton: Beton) -> BetonStream:
        if beton not in self._streams:
            self._streams[beton] = BetonStream(beton, self._read_ahead, self._readers, self._os_cache)
        return self._streams[beton]


def corrupted_pixels(spec: TrialSpec, prepared: PreparedData, split: str) -> PixelCorruption:
    """What a trial's pixel corruption does to the "train" or "test" images of its data set, which is not JPEG."""
    train = prepared.train
    size = (train.height, train.width)
    return pixel_corruption(spec.pixel_corruption, spec.corruption_seed, split, size, train.mean, train.std)


def check_same_data(prepared: PreparedData, expected_sha256: str, run: Path) -> None:
    """Raise SpecError if a data set's content on this machine is not what a run was started with."""
    if prepared.content_sha256 != expected_sha256:
        host = socket.gethostname()
        raise SpecError(f"data set {prepared.source!r} on {host} is not the one that the run {run} was started with")


def check_fits(spec: TrialSpec, prepared: PreparedData) -> None:
    """Raise SpecError, naming both numbers, if a spec asks for what its data set does not have, or cannot give."""
    check_form(spec)
    _check_samples(spec, prepared.train.samples)
    if not prepared.train.jpeg:
        _check_size(spec, min(prepared.train.height, prepared.train.width))


def check_form(spec: TrialSpec) -> None:
    """Raise SpecError if a spec asks for what the form that its data set is kept in cannot give; no data are needed."""
    if spec.jpeg_quality is not None:
        _check_jpeg(spec)
    elif spec.view != "centre":
        raise SpecError(
            f"view = {spec.view!r} is not allowed: {spec.dataset} is not kept as JPEG; choose centre, and "
            "image_size for how much of each image is seen"
        )
    elif spec.random_resized_crop:
        raise SpecError(
            f"random_resized_crop = True is not allowed: {spec.dataset} is not kept as JPEG; choose random_crop with "
            "crop_padding, or neither for the centre crop"
        )


def _check_samples(spec: TrialSpec, samples: int) -> None:
    if spec.train_samples is not None and spec.train_samples > samples:
        raise SpecError(f"train_samples = {spec.train_samples} is not allowed: {spec.dataset} has {samples}")
    trained_on = samples if spec.train_samples is None else spec.train_samples
    if spec.train_eval_samples > trained_on:
        raise SpecError(
            f"train_eval_samples = {spec.train_eval_samples} is not allowed: the trial trains on {trained_on} images"
        )


def _check_jpeg(spec: TrialSpec) -> None:
    if spec.max_side is not None and spec.image_size > spec.max_side:
        raise SpecError(
            f"image_size = {spec.image_size} is not allowed: {spec.dataset} is stored with sides of at most "
            f"{spec.max_side} pixels (max_side)"
        )
    if spec.pixel_corruption != "none":
        raise SpecError(
            f"pixel_corruption = {spec.pixel_corruption!r} is not allowed: {spec.dataset} is kept as JPEG images of "
            "many sizes; choose none, or a data set that is not kept as JPEG"
        )
    if spec.random_crop:
        raise SpecError(
            f"random_crop = True is not allowed: {spec.dataset} is kept as JPEG images of many sizes; choose "
            "random_resized_crop, or neither for the centre crop"
        )


def _check_size(spec: TrialSpec, stored: int) -> None:
    if spec.image_size > stored:
        raise SpecError(f"image_size = {spec.image_size} is not allowed: {spec.dataset} has images of {stored} pixels")
    if spec.crop_padding is not None and stored + 2 * spec.crop_padding == spec.image_size:
        raise SpecError(
            f"crop_padding = {spec.crop_padding} is not allowed: images of {stored} pixels are the crop itself, so it "
            "would never move; pad by 1 or more, or choose a smaller image_size"
        )
