"""The Parquet store says exactly what the rows say, or nothing: whatever is changed, damaged or lost."""

import itertools
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_runs import make_run, record, spec, write_attempt, write_trial

from analysis.frames import load
from analysis.reading import parquet_store
from rethink.records.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path):
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


def specs_of(run):
    return list(run.read_run().specs)


def assert_equal(one, other):
    pd.testing.assert_frame_equal(one.trials, other.trials)
    pd.testing.assert_frame_equal(one.epochs, other.epochs)


def from_rows(run):
    """The frames without the store."""
    shutil.rmtree(run.store, ignore_errors=True)
    return load(run.root)


def stored_trials(run):
    return sorted(i for part in run.store.glob("*.trials.parquet") for i in pq.read_table(part)["spec_id"].to_pylist())


def test_the_frames_are_the_same_with_the_store_and_without(run):
    expected = from_rows(run)
    assert parquet_store.rebuild(run) == (4, 6)
    assert_equal(load(run.root), expected)


def test_the_rows_of_a_stored_trial_are_not_read_again(run, monkeypatch):
    parquet_store.rebuild(run)
    read = []
    monkeypatch.setattr(
        "rethink.records.rows._read_attempt", lambda *path: read.append(path) or pytest.fail("was stored")
    )
    for one in specs_of(run)[4:5]:
        (run.rows / f"{one.spec_id}-0001.jsonl").unlink()
    load(run.root)
    assert not read


def test_trials_appended_as_they_end_make_the_same_frames(run):
    expected = from_rows(run)
    for one, reason in zip(specs_of(run), ("interpolated", "max_epochs", "diverged", "scheduler"), strict=False):
        parquet_store.append(run, one, reason)
        assert_equal(load(run.root), expected)
    assert len(stored_trials(run)) == 4


def test_small_parts_are_merged_and_nothing_is_lost(tmp_path):
    specs = [spec(seed=seed) for seed in range(70)]
    run = make_run(tmp_path / "demo", specs)
    for one in specs:
        write_trial(run, one, epochs=2, fit=2)
        parquet_store.append(run, one, "interpolated")
    assert len(list(run.store.iterdir())) < 2 * 35
    assert stored_trials(run) == sorted(one.spec_id for one in specs)
    with_store = load(run.root)
    assert_equal(with_store, from_rows(run))


@pytest.mark.parametrize("change", ["further attempt", "longer file", "other end"])
def test_a_trial_whose_files_changed_is_read_from_them(run, change):
    parquet_store.rebuild(run)
    given_up = specs_of(run)[3]
    path = run.rows / f"{given_up.spec_id}-0001.jsonl"
    if change == "further attempt":
        write_attempt(run, given_up, [record(4, 4)], resumed_from_epoch=3)
    elif change == "longer file":
        further = path.read_text().splitlines()[-1]
        for column, old, new in (("row", 3, 4), ("epoch", 3, 4), ("steps", 48, 64)):
            further = further.replace(f'"{column}": {old}', f'"{column}": {new}')
        path.write_text(path.read_text() + further + "\n")
    else:
        run.record_outcome(given_up.spec_id, "error", 3)
    with_store = load(run.root)
    assert_equal(with_store, from_rows(run))
    trial = with_store.trials.set_index("spec_id").loc[given_up.spec_id]
    assert (trial["epochs"], trial["stop_reason"]) == {
        "further attempt": (4, "interpolated"),
        "longer file": (4, "scheduler"),
        "other end": (3, "error"),
    }[change]


@pytest.mark.parametrize("table", ["trials", "epochs"])
@pytest.mark.parametrize("damage", ["half", "lost", "bits"])
def test_a_damaged_part_is_counted_named_and_read_from_the_rows(run, table, damage):
    expected = from_rows(run)
    parquet_store.rebuild(run)
    (path,) = run.store.glob(f"*.{table}.parquet")
    content = bytearray(path.read_bytes())
    if damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "bits":
        content[60] ^= 255
        path.write_bytes(content)
    else:
        path.unlink()
    if (table, damage) == ("trials", "lost"):  # then there is no part
        assert load(run.root).damaged_files == 0
        return
    with pytest.warns(UserWarning, match="cannot be read"):
        frames = load(run.root)
    assert frames.damaged_files == 1
    assert_equal(frames, expected)


