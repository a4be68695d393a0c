"""What a trial stands for in the paper's comparisons: its input condition, and its explicit regularizers, in words."""

from typing import Any

import pandas as pd

CONDITIONS = ("true labels", "random labels", "shuffled pixels", "random pixels", "gaussian")
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
    """The explicit regularizers of each trial, such as "random crop + weight decay"; "none" without any."""
    texts = [_in_words(row) for row in trials[list(REGULARIZERS)].to_dict("records")]
    return pd.Series(texts, index=trials.index, dtype="string")


def _in_words(row: dict[Any, Any]) -> str:
    on = {
        "random crop": row["random_crop"],
        "flip": row["flip"],
        "weight decay": row["weight_decay"] > 0,
        "dropout": row["dropout"] > 0,
    }
    return " + ".join(name for name, is_on in on.items() if is_on) or "none"
