"""What the draws made of every trial's labels: recorded with the run, and shown where a trial can never fit."""

import warnings
from collections.abc import Mapping, Sequence

from rethink.data.betons.beton import PreparedData
from rethink.data.contradictions import best_train_accuracy, changed_share
from rethink.records.run_record import LabelFacts
from rethink.spec import TrialSpec


def label_facts(specs: Sequence[TrialSpec], prepared: Mapping[str, PreparedData]) -> dict[str, LabelFacts]:
    """The facts by spec id; `prepared` is by stored data. Warns, once, of trials that can never fit."""
    facts = {spec.spec_id: _facts(spec, prepared[spec.stored_data]) for spec in specs}
    limits = [own.attainable_accuracy for own in facts.values() if own.attainable_accuracy < 1]
    if limits:
        warnings.warn(
            f"{len(limits)} of {len(specs)} trials can never fit 100%: equal images of their training sets have "
            f"unequal labels. The best possible train accuracy is {_span(limits)}; these trials train to max_epochs or "
            "max_steps and end by `contradiction`",
            stacklevel=2,
        )
    return facts


def _facts(spec: TrialSpec, data: PreparedData) -> LabelFacts:
    return LabelFacts(changed=changed_share(spec, data), attainable_accuracy=best_train_accuracy(spec, data))


def _span(accuracies: Sequence[float]) -> str:
    least, most = (f"{accuracy:.6g}" for accuracy in (min(accuracies), max(accuracies)))
    return least if least == most else f"{least} to {most}"
