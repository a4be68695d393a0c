"""TrialSpec: the frozen, validated record of everything that decides a trial's result."""

import hashlib
import json
from dataclasses import dataclass

from rethink.spec.fields import REQUIRED, Fields, Limits, check_allowed, field, fields_of, fix_types, require
from rethink.spec.text import number_text

PIXEL_CORRUPTIONS = ("none", "shuffled_pixels", "random_pixels", "gaussian")
SEEDS = ("seed", "subset_seed", "corruption_seed")  # trials that differ in these alone share a cell
LIMITS = ("max_epochs", "max_steps")  # say when a trial is given up, and change none of its rows before
MAX_SEED = 2**32 - 1
# Whole numbers: wide enough for any experiment, and small enough for 64 bits in every product of two.
SEED = Limits(0, MAX_SEED)
SIDE = Limits(1, 10_000)  # pixels
WIDTH = Limits(1, 65_536)
QUALITY = Limits(1, 100)  # libjpeg's
COUNT = Limits(1, 10**9)
ANY_COUNT = Limits(0, 10**9)
STEPS = Limits(1, 10**12)
# Real numbers.
FROM_0 = Limits(0)
ABOVE_0 = Limits(0, above=True)
BELOW_1 = Limits(0, 1, below=True)
ANGLE = Limits(0, 180, note=" degrees")


