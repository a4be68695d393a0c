"""TrialSpec: the frozen, validated record of everything that decides a trial's result."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from rethink.errors import SpecError

PRECISIONS = ("fp32", "bf16")
PIXEL_CORRUPTIONS = ("none", "shuffled_pixels", "random_pixels", "gaussian")
NORMALIZATIONS = ("per_image", "imagenet", "unit")
VIEWS = ("centre", "whole")
OPTIMIZERS = ("sgd", "rmsprop")
SEEDS = ("seed", "subset_seed", "corruption_seed")  # trials that differ in these alone share a cell
MAX_SEED = 2**32 - 1
DIGITS = 12  # significant ones of a real value, so that 0.3 and 0.1 · 3 are one value and print as one
BOUNDS = {  # of whole numbers: wide enough for any experiment, and small enough for 64 bits in every product of two
    "image_size": (1, 10_000),  # pixels
    "batch_size": (1, 10**6),
    "max_epochs": (1, 10**9),
    "decay_images": (1, 10**12),
    "train_samples": (1, 10**9),
    "max_side": (1, 65_500),  # libjpeg's, pixels
    "depth": (1, 1_000),
    "width": (1, 1_024),
    "max_steps": (1, 10**12),
    "evaluate_steps": (1, 10**12),
    "epochs_after_fit": (0, 10**9),
    "test_every": (0, 10**9),
    "train_eval_samples": (0, 10**9),
    "crop_padding": (0, 10_000),  # pixels
    "jpeg_quality": (1, 100),
    **dict.fromkeys(SEEDS, (0, MAX_SEED)),
}


def _doc(text: str, **extra: Any) -> Any:
    return field(metadata={"doc": text}, **extra)


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """One trial: data, corruption, model, optimization, seeds. Equal specs give bit-equal results.

    Paths, thread counts and reporting rhythm are no part of it. Raises SpecError on a bad value; whether the data
    set and the model are known is checked by `rethink.sweep.recipes.complete`, which also fills what is left open.
    """

    dataset: str = _doc("name of the image source")
    image_size: int = _doc("side of the images that the network sees, pixels (paper: 28; Inception V3: 299)")
    max_side: int | None = _doc("longest side of a stored JPEG image, pixels; none: as it is", default=None)
    jpeg_quality: int | None = _doc(
        "quality of the stored JPEG images that had to be encoded anew; none: the data set is not kept as JPEG",
        default=None,
    )
    normalization: str = _doc(
        "scale of the pixels: per_image (mean 0, variance 1 in each image), imagenet (by that data set's mean and "
        "deviation by channel) or unit ([-1, 1])",
        default="per_image",
    )
    train_samples: int | None = _doc("size of the class-balanced training subset; none: all", default=None)
    subset_seed: int = _doc("seed that chooses the training subset", default=0)
    label_corruption: float = _doc("label corruption level p in [0, 1]", default=0.0)
    pixel_corruption: str = _doc(f"what becomes of the pixels: {', '.join(PIXEL_CORRUPTIONS)}", default="none")
    corruption_seed: int = _doc("seed of the corruption draws", default=0)
    model: str = _doc("name of the model")
    depth: int | None = _doc("depth, for models that have the choice (wide_resnet)", default=None)
    width: int | None = _doc(
        "widening factor (wide_resnet), or sixteenths of the published channels (inception_v3)", default=None
    )
    batch_norm: bool | None = _doc("BatchNorm on or off, for models that have the choice", default=None)
    dropout: float = _doc("dropout probability; 0: off", default=0.0)
    seed: int = _doc("seed of initialization, batch order, augmentation and dropout", default=0)
    batch_size: int = _doc("images per step", default=128)
    learning_rate: float = _doc("initial learning rate")
    learning_rate_decay: float = _doc(
        "factor on the learning rate after every decay_images images; 1: constant", default=0.95
    )
    decay_images: int = _doc("training images between two decays of the learning rate", default=50_000)
    optimizer: str = _doc("sgd, or rmsprop (TensorFlow's, as Inception V3 was trained)", default="sgd")
    momentum: float = _doc("momentum of the optimizer", default=0.9)
    gradient_clip: float | None = _doc("greatest norm of a step's gradient; none: not clipped", default=None)
    weight_decay: float = _doc("L2 coefficient of the optimizer; 0: off", default=0.0)
    random_crop: bool = _doc("train on a random crop of each image instead of the centre crop", default=False)
    crop_padding: int | None = _doc(
        "black pixels added on every side before the random crop; none: no random crop", default=None
    )
    random_resized_crop: bool = _doc(
        "train on a random part of each image, 8 to 100% of its area, scaled to image_size (JPEG data sets)",
        default=False,
    )
    view: str = _doc(
        "what is seen of a JPEG image where no random part is drawn: centre (7/8 of the shorter side, a square) or "
        "whole (all of it, whatever its proportions), scaled to image_size",
        default="centre",
    )
    flip: bool = _doc("train on each image mirrored left to right with probability 1/2", default=False)
    rotation: float = _doc(
        "train on each image turned by a random angle of at most so many degrees, black beyond its edges; 0: off",
        default=0.0,
    )
    auxiliary_weight: float | None = _doc(
        "weight of the auxiliary classifier's loss, for models that have one (inception_v3); none: the model's own",
        default=None,
    )
    precision: str = _doc("arithmetic of the forward pass: fp32 or bf16 (autocast)", default="fp32")
    max_epochs: int = _doc("right-censoring limit, epochs over the training subset", default=1000)
    max_steps: int | None = _doc("right-censoring limit, optimizer steps; none: max_epochs alone", default=None)
    epochs_after_fit: int = _doc("epochs to train on after interpolation", default=0)
    test_every: int = _doc("epochs between test evaluations; 0: only at the fit and the end", default=1)
    evaluate_steps: int | None = _doc(
        "steps between further test evaluations, inside epochs too; none: after epochs only", default=None
    )
    train_eval_samples: int = _doc(
        "training images, the same balanced part of them, that are scored whenever the test set is", default=0
    )
    start_from: str | None = _doc(
        "SHA-256 of the file whose weights the trial starts from; none: drawn from the seed", default=None
    )

    def __post_init__(self) -> None:
        _fix_types(self)
        _require(bool(self.dataset), "dataset", self.dataset, "a name")
        _require(bool(self.model), "model", self.model, "a name")
        for f in dataclasses.fields(self):
            if f.name in BOUNDS:
                (least, most), value = BOUNDS[f.name], getattr(self, f.name)
                allowed = f"from {least} to {most}" + (", or none" if "None" in str(f.type) else "")
                _require(value is None or least <= value <= most, f.name, value, allowed)
        _require(0 <= self.label_corruption <= 1, "label_corruption", self.label_corruption, "in [0, 1]")
        choices = " or ".join(PIXEL_CORRUPTIONS)
        _require(self.pixel_corruption in PIXEL_CORRUPTIONS, "pixel_corruption", self.pixel_corruption, choices)
        padding = self.crop_padding
        fits_random_crop = (padding is not None) == self.random_crop
        _require(fits_random_crop, "crop_padding", padding, "a number with random_crop, none without it")
        whole_or_padded = not (self.random_crop and self.random_resized_crop)
        _require(whole_or_padded, "random_resized_crop", self.random_resized_crop, "off with random_crop")
        _require(self.view in VIEWS, "view", self.view, " or ".join(VIEWS))
        _require(
            not (self.random_resized_crop and self.view == "whole"),
            "view",
            self.view,
            "centre with random_resized_crop",
        )
        _require(0 <= self.rotation <= 180, "rotation", self.rotation, "from 0 to 180 degrees")
        auxiliary = self.auxiliary_weight
        _require(auxiliary is None or auxiliary >= 0, "auxiliary_weight", auxiliary, "0 or more, or none")
        kept_as_jpeg = self.jpeg_quality is not None
        _require(self.max_side is None or kept_as_jpeg, "max_side", self.max_side, "none without jpeg_quality")
        _require(self.normalization in NORMALIZATIONS, "normalization", self.normalization, " or ".join(NORMALIZATIONS))
        _require(self.optimizer in OPTIMIZERS, "optimizer", self.optimizer, " or ".join(OPTIMIZERS))
        _require(self.gradient_clip is None or self.gradient_clip > 0, "gradient_clip", self.gradient_clip, "above 0")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "in [0, 1)")
        _require(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "above 0")
        _require(0 < self.learning_rate_decay <= 1, "learning_rate_decay", self.learning_rate_decay, "in (0, 1]")
        _require(0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "0 or more")
        _require(self.precision in PRECISIONS, "precision", self.precision, " or ".join(PRECISIONS))

    @property
    def spec_id(self) -> str:
        """Twelve hexadecimal digits that stand for this spec: equal for equal specs, on every machine.

        Fields at their defaults are left out: a field that a later version adds, off by default, changes no id. So a
        default must never change.
        """
        values = self.to_dict()
        decisive = {f.name: values[f.name] for f in dataclasses.fields(self) if values[f.name] != f.default}
        canonical = json.dumps(decisive, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def stored_data(self) -> str:
        """The name of what is read: the data set and, where it is kept as JPEG, the form that it is kept in."""
        if self.jpeg_quality is None:
            return self.dataset
        return f"{self.dataset}-{self.max_side or 'full'}-q{self.jpeg_quality}"

    @property
    def name(self) -> str:
        """Readable and unique, fit for a folder: model, corruption, seed and spec id."""
        pixels = "" if self.pixel_corruption == "none" else f"{self.pixel_corruption}-"
        return f"{self.model[:60]}-{pixels}p{number_text(self.label_corruption)}-seed{self.seed}-{self.spec_id}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, field by field."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def but(self, left_out: Collection[str]) -> tuple[tuple[str, Any], ...]:
        """(field, value) of all fields but these: equal for the trials of one cell."""
        return tuple((name, value) for name, value in self.to_dict().items() if name not in left_out)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrialSpec":
        """The inverse of to_dict. Raises SpecError for a field that is unknown or missing."""
        known = {f.name: f for f in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise SpecError(f"unknown field {name!r}; choose from {', '.join(known)}")
        for name, f in known.items():
            if f.default is dataclasses.MISSING and name not in values:
                raise SpecError(f"{name} is missing")
        return cls(**values)


def number_text(number: float) -> str:
    """A real value with all its significant digits: two specs' values that differ are two texts."""
    return f"{number:.{DIGITS}g}"


