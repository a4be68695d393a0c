"""What made runs say of themselves: the record of run.json, and the header of an attempt."""

import os
import platform
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rethink.records.provenance import versions
from rethink.records.run_record import LabelFacts, RunRecord, StoredData
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec

SHA256 = "ab" * 32
_DATA = StoredData(content_sha256=SHA256, train_samples=1, test_samples=1, classes=1, class_names=("made",))


def made_record(specs: Sequence[TrialSpec] = ()) -> RunRecord:
    """The record of a run of these specs, whose data is not there."""
    return RunRecord(
        run_id=uuid.uuid4().hex,
        sweep="made",
        variant="default",
        command="benchmarks",
        created=datetime.now(UTC),
        versions=versions(),
        data={spec.stored_data: _DATA for spec in specs},
        options=RunOptions(),
        halving=None,
        specs=tuple(specs),
        labels={spec.spec_id: LabelFacts(changed=0.0, attainable_accuracy=1.0) for spec in specs},
    )


def about() -> dict[str, Any]:
    """The header of an attempt, but for whose it is."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "device": "cpu",
        "threads": 1,
        "versions": versions(),
        "data_sha256": SHA256,
        "resumed_from_epoch": 0,
        "resumed_from_steps": 0,
        "notes": [],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
