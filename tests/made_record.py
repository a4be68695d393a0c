"""Made records of a run: run.json, and the header of an attempt."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rethink.records.run_record import LabelFacts, RunRecord, StoredData
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec

RUN_ID = "0123456789abcdef" * 2
SHA256 = "ab" * 32
CLASS_NAMES = tuple(f"class {number}" for number in range(10))
ABOUT = {  # an attempt, without the trial that it belongs to
    "host": "node-1",
    "pid": 1234,
    "device": "cpu",
    "threads": 1,
    "versions": {"rethink": "0.1.0", "torch": "2.14.1"},
    "data_sha256": SHA256,
    "resumed_from_epoch": 0,
    "resumed_from_steps": 0,
    "notes": [],
    "started": "2026-11-23T20:00:00+00:00",
}


def stored_data(**changes: Any) -> StoredData:
    values = {"content_sha256": SHA256, "train_samples": 60_000, "test_samples": 10_000, "class_names": CLASS_NAMES}
    values |= changes
    return StoredData(**{"classes": len(values["class_names"]), **values})


def made_labels(spec: TrialSpec) -> LabelFacts:
    """The expected number of changed labels, and no contradiction."""
    return LabelFacts(changed=0.9 * spec.label_corruption, attainable_accuracy=1.0)


def made_record(specs: Sequence[TrialSpec] = (), **changes: Any) -> RunRecord:
    """The record of a run of these specs, all of data sets with ten classes."""
    values = {
        "run_id": RUN_ID,
        "sweep": "label_corruption",
        "variant": "demo",
        "command": "python sweeps/label_corruption.py demo",
        "created": datetime(2026, 11, 23, 19, 59, tzinfo=UTC),
        "versions": ABOUT["versions"],
        "data": {name: stored_data() for name in sorted({spec.stored_data for spec in specs})},
        "options": RunOptions(),
        "halving": None,
        "specs": tuple(specs),
        "labels": {spec.spec_id: made_labels(spec) for spec in specs},
    }
    return RunRecord(**{**values, **changes})
