"""Damaged, lost or foreign files in a run's folder are named and counted, and give no numbers."""

import json
import os

import pandas as pd
import pytest
from made_runs import log_of_ray, make_run, record, spec, write_attempt, write_trial

from analysis.frames import load
from rethink.records.row_writer import RowWriter
from tests.made_record import ABOUT


@pytest.fixture
def run(tmp_path):
    """Two trials that fitted after five epochs."""
    run = make_run(tmp_path / "demo", [spec(), spec(seed=1)])
    for one in (spec(), spec(seed=1)):
        write_trial(run, one, epochs=5, fit=5)
    return run


def rows_file(run, number=1):
    return run.rows / f"{spec().spec_id}-{number:04d}.jsonl"


def drop_lines(path, *numbers):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for number, line in enumerate(lines, start=1) if number not in numbers))


def first(frames):
    return frames.trials.iloc[0]


@pytest.mark.parametrize(
    ("lines", "missing", "told"),
    [((4,), 1, "3"), ((2,), 1, "1"), ((2, 4, 5), 3, "1, 3 to 4"), ((2, 3, 4, 5), 4, "1 to 4")],
)
def test_rows_that_are_missing_are_named_and_counted(run, lines, missing, told):
    whole = load(run.root)
    assert whole.trials["missing_rows"].tolist() == [0, 0]
    drop_lines(rows_file(run), *lines)
    with pytest.warns(UserWarning, match=rf"{spec().spec_id}: {missing} missing row\(s\): {told}$"):
        frames = load(run.root)
    assert frames.trials["missing_rows"].tolist() == [missing, 0]
    assert frames.trials["seconds"].isna().tolist() == [True, False]
    assert len(frames.epochs) == len(whole.epochs) - missing


def test_a_row_of_a_huge_number_takes_no_time(run):
    path = rows_file(run)
    path.write_text(path.read_text().replace('"row": 5', f'"row": {2**63 - 1}'))
    with pytest.warns(UserWarning, match=f"missing row.*: 5 to {2**63 - 2}"):
        assert first(load(run.root))["missing_rows"] == 2**63 - 6


def test_a_gap_that_a_later_attempt_fills_is_none(run):
    drop_lines(rows_file(run), 4)
    write_attempt(run, spec(), [record(3)], resumed_from_epoch=2)
    assert load(run.root).trials["missing_rows"].tolist() == [0, 0]


def test_rows_that_are_missing_are_taken_from_rays_log_where_it_has_them(run):
    drop_lines(rows_file(run), 4, 5)
    log_of_ray(run, spec(), [record(3)])
    with pytest.warns(UserWarning, match="1 lost row.*Ray's own log"), pytest.warns(UserWarning, match=r"row\(s\): 4$"):
        trial = first(load(run.root))
    assert (trial["rows_from_ray"], trial["missing_rows"]) == (1, 1)


@pytest.mark.parametrize("other", ["trial", "run"])
def test_rows_of_another_trial_or_run_under_this_name_are_left_out(run, tmp_path, other):
    expected = load(run.root)
    if other == "trial":
        stranger = write_attempt(run, spec(seed=1), [record(6, 6, test_error=0.0)], resumed_from_epoch=5)
    else:
        run_id = "f" * 32
        writer = RowWriter(run.rows, run_id, spec().spec_id, ABOUT)
        writer.append(record(6, 6, test_error=0.0))
        stranger = rows_file(run, writer.number)
    stranger.rename(rows_file(run, 2))
    with pytest.warns(UserWarning, match="its header says (spec_id|run_id) = "):
        frames = load(run.root)
    assert frames.damaged_files == 1
    pd.testing.assert_frame_equal(frames.trials, expected.trials)
    pd.testing.assert_frame_equal(frames.epochs, expected.epochs)


def test_a_damaged_header_costs_what_it_told_alone(run):
    expected = load(run.root).epochs
    path = rows_file(run)
    path.write_text(path.read_text().replace('"host": "node-1"', '"host": ["node-1"]'))
    with pytest.warns(UserWarning, match="attempt.host"):
        frames = load(run.root)
    pd.testing.assert_frame_equal(frames.epochs, expected)
    trial = first(frames)
    assert (trial["damaged_lines"], trial["attempts"]) == (1, 1)
    assert trial[["host", "device", "threads", "code_version", "versions", "data_sha256", "started"]].isna().all()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"steps": "x"}, "steps = 'x' is not allowed"), ({"config": {"spec": {}}}, "it is of another trial")],
)
def test_rays_log_holds_to_the_same_schema(run, change, said):
    rows_file(run).unlink()
    log_of_ray(run, spec(), [record(4), record(5, 5)])
    (log,) = run.tune.rglob("result.json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps(line) + "\n" for line in ({**lines[0], **change}, lines[1])))
    with pytest.warns(UserWarning, match=rf"Ray's log .*: 1 damaged line\(s\), left out: line 1: {said}"):
        frames = load(run.root)
    trial = first(frames)
    assert (trial["damaged_lines"], trial["rows_from_ray"], trial["missing_rows"]) == (1, 1, 4)
    assert frames.damaged_lines == 1


def test_a_log_of_rays_that_is_no_file_is_named(run):
    rows_file(run).unlink()
    folder = run.tune / "start-001" / spec().name
    folder.mkdir(parents=True)
    os.mkfifo(folder / "result.json")
    with pytest.warns(UserWarning, match="Ray's log .*a pipe, not a plain file"):
        assert first(load(run.root))["status"] == "not started"


@pytest.mark.parametrize(
    "line",
    [
        {"stop_reason": "error", "epoch": 1},
        {"spec_id": spec().spec_id},
        {"spec_id": None, "stop_reason": "error", "epoch": 1},
        {"spec_id": 5, "stop_reason": "error", "epoch": 1},
        {"spec_id": spec().spec_id, "stop_reason": None, "epoch": 1},
        {"spec_id": spec().spec_id, "stop_reason": "tired", "epoch": 1},
        {"spec_id": spec().spec_id, "stop_reason": "error", "epoch": -1},
        {"spec_id": spec().spec_id, "stop_reason": "error", "epoch": 1, "colour": "red"},
        ["error"],
        5,
    ],
)
def test_an_outcome_of_another_shape_is_left_out_named_and_counted(run, line):
    expected = load(run.root)
    run.outcomes_file.write_text(json.dumps(line) + "\n")
    run.record_outcome(spec(seed=1).spec_id, "interpolated", 5)
    with pytest.warns(UserWarning, match=r"outcomes.jsonl: 1 damaged line\(s\), left out: line 1: "):
        frames = load(run.root)
    assert frames.damaged_lines == 1
    pd.testing.assert_frame_equal(frames.trials, expected.trials)


def test_epochs_that_contradict_their_steps_leave_the_horizon_open(tmp_path):
    one = spec(max_steps=100, train_samples=None, start_from="ab" * 32)
    run = make_run(tmp_path / "demo", [one])
    write_attempt(run, one, [record(1, row=row, steps=16 * row) for row in (1, 2, 3)])
    assert pd.isna(first(load(run.root))["horizon"])
