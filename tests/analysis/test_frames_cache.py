"""The cache of frames says exactly what the run says, or nothing: whatever is changed, damaged or lost."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from made_runs import make_run, record, spec, write_attempt, write_trial

from analysis.frames import Frames, load
from analysis.reading import frames_cache
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache of frames, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home/rethink/frames"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Of six trials four have ended, each in its own way; one is running, one has not begun."""
    specs = [spec(seed=seed, label_corruption=0.5, max_epochs=9) for seed in range(6)]
    run = make_run(tmp_path / "demo", specs)
    write_trial(run, specs[0], epochs=5, fit=5)
    write_trial(run, specs[1], epochs=9)
    write_attempt(run, specs[2], [record(1), record(2, diverged=True, train_loss=None, test_error=None)])
    write_trial(run, specs[3], epochs=3)
    write_trial(run, specs[4], epochs=2)
    ends = zip(specs, ("interpolated", "max_epochs", "diverged", "scheduler"), (5, 9, 2, 3), strict=False)
    for one, reason, epoch in ends:
        run.record_outcome(one.spec_id, reason, epoch)
    return run


def specs_of(run: RunDirectory) -> Sequence[TrialSpec]:
    return run.read_run().specs


def rows_file(run: RunDirectory, one: TrialSpec) -> Path:
    return run.rows / f"{one.spec_id}-0001.jsonl"


def assert_equal(one: Frames, other: Frames) -> None:
    pd.testing.assert_frame_equal(one.trials, other.trials)
    pd.testing.assert_frame_equal(one.epochs, other.epochs)


