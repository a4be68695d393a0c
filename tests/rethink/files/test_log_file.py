"""The log of a run: events, warnings and what ended it, through `logging`, without a word of it anywhere else."""

import logging
import warnings
from pathlib import Path

import pytest

from rethink.files.log_file import LOGGER, logged_to


def test_events_warnings_and_the_end_are_lines_of_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.log"
    show, level = warnings.showwarning, LOGGER.level

    def interrupted() -> None:
        with warnings.catch_warnings(), logged_to(path):
            warnings.simplefilter("always")
            assert not path.exists(), "nothing was said"
            logging.getLogger("rethink").info("a trial started")
            warnings.warn("a row is missing", stacklevel=1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    LOGGER.error("later")
    levels, words = zip(*(line.split(" ", 3)[2:] for line in path.read_text().splitlines()), strict=True)
    assert levels == ("INFO", "WARNING", "ERROR")
    assert words == ("a trial started", "a row is missing", "ended by KeyboardInterrupt")
    assert (warnings.showwarning, LOGGER.level) == (show, level)
    shown = capfd.readouterr()
    assert "a trial started" not in shown.out + shown.err


def test_a_second_start_appends(tmp_path: Path) -> None:
    for number in range(2):
        with logged_to(tmp_path / "run.log"):
            LOGGER.info("start %d", number)
    assert [line[-1] for line in (tmp_path / "run.log").read_text().splitlines()] == ["0", "1"]


@pytest.mark.parametrize("path", ["/dev/full", "/proc/nowhere/run.log"])
def test_a_log_that_cannot_be_written_ends_nothing(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    with logged_to(Path(path)):
        LOGGER.info("x")
    assert capfd.readouterr() == ("", "")
