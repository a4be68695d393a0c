"""What is left of a run: trials without their end, and those whose rows are lost and can be had again."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from rethink.records.run_directory import RunDirectory
from rethink.runs.resumption import is_finished
from rethink.runs.start_and_resume import resume
from rethink.spec import TrialSpec
from tests.analysis.made_runs import make_run, spec, write_trial

ENDED = spec(seed=0)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run of two trials that have ended, without checkpoints."""
    run = make_run(tmp_path / "demo", [ENDED, spec(seed=1)])
    for one in run.read_run().specs:
        write_trial(run, one, 6, 6)
        run.record_outcome(one.spec_id, "interpolated", 6)
    return run


def rows_file(run: RunDirectory, one: TrialSpec = ENDED) -> Path:
    return run.rows / f"{one.spec_id}-0001.jsonl"


def change_line(number: int, change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        lines = path.read_text().splitlines()
        row = json.loads(lines[number])
        change(row)
        lines[number] = json.dumps(row)
        path.write_text("\n".join(lines) + "\n")

    return damage


DAMAGES = {
    "a value of another type": change_line(3, lambda row: row.update(test_accuracy="high")),
    "the last row": change_line(6, lambda row: row.update(test_accuracy="high")),
    "the header": change_line(0, lambda row: row.update(attempt=5)),
    "no steps": change_line(5, lambda row: row.pop("steps")),
    "an empty file": lambda path: path.write_bytes(b""),
    "a cut file": lambda path: path.write_bytes(path.read_bytes()[:-600]),
}


def is_left(run: RunDirectory) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the damage itself
        return not is_finished(run, ENDED, run.read_outcomes()[0])


@pytest.mark.filterwarnings("ignore:.*damaged line", "ignore:.*left out")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_an_ended_trial_with_damaged_rows_and_no_checkpoint_is_named_and_left(
    run: RunDirectory, damage: Callable[[Path], None]
) -> None:
    damage(rows_file(run))
    before = {path: path.read_bytes() for path in sorted(run.root.rglob("*")) if path.is_file()}
    with pytest.warns(UserWarning, match=f"rows of {ENDED.name} are lost or damaged, and no checkpoint has them"):
        resume(run)
    assert {path: path.read_bytes() for path in sorted(run.root.rglob("*")) if path.is_file()} == before


def test_several_are_counted(run: RunDirectory) -> None:
    for one in run.read_run().specs:
        rows_file(run, one).write_bytes(b"")
    with pytest.warns(UserWarning, match=f"rows of {ENDED.name} and 1 more are lost or damaged"):
        resume(run)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_with_its_checkpoint_or_without_its_files_it_is_made_again(
    run: RunDirectory, damage: Callable[[Path], None]
) -> None:
    damage(rows_file(run))
    assert not is_left(run)
    newest = run.checkpoint(ENDED.spec_id)
    for checkpoint in (newest, newest.with_name(f"{newest.name}.previous")):
        checkpoint.touch()
        assert is_left(run)
        checkpoint.unlink()
    rows_file(run).unlink()
    assert is_left(run)


@pytest.mark.parametrize("reason", ["error", "unfinished"])
def test_a_trial_that_did_not_end_by_itself_is_left_to_train(run: RunDirectory, reason: str) -> None:
    rows_file(run).write_bytes(b"")
    run.record_outcome(ENDED.spec_id, reason, 6)
    assert is_left(run)


def test_a_whole_run_is_not_spoken_of(run: RunDirectory, recwarn: pytest.WarningsRecorder) -> None:
    resume(run)
    assert not recwarn.list
