"""Why a trial failed; only failures without progress count against it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle, tune
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError

from rethink.ray_backend.failures import TrialError
from rethink.ray_backend.forgiving_restarts import ForgiveProgress, last_failure


class Trial:
    """The part of Tune's trial that the callback uses, counting as Tune does."""

    def __init__(self, trial_id: str = "a", callback: ForgiveProgress | None = None) -> None:
        self.trial_id = trial_id
        self.run_metadata = SimpleNamespace(num_failures=0)
        self.last_result: dict[str, Any] | None = None
        self.callback = callback or ForgiveProgress()

    def reports(self, steps: int) -> None:
        self.last_result = {"steps": steps}
        self.callback.on_trial_result(1, [], self, self.last_result)

    def fails(self) -> None:
        self.run_metadata.num_failures += 1
        self.callback.on_trial_recover(1, [], self)

    @property
    def failures(self) -> int:
        return int(self.run_metadata.num_failures)


def test_failures_before_any_report_count() -> None:
    trial = Trial()
    for number in (1, 2, 3):
        trial.fails()
        assert trial.failures == number


def test_progress_beyond_the_last_failure_forgives_all() -> None:
    trial = Trial()
    for steps in range(100, 1100, 100):
        trial.reports(steps)
        assert trial.failures == 0
        trial.fails()


@pytest.mark.parametrize("steps", [60, 100])
def test_reaching_the_same_step_again_after_a_restore_is_no_progress(steps: int) -> None:
    trial = Trial()
    trial.reports(100)
    trial.fails()
    trial.reports(steps)
    assert trial.failures == 1
    trial.fails()
    assert trial.failures == 2
    trial.reports(80)
    assert trial.failures == 2, "the step before the first failure was forgotten"
    trial.fails()
    trial.reports(101)
    assert trial.failures == 0


def test_how_far_one_trial_got_says_nothing_of_another() -> None:
    callback = ForgiveProgress()
    far, near = Trial("far", callback), Trial("near", callback)
    far.reports(100)
    far.fails()
    near.fails()
    near.reports(50)
    assert (far.failures, near.failures) == (1, 0)


def failed(folder: Path, error: Exception | None, text: str = "") -> Any:
    """A Tune trial with the files that Tune keeps of its failures."""
    trial = SimpleNamespace(error_file=str(folder / "error.txt"), pickled_error_file=None)
    (folder / "error.txt").write_text(text)
    if error is not None:
        trial.pickled_error_file = str(folder / "error.pkl")
        (folder / "error.pkl").write_bytes(cloudpickle.dumps(error))
    return trial


def test_what_tune_keeps_of_a_failure_is_read_back(tmp_path: Path) -> None:
    own = TrialError("ValueError: x", may_pass=False, full_disk="/a")
    told = last_failure(failed(tmp_path, RayTaskError("f", "stack", own)))
    assert (told.reason, told.may_pass, told.full_disk) == ("ValueError: x", False, "/a")
    told = last_failure(failed(tmp_path, RayTaskError("f", "stack", OSError(5, "Input/output error", "/x"))))
    assert (told.reason, told.may_pass) == ("OSError: [Errno 5] Input/output error: '/x'", True)


def test_a_lost_process_may_pass_and_a_process_that_could_not_start_tells_why(tmp_path: Path) -> None:
    lost = last_failure(failed(tmp_path, ActorDiedError()))
    assert lost.may_pass
    assert "its process died" in lost.reason
    stack = "Traceback:\n  File x\nrethink.errors.SpecError: h2 has numpy 1, not 2\n\n"
    unfit = last_failure(failed(tmp_path, RayActorError(error_msg=stack, actor_init_failed=True)))
    assert unfit.may_pass, "another machine may have what this one lacks"
    assert unfit.reason == "rethink.errors.SpecError: h2 has numpy 1, not 2"


def test_a_failure_of_which_tune_keeps_the_text_alone_may_pass(tmp_path: Path) -> None:
    told = last_failure(failed(tmp_path, None, "Failure # 1\nTuneError: odd\n\n"))
    assert (told.reason, told.may_pass) == ("TuneError: odd", True)
    (tmp_path / "error.txt").unlink()
    assert last_failure(failed(tmp_path / "..", None)).reason == "an unknown reason"


class FailsAfterEveryReport(tune.Trainable):
    """Makes one step at each start, up to the fourth, unless it is stuck."""

    def setup(self, config: dict[str, Any]) -> None:
        self._starts = config["folder"] / config["kind"]
        self._starts.touch()
        self._starts.write_text(self._starts.read_text() + "x")
        self._reported = False

    def step(self) -> dict[str, Any]:
        if self._reported:
            raise RuntimeError("fails after every report")
        self._reported = True
        starts = len(self._starts.read_text())
        return {"steps": 1 if self.config["kind"] == "stuck" else starts, "done": starts == 4}


def test_tune_restarts_a_trial_that_gets_on_beyond_its_limit_and_ends_one_that_is_stuck(
    local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    results = tune.Tuner(
        tune.with_resources(FailsAfterEveryReport, {"cpu": 1}),
        param_space={"folder": tmp_path, "kind": tune.grid_search(["getting on", "stuck"])},
        run_config=tune.RunConfig(
            storage_path=str(tmp_path / "tune"),
            callbacks=[ForgiveProgress()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    ).fit()
    assert {result.config["kind"] for result in results if result.error is None} == {"getting on"}
    assert [len((tmp_path / kind).read_text()) for kind in ("getting on", "stuck")] == [4, 2]
