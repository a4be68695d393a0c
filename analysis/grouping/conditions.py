"""The place of a trial in the paper's comparisons: its input condition and explicit regularizers, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

CONDITIONS = ("true labels", "random labels", "shuffled pixels", "random pixels", "gaussian")
_STRENGTHS = ("crop_padding", "weight_decay", "dropout")
# Explicit ones, fields of a spec
REGULARIZER_FIELDS = (
    "random_crop",
    "crop_padding",
    "random_resized_crop",
    "flip",
    "rotation",
    "weight_decay",
    "dropout",
)
ROTATION = 25.0  # degrees at most, in the augmentation of the original project and of the paper's Table 4
SCHEDULE = ("learning_rate_decay", "decay_images")


def condition(trials: pd.DataFrame) -> "pd.Series[Any]":
    """The input condition of each trial (paper, section 2); null if it is none of the five."""
    named = trials["pixel_corruption"].astype("string").str.replace("_", " ")
    true_pixels = named == "none"
    named = named.mask(true_pixels & (trials["label_corruption"] == 0), CONDITIONS[0])
    named = named.mask(true_pixels & (trials["label_corruption"] == 1), CONDITIONS[1])
    partly = ~trials["label_corruption"].isin([0.0, 1.0]) | (~true_pixels & (trials["label_corruption"] != 0))
    return named.mask(partly)


def regularizers(trials: pd.DataFrame) -> "pd.Series[Any]":
    """The explicit regularizers of each trial, such as "random crop + weight decay"; "none" without any.

    A strength is named if a regularizer has several, because each strength is a line of its own.
    """
    several = _several(trials)
    words = [[*_moves(row, several), *_penalties(row, several)] for row in _rows(trials)]
    return pd.Series([" + ".join(on) or "none" for on in words], index=trials.index, dtype="string")


def imagenet_variants(trials: pd.DataFrame) -> "pd.Series[Any]":
    """Each trial by the toggles of the original project's ImageNet figure: "no augmentation + LR schedule + dropout".

    In the original project's variants the word "augmentation" stands for theirs; in others its parts are named.
    """
    several, schedules = _several(trials), {_schedule(row) for row in _rows(trials)} - {None}
    words = []
    for row in _rows(trials):
        moves = ["augmentation"] if original_variant(row) and _has_original_augmentation(row) else _moves(row, several)
        augmented, penalties = moves or ["no augmentation"], _penalties(row, several)
        words.append([*augmented, _schedule_in_words(row, several=len(schedules) > 1), *penalties])
    return pd.Series([" + ".join(on) for on in words], index=trials.index, dtype="string")


def original_variant(trial: Mapping[Any, Any]) -> str | None:
    """The original project's variant that a trial is, without strengths (all: dropout, no weight decay); None: none."""
    augmented = _has_original_augmentation(trial)
    if (_moves(trial, set()) and not augmented) or trial["dropout"] == 0 or trial["weight_decay"] > 0:
        return None
    moves, schedule = "augmentation" if augmented else "no augmentation", _schedule_in_words(trial, several=False)
    return " + ".join([moves, schedule, "dropout"])


def on_imagenet(trials: pd.DataFrame) -> "pd.Series[Any]":
    """Whether a trial is one of ImageNet, which has a figure and tables of its own."""
    return trials["dataset"].astype("string") == "imagenet"


def augmentation_text(trial: Mapping[Any, Any]) -> str:
    """The augmentation of the training images, such as "random resized crop + flip", or "no"."""
    return " + ".join(_moves(trial, {"crop_padding"})) or "no"


def _has_original_augmentation(trial: Mapping[Any, Any]) -> bool:
    return _moves(trial, set()) == ["flip", _rotation(ROTATION)]


def _rows(trials: pd.DataFrame) -> list[dict[Any, Any]]:
    return trials[[*REGULARIZER_FIELDS, *SCHEDULE]].to_dict("records")


def _several(trials: pd.DataFrame) -> set[str]:
    return {name for name in _STRENGTHS if len(trials.loc[trials[name] > 0, name].unique()) > 1}


def _moves(row: Mapping[Any, Any], several: set[str]) -> list[str]:
    crop = f"random crop {row['crop_padding']}" if "crop_padding" in several else "random crop"
    on = {crop: row["random_crop"], "random resized crop": row["random_resized_crop"], "flip": row["flip"]}
    rotation = [_rotation(row["rotation"])] if row["rotation"] > 0 else []
    return [*(name for name, is_on in on.items() if is_on), *rotation]


def _rotation(degrees: float) -> str:
    return f"rotation {degrees:g}°"


def _penalties(row: Mapping[Any, Any], several: set[str]) -> list[str]:
    return [_named(name, row[name], several) for name in ("weight_decay", "dropout") if row[name] > 0]


def _named(name: str, strength: float, several: set[str]) -> str:
    words = name.replace("_", " ")
    return f"{words} {strength:g}" if name in several else words


def _schedule(row: Mapping[Any, Any]) -> tuple[float, int] | None:
    """Factor of the decay and images between two decays; None: the learning rate is constant."""
    return (row["learning_rate_decay"], row["decay_images"]) if row["learning_rate_decay"] < 1 else None


def _schedule_in_words(row: Mapping[Any, Any], *, several: bool) -> str:
    schedule = _schedule(row)
    if schedule is None:
        return "no LR schedule"
    return f"LR schedule {schedule[0]:g} per {schedule[1]:,} images" if several else "LR schedule"
