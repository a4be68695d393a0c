"""Trial: it survives, and hundreds of them in one process leave nothing behind."""

import dataclasses
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import pytest
import torch

from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.errors import RunError, SpecError
from rethink.records.record import Record
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial
from rethink.weights.checkpoint_file import StartState, write_checkpoint
from rethink.weights.checkpoints import Checkpoints
from tests.made_record import made_record
from tests.undisturbed import recorded_rows, undisturbed_rows

MakeSpec = Callable[..., TrialSpec]


@pytest.fixture
def settings(tmp_path: Path, cache_dir: Path, prepared: PreparedData) -> TrialSettings:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    run.create(made_record())
    return TrialSettings(
        run=run.root,
        data_sha256={"fashion_mnist_mini": prepared.content_sha256},
        places=DataPlaces(cache_dir=cache_dir),
    )


@pytest.fixture
def start(settings: TrialSettings) -> Iterator[Callable[[TrialSpec], Trial]]:
    store, trials = DataStore(settings), []

    def start(spec: TrialSpec) -> Trial:
        trials.append(Trial(spec, settings, store))
        return trials[-1]

    yield start
    for trial in trials:
        trial.close()


def run_epochs(trial: Trial, epochs: int) -> Record:
    for _ in range(epochs):
        record = trial.run_until(lambda: True)
    return record


@pytest.mark.slow
def test_a_trial_cut_off_anywhere_goes_on_from_its_checkpoint_with_the_same_rows(
    start: Callable[[TrialSpec], Trial],
    settings: TrialSettings,
    make_spec: MakeSpec,
    make_training: Callable[..., Training],
) -> None:
    spec, run = make_spec(), RunDirectory(settings.run)
    cut = start(spec)
    run_epochs(cut, 3)
    cut.save(run.checkpoint(spec.spec_id))
    run_epochs(cut, 2)  # rows beyond the checkpoint, as a crash leaves them
    again = start(spec)
    assert again.run_until(lambda: False).fitted
    assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)
    assert len(run.read_attempts(spec.spec_id)[0].rows) == 5


def test_a_trial_reports_at_the_rungs_exactly_whatever_the_clock_says(
    settings: TrialSettings, make_spec: MakeSpec
) -> None:
    ranked = dataclasses.replace(settings, report_epochs=frozenset({2, 4, 8}))
    trial = Trial(make_spec(max_epochs=9), ranked, DataStore(ranked))
    reported = [trial.run_until(lambda: False).epoch for _ in range(4)]
    trial.close()
    assert reported == [2, 4, 8, 9]


@pytest.mark.slow
def test_a_row_that_a_crash_lost_after_its_checkpoint_is_written_again(
    start: Callable[[TrialSpec], Trial], settings: TrialSettings, make_spec: MakeSpec
) -> None:
    spec, run = make_spec(), RunDirectory(settings.run)
    start(spec).run_until(lambda: False)
    complete = recorded_rows(run, spec)
    (path,) = run.rows.iterdir()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert start(spec).run_until(lambda: True).fitted
    assert recorded_rows(run, spec) == complete


@pytest.mark.parametrize("fault", ["gone", "empty", "a row altered", "all cut in the middle"])
def test_rows_that_only_the_checkpoint_knows_of_are_written_again(
    start: Callable[[TrialSpec], Trial],
    settings: TrialSettings,
    make_spec: MakeSpec,
    make_training: Callable[..., Training],
    fault: str,
) -> None:
    spec, run = make_spec(max_epochs=7), RunDirectory(settings.run)
    cut = start(spec)
    run_epochs(cut, 4)
    cut.save(run.checkpoint(spec.spec_id))
    run_epochs(cut, 1)
    (path,) = run.rows.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    if fault == "gone":
        path.unlink()
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "a row altered":
        path.write_bytes(b"".join(lines).replace(b'"images_seen": 400', b'"images_seen": 500'))
    else:
        path.write_bytes(b"".join([lines[0], lines[2], lines[-1][:40]]))
    assert start(spec).run_until(lambda: False).epoch == 7
    assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)
    assert [row["row"] for row in recorded_rows(run, spec)] == list(range(1, len(recorded_rows(run, spec)) + 1))


def test_rows_written_again_have_the_times_that_were_measured(
    start: Callable[[TrialSpec], Trial], settings: TrialSettings, make_spec: MakeSpec
) -> None:
    spec, run = make_spec(max_epochs=7), RunDirectory(settings.run)
    start(spec).run_until(lambda: False)
    whole = rows_of(run.read_attempts(spec.spec_id))
    shutil.rmtree(run.rows)
    run.rows.mkdir()
    start(spec)
    assert rows_of(run.read_attempts(spec.spec_id)) == whole


