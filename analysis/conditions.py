"""What a trial stands for in the paper's comparisons: its input condition, and its explicit regularizers, in words."""

from typing import Any

import pandas as pd

CONDITIONS = ("true labels", "random labels", "shuffled pixels", "random pixels", "gaussian")
_STRENGTHS = ("crop_padding", "weight_decay", "dropout")
REGULARIZERS = ("random_crop", "crop_padding", "flip", "weight_decay", "dropout")  # explicit ones, fields of a spec


def condition(trials: pd.DataFrame) -> "pd.Series[Any]":
    """The input condition of each trial (paper, section 2); null where it is none of the five."""
    named = trials["pixel_corruption"].astype("string").str.replace("_", " ")
    true_pixels = named == "none"
    named = named.mask(true_pixels & (trials["label_corruption"] == 0), CONDITIONS[0])
    named = named.mask(true_pixels & (trials["label_corruption"] == 1), CONDITIONS[1])
    partly = ~trials["label_corruption"].isin([0.0, 1.0]) | (~true_pixels & (trials["label_corruption"] != 0))
    return named.mask(partly)


def regularizers(trials: pd.DataFrame) -> "pd.Series[Any]":
    """The explicit regularizers of each trial, such as "random crop + weight decay"; "none" without any.

    A strength is named where a regularizer comes in several: they are no more one line than on and off are.
    """
    several = {name for name in _STRENGTHS if len(trials.loc[trials[name] > 0, name].unique()) > 1}
    texts = [_in_words(row, several) for row in trials[list(REGULARIZERS)].to_dict("records")]
    return pd.Series(texts, index=trials.index, dtype="string")


def _in_words(row: dict[Any, Any], several: set[str]) -> str:
    crop = f"random crop {row['crop_padding']}" if "crop_padding" in several else "random crop"
    on = {
        crop: row["random_crop"],
        "flip": row["flip"],
        **{_named(name, row[name], several): row[name] > 0 for name in ("weight_decay", "dropout")},
    }
    return " + ".join(name for name, is_on in on.items() if is_on) or "none"


def _named(name: str, strength: float, several: set[str]) -> str:
    words = name.replace("_", " ")
    return f"{words} {strength:g}" if name in several else words