@dataclass(frozen=True, kw_only=True)
class TrialSpec(Fields):
    """One trial: data, corruption, model, optimization, seeds. Equal specs give bit-equal results.

    Specs that differ in LIMITS alone are one trial, given up sooner or later: they share their id and their rows.

    Each field says what it is, its unit and its limits; defaults are of the paper's appendix A (arXiv 1611.03530) where
    it has them. Real values are kept to 12 significant digits. Paths, thread counts and reporting rhythm are no part of
    it. `rethink.sweep.recipes.complete` fills what is left open, and checks that data set and model are known.

    Raises:
        SpecError: A value is of another type, out of range, no choice, or does not go with another one.
    """

    dataset: str = field(REQUIRED, "name of the image source")
    image_size: int = field(REQUIRED, "side of what the network sees, pixels (paper: 28; Inception V3: 299)", SIDE)
    max_side: int | None = field(None, "longest side of a stored JPEG image, pixels; none: as it is", Limits(1, 65_500))
    jpeg_quality: int | None = field(
        None, "quality of JPEG images that had to be encoded anew; none: the data set is not kept as JPEG", QUALITY
    )
    normalization: str = field(
        "per_image",
        "scale of the pixels: per_image (mean 0, variance 1 in each image), imagenet (by that data set's mean and "
        "deviation by channel) or unit ([-1, 1])",
        ("per_image", "imagenet", "unit"),
    )
    train_samples: int | None = field(None, "size of the class-balanced training subset; none: all", COUNT)
    subset_seed: int = field(0, "seed that chooses the training subset", SEED)
    label_corruption: float = field(0.0, "label corruption level p in [0, 1]", Limits(0, 1))
    pixel_corruption: str = field("none", f"what the pixels become: {', '.join(PIXEL_CORRUPTIONS)}", PIXEL_CORRUPTIONS)
    corruption_seed: int = field(0, "seed of the corruption draws", SEED)
    model: str = field(REQUIRED, "name of the model")
    depth: int | None = field(None, "depth (wide_resnet) or hidden layers (mlp)", Limits(1, 1_000))
    width: int | None = field(
        None, "widening factor (wide_resnet), hidden units (mlp), or 16ths of its channels (inception_v3)", WIDTH
    )
    batch_norm: bool | None = field(None, "BatchNorm on or off, for models that have the choice")
    dropout: float = field(0.0, "dropout probability; 0: off", BELOW_1)
    seed: int = field(0, "seed of initialization, batch order, augmentation and dropout", SEED)
    batch_size: int = field(128, "images per step", Limits(1, 10**6))
    learning_rate: float = field(REQUIRED, "initial learning rate", ABOVE_0)
    learning_rate_decay: float = field(
        0.95, "factor on the learning rate after every decay_images images; 1: constant", Limits(0, 1, above=True)
    )
    decay_images: int = field(50_000, "training images between two decays of the learning rate", STEPS)
    optimizer: str = field("sgd", "sgd, or rmsprop (TensorFlow's, as Inception V3 was trained)", ("sgd", "rmsprop"))
    momentum: float = field(0.9, "momentum of the optimizer", BELOW_1)
    gradient_clip: float | None = field(None, "greatest norm of a step's gradient; none: not clipped", ABOVE_0)
    weight_decay: float = field(0.0, "L2 coefficient of the optimizer; 0: off", FROM_0)
    random_crop: bool = field(False, "train on a random crop of each image instead of the centre crop")
    crop_padding: int | None = field(
        None, "black pixels added on every side before the random crop; none: no random crop", Limits(0, 10_000)
    )
    random_resized_crop: bool = field(
        False, "train on a random part of each image, 8 to 100% of its area, scaled to image_size (JPEG data sets)"
    )
    view: str = field(
        "centre",
        "what is seen of a JPEG image where no random part is drawn: centre (7/8 of the shorter side, a square) or "
        "whole (all of it, whatever its proportions), scaled to image_size",
        ("centre", "whole"),
    )
    flip: bool = field(False, "train on each image mirrored left to right with probability 1/2")
    rotation: float = field(
        0.0, "train on each image turned at random by at most so many degrees, black beyond its edges; 0: off", ANGLE
    )
    auxiliary_weight: float | None = field(
        None, "weight of the auxiliary classifier's loss, for models with one (inception_v3); none: their own", FROM_0
    )
    precision: str = field("fp32", "arithmetic of the forward pass: fp32 or bf16 (autocast)", ("fp32", "bf16"))
    max_epochs: int = field(1000, "right-censoring limit, epochs over the training subset", COUNT)
    max_steps: int | None = field(None, "right-censoring limit, optimizer steps; none: max_epochs alone", STEPS)
    epochs_after_fit: int = field(0, "epochs to train on after interpolation", ANY_COUNT)
    stop_loss: float | None = field(
        None, "training loss, nats, to train on to after the fit; none: stop there", ABOVE_0
    )
    test_every: int = field(1, "epochs between test evaluations; 0: only at the fit and the end", ANY_COUNT)
    evaluate_steps: int | None = field(None, "steps between tests inside epochs; none: after epochs only", STEPS)
    train_eval_samples: int = field(
        0, "training images, the same balanced part of them, that are scored whenever the test set is", ANY_COUNT
    )
    start_from: str | None = field(None, "SHA-256 of the file with the initial weights; none: drawn from the seed")

    def __post_init__(self) -> None:
        fix_types(self)
        check_allowed(self)
        _check_together(self)

    @property
    def spec_id(self) -> str:
        """Twelve hexadecimal digits that stand for this spec, but for LIMITS: equal on every machine.

        Fields at their defaults are left out, so a later field, off by default, changes no id. A default never changes.
        """
        fields = fields_of(TrialSpec)
        decisive = {name: value for name, value in self.fields_except(LIMITS) if value != fields[name].default}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def stored_data(self) -> str:
        """The name of what is read: the data set and, where it is kept as JPEG, the form that it is kept in."""
        form = "" if self.jpeg_quality is None else f"-{self.max_side or 'full'}-q{self.jpeg_quality}"
        return f"{self.dataset}{form}"

    @property
    def name(self) -> str:
        """Readable and unique, fit for a folder: model, corruption, seed and spec id."""
        pixels = "" if self.pixel_corruption == "none" else f"{self.pixel_corruption}-"
        return f"{self.model[:60]}-{pixels}p{number_text(self.label_corruption)}-seed{self.seed}-{self.spec_id}"


def _check_together(spec: TrialSpec) -> None:
    """Raise SpecError for values that do not go together."""
    padding, resized = spec.crop_padding, spec.random_resized_crop
    require(bool(spec.dataset), "dataset", spec.dataset, "a name")
    require(bool(spec.model), "model", spec.model, "a name")
    fits_random_crop = (padding is not None) == spec.random_crop
    require(fits_random_crop, "crop_padding", padding, "a number with random_crop, none without it")
    require(not (spec.random_crop and resized), "random_resized_crop", resized, "off with random_crop")
    require(not (resized and spec.view == "whole"), "view", spec.view, "centre with random_resized_crop")
    kept_as_jpeg = spec.jpeg_quality is not None
    require(spec.max_side is None or kept_as_jpeg, "max_side", spec.max_side, "none without jpeg_quality")
