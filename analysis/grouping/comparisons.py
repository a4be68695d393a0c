"""Comparisons: the trials of each figure and table, equal in everything except what is compared."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from analysis.grouping.cells import LEVEL, cell_columns, line_columns
from analysis.grouping.conditions import (
    CONDITIONS,
    REGULARIZER_FIELDS,
    SCHEDULE,
    condition,
    imagenet_variants,
    on_imagenet,
    original_variant,
    regularizers,
)
from analysis.published.variants import original_variants
from analysis.ranking.networks import hyperparameters_of
from analysis.ranking.ranking import moment_of, ranking
from rethink.errors import SpecError

LEAST_RANKED, LEAST_AXES = 30, 3  # networks and hyperparameters from which a ranking is drawn unasked
ORIGINAL_VARIANTS = "imagenet_regularization"  # name of one of the figures of ImageNet


# Trials, the line of each, the lines in their order, and the fields that tell them apart.
Chosen = tuple[pd.DataFrame, "pd.Series[str]", tuple[str, ...], tuple[str, ...]]
Ranked = tuple[pd.DataFrame, pd.DataFrame]  # the measures of networks, and how well they order gaps


@dataclass(frozen=True)
class Comparisons:
    """What the frames contain of every figure and table; each comparison is selected once, when it is asked for."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    read_measures: Callable[[], pd.DataFrame] | None = (
        None  # the measures frame, which takes longer; None: there is none
    )

    @cached_property
    def inputs(self) -> Chosen | None:
        return inputs_of(self.trials)

    @cached_property
    def batch_norms(self) -> Chosen | None:
        return batch_norms_of(self.trials)

    @cached_property
    def regularizers(self) -> Chosen | None:
        return regularizers_of(self.trials)

    @cached_property
    def imagenet(self) -> dict[str, Chosen]:
        return imagenet_of(self.trials)

    @cached_property
    def levels(self) -> pd.DataFrame:
        return levels_of(self.trials)

    @cached_property
    def sizes(self) -> pd.DataFrame | None:
        return sizes_of(self.trials)

    @cached_property
    def ranked(self) -> Ranked | None:
        return None if self.read_measures is None else ranked_of(self.trials, self.read_measures)

    @cached_property
    def rates(self) -> pd.DataFrame | None:
        return rates_of(self.trials)


def inputs_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials under two or more of the five input conditions, all else equal, with corrupted pixels in one."""
    axes = ("label_corruption", "pixel_corruption")
    known = trials[condition(trials).notna()]
    corrupted = (known["pixel_corruption"] != "none").groupby(_alike(known, axes)).transform("any")
    return _compared(known[corrupted], condition, CONDITIONS, axes)


def batch_norms_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials, without explicit regularizers, with BatchNorm on and off, all else equal."""
    plain = trials[regularizers(trials) == "none"]
    names = {True: "BatchNorm on", False: "BatchNorm off"}
    switchable = plain[plain["batch_norm"].notna()]
    axes = ("batch_norm",)
    return _compared(switchable, lambda own: own[axes[0]].map(names).astype("string"), tuple(names.values()), axes)


