"""The laws of the two frames, on made runs with known answers."""

import subprocess
import sys
import warnings

import pandas as pd
import pytest
from made_runs import IMAGES, log_of_ray, make_run, record, rows_by_steps, spec, write_attempt, write_trial

from analysis.frames import load
from analysis.reading import trial_history
from analysis.schema.columns import EPOCHS, RECORD, TRIALS
from rethink.records.record import STOP_REASONS


def only(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_fitted_trial_reports_what_its_rows_say(tmp_path):
    one = spec(label_corruption=0.2, seed=3)
    run = make_run(tmp_path / "demo", [one])
    write_trial(run, one, epochs=5, fit=5, test_error=0.25)
    run.record_outcome(one.spec_id, "interpolated", 5)
    frames = load(run.root)
    trial = only(frames.trials)
    expected = {
        **{"run": "demo", "spec_id": one.spec_id, "seed": 3, "label_corruption": 0.2, "learning_rate": 0.01},
        **{"status": "fitted", "stop_reason": "interpolated", "fitted": True, "epochs_to_fit": 5, "epochs": 5},
        **{"images_to_fit": 5 * IMAGES, "train_loss": 0.2, "test_error": 0.25, "generalization_gap": 0.25},
        **{"seconds": 5 * 1.75, "attempts": 1, "host": "node-1", "threads": 1, "code_version": "0.1.0"},
        **{"versions": "rethink 0.1.0, torch 2.14.1", "started": pd.Timestamp("2026-11-23T20:00Z")},
    }
    assert {name: trial[name] for name in expected} == expected
    assert frames.epochs["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert frames.damaged_lines == 0


def test_epochs_after_fit_count_in_the_last_epoch_but_not_in_epochs_to_fit(tmp_path):
    one = spec(epochs_after_fit=2)
    run = make_run(tmp_path / "demo", [one])
    write_trial(run, one, epochs=6, fit=4)
    trial = only(load(run.root).trials)
    assert (trial["stop_reason"], trial["epochs_to_fit"], trial["epochs"]) == ("interpolated", 4, 6)
    assert trial["images_to_fit"] == 4 * IMAGES


def test_fitted_but_still_training_on_is_fitted_and_unfinished(tmp_path):
    one = spec(epochs_after_fit=9)
    run = make_run(tmp_path / "demo", [one])
    write_trial(run, one, epochs=6, fit=4)
    trial = only(load(run.root).trials)
    assert (trial["status"], trial["stop_reason"]) == ("fitted", "unfinished")


def test_a_trial_that_never_started_is_there(tmp_path):
    run = make_run(tmp_path / "demo", [spec(seed=0), spec(seed=1)])
    frames = load(run.root)
    assert frames.trials["status"].tolist() == ["not started", "not started"]
    assert frames.trials["stop_reason"].tolist() == ["unfinished", "unfinished"]
    assert frames.trials["epochs"].tolist() == [0, 0]
    assert frames.trials["epochs_to_fit"].isna().all()
    assert len(frames.epochs) == 0


@pytest.mark.parametrize("begun", [False, True])
def test_columns_and_dtypes_are_the_described_ones_on_any_number_of_rows(tmp_path, begun):
    run = make_run(tmp_path / "demo", [spec()])
    if begun:
        write_trial(run, spec(), epochs=3, fit=3)
    frames = load(run.root)
    for frame, columns in ((frames.trials, TRIALS), (frames.epochs, EPOCHS)):
        assert [(n, str(dtype)) for n, dtype in frame.dtypes.items()] == [(c.name, c.dtype) for c in columns]


def test_a_run_without_trials_has_the_columns(tmp_path):
    frames = load(make_run(tmp_path / "demo", []).root)
    assert [str(dtype) for dtype in frames.trials.dtypes] == [column.dtype for column in TRIALS]
    assert [str(dtype) for dtype in frames.epochs.dtypes] == [column.dtype for column in EPOCHS]


def test_each_epoch_of_a_restored_trial_counts_once(tmp_path):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    write_attempt(run, one, [record(epoch, train_accuracy=0.1) for epoch in range(1, 5)], host="lost")
    write_attempt(run, one, [record(epoch, 6, train_accuracy=0.7) for epoch in range(3, 7)], resumed_from_epoch=2)
    frames = load(run.root)
    trial = only(frames.trials)
    assert frames.epochs["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frames.epochs["train_accuracy"].tolist() == [0.1, 0.1, 0.7, 0.7, 0.7, 0.7]
    assert (trial["seconds"], trial["attempts"], trial["host"]) == (6 * 1.75, 2, "node-1")


def test_rows_of_an_attempt_given_up_do_not_outlive_the_fit(tmp_path):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    write_attempt(run, one, [record(epoch) for epoch in range(1, 9)])
    write_attempt(run, one, [record(epoch, 6) for epoch in range(5, 7)], resumed_from_epoch=4)
    trial = only(load(run.root).trials)
    assert (trial["status"], trial["epochs_to_fit"], trial["epochs"]) == ("fitted", 6, 6)


def test_a_torn_last_line_is_counted_and_named(tmp_path):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    path = write_trial(run, one, epochs=3)
    with path.open("a") as file:
        file.write('{"epoch": 4, "steps"')
    with pytest.warns(UserWarning, match=path.name):
        frames = load(run.root)
    assert frames.damaged_lines == 1
    assert only(frames.trials)["damaged_lines"] == 1
    assert only(frames.trials)["epochs"] == 3


def test_a_damaged_outcome_is_counted(tmp_path):
    run = make_run(tmp_path / "demo", [spec()])
    run.outcomes_file.write_text('{"spec_id"')
    with pytest.warns(UserWarning, match="outcomes"):
        assert load(run.root).damaged_lines == 1


@pytest.mark.parametrize("recorded", ["scheduler", "error"])
def test_ends_that_rows_cannot_show_come_from_the_outcome(tmp_path, recorded):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    write_trial(run, one, epochs=3)
    run.record_outcome(one.spec_id, recorded, 3)
    trial = only(load(run.root).trials)
    assert (trial["stop_reason"], trial["status"]) == (recorded, {"scheduler": "censored", "error": "failed"}[recorded])


def test_ends_that_rows_show_need_no_outcome(tmp_path):
    limit, nan = spec(max_epochs=3, seed=1), spec(seed=2)
    run = make_run(tmp_path / "demo", [limit, nan])
    write_trial(run, limit, epochs=3)
    write_attempt(run, nan, [record(1), record(2, diverged=True, train_loss=None, test_error=None)])
    trials = load(run.root).trials
    assert trials["stop_reason"].tolist() == ["max_epochs", "diverged"]
    assert trials["status"].tolist() == ["censored", "censored"]
    assert pd.isna(trials["test_error"][1])


def test_an_outcome_that_the_rows_do_not_show_is_not_believed(tmp_path):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    write_trial(run, one, epochs=3)
    run.record_outcome(one.spec_id, "interpolated", 4)
    with pytest.warns(UserWarning, match="do not show"):
        trial = only(load(run.root).trials)
    assert (trial["stop_reason"], trial["fitted"]) == ("unfinished", False)


def test_a_failed_trial_that_was_tried_again_and_fitted_is_fitted(tmp_path):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    write_trial(run, one, epochs=2)
    run.record_outcome(one.spec_id, "error", 2)
    write_attempt(run, one, [record(3, 3)], resumed_from_epoch=2)
    assert only(load(run.root).trials)["stop_reason"] == "interpolated"


def test_a_test_error_of_an_earlier_epoch_is_not_passed_off_as_the_last(tmp_path):
    one = spec(test_every=0)
    run = make_run(tmp_path / "demo", [one])
    write_attempt(run, one, [record(1, test_error=0.5), record(2, test_error=None)])
    trial = only(load(run.root).trials)
    assert pd.isna(trial["test_error"])
    assert pd.isna(trial["generalization_gap"])


def test_the_same_spec_in_two_runs_keeps_both_rows(tmp_path):
    for name in ("a", "b"):
        write_trial(make_run(tmp_path / name, [spec()]), spec(), epochs=2, fit=2)
    frames = load(tmp_path / "a", tmp_path / "b")
    assert frames.trials["run"].tolist() == ["a", "b"]
    assert frames.epochs.groupby(["run", "spec_id"], observed=True).size().tolist() == [2, 2]


def test_runs_of_one_name_are_refused(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        make_run(tmp_path / folder / "demo", [spec()])
    with pytest.raises(ValueError, match="2 runs with 1 names"):
        load(tmp_path / "x" / "demo", tmp_path / "y" / "demo")


def test_no_run_is_no_answer():
    with pytest.raises(ValueError, match="at least one"):
        load()


def test_rows_that_no_spec_owns_are_refused(tmp_path):
    run = make_run(tmp_path / "demo", [spec(seed=0)])
    write_trial(run, spec(seed=1), epochs=1)
    with pytest.raises(ValueError, match=spec(seed=1).spec_id):
        load(run.root)


def test_every_stop_reason_has_a_status():
    for reason in STOP_REASONS:
        fitted = reason in ("interpolated", "stop_loss")
        assert trial_history.status(fitted, begun=True, reason=reason) in (
            "fitted",
            "censored",
            "failed",
            "unfinished",
        )


@pytest.mark.slow
def test_more_trials_than_are_held_at_once_load_whole(tmp_path):
    specs = [spec(seed=seed) for seed in range(1100)]
    run = make_run(tmp_path / "demo", specs)
    template = write_trial(run, specs[0], epochs=100, fit=100).read_bytes()
    for one in specs[1:]:
        own = template.replace(specs[0].spec_id.encode(), one.spec_id.encode())
        (run.rows / f"{one.spec_id}-0001.jsonl").write_bytes(own)
    frames = load(run.root)
    assert (len(frames.trials), len(frames.epochs)) == (1100, 110_000)
    assert frames.epochs[[column.name for column in RECORD]].shape == (110_000, len(RECORD))


@pytest.mark.slow
def test_loading_a_run_needs_no_torch_ray_or_ffcv(tmp_path):
    run = make_run(tmp_path / "demo", [spec()])
    write_trial(run, spec(), epochs=2, fit=2)
    code = (
        "import sys; from analysis.frames import load; import analysis.statistics.cells, analysis.figures.all_figures;"
        f"load({str(run.root)!r}); loaded = {{'torch', 'ray', 'ffcv'}} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_undamaged_run_gives_no_warning(tmp_path):
    run = make_run(tmp_path / "demo", [spec(), spec(seed=1)])
    write_trial(run, spec(), epochs=2, fit=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(run.root)


def test_lost_row_files_are_replaced_by_rays_own_log(tmp_path):
    one, whole = spec(), spec(seed=1)
    run = make_run(tmp_path / "demo", [one, whole])
    write_trial(run, whole, epochs=3, fit=3)
    log_of_ray(run, whole, [record(2), record(3, 3)])
    log_of_ray(run, one, [record(2), record(5)])
    log_of_ray(run, one, [record(6), record(8, 8)], start="start-002")
    with pytest.warns(UserWarning, match="4 lost row"):
        frames = load(run.root)
    trial, other = frames.trials.iloc[0], frames.trials.iloc[1]
    assert (trial["status"], trial["epochs_to_fit"], trial["rows_from_ray"]) == ("fitted", 8, 4)
    assert pd.isna(trial["seconds"]), "epochs are missing"
    assert (other["rows_from_ray"], other["epochs"]) == (0, 3)
    assert frames.epochs["epoch"].tolist() == [2, 5, 6, 8, 1, 2, 3]


def test_a_damaged_row_is_replaced_by_rays_and_the_trials_own_rows_go_before(tmp_path):
    one = spec()
    run = make_run(tmp_path / "demo", [one])
    path = write_attempt(run, one, [record(epoch, 4, train_accuracy=0.5) for epoch in range(1, 5)])
    path.write_text(path.read_text().replace('{"row": 4', '{"row" 4'))
    log_of_ray(run, one, [record(2, train_accuracy=0.1), record(4, 4, train_accuracy=0.7)])
    with pytest.warns(UserWarning, match="1 lost row"), pytest.warns(UserWarning, match="damaged line"):
        frames = load(run.root)
    assert frames.epochs["train_accuracy"].tolist() == [0.5, 0.5, 0.5, 0.7]
    trial = only(frames.trials)
    assert (trial["epochs_to_fit"], trial["damaged_lines"], trial["rows_from_ray"]) == (4, 1, 1)


def test_a_trial_that_failed_since_is_not_what_ray_logged_before(tmp_path):
    run = make_run(tmp_path / "demo", [spec()])
    log_of_ray(run, spec(), [record(8, 8)])
    run.record_outcome(spec().spec_id, "error", 0)
    trial = only(load(run.root).trials)
    assert (trial["status"], trial["rows_from_ray"]) == ("failed", 0)


@pytest.mark.parametrize("name", ["notes.jsonl", "abc-x.jsonl"])
def test_a_file_that_is_no_row_file_is_counted_and_named(tmp_path, name):
    run = make_run(tmp_path / "demo", [spec()])
    (run.rows / name).write_text("{}")
    with pytest.warns(UserWarning, match=name):
        assert load(run.root).damaged_files == 1


def test_a_row_file_that_cannot_be_read_is_counted_and_named(tmp_path):
    run = make_run(tmp_path / "demo", [spec()])
    folder = run.rows / f"{spec().spec_id}-0001.jsonl"
    folder.mkdir()
    with pytest.warns(UserWarning, match="cannot be read"):
        assert load(run.root).damaged_files == 1


STEP_LIMITED = {"max_epochs": 1000, "max_steps": 40, "evaluate_steps": 10, "batch_size": 125}  # 16 steps an epoch


def test_rows_inside_an_epoch_count_by_their_steps(tmp_path):
    one = spec(**STEP_LIMITED)
    run = make_run(tmp_path / "demo", [one])
    steps = [10, 16, 20, 30, 32, 40]
    write_attempt(run, one, rows_by_steps(steps[:5], 16, train_accuracy=[0.1] * 5))
    restored = rows_by_steps(steps, 16, train_accuracy=[0.7] * 6, test_error=[0.9, 0.5, 0.2, 0.4, 0.3, 0.6])[2:]
    write_attempt(run, one, restored, resumed_from_epoch=1)
    frames = load(run.root)
    assert frames.epochs["steps"].tolist() == steps
    assert frames.epochs["epoch"].tolist() == [0, 1, 1, 1, 2, 2]
    assert frames.epochs["train_accuracy"].tolist() == [0.1, 0.1, 0.7, 0.7, 0.7, 0.7]
    assert frames.epochs["fitted"].isna().tolist() == [True, False, True, True, False, True]
    trial = only(frames.trials)
    assert (trial["status"], trial["stop_reason"], trial["fitted"]) == ("censored", "max_steps", False)
    assert (trial["epochs"], trial["steps"], trial["horizon"], trial["seconds"]) == (2, 40, 2, 6 * 1.75)


def test_a_trial_that_ends_before_an_epoch_has_begun(tmp_path):
    one = spec(**{**STEP_LIMITED, "max_steps": 10})
    run = make_run(tmp_path / "demo", [one])
    write_attempt(run, one, rows_by_steps([5, 10], 16))
    frames = load(run.root)
    trial = only(frames.trials)
    assert (trial["status"], trial["epochs"], trial["steps"], trial["horizon"]) == ("censored", 0, 10, 0)
    assert trial["test_error"] == 0.25
    assert frames.epochs["row"].tolist() == [1, 2]


def test_the_best_is_beside_the_last_and_each_score_chooses_its_own_row(tmp_path):
    one = spec(**STEP_LIMITED)
    run = make_run(tmp_path / "demo", [one])
    scores = {
        "test_error": [0.5, 0.25, None, 0.375],
        "test_top5_accuracy": [0.875, 0.75, None, 0.5],
        "train_eval_accuracy": [0.1, 0.2, 0.3, 0.4],
        "train_eval_top5_accuracy": [0.5, 0.6, 0.7, 0.8],
        "exact_train_top5_accuracy": [None, None, None, 0.9],
    }
    write_attempt(run, one, rows_by_steps([10, 20, 30, 40], 16, **scores))
    trial = only(load(run.root).trials)
    assert (trial["test_accuracy"], trial["best_test_accuracy"]) == (0.625, 0.75)
    assert (trial["test_top5_accuracy"], trial["best_test_top5_accuracy"]) == (0.5, 0.875)
    assert (trial["train_eval_accuracy"], trial["train_eval_top5_accuracy"]) == (0.4, 0.8)
    assert trial["exact_train_top5_accuracy"] == 0.9


def test_images_to_fit_are_those_of_the_fit_and_not_of_a_row_inside_the_next_epoch(tmp_path):
    one = spec(**{**STEP_LIMITED, "epochs_after_fit": 1})
    run = make_run(tmp_path / "demo", [one])
    rows = rows_by_steps([10, 16, 20, 30, 32], 16, fit=1)
    write_attempt(run, one, rows)
    assert only(load(run.root).trials)["images_to_fit"] == IMAGES
    (path,) = run.rows.iterdir()
    path.write_text("".join(line for line in path.read_text().splitlines(True) if '"steps": 16,' not in line))
    trial = only(load(run.root).trials)
    assert pd.isna(trial["images_to_fit"]), "the row of the fit is lost"
    assert (trial["epochs_to_fit"], pd.isna(trial["seconds"])) == (1, True)


def test_a_trial_begun_from_a_file_has_no_lost_rows(tmp_path):
    one = spec(start_from="ab" * 32)
    run = make_run(tmp_path / "demo", [one])
    rows = [record(epoch, row=row, steps=1600 + 16 * row) for row, epoch in ((1, 101), (2, 102))]
    write_attempt(run, one, rows)
    assert only(load(run.root).trials)["seconds"] == 2 * 1.75


@pytest.mark.parametrize(
    ("changes", "steps", "horizon"),
    [
        ({}, [], 2),  # of the spec: 2000 images, 125 a step
        ({"train_samples": None}, [], None),
        ({"train_samples": None}, [10, 16], 2),
        ({"train_samples": None}, [10], None),
        ({"train_samples": None}, [30, 32], 2),  # from a row after an epoch, whatever came before
        ({"max_epochs": 1}, [10], 1),
        ({"max_steps": None}, [10], 1000),
        ({"start_from": "ab" * 32}, [], None),
        ({"start_from": "ab" * 32}, [16], 2),
    ],
)
def test_the_horizon_is_the_last_epoch_within_reach(tmp_path, changes, steps, horizon):
    one = spec(**{**STEP_LIMITED, **changes})
    run = make_run(tmp_path / "demo", [one])
    if steps:
        write_attempt(run, one, rows_by_steps(steps, 16))
    found = only(load(run.root).trials)["horizon"]
    assert pd.isna(found) if horizon is None else found == horizon


def test_from_a_file_the_horizon_counts_from_where_the_file_left_off(tmp_path):
    """The file's own epochs were of another length: 10 of them, 1,000 steps; from there on it is 16 steps an epoch."""
    one = spec(**{**STEP_LIMITED, "max_steps": 1040, "train_samples": None}, start_from="ab" * 32)
    run = make_run(tmp_path / "demo", [one])
    write_attempt(run, one, [record(10 + row, row=row, steps=1000 + 16 * row) for row in (1, 2)])
    assert only(load(run.root).trials)["horizon"] == 12
