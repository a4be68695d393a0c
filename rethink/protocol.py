"""The protocol: what a sweep leaves open is filled from the model's and the data set's own entries, and recorded."""

from collections.abc import Mapping
from typing import Any

from rethink import models
from rethink.data import sources
from rethink.spec import SpecError, TrialSpec


def complete(fields: Mapping[str, Any]) -> TrialSpec:
    """The spec of the given fields, with image size, crop padding, learning rate and model options filled if open.

    Raises SpecError for an unknown data set or model, or a value that does not fit.
    """
    values = {"dataset": "fashion_mnist_mini", **fields}
    if values.get("model") is None:
        raise SpecError(f"model is missing; choose from {', '.join(models.names())}")
    entry = models.get(values["model"])
    if values.get("image_size") is None:
        values["image_size"] = _usual_image_size(values["dataset"])
    if values.get("random_crop") and values.get("crop_padding") is None:
        values["crop_padding"] = _usual_crop_padding(values["dataset"])
    values.setdefault("learning_rate", entry.learning_rate)
    return entry.complete(TrialSpec.from_dict(values))


def _usual_image_size(dataset: str) -> int:
    size = sources.get(dataset).image_size
    if size is None:
        raise SpecError(f"image_size is missing: data set {dataset!r} has no usual one (pixels a side, centre crop)")
    return size


def _usual_crop_padding(dataset: str) -> int:
    padding = sources.get(dataset).crop_padding
    if padding is None:
        raise SpecError(f"crop_padding is missing: data set {dataset!r} has no usual one (pixels a side; random_crop)")
    return padding
