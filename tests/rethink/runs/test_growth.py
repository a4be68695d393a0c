"""Runs that grow: what is missing is added, what is there stays, and what cannot be one run is refused."""

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.frames import load
from rethink.cli.command_line import main
from rethink.data.betons.beton import PreparedData
from rethink.errors import EndedEarly, RunError, SpecError
from rethink.ray_backend.time_budget import TimeBudget
from rethink.records.halving import SuccessiveHalving
from rethink.records.provenance import versions
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.runs.growth import Growth, with_greater_limits
from rethink.runs.reuse import Reuse
from rethink.spec import TrialSpec
from rethink.sweep.sweep import Sweep
from rethink.training.loop import Training
from tests.analysis.made_runs import make_run, spec, write_trial
from tests.undisturbed import recorded_rows, undisturbed_rows

SWEEP = Sweep("label_corruption", "for tests", {"default": [{"model": "mlp_1x512"}]})
OPTIONS = RunOptions()


def made(root: Path, *specs: TrialSpec, **changes: Any) -> RunDirectory:
    return make_run(root, specs, **{"versions": versions(), **changes})


@pytest.mark.parametrize(
    ("ours", "theirs", "both"),
    [
        ({"max_epochs": 5}, {"max_epochs": 9}, {"max_epochs": 9}),
        ({"max_epochs": 9}, {"max_epochs": 5}, {"max_epochs": 9}),
        ({"max_steps": 5}, {"max_steps": None}, {"max_steps": None}),
        ({"max_steps": 5, "max_epochs": 9}, {"max_steps": 7, "max_epochs": 3}, {"max_steps": 7, "max_epochs": 9}),
    ],
)
def test_a_limit_is_raised_and_never_lowered(
    ours: dict[str, Any], theirs: dict[str, Any], both: dict[str, Any]
) -> None:
    assert with_greater_limits(spec(**ours), spec(**theirs)) == spec(**both)


def test_what_is_asked_for_is_told_apart_from_what_is_there(tmp_path: Path) -> None:
    run = made(tmp_path / "run", spec(seed=0), spec(seed=1), spec(seed=2))
    asked = [spec(seed=1), spec(seed=2, max_epochs=300), spec(seed=3)]
    growth = Growth.of(run, SWEEP, "default", asked, OPTIONS)
    assert growth.added == (spec(seed=3),)
    assert growth.raised == (spec(seed=2, max_epochs=300),)
    assert growth.united() == (spec(seed=0), spec(seed=1), spec(seed=2, max_epochs=300), spec(seed=3))
    assert growth.lines() == ["in the run   3 trials; added: 1; with a higher limit: 1"]


@pytest.mark.parametrize(
    ("sweep", "changes", "error"),
    [
        (dataclasses.replace(SWEEP, name="other"), {}, SpecError("is a run of 'label_corruption', not of 'other'")),
        (SWEEP, {"halving": SuccessiveHalving(2)}, SpecError("cannot grow: successive halving ranks the trials")),
        (SWEEP, {"versions": {"code": "x", "rethink": "0.0.1"}}, RunError(r"made by other code \(0.0.1, here .*\)")),
    ],
)
def test_what_cannot_be_one_run_is_refused(
    tmp_path: Path, sweep: Sweep, changes: dict[str, Any], error: Exception
) -> None:
    run = made(tmp_path / "run", spec(seed=0), **changes)
    with pytest.raises(type(error), match=str(error)):
        Growth.of(run, sweep, "default", [spec(seed=1)], OPTIONS)


def test_other_code_is_no_matter_where_the_user_says_so_or_nothing_is_added(tmp_path: Path) -> None:
    run = made(tmp_path / "run", spec(seed=0), versions={"code": "other"})
    assert not Growth.of(run, SWEEP, "default", [spec(seed=0)], OPTIONS).added
    allowed = RunOptions(other_code=True)
    assert len(Growth.of(run, SWEEP, "default", [spec(seed=1)], allowed).added) == 1


def test_run_json_keeps_what_every_start_said(tmp_path: Path, prepared: PreparedData) -> None:
    first = spec(dataset="fashion_mnist_mini", max_epochs=5)
    data = {"fashion_mnist_mini": dataclasses.replace(prepared)}
    run = made(tmp_path / "run", spec(seed=0), command="the first")
    growth = Growth.of(run, SWEEP, "smoke", [first], RunOptions(writers=3))
    growth.write(data)
    record = run.read_run()
    assert record.specs == (spec(seed=0), first)
    assert record.starts[0].command == "the first"
    assert [(start.variant, start.specs) for start in record.additions] == [("smoke", (first.spec_id,))]
    assert record.newest_options.writers == 3
    assert record.labels.keys() == {spec(seed=0).spec_id, first.spec_id}
    with pytest.raises(RunError, match="has changed meanwhile"):
        growth.write(data)


