"""Ray's own log goes to a file of the run while trials run, and not to the screen."""

import logging
from pathlib import Path

import pytest
from ray._private import worker

from rethink.ray_backend.ray_logging import logged_to


def test_what_ray_logs_and_its_daemons_tell_is_in_the_file_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = logging.getLogger("ray").handlers
    path = tmp_path / "ray.log"
    with logged_to(path):
        assert not path.exists(), "nothing was said"
        logging.getLogger("ray.tune.execution").error("a trial failed")
        worker.print_to_stdstream({"pid": "raylet", "lines": ["a worker died"], "is_err": False}, ignore_prefix=False)
    told = path.read_text()
    assert "ERROR a trial failed" in told
    assert "(raylet) a worker died" in told
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("ray").handlers is before
    worker.print_to_stdstream({"pid": "raylet", "lines": ["later"], "is_err": False}, ignore_prefix=False)
    assert "later" in capfd.readouterr().out
    assert "later" not in path.read_text()


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "errors").touch()
    with logged_to(tmp_path / "errors" / "ray.log"):
        logging.getLogger("ray").error("x")
    with logged_to(Path("/dev/full")):
        logging.getLogger("ray").error("x")
    assert capfd.readouterr() == ("", "")
