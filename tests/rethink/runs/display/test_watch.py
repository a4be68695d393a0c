"""What `rethink watch` shows of a run: its files alone, whoever wrote them, and whether somebody still does."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from rethink.cli.command_line import main
from rethink.records.run_directory import RunDirectory
from rethink.records.run_lock import driving
from rethink.runs.display.watch import WatchedRun
from tests.analysis.made_runs import make_run, record, spec, write_attempt, write_trial

LEVELS = (0.0, 0.5, 1.0)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Three levels, one seed each: fitted after 4 epochs, in epoch 7 by its second attempt, and not begun."""
    fitted, begun, waiting = (spec(label_corruption=level) for level in LEVELS)
    run = make_run(tmp_path / "a run", [fitted, begun, waiting])
    write_trial(run, fitted, 4, 4)
    run.record_outcome(fitted.spec_id, "interpolated", 4)
    write_attempt(run, begun, [record(epoch, train_accuracy=0.5) for epoch in range(1, 6)])
    write_attempt(run, begun, [record(epoch, train_accuracy=0.75) for epoch in range(4, 8)])
    return run


def shown(run: RunDirectory, watched: WatchedRun | None = None) -> str:
    console = Console(file=io.StringIO(), width=160)
    watched = watched or WatchedRun(run)
    watched.look()
    with console.capture() as capture:
        console.print(watched.table(console))
    return "\n".join(map(str.rstrip, capture.get().splitlines()))


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]


def test_each_cell_is_shown_as_its_files_say(run: RunDirectory) -> None:
    fitted, begun, waiting = cells(shown(run))
    head = slice(0, 2)
    assert (fitted[head], fitted[-5:]) == (["mlp_1x512", "0"], ["1/1", "4", "100.0%", "0 s", "1 interpolated"])
    assert (begun[head], begun[-5:-2], begun[-1]) == (["mlp_1x512", "0.5"], ["0/1", "7", "75.0%"], "")
    assert (waiting[head], waiting[-5:-2]) == (["mlp_1x512", "1"], ["0/1", "-", "-"])


def test_a_run_that_somebody_drives_goes_on_and_what_is_written_meanwhile_is_seen(run: RunDirectory) -> None:
    watched = WatchedRun(run)
    with driving(run.lock):
        assert shown(run, watched).splitlines()[0] == "1 of 3 trials done, running"
        assert watched.goes_on
    last = run.read_run().specs[2]
    write_trial(run, last, 9, 9)
    run.record_outcome(last.spec_id, "interpolated", 9)
    text = shown(run, watched)
    assert text.splitlines()[0] == "2 of 3 trials done, no process holds the run"
    assert cells(text)[2][-4] == "9"


def test_a_row_that_is_half_written_is_not_spoken_of(run: RunDirectory, recwarn: pytest.WarningsRecorder) -> None:
    path = max(run.rows.iterdir())
    path.write_text(path.read_text() + '{"row": ')
    assert "7" in {row[-4] for row in cells(shown(run))}
    assert not recwarn.list


def test_without_a_terminal_it_is_shown_once_and_a_killed_run_says_what_goes_on_with_it(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(run.root)]) == 1
    output = capsys.readouterr().out
    assert re.match(r"1 of 3 trials done, no process holds the run *\n", output)
    assert output.endswith(f"\ngo on with   rethink resume '{run.root}'\n")


def test_a_finished_run_is_shown_once(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    for one in run.read_run().specs:
        run.record_outcome(one.spec_id, "max_epochs", 7)
    assert main(["watch", str(run.root)]) == 0
    output = capsys.readouterr().out
    assert re.match(r"3 of 3 trials done *\n", output)
    assert "resume" not in output


def test_a_run_that_another_process_drives_is_not_resumed(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    with driving(run.lock):
        assert main(["resume", str(run.root)]) == 2
    error = capsys.readouterr().err
    assert error == f"rethink resume: {run.root} is being run by another process; `rethink watch` shows it\n"
