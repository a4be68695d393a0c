"""What a regularizer changes: differences between trials that are equal in all else, seeds included."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from analysis.grouping.cells import cell_columns
from analysis.grouping.ended_trials import NO_RESULT
from analysis.grouping.partners import Trial, alike, all_but, records
from analysis.schema.columns import of_trials
from analysis.schema.statistics_columns import EFFECTS
from analysis.schema.typed_frames import typed_rows
from analysis.statistics.changed_labels import changed_labels
from analysis.statistics.intervals import Interval, interval_of_tested_difference, mean_interval


@dataclass(frozen=True)
class _Regularizer:
    """A regularizer: the fields that switch it on or off together, those that only set it, and its strength."""

    name: str
    switches: tuple[str, ...]
    strength: Callable[[Trial], float | None] = lambda trial: None
    settings: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        return self.switches + self.settings

    def state(self, trial: Trial) -> bool | None:
        """Whether it is on; None where the model has no such choice, or only some of the switches are on."""
        values = [trial[name] for name in self.switches]
        states = {None if value is None else bool(value) for value in values}
        return states.pop() if len(states) == 1 else None


SWITCHES = (
    _Regularizer("random_crop", ("random_crop",), lambda trial: trial["crop_padding"], ("crop_padding",)),
    _Regularizer("random_resized_crop", ("random_resized_crop",)),
    _Regularizer("flip", ("flip",)),
    _Regularizer("random_resized_crop_and_flip", ("random_resized_crop", "flip")),
    _Regularizer("rotation", ("rotation",), lambda trial: trial["rotation"]),
    _Regularizer("flip_and_rotation", ("flip", "rotation"), lambda trial: trial["rotation"]),
    _Regularizer("weight_decay", ("weight_decay",), lambda trial: trial["weight_decay"]),
    _Regularizer("dropout", ("dropout",), lambda trial: trial["dropout"]),
    _Regularizer("batch_norm", ("batch_norm",)),
)


def effects(trials: pd.DataFrame) -> pd.DataFrame:
    """What each regularizer changes: differences between trials that are equal in all else, seeds included.

    Args:
        trials: `load(...).trials`, or some of its rows.

    Returns:
        One row per cell without the regularizer, regularizer, strength and measure: the columns that tell cells apart,
        then those described in docs/dataframes.md. Among them:

        * `measure`: test_accuracy, exact_train_accuracy or generalization_gap (fractions; with the regularizer minus
          without), or log2_epochs_to_fit (binary logarithm of the ratio).
        * `pairs`, `unpaired`, `n`: numbers of pairs, of trials without a partner, and of pairs that were measured.
        * `mean`: mean difference over n pairs.
        * `low`, `high`: its 95% interval by Student's t, which for test accuracy and gap accounts for the finite test
          set too; null for n < 2.
        * `effect_size`: Hedges' g of the paired differences; null for n < 3, and where they do not differ.
    """
    names, every = cell_columns(trials), records(trials)
    rows = []
    for regularizer in SWITCHES:
        shared = all_but(trials, regularizer.fields)
        for cell, strength, pairs, unpaired in _groups(regularizer, every, names, shared):
            row = {**dict(zip(names, cell, strict=True)), "regularizer": regularizer.name, "strength": strength}
            row |= changed_labels([off["labels_changed"] for off, _ in pairs])
            row |= {"pairs": len(pairs), "unpaired": unpaired}
            rows += [{**row, "measure": name, **_statistics(measured(pairs))} for name, measured in MEASURES.items()]
    return typed_rows(rows, of_trials(names) + EFFECTS)


_Pair = tuple[Trial, Trial]  # without, with


def _groups(
    regularizer: _Regularizer, every: Sequence[Trial], names: Sequence[str], shared: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], float | None, list[_Pair], int]]:
    """(cell of the trials without, strength, pairs, trials of that strength in the cell without a partner)."""
    without = {alike(trial, shared): trial for trial in every if regularizer.state(trial) is False}
    context = [name for name in names if name not in regularizer.fields]
    pairs: dict[tuple[Any, ...], list[_Pair]] = {}
    unpaired: Counter[tuple[Any, ...]] = Counter()
    for trial in every:
        if regularizer.state(trial):
            key = (alike(trial, context), regularizer.strength(trial))
            partner = without.get(alike(trial, shared))
            if partner is None:
                unpaired[key] += 1
            else:
                pairs.setdefault(key, []).append((partner, trial))
    for key, group in pairs.items():
        yield alike(group[0][0], names), key[1], group, unpaired[key]


@dataclass(frozen=True)
class _Differences:
    """Differences of pairs; where they are those of a share of the test set, the pairs, and its name."""

    of_pairs: list[float]
    pairs: Sequence[_Pair] = ()
    share: str | None = None


def _difference(name: str, share: str | None) -> Callable[[Sequence[_Pair]], _Differences]:
    def differences(pairs: Sequence[_Pair]) -> _Differences:
        results = [pair for pair in pairs if all(trial["stop_reason"] not in NO_RESULT for trial in pair)]
        both = [(off, on) for off, on in results if off[name] is not None and on[name] is not None]
        return _Differences([on[name] - off[name] for off, on in both], both, share)

    return differences


def _log2_epochs(pairs: Sequence[_Pair]) -> _Differences:
    """Empty unless both trials of every pair fitted: a mean of the other pairs would leave out the slowest."""
    both = [(off["epochs_to_fit"], on["epochs_to_fit"]) for off, on in pairs]
    known = all(off is not None and on is not None for off, on in both)
    return _Differences([math.log2(on / off) for off, on in both] if known else [])


MEASURES: dict[str, Callable[[Sequence[_Pair]], _Differences]] = {
    "test_accuracy": _difference("test_accuracy", share="test_accuracy"),
    "exact_train_accuracy": _difference("exact_train_accuracy", share=None),
    "generalization_gap": _difference("generalization_gap", share="test_error"),
    "log2_epochs_to_fit": _log2_epochs,
}


def _statistics(differences: _Differences) -> dict[str, Any]:
    values = differences.of_pairs
    low, high = _interval(differences)
    mean = fmean(values) if values else None
    return {"n": len(values), "mean": mean, "low": low, "high": high, "effect_size": effect_size(values)}


def _interval(differences: _Differences) -> Interval:
    share = differences.share
    if len(differences.of_pairs) < 2 or share is None:
        return mean_interval(differences.of_pairs)
    off, on = (fmean(trial[share] for trial in side) for side in zip(*differences.pairs, strict=True))
    images = min(trial["test_images"] for pair in differences.pairs for trial in pair)
    return interval_of_tested_difference(differences.of_pairs, off, on, images)


def effect_size(differences: Sequence[float]) -> float | None:
    """Hedges' g of paired differences: their mean over their standard deviation, times J(n - 1) (Hedges, 1981).

    None for fewer than three, and where they do not differ.
    """
    n = len(differences)
    spread = stdev(differences) if n > 1 else 0.0
    if spread < 1e-9:  # equal but for rounding
        return None
    degrees = n - 1
    log_j = math.lgamma(degrees / 2) - math.lgamma((degrees - 1) / 2) if degrees > 1 else -math.inf
    correction = math.exp(log_j) / math.sqrt(degrees / 2)
    return fmean(differences) / spread * correction if correction else None