def test_a_trial_restored_at_a_rung_says_so_again(settings: TrialSettings, make_spec: MakeSpec) -> None:
    """It may have died before the search heard of it; what it says twice is judged once."""
    ranked = dataclasses.replace(settings, report_epochs=frozenset({2, 6}))
    spec, store = make_spec(max_epochs=9), DataStore(ranked)
    cut = Trial(spec, ranked, store)
    cut.run_until(lambda: False)
    cut.save(RunDirectory(ranked.run).checkpoint(spec.spec_id))
    cut.close()
    again = Trial(spec, ranked, store)
    assert [again.run_until(lambda: False).epoch for _ in range(3)] == [2, 6, 9]
    assert len(recorded_rows(RunDirectory(ranked.run), spec)) == 9


def test_the_state_that_tune_keeps_is_the_trials_own(
    start: Callable[[TrialSpec], Trial], make_spec: MakeSpec, tmp_path: Path
) -> None:
    first, second = start(make_spec()), start(make_spec())
    run_epochs(first, 4)
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    assert run_epochs(second, 1).epoch == 5


def test_other_data_than_the_runs_are_refused(settings: TrialSettings, make_spec: MakeSpec) -> None:
    other = dataclasses.replace(settings, data_sha256={"fashion_mnist_mini": "0"})
    with pytest.raises(SpecError, match="is not the one that the run"):
        Trial(make_spec(), other, DataStore(other))


class Usage(NamedTuple):
    """What a process holds: threads, the targets of its open files, bytes of memory, torch's threads."""

    threads: int
    files: list[str]
    memory: int
    torch_threads: int


def usage_before_and_after(settings: TrialSettings, specs: list[TrialSpec], settled: int) -> tuple[Usage, Usage]:
    """Trains every spec in turn; what this process holds after the first `settled` of them, and after all."""
    torch.set_num_threads(1)
    store, process = DataStore(settings), psutil.Process()

    def usage() -> Usage:
        gc.collect()
        files = sorted(str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
        return Usage(process.num_threads(), files, process.memory_info().rss, torch.get_num_threads())

    def run(spec: TrialSpec) -> None:
        trial = Trial(spec, settings, store)
        trial.run_until(lambda: True)
        trial.close()

    for spec in specs[:settled]:  # allocators settle
        run(spec)
    before = usage()
    for spec in specs[settled:]:
        run(spec)
    return before, usage()


@pytest.mark.slow
def test_five_hundred_trials_in_one_process_leave_nothing_behind(settings: TrialSettings, make_spec: MakeSpec) -> None:
    specs = [
        make_spec(image_size=8, train_samples=64, max_epochs=1, seed=number, label_corruption=number % 11 / 10)
        for number in range(600)
    ]
    # A process of its own: in this one, an earlier test's Ray or DuckDB may open a file meanwhile.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        before, after = process.submit(usage_before_and_after, settings, specs, 100).result()
    assert after.threads <= before.threads
    assert len(after.files) <= len(before.files), (before.files, after.files)
    assert after.memory - before.memory < 40e6
    assert after.torch_threads == 1


@pytest.mark.parametrize(
    ("asked", "seconds_to_save", "rest"),
    [(None, 0.1, 30.0), (None, 1.5, 30.0), (None, 10.0, 200.0), (0.3, 10.0, 0.3), (60.0, 1.0, 60.0)],
)
def test_checkpoints_take_a_twentieth_of_the_time_at_most_unless_a_time_was_asked_for(
    settings: TrialSettings,
    make_spec: MakeSpec,
    monkeypatch: pytest.MonkeyPatch,
    asked: float | None,
    seconds_to_save: float,
    rest: float,
) -> None:
    settings = dataclasses.replace(settings, checkpoint_seconds=asked)
    trial, now = Trial(make_spec(), settings, DataStore(settings)), [1000.0]
    monkeypatch.setattr("rethink.trial.checkpoint_clock.time.monotonic", lambda: now[0])
    monkeypatch.setattr(Checkpoints, "write", lambda *_: now.append(now.pop() + seconds_to_save))
    trial._checkpoint(is_last=False)
    now[0] += rest - 0.01
    assert not trial._clock.is_due
    now[0] += 0.02
    assert trial._clock.is_due


Damage = Callable[[Path, Path], object]  # of a checkpoint; a whole one of another trial is at hand

DAMAGES: dict[str, Damage] = {
    "empty": lambda path, other: path.write_bytes(b""),
    "cut": lambda path, other: path.write_bytes(path.read_bytes()[:-1000]),
    "bytes flipped": lambda path, other: path.write_bytes(flipped(path.read_bytes(), 100_000)),
    "another trial's": lambda path, other: path.write_bytes(other.read_bytes()),
    "a folder": lambda path, other: (path.unlink(), path.mkdir()),
    "a pipe": lambda path, other: (path.unlink(), os.mkfifo(path)),
    "a link to itself": lambda path, other: (path.unlink(), path.symlink_to(path)),
}


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("damaged", [1, 2])
def test_of_two_checkpoints_the_newest_whole_one_is_taken_else_the_trial_starts_anew(
    start: Callable[[TrialSpec], Trial],
    settings: TrialSettings,
    make_spec: MakeSpec,
    make_training: Callable[..., Training],
    damaged: int,
    damage: Damage,
) -> None:
    """And says so, in its rows' header; the rows are those of an undisturbed trial."""
    spec, run = make_spec(max_epochs=4, image_size=20), RunDirectory(settings.run)
    cut = start(spec)
    for _ in range(3):
        run_epochs(cut, 1)
        cut._checkpoint(is_last=False)
    newest, previous = run.checkpoint(spec.spec_id), Checkpoints(run.checkpoint(spec.spec_id)).previous
    other = start(make_spec(max_epochs=4, image_size=20, seed=9))
    other.save(settings.run / "other.pt")
    for path in (newest, previous)[:damaged]:
        damage(path, settings.run / "other.pt")
    again = start(spec)
    assert len(again.notes) == damaged
    assert str(newest) in again.notes[0]
    place = "goes on from the one before, step 4" if damaged == 1 else "starts anew"
    assert all(note.endswith(f"the trial {place}") for note in again.notes)
    again.run_until(lambda: False)
    assert run.read_attempts(spec.spec_id)[-1].header.notes == tuple(again.notes)
    assert run.read_attempts(spec.spec_id)[-1].header.resumed_from_steps == (4 if damaged == 1 else 0)
    assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)
    left = {path.name for path in newest.parent.iterdir()}
    assert left == {newest.name, *(f"{path.name}.damaged-1" for path in (newest, previous)[:damaged])}


