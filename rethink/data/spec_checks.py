"""Whether a spec fits the data that it asks for."""

import socket
from pathlib import Path

from rethink.data.betons.beton import PreparedData
from rethink.errors import SpecError
from rethink.spec import TrialSpec


def check_same_data(prepared: PreparedData, expected_sha256: str, run: Path) -> None:
    """Raise SpecError if a data set's content on this machine is not what a run was started with."""
    if prepared.content_sha256 != expected_sha256:
        host = socket.gethostname()
        raise SpecError(f"data set {prepared.source!r} on {host} is not the one that the run {run} was started with")


def check_fits(spec: TrialSpec, prepared: PreparedData) -> None:
    """Raise SpecError, naming both numbers, if a spec asks for more than its data set has, or what it cannot give."""
    check_form(spec)
    _check_samples(spec, prepared.train.samples)
    if not prepared.train.jpeg:
        _check_size(spec, min(prepared.train.height, prepared.train.width))


def check_form(spec: TrialSpec) -> None:
    """Raise SpecError if the form in which the data set is kept cannot give what a spec asks for; reads no data."""
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