def test_a_trial_given_up_at_a_limit_is_no_longer_ended_once_it_is_raised(
    tmp_path: Path, prepared: PreparedData
) -> None:
    given_up, diverged = (spec(dataset="fashion_mnist_mini", seed=seed, max_epochs=5) for seed in (0, 1))
    run = made(tmp_path / "run", given_up, diverged, data={"fashion_mnist_mini": described(prepared)})
    run.record_outcome(given_up.spec_id, "max_epochs", 5)
    run.record_outcome(diverged.spec_id, "diverged", 3)
    asked = [dataclasses.replace(one, max_epochs=9) for one in (given_up, diverged)]
    Growth.of(run, SWEEP, "default", asked, OPTIONS).write({"fashion_mnist_mini": prepared})
    outcomes = run.read_outcomes()[0]
    assert outcomes[given_up.spec_id].stop_reason == "unfinished"
    assert outcomes[diverged.spec_id].stop_reason == "diverged"


def described(prepared: PreparedData) -> Any:
    from rethink.runs.preparation import described

    return described(prepared)


@pytest.fixture
def other(tmp_path: Path, prepared: PreparedData) -> RunDirectory:
    """A run whose first trial fitted, whose second was given up after 6 epochs, and whose third has not ended."""
    specs = [spec(dataset="fashion_mnist_mini", seed=seed, max_epochs=6) for seed in range(3)]
    run = made(tmp_path / "other", *specs, data={"fashion_mnist_mini": described(prepared)})
    for one, epochs, fit in zip(specs, (4, 6, 3), (4, None, None), strict=True):
        path = write_trial(run, one, epochs, fit)
        first, *rows = path.read_text().splitlines()
        header = json.loads(first)
        header["attempt"] |= {"versions": versions(), "data_sha256": prepared.content_sha256}
        path.write_text("\n".join([json.dumps(header), *rows]) + "\n")
    return run


def test_finished_trials_are_taken_over_with_their_rows_and_nothing_else_is(
    tmp_path: Path, other: RunDirectory, prepared: PreparedData
) -> None:
    asked = [spec(dataset="fashion_mnist_mini", seed=seed, max_epochs=6) for seed in range(4)]
    run = made(tmp_path / "run", *asked, run_id="f" * 32, data={"fashion_mnist_mini": described(prepared)})
    reuse = Reuse.of([other], asked, OPTIONS)
    assert [trial.spec.seed for trial in reuse.found] == [0, 1]
    reuse.take_over(run, {"fashion_mnist_mini": prepared})
    assert reuse.finished == {one.spec_id for one in asked[:2]}
    for one in asked[:2]:
        assert recorded_rows(run, one) == recorded_rows(other, one)
        (attempt,) = run.read_attempts(one.spec_id)
        assert attempt.header is not None
        assert attempt.header.notes == ("taken over from run other",)
    assert load(run.root).trials["fitted"].tolist() == [True, False, False, False]


def test_one_that_was_given_up_sooner_is_taken_over_unfinished_and_one_given_up_later_is_not(
    tmp_path: Path, other: RunDirectory, prepared: PreparedData
) -> None:
    """A row at a lower limit would hold the evaluations of a trial's end, which the longer one's lacks."""
    longer, shorter = ([spec(dataset="fashion_mnist_mini", seed=1, max_epochs=epochs)] for epochs in (9, 4))
    run = made(tmp_path / "run", *longer, run_id="f" * 32)
    reuse = Reuse.of([other], longer, OPTIONS)
    reuse.take_over(run, {"fashion_mnist_mini": prepared})
    assert len(reuse.found) == 1
    assert not reuse.finished
    assert not Reuse.of([other], shorter, OPTIONS).found


def test_trials_of_other_code_or_data_need_a_word_or_are_refused(
    tmp_path: Path, other: RunDirectory, prepared: PreparedData
) -> None:
    asked = [spec(dataset="fashion_mnist_mini", seed=0, max_epochs=6)]
    with pytest.raises(RunError, match="was trained on other data: content "):
        Reuse.of([other], asked, OPTIONS).take_over(
            made(tmp_path / "run", *asked), {"fashion_mnist_mini": elsewhere(prepared)}
        )
    for path in other.rows.iterdir():
        path.write_text(path.read_text().replace(versions()["code"], "0" * 16))
    with pytest.raises(RunError, match="has trials of other code"):
        Reuse.of([other], asked, OPTIONS)
    assert len(Reuse.of([other], asked, RunOptions(other_code=True)).found) == 1


