"""Successive halving inside cells: which trials go on at a rung. It knows no Ray: the scheduler asks it.

Asynchronous successive halving (ASHA; Li et al., arXiv 1810.05934), in Ray Tune's form, which stops trials where the
paper pauses them. Corruption slows fitting, so a rank over levels would stop the corrupted trials first: here
a trial is ranked only against trials that differ from it in learning rate and seeds alone.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rethink.entry_checks import is_whole
from rethink.spec import SEEDS, SpecError, TrialSpec, shown

SEARCHED = ("learning_rate", *SEEDS)  # trials that differ in these alone are ranked against each other


@dataclass(frozen=True)
class SuccessiveHalving:
    """How a sweep asks for it: ranks after `grace_epochs`, and after each `reduction_factor` times as many."""

    grace_epochs: int
    reduction_factor: int = 3  # of the trials at a rung, about one in this many goes on

    def __post_init__(self) -> None:
        """Raises SpecError for what is no whole number, or out of range."""
        for field, least in (("grace_epochs", 1), ("reduction_factor", 2)):
            value = getattr(self, field)
            if not is_whole(value, least):
                raise SpecError(f"{field} = {shown(value)} is not allowed: a whole number from {least}")

    def rungs(self, max_epochs: int) -> frozenset[int]:
        """The epochs, up to `max_epochs`, at which trials are ranked."""
        epochs = (self.grace_epochs * self.reduction_factor**k for k in itertools.count())
        return frozenset(itertools.takewhile(lambda epoch: epoch <= max_epochs, epochs))


class Rungs:
    """The running train accuracies of the trials of each cell at each rung, in the order in which they came in.

    Which trials stop depends on that order, as in every asynchronous search; the rows that a trial leaves do not.
    """

    def __init__(self, halving: SuccessiveHalving) -> None:
        self.halving = halving
        self._accuracies: dict[Any, dict[str, float]] = {}  # (cell, epoch) -> spec id -> train accuracy

    def passes(self, spec: TrialSpec, row: Mapping[str, Any]) -> bool:
        """Take a trial's row into account; whether the trial may train on.

        At a rung it may if its accuracy is at or above the (1 - 1 / reduction factor) quantile of those recorded there
        before. A trial that has interpolated is not judged, and none is judged twice at one rung, restarted or not.
        """
        epoch = row["epoch"]
        if epoch not in self.halving.rungs(epoch):
            return True
        rung = self._accuracies.setdefault((spec.but(SEARCHED), epoch), {})
        if spec.spec_id in rung:
            return True
        before = list(rung.values())
        rung[spec.spec_id] = row["train_accuracy"]
        if not before or row["epochs_to_fit"] is not None:
            return True
        return bool(row["train_accuracy"] >= np.percentile(before, 100 * (1 - 1 / self.halving.reduction_factor)))