def assert_as_without(cache: Path, *runs: RunDirectory) -> Frames:
    """What `load` gives now, which is what it gives without a cache."""
    paths = [run.root for run in runs]
    cached = load(*paths)
    shutil.rmtree(cache)
    assert_equal(cached, load(*paths))
    return cached


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the row files that are read from now on."""
    read, names = frames_cache.RunFiles._trial, []

    def noted(self, spec):
        names.append(spec.spec_id)
        return read(self, spec)

    monkeypatch.setattr(frames_cache.RunFiles, "_trial", noted)
    return names


def test_trials_that_have_ended_are_read_once(run: RunDirectory, reads: list[str]) -> None:
    first = load(run.root)
    assert reads == [one.spec_id for one in specs_of(run)]
    reads.clear()
    assert_equal(load(run.root), first)
    assert reads == [one.spec_id for one in specs_of(run)[4:]]


def test_frames_are_the_same_as_trials_end_one_by_one_in_any_order(tmp_path: Path, cache: Path) -> None:
    specs = [spec(seed=seed) for seed in range(4)]
    run = make_run(tmp_path / "demo", specs)
    for place in (2, 0, 3, 1):
        write_trial(run, specs[place], epochs=2 + place, fit=2 + place)
        frames = load(run.root)
        assert frames.trials["seed"].tolist() == [0, 1, 2, 3]
        assert len(list(cache.iterdir())) == 1
    assert_equal(frames, assert_as_without(cache, run))


@pytest.mark.parametrize("change", ["further attempt", "longer file", "same size", "other end"])
def test_a_trial_whose_files_changed_is_read_from_them(run: RunDirectory, cache: Path, change: str) -> None:
    load(run.root)
    given_up = specs_of(run)[3]
    path = rows_file(run, given_up)
    if change == "further attempt":
        write_attempt(run, given_up, [record(4, 4)], resumed_from_epoch=3)
    elif change == "longer file":
        further = path.read_text().splitlines()[-1]
        for column, old, new in (("row", 3, 4), ("epoch", 3, 4), ("steps", 48, 64)):
            further = further.replace(f'"{column}": {old}', f'"{column}": {new}')
        path.write_text(path.read_text() + further + "\n")
    elif change == "same size":
        path.write_text(path.read_text().replace('"train_loss": 0.5', '"train_loss": 0.6'))
    else:
        run.record_outcome(given_up.spec_id, "error", 3)
    cached = assert_as_without(cache, run)
    trial = cached.trials.set_index("spec_id").loc[given_up.spec_id]
    assert (trial["epochs"], trial["stop_reason"]) == {
        "further attempt": (4, "interpolated"),
        "longer file": (4, "scheduler"),
        "same size": (3, "scheduler"),
        "other end": (3, "error"),
    }[change]
    second = cached.epochs[(cached.epochs["spec_id"] == given_up.spec_id) & (cached.epochs["row"] == 2)]
    assert second["train_loss"].tolist() == [0.6 if change == "same size" else 0.5]


def test_a_run_of_another_content_in_the_same_place_is_another_run(run: RunDirectory, cache: Path) -> None:
    load(run.root)
    run.run_file.write_text(run.run_file.read_text().replace("demo", "other"))
    os.utime(run.run_file, ns=(0, 0))
    assert_as_without(cache, run)


def test_another_version_of_the_code_reads_the_rows_again(
    run: RunDirectory, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(run.root)
    reads.clear()
    monkeypatch.setattr(frames_cache, "code_digest", lambda package: "another")
    load(run.root)
    assert len(reads) == 6


@pytest.mark.parametrize("damage", ["half", "a bit", "empty", "lost", "pipe", "folder", "device", "other columns"])
def test_a_damaged_cache_is_not_used(run: RunDirectory, cache: Path, reads: list[str], damage: str) -> None:
    expected = load(run.root)
    (path,) = cache.iterdir()
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "a bit":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "other columns":
        sink = frames_cache.pa.BufferOutputStream()
        table = frames_cache._decoded(bytes(content)).drop_columns(["source"])
        with frames_cache.pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
        other = sink.getvalue().to_pybytes()
        path.write_bytes(hashlib.sha256(other).digest() + other)
    elif damage != "lost":
        {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: path.symlink_to("/dev/zero")}[damage](path)
    reads.clear()
    assert_equal(load(run.root), expected)
    assert len(reads) == 6
    if damage != "folder":  # nothing else could take its place
        reads.clear()
        assert_equal(load(run.root), expected)
        assert len(reads) == 2


@pytest.mark.parametrize("damage", ["damaged line", "missing row", "unreadable attempt"])
def test_a_trial_with_damaged_rows_is_warned_of_every_time(run: RunDirectory, damage: str) -> None:
    path = rows_file(run, specs_of(run)[0])
    if damage == "damaged line":
        path.write_text(path.read_text().replace('"epoch": 5', "epoch: 5", 1))
        run.record_outcome(specs_of(run)[0].spec_id, "error", 4)
    elif damage == "missing row":
        path.write_text("".join(line for n, line in enumerate(path.read_text().splitlines(True)) if n != 3))
    else:
        path.with_name(path.name.replace("0001", "0002")).mkdir()
    seen = []
    for _ in range(3):
        with pytest.warns(UserWarning, match="damaged line|missing row|a folder, not a plain file"):
            seen.append(load(run.root))
    assert (seen[0].damaged_lines, seen[0].damaged_files) == (seen[2].damaged_lines, seen[2].damaged_files)
    assert_equal(seen[0], seen[2])


def test_a_renamed_run_has_its_new_name(run: RunDirectory) -> None:
    load(run.root)
    moved = run.root.rename(run.root.with_name("renamed"))
    for _ in range(2):
        frames = load(moved)
        assert set(frames.trials["run"]) == set(frames.epochs["run"]) == {"renamed"}


def test_several_runs_are_one_frame_whichever_is_cached(tmp_path: Path, cache: Path, run: RunDirectory) -> None:
    other = make_run(tmp_path / "other", [spec(model="mlp_3x512"), spec(model="alexnet_small")])
    write_trial(other, spec(model="mlp_3x512"), epochs=2, fit=2)
    load(run.root)
    both = load(run.root, other.root)
    assert both.trials["run"].tolist() == ["demo"] * 6 + ["other"] * 2
    assert list(both.trials["model"].cat.categories) == ["alexnet_small", "mlp_1x512", "mlp_3x512"]
    assert_equal(both, assert_as_without(cache, run, other))


def test_nothing_is_written_into_the_run(run: RunDirectory) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*")}
    load(run.root)
    assert {path: path.stat().st_mtime_ns for path in run.root.rglob("*")} == before


@pytest.mark.parametrize("place", ["/proc/nowhere", "a file"])
def test_without_a_cache_folder_the_rows_are_read(
    run: RunDirectory, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    expected = load(run.root)
    if place == "a file":
        place = str(tmp_path / "file")
        Path(place).write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    assert_equal(load(run.root), expected)
    assert not recwarn.list


def test_only_the_newest_files_are_kept(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_cache, "_MOST_FILES", 3)
    for number in range(5):
        run = make_run(tmp_path / f"run{number}", [spec(seed=number)])
        write_trial(run, spec(seed=number), epochs=2, fit=2)
        load(run.root)
        for path in cache.iterdir():
            os.utime(path, ns=(path.stat().st_mtime_ns - 10**9,) * 2)
    assert len(list(cache.iterdir())) == 3