def test_an_undisturbed_trial_has_two_checkpoints_while_it_runs_and_one_at_its_end(
    start: Callable[[TrialSpec], Trial], settings: TrialSettings, make_spec: MakeSpec
) -> None:
    trial, folder = start(make_spec(max_epochs=4)), RunDirectory(settings.run).checkpoint("x").parent
    name = f"{trial.spec.spec_id}.pt"
    for number in range(3):
        run_epochs(trial, 1)
        trial._checkpoint(is_last=False)
        assert {path.name for path in folder.iterdir()} == {name, *([f"{name}.previous"] if number else [])}
    run_epochs(trial, 1)
    assert [path.name for path in folder.iterdir()] == [name]
    assert trial.notes == []


def test_a_crash_between_the_names_of_two_checkpoints_leaves_the_older_one(
    start: Callable[[TrialSpec], Trial], settings: TrialSettings, make_spec: MakeSpec
) -> None:
    trial = start(make_spec())
    run_epochs(trial, 2)
    trial._checkpoint(is_last=False)
    newest = RunDirectory(settings.run).checkpoint(trial.spec.spec_id)
    newest.rename(Checkpoints(newest).previous)
    again = start(trial.spec)
    assert run_epochs(again, 1).epoch == 3
    assert again.notes == []


def test_a_state_of_tunes_that_is_damaged_changes_nothing(
    start: Callable[[TrialSpec], Trial], make_spec: MakeSpec, tmp_path: Path
) -> None:
    first, second = start(make_spec()), start(make_spec())
    run_epochs(first, 3)
    first.save(tmp_path / "state.pt")
    (tmp_path / "state.pt").write_bytes(flipped((tmp_path / "state.pt").read_bytes(), 100_000))
    run_epochs(second, 1)
    second.load(tmp_path / "state.pt")
    assert "state.pt is damaged" in second.notes[0]
    assert run_epochs(second, 1).epoch == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"data_sha256": "0" * 64}, "is of a trial on other data"),
        ({"run_id": "0"}, "is of another run: id 0, not "),
        ({"spec_id": "0"}, "is of another trial: spec id 0, not "),
    ],
)
def test_a_checkpoint_of_another_run_or_trial_or_on_other_data_is_not_used(
    start: Callable[[TrialSpec], Trial], settings: TrialSettings, make_spec: MakeSpec, said: dict[str, str], told: str
) -> None:
    trial = start(make_spec())
    run_epochs(trial, 1)
    path = RunDirectory(settings.run).checkpoint(trial.spec.spec_id)
    write_checkpoint(path, msgspec.structs.replace(trial._state(), **said))
    again = start(trial.spec)
    assert told in again.notes[0]
    assert run_epochs(again, 1).epoch == 1


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_start_file_that_is_not_whole_ends_the_trial_with_its_name_and_a_cure(
    start: Callable[[TrialSpec], Trial], settings: TrialSettings, make_spec: MakeSpec, damage: Damage
) -> None:
    spec, run = make_spec(start_from="ab" * 32), RunDirectory(settings.run)
    path, other = run.start_file(spec.spec_id), settings.run / "other.pt"
    weights = start(make_spec())._training.state_dict()
    started = {"epoch": 2, "steps": 4, "images_seen": 400, "model": weights["model"], "optimizer": None}
    write_checkpoint(path, StartState(spec_id=spec.spec_id, start_from="ab" * 32, weights=started))
    assert start(spec)._training.place.steps == 4
    write_checkpoint(other, StartState(spec_id="0", start_from="ab" * 32, weights=started))
    damage(path, other)
    with pytest.raises(RunError) as caught:
        start(spec)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("put back a whole copy of it, or begin a new run with `rethink train-from FILE`")
