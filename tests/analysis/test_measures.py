"""The measures frame: one row a trial, moment and measure, of run directories and packed runs alike."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_runs import make_run, spec, write_trial

from analysis.commands import pack_run
from analysis.frames import load
from analysis.query import query
from analysis.schema.columns import MEASURES, SPEC
from rethink.records.measures.measure_file import MeasuredState, TrialMeasures, write_measures
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec


def write(run: RunDirectory, one: TrialSpec, *states: tuple[tuple[Any, ...], int, dict[str, float | None]]) -> Path:
    measures = TrialMeasures(run_id=run.run_id, spec_id=one.spec_id)
    for moments, epoch, values in states:
        place = {"epoch": epoch, "steps": 16 * epoch, "train_accuracy": 1.0, "test_accuracy": 0.75}
        measures = measures.with_state(MeasuredState(moments=moments, values=values, **place))
    path = run.measures_file(one.spec_id)
    write_measures(path, measures)
    return path


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A trial with two states, one that did not fit, one without a file."""
    specs = [spec(seed=seed, batch_size=64, label_corruption=1.0) for seed in range(3)]
    made = make_run(tmp_path / "demo", specs)
    for one, fit in zip(specs, (5, None, 7), strict=True):
        write_trial(made, one, fit or 9, fit)
    write(made, specs[0], (("fit",), 5, {"l2_norm": 2.0, "path_norm": 3.0}), (("loss", "end"), 8, {"l2_norm": 4.0}))
    write(made, specs[1], (("end",), 9, {"l2_norm": None}))
    return made


def test_one_row_for_each_trial_moment_and_measure(run: RunDirectory) -> None:
    frame = load(run.root).measures
    assert [column.name for column in MEASURES] == list(frame.columns)
    rows = frame[["seed", "moment", "epoch", "steps", "measure", "value", "gap"]].astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [
        [0, "fit", 5, 80, "l2_norm", 2.0, 0.25],
        [0, "fit", 5, 80, "path_norm", 3.0, 0.25],
        [0, "loss", 8, 128, "l2_norm", 4.0, 0.25],
        [0, "end", 8, 128, "l2_norm", 4.0, 0.25],
        [1, "end", 9, 144, "l2_norm", None, 0.25],
    ]


def test_every_column_of_the_spec_is_there_with_its_dtype(run: RunDirectory) -> None:
    frames = load(run.root)
    own, trials = frames.measures, frames.trials
    for column in SPEC:
        assert own[column.name].dtype == trials[column.name].dtype
    assert set(own["batch_size"]) == {64}
    assert set(own["test_images"]) == {10_000}


def test_a_run_without_measures_has_the_columns_and_dtypes(tmp_path: Path) -> None:
    made = make_run(tmp_path / "bare", [spec()])
    write_trial(made, spec(), 3, 3)
    frame = load(made.root).measures
    assert len(frame) == 0
    assert [str(dtype) for dtype in frame.dtypes] == [
        {"string": "string"}.get(column.dtype, column.dtype) for column in MEASURES
    ]


def test_two_runs_stand_one_after_the_other(run: RunDirectory, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", [spec(seed=9)])
    write_trial(other, spec(seed=9), 3, 3)
    write(other, spec(seed=9), (("fit", "end"), 3, {"flatness": 9.0}))
    frame = load(run.root, other.root).measures
    assert frame["run"].tolist() == ["demo"] * 5 + ["other"] * 2
    assert frame["value"].dropna().tolist() == [2.0, 3.0, 4.0, 4.0, 9.0, 9.0]


def test_a_packed_run_carries_them(run: RunDirectory, tmp_path: Path) -> None:
    packed = tmp_path / "elsewhere" / "demo.parquet"
    packed.parent.mkdir()
    pack_run(run.root, packed)
    pd.testing.assert_frame_equal(load(packed).measures, load(run.root).measures)


def test_a_query_reads_them_when_it_says_so(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = load(run.root)
    answer = query(frames, "select measure, count(value) as n from measures where level = 1 group by all order by all")
    assert answer["n"].tolist() == [3, 1]

    def refuse(*_: object) -> None:
        raise AssertionError("no one asked for measures")

    monkeypatch.setattr("analysis.frames.measures_frame", refuse)
    assert query(load(run.root), "select count(*) as n from trials")["n"].tolist() == [3]


@pytest.mark.parametrize("content", [b"half a f", b"{}", b'{"format": 9}'])
def test_a_damaged_file_is_named_and_left_out(run: RunDirectory, content: bytes) -> None:
    path = write(run, spec(seed=0, batch_size=64, label_corruption=1.0))
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=rf"{path}: cannot be read .*; `rethink measure` writes it again"):
        frame = load(run.root).measures
    assert len(frame) == 1


def test_a_measure_that_this_code_does_not_know_is_left_out(run: RunDirectory) -> None:
    write(run, spec(seed=1, batch_size=64, label_corruption=1.0), (("end",), 9, {"of_later_code": 1.0}))
    assert len(load(run.root).measures) == 4
