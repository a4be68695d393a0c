"""The run directory: nothing recorded is lost, nothing damaged goes unnoticed."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from rethink.errors import RunError
from rethink.files.atomic_files import replace_file
from rethink.records.halving import Decision
from rethink.records.record import Record
from rethink.records.row_writer import RowWriter
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory, find_runs
from tests.made_record import ABOUT, made_record


def record(epoch: int, loss: float = 1.0) -> Record:
    return Record(
        row=epoch, epoch=epoch, steps=epoch, images_seen=epoch, learning_rate=0.1, train_loss=loss, train_accuracy=0.5,
        train_accuracy_corrupted=None, train_accuracy_clean=0.5, test_loss=None, test_accuracy=None,
        test_top5_accuracy=None, train_eval_accuracy=None, train_eval_top5_accuracy=None,
        exact_train_accuracy=None, exact_train_top5_accuracy=None, fitted=False, epochs_to_fit=None, diverged=False,
        checked_images=1,
        train_seconds=1.0, check_seconds=0.0, test_seconds=0.0, images_per_second=1.0,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    run.create(made_record(sweep="s"))
    return run


def writer(run: RunDirectory, **about: Any) -> RowWriter:
    return RowWriter(run.rows, run.run_id, "abc", {**ABOUT, **about})


def test_rows_come_back_as_written(run: RunDirectory) -> None:
    rows = writer(run, host="h")
    rows.append(record(1, 0.1 + 0.2))
    (attempt,) = run.read_attempts("abc")
    assert attempt.header.host == "h"
    assert Record(**attempt.rows[0]) == record(1, 0.1 + 0.2)


def test_of_a_repeated_epoch_the_last_attempt_counts_once(run: RunDirectory) -> None:
    for attempt, epochs in enumerate([(1, 2, 3, 4), (3, 4, 5)]):
        rows = writer(run)
        for epoch in epochs:
            rows.append(record(epoch, float(attempt)))
    kept = rows_of(run.read_attempts("abc"))
    assert list(kept) == [1, 2, 3, 4, 5]
    assert [row["train_loss"] for row in kept.values()] == [0, 0, 1, 1, 1]


def test_a_torn_line_is_counted_and_spoils_no_other(run: RunDirectory) -> None:
    rows = writer(run)
    rows.append(record(1))
    rows.append(record(2))
    (path,) = run.rows.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    (attempt,) = run.read_attempts("abc")
    assert attempt.damaged_lines == 1
    assert [row["epoch"] for row in attempt.rows] == [1]
    run.record_outcome("abc", "interpolated", 1)
    run.outcomes_file.write_bytes(run.outcomes_file.read_bytes()[:-5])
    run.record_outcome("def", "diverged", 2)
    outcomes, damaged = run.read_outcomes()
    assert damaged == 1
    assert outcomes["def"].stop_reason == "diverged"


def test_the_last_outcome_of_a_trial_counts(run: RunDirectory) -> None:
    run.record_outcome("abc", "error", 3)
    run.record_outcome("abc", "interpolated", 9)
    assert run.read_outcomes()[0]["abc"].stop_reason == "interpolated"


def _append_for_ever(root: Path) -> None:
    rows = writer(RunDirectory(root))
    for epoch in range(1, 10**9):
        rows.append(record(epoch))


def test_a_killed_writer_loses_no_row_that_append_returned_from(run: RunDirectory) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_append_for_ever, args=(run.root,))
    process.start()
    while not run.read_attempts("abc") or len(run.read_attempts("abc")[0].rows) < 20:
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    (attempt,) = run.read_attempts("abc")
    assert [row["epoch"] for row in attempt.rows] == list(range(1, len(attempt.rows) + 1))
    assert attempt.damaged_lines <= 1


def test_attempts_never_share_a_file(run: RunDirectory) -> None:
    assert [writer(run).number for _ in range(3)] == [1, 2, 3]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x"
    replace_file(path, b"old")
    with pytest.raises(TypeError):
        replace_file(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_is_not_overwritten(run: RunDirectory) -> None:
    with pytest.raises(FileExistsError):
        run.create(made_record(sweep="other"))
    assert json.loads(run.run_file.read_text())["sweep"] == "s"


def test_a_damaged_run_file_is_said_so(run: RunDirectory) -> None:
    run.run_file.write_bytes(run.run_file.read_bytes()[:-5])
    with pytest.raises(RunError, match=r"run.json is damaged"):
        run.read_run()


def test_a_folder_that_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no run directory"):
        list(find_runs([tmp_path]))


def test_decisions_come_back_in_their_order_and_half_a_line_is_told_of(run: RunDirectory) -> None:
    decisions = [Decision("abc", 10, 1 / 3, passes=True), Decision("def", 10, 0.1, passes=False)]
    assert run.read_decisions() == []
    run.record_decision(decisions[0])
    with run.decisions_file.open("ab") as file:
        file.write(b'{"spec_id": "ghi", "epoch": 10, "train_acc')
    run.record_decision(decisions[1])
    with pytest.warns(UserWarning, match="1 damaged line"):
        assert run.read_decisions() == decisions


def test_folders_that_have_gone_are_made_again_and_what_is_none_is_named(
    run: RunDirectory, recwarn: pytest.WarningsRecorder
) -> None:
    for folder in (run.rows, run.tensorboard, run.checkpoint("x").parent, run.error_file("x").parent):
        shutil.rmtree(folder)
    run.make_whole()
    run.make_whole()
    assert all(folder.is_dir() and not any(folder.iterdir()) for folder in (run.rows, run.checkpoint("x").parent))
    for folder in (run.rows, run.tensorboard, run.tune, run.checkpoint("x").parent, run.start_file("x").parent):
        folder.rmdir()
        folder.touch()
        with pytest.raises(RunError, match=f"{folder} cannot be written: it is no folder"):
            run.make_whole()
        folder.unlink()
    assert not recwarn
    run.make_whole()
    run.error_file("x").parent.rmdir()
    run.error_file("x").parent.touch()
    with pytest.warns(UserWarning, match="errors cannot be written: it is no folder"):
        run.make_whole()


def test_a_full_disk_is_told_with_the_file_that_it_has_no_space_for(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = writer(run)
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr("rethink.records.row_writer.SYNC_SECONDS", 0.0)
    for write, path in (
        (lambda: rows.append(record(1)), run.rows / "abc-0001.jsonl"),
        (rows.close, run.rows / "abc-0001.jsonl"),
        (lambda: run.record_outcome("abc", "error", 1), run.outcomes_file),
        (lambda: run.record_decision(Decision("abc", 1, 0.5, passes=True)), run.decisions_file),
        (lambda: replace_file(run.root / "x", b"x"), run.root / "x"),
    ):
        with pytest.raises(OSError, match="No space left on device") as raised:
            write()
        assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))


def test_rows_are_written_at_once_and_synced_within_a_second_and_at_the_end(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, synced = [100.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(os, "fsync", synced.append)
    rows, file = writer(run), run.rows / "abc-0001.jsonl"
    for number, seconds in enumerate((0.0, 0.9, 0.2, 0.9), start=1):
        now[0] += seconds
        rows.append(record(number))
        assert len(file.read_text().splitlines()) == 1 + number
        assert len(synced) == (0 if number < 3 else 1)
    rows.close()
    assert len(synced) == 2


def full(file: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
