"""The protocol: fills the fields that a sweep leaves open, from a named recipe, the model and the data set."""

from collections.abc import Mapping
from typing import Any

from rethink import models
from rethink.data import sources
from rethink.errors import SpecError
from rethink.spec import MAX_SEED, SEEDS, TrialSpec
from rethink.spec.text import nearest

NOT_OF_A_SPEC = ("protocol", "replicate")  # each fills several fields of a spec at once
IMAGENET_EPOCH = 1_281_167  # training images of ILSVRC 2012

PROTOCOLS: Mapping[str, Mapping[str, Any]] = {
    # Szegedy et al., arXiv 1512.00567, section 8, for one of their 50 replicas; no label smoothing. Pixels as in
    # TensorFlow's Inception.
    "szegedy2016": {
        "optimizer": "rmsprop",
        "batch_size": 32,
        "learning_rate": 0.045,
        "learning_rate_decay": 0.94,
        "decay_images": 2 * IMAGENET_EPOCH,
        "momentum": 0.9,
        "gradient_clip": 2.0,
        "normalization": "unit",
    },
    # The scripts of the project that this one repeats: batches of 32, the whole image resized to 299 pixels a side,
    # pixels by ImageNet's mean and deviation, the auxiliary loss computed and then overwritten. Their augmentation is
    # flips and rotation by up to 25 degrees (sweeps/imagenet_regularization.py).
    "original": {
        "optimizer": "sgd",
        "batch_size": 32,
        "learning_rate": 0.1,
        "learning_rate_decay": 0.95,
        "decay_images": IMAGENET_EPOCH,
        "momentum": 0.9,
        "normalization": "imagenet",
        "view": "whole",
        "auxiliary_weight": 0.0,
    },
}


def complete(fields: Mapping[str, Any]) -> TrialSpec:
    """The spec of the given fields; what they leave open is filled, with real values.

    First by the recipe that `protocol` names and the seeds of `replicate`, then by the model and the data set: image
    size, stored form, crop padding, learning rate, options. Raises SpecError for an unknown protocol, data set or
    model, or a value that does not fit.
    """
    values = {"dataset": "fashion_mnist_mini", **_seeds(fields), **fields}
    for name in NOT_OF_A_SPEC:
        values.pop(name, None)
    if values.get("model") is None:
        raise SpecError(f"model is missing; choose from {', '.join(models.names())}")
    entry = models.get(values["model"])
    form = _stored_form(values)
    values = {**form, **_of_recipe(fields.get("protocol"), entry, is_jpeg=bool(form)), **values}
    if values.get("image_size") is None:
        values["image_size"] = _usual_image_size(values["dataset"], entry)
    if values.get("random_crop") and values.get("crop_padding") is None:
        values["crop_padding"] = _usual_crop_padding(values["dataset"])
    values.setdefault("learning_rate", entry.learning_rate)
    return entry.complete(TrialSpec.from_dict(values))


def _of_recipe(name: str | None, entry: models.ModelEntry, *, is_jpeg: bool) -> dict[str, Any]:
    """The recipe of that name, without a view or auxiliary classifier if the data set or model does not have one."""
    if name is None:
        return {}
    if not isinstance(name, str) or name not in PROTOCOLS:
        raise SpecError(f"protocol = {name!r} is not allowed: {' or '.join(PROTOCOLS)}{nearest(name, PROTOCOLS)}")
    unfit = {"view": not is_jpeg, "auxiliary_weight": not entry.auxiliary}
    return {field: value for field, value in PROTOCOLS[name].items() if not unfit.get(field, False)}


def _seeds(fields: Mapping[str, Any]) -> Mapping[str, int]:
    """A replicate is a fresh training subset, corruption, initialization and batch order, all by one number.

    Trials of one replicate share them over levels, regularizers and networks of one size, so that they form pairs.
    """
    number = fields.get("replicate")
    if number is None:
        return {}
    if type(number) is not int or not 0 <= number <= MAX_SEED:
        raise SpecError(f"replicate = {number!r} is not allowed: a whole number from 0 to {MAX_SEED}")
    return dict.fromkeys(SEEDS, number)


def _stored_form(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the data set is kept: its usual JPEG form, or nothing for one kept as uncompressed images."""
    form = sources.get(values["dataset"]).jpeg
    if form is not None:
        if values.get("jpeg_quality", form.quality) is None:
            raise SpecError(f"jpeg_quality = None is not allowed: {values['dataset']} is kept as JPEG (from 1 to 100)")
        return {"max_side": form.max_side, "jpeg_quality": form.quality}
    for name in ("max_side", "jpeg_quality"):
        if values.get(name) is not None:
            raise SpecError(f"{name} = {values[name]!r} is not allowed: {values['dataset']} is not kept as JPEG")
    return {}


def _usual_image_size(dataset: str, model: models.ModelEntry) -> int:
    source = sources.get(dataset)
    size = model.image_size if source.jpeg and model.image_size else source.image_size
    if size is None:
        raise SpecError(f"image_size is missing: data set {dataset!r} has no usual one (pixels a side, centre crop)")
    return size


def _usual_crop_padding(dataset: str) -> int:
    padding = sources.get(dataset).crop_padding
    if padding is None:
        raise SpecError(f"crop_padding is missing: data set {dataset!r} has no usual one (pixels a side; random_crop)")
    return padding


STORED_FORM = ("max_side", "jpeg_quality")