def elsewhere(prepared: PreparedData) -> PreparedData:
    """The same data set with other content."""
    return dataclasses.replace(prepared, train=dataclasses.replace(prepared.train, content_sha256="0" * 64))


def test_a_time_budget_withholds_what_cannot_end_and_ends_what_is_late() -> None:
    short, long = spec(seed=0), spec(seed=1)
    budget = TimeBudget(time.monotonic() + 100, lambda: {short.spec_id: 50, long.spec_id: 500})
    budget.withhold([short, long])
    assert [budget.withholds(one) for one in (short, long)] == [False, True]
    budget.check(is_idle=False)
    with pytest.raises(EndedEarly, match="1 trials could not end in time"):
        budget.check(is_idle=True)
    with pytest.raises(EndedEarly, match="the time budget is used up"):
        TimeBudget(time.monotonic() - 1, dict).check(is_idle=False)


def test_a_time_budget_that_knows_nothing_yet_withholds_nothing() -> None:
    budget = TimeBudget(time.monotonic() + 1e-6, dict)
    budget.withhold([spec()])
    assert not budget.withholds(spec())


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5m", 90), ("2h", 7200), (None, None)])
def test_a_time_budget_is_a_number_and_its_unit(text: str | None, seconds: float | None) -> None:
    assert RunOptions(time_budget=text).budget_seconds == seconds


@pytest.mark.parametrize("text", ["2", "h", "2d", "-1h", "0s", "1e3s", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=f"time_budget = '{text}' is not allowed: a number and s, m or h, such as 2h"):
        RunOptions(time_budget=text)


def test_a_grown_run_has_the_rows_of_one_that_was_asked_for_everything_at_once(
    tmp_path: Path, cache_dir: Path, local_ray: None, make_training: Callable[..., Training], capsys: Any
) -> None:
    """Through Ray: a trial given up is trained on, one is added, the finished ones stay, another run takes all over."""
    places = ["--storage", str(tmp_path), "--cache-dir", str(cache_dir)]
    command = ["run", "label_corruption", "--smoke", *places]
    run = RunDirectory(tmp_path / "run")
    assert main([*command, "--name", "run", "--label-corruption", "0", "--max-epochs", "5"]) == 0
    assert main([*command, "--name", "run", "--dry-run"]) == 0
    assert "in the run   1 trials; added: 1; with a higher limit: 1" in capsys.readouterr().out
    assert main([*command, "--name", "run"]) == 0
    assert main([*command, "--name", "run"]) == 0
    given_up, added = run.read_run().specs
    for one, attempts in ((given_up, 2), (added, 1)):
        assert len(run.read_attempts(one.spec_id)) == attempts
        assert recorded_rows(run, one) == undisturbed_rows(make_training, one)
    before = sorted(tmp_path.iterdir())
    assert main([*command, "--name", "again", "--dry-run", "--reuse", str(run.root)]) == 0
    assert sorted(tmp_path.iterdir()) == before, "a dry run writes nothing"
    assert main([*command, "--name", "again", "--reuse", str(run.root)]) == 0
    again = RunDirectory(tmp_path / "again")
    for one in (given_up, added):
        assert recorded_rows(again, one) == recorded_rows(run, one)
        assert len(again.read_attempts(one.spec_id)) == len(run.read_attempts(one.spec_id)), "it was trained again"


def test_a_sweep_ends_in_its_time_and_resume_goes_on(
    tmp_path: Path, cache_dir: Path, local_ray: None, make_training: Callable[..., Training], capsys: Any
) -> None:
    places = ["--storage", str(tmp_path), "--cache-dir", str(cache_dir), "--name", "run", "--time-budget", "0.001s"]
    assert main(["run", "label_corruption", "--smoke", "--label-corruption", "0", *places]) == 1
    assert "the time budget is used up (--time-budget)" in capsys.readouterr().out
    run = RunDirectory(tmp_path / "run")
    record = run.read_run()
    assert not run.read_outcomes()[0]
    unlimited = dataclasses.replace(record.options, time_budget=None)
    run.run_file.write_text(json.dumps(json.loads(run.run_file.read_text()) | {"options": plain(unlimited)}))
    assert main(["resume", str(run.root)]) == 0
    (one,) = record.specs
    assert recorded_rows(run, one) == undisturbed_rows(make_training, one)


def plain(options: RunOptions) -> dict[str, Any]:
    values = dataclasses.asdict(options)
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