def regularizers_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials on true labels and pixels, not of ImageNet, that differ in explicit regularizers, all else equal."""
    chosen = trials[(condition(trials) == CONDITIONS[0]) & ~on_imagenet(trials)]
    order = tuple(sorted(regularizers(chosen).unique(), key=lambda text: (text != "none", text)))
    return _compared(chosen, regularizers, order, REGULARIZER_FIELDS)


def imagenet_of(trials: pd.DataFrame) -> dict[str, Chosen]:
    """ImageNet trials on true labels and pixels, by the figure's name: the original project's variants, and others."""
    chosen = trials[(condition(trials) == CONDITIONS[0]) & on_imagenet(trials)]
    first = original_variants()
    is_original = [original_variant(trial) in first for trial in chosen.to_dict("records")]
    parts = {
        ORIGINAL_VARIANTS: (chosen[is_original], [*first]),
        "imagenet_table_2": (chosen[[not own for own in is_original]], []),
    }
    return {name: _variants(own, known) for name, (own, known) in parts.items() if len(own)}


def _variants(trials: pd.DataFrame, known: list[str]) -> Chosen:
    """Lines by toggles, the known ones first, whether there are trials of them or not."""
    lines = imagenet_variants(trials)
    # One variant may be trained for longer, as the original project's was: its curve is longer, but stays in the same
    # panel. A random resized crop has its own view.
    views = ("view",) if trials.groupby(lines)["view"].nunique().max() == 1 else ()
    order = (*known, *sorted(set(lines) - set(known)))
    return trials, lines, order, (*REGULARIZER_FIELDS, *SCHEDULE, "max_steps", *views)


def _compared(
    trials: pd.DataFrame,
    lines_of: Callable[[pd.DataFrame], "pd.Series[Any]"],
    order: tuple[str, ...],
    axes: tuple[str, ...],
) -> Chosen | None:
    """The trials, with their lines, that have a counterpart on another line which is equal in all but the axes."""
    if trials.empty:
        return None
    lines = lines_of(trials)
    several = lines.groupby(_alike(trials, axes)).transform("nunique") > 1
    return (trials[several], lines[several], order, axes) if several.any() else None


def _alike(trials: pd.DataFrame, axes: tuple[str, ...]) -> "pd.Series[int]":
    """A number for each trial, the same for those that differ in nothing but seeds and axes."""
    names = [name for name in cell_columns(trials) if name not in axes]
    return trials.groupby(names, observed=True, dropna=False).ngroup()


def levels_of(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with true pixels whose line has three levels, and, in runs with such a line, two; or an empty frame.

    A run that searches for a learning rate is left out, as it has its own figure; lines of other runs stay.
    """
    plain = trials[trials["pixel_corruption"] == "none"]
    if plain.empty:
        return plain
    names = line_columns(plain)
    grouped = plain.groupby(names, observed=True, dropna=False)
    levels = grouped[LEVEL].transform("nunique")
    same = list({*names, "run"} - {"learning_rate"})
    searched = plain.groupby(same, observed=True, dropna=False)["learning_rate"]
    about_levels = (levels > 2).groupby(plain["run"], observed=True).transform("any")
    return plain[((levels > 2) | (about_levels & (levels > 1))) & (searched.transform("nunique") == 1)]


def rates_of(trials: pd.DataFrame) -> pd.DataFrame | None:
    """The trials of networks that ran with several learning rates at one level."""
    names = [*(name for name in line_columns(trials) if name != "learning_rate"), LEVEL]
    rates = trials.groupby(names, observed=True, dropna=False)["learning_rate"].transform("nunique")
    chosen = trials[rates > 1]
    return None if chosen.empty else chosen


def ranked_of(trials: pd.DataFrame, read_measures: Callable[[], pd.DataFrame]) -> Ranked | None:
    """The measures and their ranking, of many networks that differ in several hyperparameters: other orders say little.

    The measures frame is read only for these. Warns of runs that cannot be ranked together.
    """
    if len(trials) < LEAST_RANKED or len(hyperparameters_of(trials)) < LEAST_AXES:
        return None
    measures = read_measures()
    moment = moment_of(measures)
    if moment is None:
        return None
    try:
        table = ranking(trials, measures, [moment])
    except SpecError as error:
        warnings.warn(f"complexity measures are not ranked: {error}", stacklevel=2)
        return None
    return None if table.empty else (measures, table)


def sizes_of(trials: pd.DataFrame) -> pd.DataFrame | None:
    """The trials of networks that ran on three or more sizes of the training set at one level, all else equal."""
    sized = trials[trials["train_samples"].notna()]
    names = [name for name in cell_columns(sized) if name != "train_samples"]
    sizes = sized.groupby(names, observed=True, dropna=False)["train_samples"].transform("nunique")
    chosen = sized[sizes > 2]
    return None if chosen.empty else chosen