def shown(value: object) -> str:
    """A value as a message shows it: as Python writes it, in one line, without the middle of what is long."""
    text = (
        f"a number of {int(value.bit_length() * 0.30103) + 1:,} digits"
        if _is_huge(value)
        else " ".join(repr(value).split())
    )
    return text if len(text) <= 60 else f"{text[:25]}...{text[-5:]} ({len(text):,} characters)"


def _is_huge(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and value.bit_length() > 1_000  # Python refuses to write thousands of digits


def _require(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise SpecError(f"{name} = {shown(value)} is not allowed: {allowed}")


def _fix_types(spec: TrialSpec) -> None:
    """Give every field exactly its declared type and digits, so that 1 and 1.0 make one spec id; refuse other types."""
    for f in dataclasses.fields(spec):
        object.__setattr__(spec, f.name, _as_declared(f.name, getattr(spec, f.name), str(f.type)))


def _as_declared(name: str, value: Any, declared: str) -> Any:
    kind, optional = declared.removesuffix(" | None").removeprefix("<class '").removesuffix("'>"), "None" in declared
    if value is None:
        _require(optional, name, value, f"a value of type {kind}")
        return None
    if kind in ("bool", "str"):
        _require(type(value).__name__ == kind, name, value, f"a value of type {kind}")
        return value
    try:
        number = float(value)
        exact = not isinstance(value, bool | str) and (kind == "float" or number == int(value))
    except (TypeError, ValueError, OverflowError):
        exact = False
    _require(exact and math.isfinite(number), name, value, f"a finite value of type {kind}")
    return float(number_text(number)) + 0.0 if kind == "float" else int(value)  # + 0.0 turns -0.0 into 0.0