def test_a_store_of_another_version_is_named_and_read_from_the_rows(run, monkeypatch):
    expected = from_rows(run)
    older = {name: schema.remove(schema.get_field_index("steps")) for name, schema in parquet_store._SCHEMAS.items()}
    with monkeypatch.context() as older_code:
        older_code.setattr(parquet_store, "_SCHEMAS", older)
        parquet_store.rebuild(run)
    with pytest.warns(UserWarning, match="another version of this code"):
        frames = load(run.root)
    assert frames.damaged_files == 1
    assert_equal(frames, expected)


def test_a_trial_with_damaged_rows_is_not_stored(run):
    path = run.rows / f"{specs_of(run)[0].spec_id}-0001.jsonl"
    path.write_text(path.read_text().replace('"epoch": 2', "epoch: 2"))
    with pytest.warns(UserWarning, match="damaged line"):
        assert parquet_store.rebuild(run) == (3, 6)


def test_the_store_is_what_the_documents_say_for_any_reader_of_parquet(run):
    parquet_store.rebuild(run)
    frames = load(run.root)
    for table, frame in (("trials", frames.trials), ("epochs", frames.epochs)):
        (path,) = run.store.glob(f"*.{table}.parquet")
        names = [name for name in pq.read_schema(path).names if name != "source"]
        assert names == [name for name in frame.columns if name != "run"]


def test_a_renamed_run_has_its_new_name(run):
    parquet_store.rebuild(run)
    moved = run.root.rename(run.root.with_name("renamed"))
    frames = load(moved)
    assert set(frames.trials["run"]) == set(frames.epochs["run"]) == {"renamed"}


def test_several_runs_with_and_without_a_store_are_one_frame(tmp_path, run):
    other = make_run(tmp_path / "other", [spec(model="mlp_3x512"), spec(model="alexnet_small")])
    write_trial(other, spec(model="mlp_3x512"), epochs=2, fit=2)
    parquet_store.rebuild(run)
    both = load(run.root, other.root)
    assert both.trials["run"].tolist() == ["demo"] * 6 + ["other"] * 2
    assert list(both.trials["model"].cat.categories) == ["alexnet_small", "mlp_1x512", "mlp_3x512"]
    shutil.rmtree(run.store)
    assert_equal(load(run.root, other.root), both)


def test_two_rebuilds_at_once_count_no_trial_twice(run):
    parquet_store.rebuild(run)
    parts = {path: path.read_bytes() for path in run.store.iterdir()}
    parquet_store.rebuild(run)
    for path, content in parts.items():
        path.write_bytes(content)
    assert load(run.root).trials["spec_id"].is_unique
    epochs = load(run.root).epochs
    assert not epochs.duplicated(["spec_id", "steps"]).any()


def test_rows_of_a_run_in_any_order_of_ends_keep_the_order_of_run_json(tmp_path):
    specs = [spec(seed=seed) for seed in range(4)]
    for order in itertools.islice(itertools.permutations(range(4)), 0, 24, 5):
        run = make_run(tmp_path / "".join(map(str, order)), specs)
        for place in order:
            write_trial(run, specs[place], epochs=2 + place, fit=2 + place)
            parquet_store.append(run, specs[place], "interpolated")
        assert load(run.root).trials["seed"].tolist() == [0, 1, 2, 3]


def test_a_run_directory_without_a_store_loads(tmp_path):
    run = make_run(tmp_path / "demo", [spec()])
    assert not RunDirectory(run.root).store.exists()
    assert len(load(run.root).trials) == 1


def test_a_part_that_a_running_sweep_merges_meanwhile_is_no_damage(run, monkeypatch):
    expected = from_rows(run)
    parquet_store.rebuild(run)
    (part,) = parquet_store.parts(run)
    for path in run.store.iterdir():
        path.unlink()
    monkeypatch.setattr(parquet_store, "parts", lambda run: [part])
    frames = load(run.root)
    assert frames.damaged_files == 0
    assert_equal(frames, expected)
