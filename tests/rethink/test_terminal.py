"""Any terminal: an encoding that lacks characters, a full disk, a closed pipe."""

import io
import os
import sys
from pathlib import Path

import pytest

from rethink.cli.command_line import main
from rethink.records.run_directory import RunDirectory
from tests.analysis.made_runs import make_run, spec, write_trial


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Two seeds that fitted, so that a mean has a ±; the folder's name is beyond ASCII."""
    specs = [spec(seed=seed) for seed in (0, 1)]
    run = make_run(tmp_path / "🦊 é", specs)
    for one, epochs in zip(specs, (3, 5), strict=True):
        write_trial(run, one, epochs, epochs, test_error=epochs / 100)
    return run


def test_what_ascii_lacks_is_spelled_out_and_the_command_ends_well(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", errors="strict"))
    assert main(["figures", str(run.root)]) == 0
    text = written.getvalue().decode("ascii")
    assert "+-" in text
    assert "\\U0001f98a \\xe9" in text
    assert main(["query", str(run.root), "select run from trials"]) == 0
    assert written.getvalue().decode("ascii").split()[-2:] == ["\\U0001f98a", "\\xe9"]


def test_bytes_of_a_name_that_are_no_text_are_printed_as_they_are(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8", errors="strict"))
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    run.root.rename(odd)
    assert main(["report", str(odd)]) == 0
    assert written.getvalue() == os.fsencode(odd / "report.html") + b"\n"


@pytest.mark.parametrize("command", ["query", "figures", "report", "--help"])
@pytest.mark.slow
def test_a_full_disk_behind_standard_output_is_one_line(
    run: RunDirectory, command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", os.fdopen(os.open("/dev/full", os.O_WRONLY), "w"))
    arguments = {"query": [str(run.root), "select * from epochs"], "--help": []}.get(command, [str(run.root)])
    with pytest.raises(SystemExit) as left:
        raise SystemExit(main([command, *arguments]))
    assert left.value.code in (1, 2)
    sys.stdout.close()  # as Python does at its end; it must not fail again
    error = capfd.readouterr().err
    assert error.endswith("standard output: No space left on device\n")
    assert error.count("\n") == 1


def test_a_reader_that_leaves_is_one_line(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    monkeypatch.setattr(sys, "stdout", os.fdopen(write_end, "w"))
    sql = "select * from epochs, range(10000)"  # more than a buffer holds
    with pytest.raises(SystemExit) as left:
        raise SystemExit(main(["query", str(run.root), sql, "--format", "csv"]))
    assert left.value.code in (1, 2)
    sys.stdout.close()
    assert capfd.readouterr().err == "rethink query: [Errno 32] Broken pipe: 'standard output'\n"


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_output_is_refused_before_anything_is_done(
    run: RunDirectory, closed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, closed, None)
    assert main(["figures", str(run.root)]) == 2
    said = capsys.readouterr()
    assert "is closed" in said.out + said.err
    assert not run.figures.exists()
