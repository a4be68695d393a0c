"""The measures file of a trial: what is written is read, and anything else is refused."""

from pathlib import Path
from typing import Any

import pytest

from rethink.records.measures.measure_file import (
    MeasuredState,
    TrialMeasures,
    moments_of,
    read_measures,
    rows,
    write_measures,
)
from rethink.spec import TrialSpec
from tests.made_record import RUN_ID

SPEC = TrialSpec(dataset="x", image_size=28, model="m", learning_rate=0.1, max_epochs=9, epochs_after_fit=2)
SPEC_ID = SPEC.spec_id


def state(moments: tuple[Any, ...], steps: int, **changes: Any) -> MeasuredState:
    values = {"epoch": steps // 10, "train_accuracy": 1.0, "test_accuracy": 0.75, "values": {"l2_norm": 2.0}}
    return MeasuredState(**{"moments": moments, "steps": steps, **values, **changes})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "measures" / f"{SPEC_ID}.json"


def written(path: Path, *states: MeasuredState) -> TrialMeasures:
    measures = TrialMeasures(run_id=RUN_ID, spec_id=SPEC_ID)
    for one in states:
        measures = measures.with_state(one)
    write_measures(path, measures)
    return measures


def test_what_is_written_is_read(path: Path) -> None:
    assert read_measures(path, RUN_ID, SPEC_ID).states == ()
    measures = written(path, state(("end",), 90, values={"l2_norm": None}), state(("fit",), 50))
    assert read_measures(path, RUN_ID, SPEC_ID) == measures
    assert [one.steps for one in measures.states] == [50, 90]


def test_a_moment_has_one_state(path: Path) -> None:
    measures = written(path, state(("fit", "end"), 50), state(("fit",), 40), state(("loss",), 40))
    assert [(one.moments, one.steps) for one in measures.states] == [(("loss",), 40), (("end",), 50)]


def test_a_trial_that_goes_on_ends_anew_and_keeps_its_fit(path: Path) -> None:
    measures = written(path, state(("fit", "end"), 50), state(("loss", "end"), 70))
    assert [(one.moments, one.steps) for one in measures.states] == [(("fit",), 50), (("loss", "end"), 70)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"half", "JSON is malformed"),
        (b'{"format": 2}', "format"),
        (b'{"format": 1, "run_id": "R", "spec_id": "0", "states": []}', "it says run_id = 'R', not"),
    ],
)
def test_damaged_files_are_named(path: Path, content: bytes, problem: str) -> None:
    written(path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        read_measures(path, RUN_ID, SPEC_ID)


def test_a_file_of_another_trial_is_refused(path: Path) -> None:
    written(path)
    with pytest.raises(ValueError, match=f"it says spec_id = '{SPEC_ID}', not 'abc'"):
        read_measures(path, RUN_ID, "abc")


def test_impossible_values_are_refused(path: Path) -> None:
    written(path, state(("fit",), 50))
    path.write_text(path.read_text().replace("0.75", "1.75"))
    with pytest.raises(ValueError, match=r"test_accuracy = 1\.75"):
        read_measures(path, RUN_ID, SPEC_ID)


@pytest.mark.parametrize(
    ("row", "moments"),
    [
        ({"epoch": 3, "epochs_to_fit": None, "fitted": False}, ()),
        ({"epoch": 4, "epochs_to_fit": 4, "fitted": True}, ("fit",)),
        ({"epoch": 4, "epochs_to_fit": 4, "fitted": None}, ()),  # an evaluation in the epoch after it
        ({"epoch": 5, "epochs_to_fit": 4, "epochs_to_loss": 5, "fitted": False}, ("loss",)),
        ({"epoch": 6, "epochs_to_fit": 4, "epochs_to_loss": 5, "fitted": True}, ("end",)),
        ({"epoch": 9, "epochs_to_fit": None, "fitted": False}, ("end",)),
        ({"epoch": 9, "epochs_to_fit": 9, "epochs_to_loss": 9, "fitted": True}, ("fit", "loss", "end")),
        ({"epoch": 2, "epochs_to_fit": None, "fitted": False, "diverged": True}, ("end",)),
    ],
)
def test_the_moments_of_a_row(row: dict[str, Any], moments: tuple[str, ...]) -> None:
    assert moments_of(SPEC, {"epochs_to_loss": None, "diverged": False, "steps": 5, **row}) == moments


def test_rows_of_each_moment_and_measure() -> None:
    states = [state(("fit", "loss"), 50), state(("end",), 90, test_accuracy=None, values={"l2_norm": None})]
    found = rows(states, ("flatness", "l2_norm"))
    assert [(row["moment"], row["steps"], row["measure"], row["value"], row["gap"]) for row in found] == [
        ("fit", 50, "l2_norm", 2.0, 0.25),
        ("loss", 50, "l2_norm", 2.0, 0.25),
        ("end", 90, "l2_norm", None, None),
    ]
