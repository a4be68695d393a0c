"""Row files hold to one schema: what cannot be is refused in writing, and in reading left out, named and counted."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rethink.records.record import Record
from rethink.records.row_writer import RowWriter
from rethink.records.rows import Attempt, Row, rows_of
from rethink.records.run_directory import RunDirectory
from tests.made_record import ABOUT, RUN_ID, made_record

SPEC_ID = "abc123"
LINE = 4  # of the file: the row of epoch 3
COLUMNS = {field.name: str(field.type) for field in dataclasses.fields(Record)}
BOOLEANS = ("fitted", "diverged")
NULLABLE = (
    *("train_loss", "train_accuracy_corrupted", "train_accuracy_clean", "test_loss", "test_accuracy"),
    *("test_top5_accuracy", "train_eval_accuracy", "train_eval_top5_accuracy", "exact_train_accuracy"),
    *("exact_train_top5_accuracy", "fitted", "epochs_to_fit", "exact_train_loss", "epochs_to_loss"),
)
COUNTS = ("row", "epoch", "steps", "images_seen", "epochs_to_fit", "epochs_to_loss", "checked_images")
# Of later code than some rows.
LATER = [field.name for field in dataclasses.fields(Record) if field.default is not dataclasses.MISSING]


def record(epoch: int, fit: int | None = None, **changes: Any) -> Record:
    fitted = fit is not None and epoch >= fit
    values = {
        **dict.fromkeys(NULLABLE),
        **{"row": epoch, "epoch": epoch, "steps": 16 * epoch, "images_seen": 2000 * epoch, "learning_rate": 0.01},
        **{"train_loss": 1 / epoch, "train_accuracy": 0.9, "test_accuracy": 0.75, "checked_images": 8},
        **{"fitted": fitted, "epochs_to_fit": fit if fitted else None, "diverged": False},
        **{"train_seconds": 1.0, "check_seconds": 0.5, "test_seconds": 0.25, "images_per_second": 2000.0},
    }
    return Record(**{**values, **changes})


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    run.create(made_record())
    return run


@pytest.fixture
def path(run: RunDirectory) -> Path:
    """The file of an attempt of five epochs that fitted in the last."""
    return write(run, [record(epoch, 5) for epoch in range(1, 6)])


def write(run: RunDirectory, records: list[Record], **about: Any) -> Path:
    writer = RowWriter(run.rows, run.run_id, SPEC_ID, {**ABOUT, **about})
    for one in records:
        writer.append(one)
    writer.close()
    return run.rows / f"{SPEC_ID}-{writer.number:04d}.jsonl"


def change_line(path: Path, number: int, change: Any) -> None:
    """Replace the line of this number, from 1, by bytes, or by a function of its object."""
    lines = path.read_bytes().splitlines()
    lines[number - 1] = (
        change if isinstance(change, bytes) else json.dumps(change(json.loads(lines[number - 1]))).encode()
    )
    path.write_bytes(b"\n".join(lines) + b"\n")


def only(attempts: list[Attempt]) -> Attempt:
    (attempt,) = attempts
    return attempt


def steps_of(attempt: Attempt) -> list[int]:
    return [row["steps"] for row in attempt.rows]


def impossible(column: str) -> list[Any]:
    """JSON values that this column cannot have; of each kind one."""
    values: list[Any] = ["0.9", [1], {}, -1, float("nan"), float("inf")]
    values += [] if column in BOOLEANS else [True]
    values += [] if column in NULLABLE else [None]
    values += [10**30, 0.5] if column in COUNTS else []
    values += [7.5] if column.endswith("accuracy") or "accuracy" in column else []
    return values + ([1] if column in BOOLEANS else [])


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_that_cannot_be_is_left_out_named_and_counted(run: RunDirectory, path: Path, column: str) -> None:
    whole = path.read_bytes()
    for value in impossible(column):
        change_line(path, LINE, lambda row, value=value: {**row, column: value})
        with pytest.warns(UserWarning, match=rf"{path.name}: 1 damaged line\(s\), left out: line {LINE}: .*{column}"):
            attempt = only(run.read_attempts(SPEC_ID))
        assert (attempt.damaged_lines, steps_of(attempt)) == (1, [16, 32, 64, 80]), value
        path.write_bytes(whole)
    change_line(path, LINE, lambda row: {name: value for name, value in row.items() if name != column})
    if column in LATER:
        assert only(run.read_attempts(SPEC_ID)).rows[LINE - 2][column] is None
        return
    with pytest.warns(UserWarning, match=f"line {LINE}: {column} is missing"):
        assert steps_of(only(run.read_attempts(SPEC_ID))) == [16, 32, 64, 80]


@pytest.mark.parametrize("column", COLUMNS)
def test_no_row_is_written_that_no_reader_would_take(run: RunDirectory, column: str) -> None:
    writer = RowWriter(run.rows, run.run_id, SPEC_ID, ABOUT)
    writer.append(record(1))
    for value in impossible(column):
        with pytest.raises(ValueError, match=r"not allowed|not JSON compliant"):
            writer.append(dataclasses.replace(record(2), **{column: value}))
    writer.append(record(2))
    assert steps_of(only(run.read_attempts(SPEC_ID))) == [16, 32]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[" * 200_000, "expected `object`|nested"),
        (b'{"row": ' + b"[" * 200_000, "expected `int`|nested"),
        (b"\xff\xfe", "malformed"),
        (b'"text"', "expected `object`"),
        (b"5", "expected `object`"),
        (b'{"row": 3, "colour": "red"}', "colour|missing"),
        (b'{"row": 1e999}', "row|out of range"),
        (b'{"row": 3', "truncated"),
    ],
)
def test_a_line_that_is_no_row_spoils_no_other(run: RunDirectory, path: Path, line: bytes, said: str) -> None:
    change_line(path, LINE, line)
    with pytest.warns(UserWarning, match=f"(?i){said}") as told:
        attempt = only(run.read_attempts(SPEC_ID))
    assert (attempt.damaged_lines, steps_of(attempt)) == (1, [16, 32, 64, 80])
    (message,) = [str(warning.message) for warning in told]
    assert "\n" not in message
    assert len(message) < 500


def test_a_column_that_no_row_has_is_named(run: RunDirectory, path: Path) -> None:
    change_line(path, LINE, lambda row: {**row, "colour": "red"})
    with pytest.warns(UserWarning, match="colour is no field of it"):
        assert steps_of(only(run.read_attempts(SPEC_ID))) == [16, 32, 64, 80]


def test_lines_that_hold_nothing_are_no_damage(run: RunDirectory, path: Path) -> None:
    change_line(path, LINE, b"\0\0\0\0")
    path.write_bytes(b"\n" + path.read_bytes() + b"\n\0\n")
    attempt = only(run.read_attempts(SPEC_ID))
    assert (attempt.damaged_lines, steps_of(attempt)) == (0, [16, 32, 64, 80])


def test_of_two_rows_of_one_step_that_differ_the_later_counts_and_the_other_is_named(
    run: RunDirectory, path: Path
) -> None:
    last = json.loads(path.read_bytes().splitlines()[-1])
    again = json.dumps({**last, "train_seconds": 9.0})  # a time alone may differ
    path.write_bytes(path.read_bytes() + f"{again}\n".encode())
    assert only(run.read_attempts(SPEC_ID)).damaged_lines == 0
    other = json.dumps({**last, "test_accuracy": 0.999})
    path.write_bytes(path.read_bytes() + f"{other}\n".encode())
    with pytest.warns(UserWarning, match="line 7: line 8 has other values for its steps = 80"):
        attempts = run.read_attempts(SPEC_ID)
    assert rows_of(attempts)[5]["test_accuracy"] == 0.999
    assert only(attempts).damaged_lines == 1


@pytest.mark.parametrize(
    ("line", "changes", "said"),
    [
        (6, {"epochs_to_fit": 2}, "epochs_to_fit = 2, but the row of epoch 2 has not fitted"),
        (6, {"epochs_to_fit": 6}, "epochs_to_fit = 6, but epoch = 5"),
        (6, {"epochs_to_fit": None}, "fitted is true, but epochs_to_fit is null"),
        (6, {"fitted": False}, "epochs_to_fit = 5 = epoch, but fitted is false"),
        (6, {"exact_train_accuracy": 0.5}, "fitted is true, but exact_train_accuracy = 0.5"),
        (LINE, {"fitted": True}, "fitted is true, but epochs_to_fit is null"),
        (LINE, {"epochs_to_fit": 1}, "epochs_to_fit = 1, but the row of epoch 1 has not fitted"),
    ],
)
def test_a_fit_that_the_rows_deny_is_left_out(
    run: RunDirectory, path: Path, line: int, changes: Row, said: str
) -> None:
    change_line(path, line, lambda row: {**row, **changes})
    with pytest.warns(UserWarning, match=f"1 damaged line.*line {line}: {said}"):
        attempt = only(run.read_attempts(SPEC_ID))
    assert len(attempt.rows) == 4
    assert 16 * (line - 1) not in steps_of(attempt)


def test_later_rows_agree_with_the_fit_before_them(run: RunDirectory) -> None:
    path = write(run, [record(epoch, 3) for epoch in range(1, 6)])
    change_line(path, 6, lambda row: {**row, "epochs_to_fit": None, "fitted": False})
    with pytest.warns(UserWarning, match="line 6: epochs_to_fit is null, but the row of epoch 3 has fitted"):
        run.read_attempts(SPEC_ID)
    change_line(path, 6, lambda row: {**row, "epochs_to_fit": 4})
    with pytest.warns(UserWarning, match="line 6: epochs_to_fit = 4, but the row of epoch 3 has fitted before"):
        run.read_attempts(SPEC_ID)


def test_an_attempt_that_went_on_after_the_fit_has_no_row_of_it(run: RunDirectory) -> None:
    write(run, [record(epoch, 3) for epoch in range(6, 9)], resumed_from_epoch=5)
    assert only(run.read_attempts(SPEC_ID)).damaged_lines == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": ["a"]}, r"attempt.host = \['a'\] is not allowed: expected `str`"),
        ({"started": "yesterday"}, "attempt.started = 'yesterday' is not allowed"),
        ({"started": "2026-11-23T20:00:00"}, "started"),
        ({"started": 5}, "attempt.started = 5 is not allowed"),
        ({"threads": 0}, "attempt.threads = 0 is not allowed"),
        ({"colour": "red"}, "attempt.colour is no field of it"),
    ],
)
def test_a_damaged_header_that_still_says_whose_the_rows_are_keeps_them(
    run: RunDirectory, path: Path, changes: dict[str, Any], said: str
) -> None:
    change_line(path, 1, lambda first: {"attempt": {**first["attempt"], **changes}})
    with pytest.warns(UserWarning, match=f"1 damaged line.*line 1: .*{said}"):
        attempt = only(run.read_attempts(SPEC_ID))
    assert (attempt.header, attempt.damaged_lines, len(attempt.rows)) == (None, 1, 5)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({"attempt": 5}, "no header says whose rows these are: line 1: attempt = 5 is not allowed"),
        ({"attempt": None}, "no header says whose"),
        ({"spec_id": "def"}, "its header says spec_id = 'def', not 'abc123'"),
        ({"run_id": "other"}, f"its header says run_id = 'other', not '{RUN_ID}'"),
        ({"number": 2}, "its header says number = 2, not 1"),
        ({"spec_id": "def", "number": 2}, "its header says spec_id = 'def', not 'abc123' and number = 2, not 1"),
        ({"number": -1}, "attempt.number = -1 is not allowed"),
        ({"format": 2}, "attempt.format = 2 is not allowed"),
        ({"run_id": None}, "attempt.run_id = None is not allowed"),
    ],
)
def test_rows_whose_header_says_that_they_are_not_these_are_left_out(
    run: RunDirectory, path: Path, first: dict[str, Any], said: str
) -> None:
    whole = write(run, [record(6, 5)], resumed_from_epoch=5)
    change_line(path, 1, lambda line: first if "attempt" in first else {"attempt": {**line["attempt"], **first}})
    with pytest.warns(UserWarning, match=rf"{path.name}: cannot be read \(.*{said}.*\), left out"):
        attempt = only(run.read_attempts(SPEC_ID))
    assert attempt.number == int(whole.stem[-4:]) == 2


def test_rows_without_their_first_line_are_nobodys(run: RunDirectory, path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.warns(UserWarning, match="no header says whose rows these are"):
        assert run.read_attempts(SPEC_ID) == []


def test_an_attempt_that_died_before_its_header_is_no_damage(run: RunDirectory, path: Path) -> None:
    path.write_bytes(b"")
    assert run.read_attempts(SPEC_ID) == [Attempt(SPEC_ID, 1)]


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device", "no file"])
def test_what_is_no_plain_file_is_left_out_without_being_opened(run: RunDirectory, path: Path, kind: str) -> None:
    path.unlink()
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "a device" else "nowhere")
    with pytest.warns(UserWarning, match="No such file" if kind == "no file" else kind):
        assert run.read_attempts(SPEC_ID) == []
    assert run.results([SPEC_ID]).row_files.keys() == {SPEC_ID}


@pytest.mark.parametrize(
    "name", [f"{SPEC_ID}-².jsonl", f"{SPEC_ID}-1.jsonl", "notes.txt", "-0001.jsonl", "x-0001.jsonl"]
)
def test_a_file_of_no_such_name_is_named_and_counted(run: RunDirectory, path: Path, name: str) -> None:
    (run.rows / name).write_bytes(path.read_bytes())
    (run.rows / ".DS_Store").touch()
    with pytest.warns(UserWarning, match=f"{name}: not named"):
        results = run.results([SPEC_ID])
    assert results.damaged_files == 1
    assert results.row_files == {SPEC_ID: [(path, path.stat().st_size)]}
