"""Successive halving inside cells: which trials go on at a rung. It knows no Ray: the scheduler asks it.

Asynchronous successive halving (ASHA; Li et al., arXiv 1810.05934), in Ray Tune's form, which stops trials where the
paper pauses them. Corruption slows fitting, so a rank over levels would stop the corrupted trials first: here
a trial is ranked only against trials that differ from it in learning rate and seeds alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rethink.records.halving import Decision, SuccessiveHalving
from rethink.records.record import stop_reason
from rethink.spec import SEEDS, TrialSpec

SEARCHED = ("learning_rate", *SEEDS)  # trials that differ in these alone are ranked against each other


class Rungs:
    """The decisions on the trials of each cell at each rung, in the order in which the trials arrived.

    Which trials stop depends on that order, as in every asynchronous search; the rows that a trial leaves do not. So
    each decision goes to `keep`, which writes it down, before it takes effect. No trial is judged twice at one rung,
    whatever happens to it or to the search later.
    """

    def __init__(self, halving: SuccessiveHalving, keep: Callable[[Decision], None]) -> None:
        self.halving = halving
        self._keep = keep
        self._decisions: dict[Any, dict[str, Decision]] = {}  # (cell, epoch) -> spec id -> decision

    def passes(self, spec: TrialSpec, row: Mapping[str, Any]) -> bool:
        """Take a trial's row into account; whether the trial may train on.

        At a rung it may if its accuracy is at or above the (1 - 1 / reduction factor) quantile of the earlier decisions
        there. A trial that has interpolated, or that ends here by itself, is not judged, but counts.

        Raises:
            OSError: The decision could not be written, so it does not hold.
        """
        if row["epoch"] not in self.halving.rungs(row["epoch"]):
            return True
        rung = self._rung(spec, row["epoch"])
        if spec.spec_id not in rung:
            decision = Decision(spec.spec_id, row["epoch"], row["train_accuracy"], self._may_go_on(spec, row))
            self._keep(decision)
            rung[spec.spec_id] = decision
        return rung[spec.spec_id].passes

    def take(self, spec: TrialSpec, decision: Decision) -> None:
        """Count a decision on a spec that was taken earlier; the first one at a rung holds."""
        self._rung(spec, decision.epoch).setdefault(spec.spec_id, decision)

    def take_rows(self, spec: TrialSpec, rows: Sequence[Mapping[str, Any]], given_up: int | None) -> None:
        """Count what a trial's rows show if its decisions were lost: it passed each rung before its last row.

        Args:
            spec: The trial's.
            rows: All of its rows, in order.
            given_up: The epoch in which the search gave it up, if it did.
        """
        for row in rows:
            epoch = row["epoch"]
            passed = epoch < rows[-1]["epoch"] or stop_reason(spec, row) is not None
            if epoch in self.halving.rungs(epoch) and (passed or epoch == given_up):
                self.take(spec, Decision(spec.spec_id, epoch, row["train_accuracy"], epoch != given_up))

    def _rung(self, spec: TrialSpec, epoch: int) -> dict[str, Decision]:
        return self._decisions.setdefault((spec.fields_except(SEARCHED), epoch), {})

    def _may_go_on(self, spec: TrialSpec, row: Mapping[str, Any]) -> bool:
        before = [decision.train_accuracy for decision in self._rung(spec, row["epoch"]).values()]
        if not before or row["epochs_to_fit"] is not None or stop_reason(spec, row) is not None:
            return True
        return bool(row["train_accuracy"] >= np.percentile(before, 100 * (1 - 1 / self.halving.reduction_factor)))
