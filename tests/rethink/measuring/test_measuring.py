"""`rethink measure`: what finished trials lack is measured from their checkpoints, once, whatever ends it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from rethink import models
from rethink.data.betons.beton import PreparedData
from rethink.errors import RunError, SpecError
from rethink.measures.of_network import EXPENSIVE
from rethink.measuring import finished_trial, processes
from rethink.measuring.finished_trial import complete, lacking
from rethink.measuring.processes import Task, complete_all
from rethink.measuring.runs import measure_runs
from rethink.records.measures.measure_file import MeasuredState, read_measures
from rethink.records.measures.registry import NAMES, QUICK
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial
from tests.made_record import made_record, stored_data

MakeSpec = Callable[..., TrialSpec]


def build_tiny(spec: TrialSpec, shape: Any, classes: int) -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, classes))


@pytest.fixture
def specs(make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> list[TrialSpec]:
    """Of a network that is measured in no time: one that does not fit, one that does, and one that trains on."""
    monkeypatch.setattr(models.registry.MODELS, "_entries", dict(models.registry.MODELS._entries))
    models.register(models.ModelEntry("tiny", build_tiny, learning_rate=0.1))
    fields = {"model": "tiny", "train_samples": 20, "batch_size": 10, "test_every": 0}
    changes: list[dict[str, Any]] = [{"max_epochs": 2}, {"label_corruption": 0.0}]
    changes.append({"label_corruption": 0.0, "epochs_after_fit": 3})
    return [make_spec(**fields, **one) for one in changes]


@pytest.fixture
def settings(tmp_path: Path, cache_dir: Path, prepared: PreparedData, specs: list[TrialSpec]) -> TrialSettings:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    data = stored_data(content_sha256=prepared.content_sha256, train_samples=5000, test_samples=1000)
    options = RunOptions(cache_dir=cache_dir)
    run.create(made_record(specs, data={"fashion_mnist_mini": data}, options=options))
    return TrialSettings(
        run=run.root, data_sha256={"fashion_mnist_mini": prepared.content_sha256}, places=options.places
    )


@pytest.fixture
def run(settings: TrialSettings, specs: list[TrialSpec]) -> Iterator[RunDirectory]:
    """All trials have ended."""
    store = DataStore(settings)
    for spec in specs:
        Trial(spec, settings, store).run_until(lambda: False)
    return RunDirectory(settings.run)


def states(run: RunDirectory, spec: TrialSpec) -> tuple[MeasuredState, ...]:
    return read_measures(run.measures_file(spec.spec_id), run.run_id, spec.spec_id).states


def completed(run: RunDirectory, settings: TrialSettings, spec: TrialSpec) -> None:
    lacks = lacking(run, spec, is_given_up=False)
    assert lacks is not None
    complete(run, lacks, DataStore(settings), settings.data_sha256["fashion_mnist_mini"])


def test_the_expensive_ones_are_added_to_what_the_trial_wrote(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec]
) -> None:
    for spec in specs:
        before = states(run, spec)
        completed(run, settings, spec)
        after = states(run, spec)
        assert tuple(after[-1].values) == NAMES
        assert {name: after[-1].values[name] for name in QUICK} == before[-1].values
        assert after[:-1] == before[:-1]
        assert lacking(run, spec, is_given_up=False) is None


def test_a_run_of_earlier_code_gets_the_very_values_that_the_trial_would_have_written(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec]
) -> None:
    for spec in specs:
        before = states(run, spec)[-1]
        run.measures_file(spec.spec_id).unlink()
    run.measures_file(spec.spec_id).parent.rmdir()
    completed(run, settings, spec)
    (after,) = states(run, spec)
    assert {name: after.values[name] for name in QUICK} == before.values
    assert (after.moments, after.steps, after.train_accuracy, after.test_accuracy) == (
        before.moments,
        before.steps,
        before.train_accuracy,
        before.test_accuracy,
    )


def test_the_same_is_measured_again_bit_for_bit(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec]
) -> None:
    completed(run, settings, specs[1])
    first = states(run, specs[1])
    run.measures_file(specs[1].spec_id).unlink()
    completed(run, settings, specs[1])
    assert states(run, specs[1]) == first


def test_a_trial_without_an_end_is_left(settings: TrialSettings, specs: list[TrialSpec]) -> None:
    run = RunDirectory(settings.run)
    assert lacking(run, specs[0], is_given_up=False) is None
    trial = Trial(specs[0], settings, DataStore(settings))
    trial.run_until(lambda: True)
    trial.close()
    assert lacking(run, specs[0], is_given_up=False) is None


def test_a_trial_that_was_given_up_is_measured_where_it_ended(settings: TrialSettings, specs: list[TrialSpec]) -> None:
    run = RunDirectory(settings.run)
    trial = Trial(specs[0], settings, DataStore(settings))
    trial.run_until(lambda: True)
    trial.save(run.checkpoint(specs[0].spec_id))
    trial.close()
    lacks = lacking(run, specs[0], is_given_up=True)
    assert lacks is not None
    assert (lacks.moments, lacks.names) == (("end",), NAMES)
    complete(run, lacks, DataStore(settings), settings.data_sha256["fashion_mnist_mini"])
    (state,) = states(run, specs[0])
    assert (state.epoch, state.train_accuracy is None, state.test_accuracy is None) == (1, False, False)


def test_a_checkpoint_of_other_steps_is_refused(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec]
) -> None:
    (rows,) = run.rows.glob(f"{specs[1].spec_id}-*")
    lines = rows.read_text().splitlines()
    rows.write_text("\n".join(lines[:-1]) + "\n")
    lacks = lacking(run, specs[1], is_given_up=True)
    assert lacks is not None
    with pytest.raises(RunError, match=r"\.pt is of step \d+, and its last row of step \d+"):
        complete(run, lacks, DataStore(settings), settings.data_sha256["fashion_mnist_mini"])


def test_a_damaged_file_is_named_and_measured_anew(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec]
) -> None:
    run.measures_file(specs[2].spec_id).write_bytes(b"{")
    with pytest.warns(UserWarning, match="what it said of moments before the end is lost"):
        lacks = lacking(run, specs[2], is_given_up=False)
    assert lacks is not None
    assert lacks.names == NAMES


def test_every_trial_of_every_run_in_processes_once(run: RunDirectory, specs: list[TrialSpec]) -> None:
    lines: list[str] = []
    assert measure_runs([run], None, 2, lines.append)
    assert sorted(line.split(": ")[1] for line in lines) == [f"measured {len(EXPENSIVE)}"] * 3
    assert [line[:5] for line in lines] == ["1/3  ", "2/3  ", "3/3  "]
    assert all(set(states(run, spec)[-1].values) == set(NAMES) for spec in specs)
    lines.clear()
    assert measure_runs([run], None, 2, lines.append)
    assert lines == ["no finished trial lacks a measure"]


def test_a_trial_that_cannot_be_measured_is_named_and_stops_no_other(run: RunDirectory, specs: list[TrialSpec]) -> None:
    run.checkpoint(specs[0].spec_id).write_bytes(b"cut")
    run.checkpoint(specs[1].spec_id).unlink()
    lines: list[str] = []
    with pytest.warns(UserWarning, match=f"{specs[1].name} cannot be measured"):
        assert not measure_runs([run], None, 1, lines.append)
    assert len(lines) == 2
    assert "failed" in lines[0]
    assert "its checksum is missing" in lines[0]
    assert lines[1].endswith("measured 7")


def test_a_model_that_is_not_known_is_named_before_anything_starts(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(models.registry.MODELS._entries, "tiny")
    with pytest.raises(SpecError, match="unknown model 'tiny'"):
        measure_runs([run], None, 1, print)


def task(run: RunDirectory, settings: TrialSettings, spec: TrialSpec) -> Task:
    lacks = lacking(run, spec, is_given_up=False)
    assert lacks is not None
    return Task(settings, lacks)


def test_a_process_that_dies_costs_its_own_trial_alone(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die_for_the_first(given: Task, stores: Any) -> str | None:
        if given.lacks.spec == specs[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return None

    monkeypatch.setattr(processes, "_problem", die_for_the_first)
    tasks = [task(run, settings, spec) for spec in specs]
    problems = {done.lacks.spec: problem for done, problem in complete_all(tasks, 1)}
    assert "died (exit code -9)" in problems.pop(specs[0])
    assert problems == {specs[1]: None, specs[2]: None}


def test_whoever_stops_listening_ends_the_processes(
    run: RunDirectory, settings: TrialSettings, specs: list[TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = settings.run / "pids"
    pids.mkdir()

    def name_oneself(given: Task, stores: Any) -> str | None:
        (pids / str(os.getpid())).touch()
        if given.lacks.spec != specs[0]:
            signal.pause()
        return None

    monkeypatch.setattr(processes, "_problem", name_oneself)
    done = complete_all([task(run, settings, spec) for spec in specs], 3)
    assert next(done)[0].lacks.spec == specs[0]
    done.close()
    for path in pids.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)


def test_flatness_is_about_a_balanced_beginning_of_the_training_set(
    settings: TrialSettings, specs: list[TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(settings)
    data = store.streams.open(specs[1], store.prepared(specs[1]))
    assert len(finished_trial.flatness_subset(data)) == 20
    monkeypatch.setattr(finished_trial, "FLATNESS_IMAGES", 10)
    part = finished_trial.flatness_subset(data)
    assert sorted(data.labels.true[part]) == list(range(10))
    monkeypatch.setattr(finished_trial, "FLATNESS_BYTES", 5 * 4 * 3 * 28 * 28)
    assert len(finished_trial.flatness_subset(data)) == 5
