"""Outputs: whole or not at all, and never in the place of what a run is made of."""

import errno
import os
import stat
from pathlib import Path

import pytest

from rethink.cli.command_line import main
from rethink.errors import SpecError
from rethink.records import outputs
from rethink.records.run_directory import RunDirectory
from tests.analysis.made_runs import make_run, spec, write_trial

RECORDS = (
    *(
        "run.json",
        "outcomes.jsonl",
        "rows/x.jsonl",
        "store/x.parquet",
        "checkpoints/x.pt",
        "start/x.pt",
        "errors/x.txt",
    ),
    *("tune/x", "tensorboard/x", "figures", ".hidden", "anything.else", "report.html/x"),
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run with one trial that has fitted."""
    run = make_run(tmp_path / "run", [spec()])
    write_trial(run, spec(), 3, 3)
    return run


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:  # argparse leaves by itself
        raise SystemExit(main(arguments))
    error = capsys.readouterr().err
    assert left.value.code == 2
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize("inside", RECORDS)
def test_nothing_that_a_run_is_made_of_is_replaced_by_a_file(run: RunDirectory, tmp_path: Path, inside: str) -> None:
    (tmp_path / "link").symlink_to(run.root)
    for root in (run.root, tmp_path / "link", run.root / "rows/.."):
        with pytest.raises(SpecError, match="not allowed"):
            outputs.check_file(root / inside)


@pytest.mark.parametrize("inside", [".", "rows", "store/x", "checkpoints", "report.html", "new"])
def test_nothing_that_a_run_is_made_of_is_a_folder_for_files(run: RunDirectory, inside: str) -> None:
    with pytest.raises(SpecError, match=r"only figures/, exports/, labels/ and report\.html are outputs"):
        outputs.check_folder(run.root / inside)


def test_a_run_has_places_for_outputs(run: RunDirectory, tmp_path: Path) -> None:
    for folder in ("figures", "exports/for a friend", "labels", "../elsewhere/new", ".."):
        outputs.check_folder(run.root / folder)
    run.figures.mkdir()
    for file in ("report.html", "figures/answer.csv", "../answer.csv"):
        outputs.check_file(run.root / file)
    run.figures.rmdir()
    run.figures.symlink_to(run.rows)
    with pytest.raises(SpecError):
        outputs.check_folder(run.figures)


COMMANDS = {
    "report": ["report", "RUN", "--output", "OUT"],
    "query": ["query", "RUN", "select 1 as a", "--output", "OUT"],
    "figures": ["figures", "RUN", "--output", "OUT"],
    "labels": ["labels", "RUN", "OUT"],
    "export": ["export", "RUN", "", "--output", "OUT"],
}


def asked(command: str, run: RunDirectory, output: object) -> list[str]:
    return [{"RUN": str(run.root), "OUT": str(output)}.get(word, word) for word in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_over_a_run(
    run: RunDirectory, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = contents(tmp_path)
    for output in (run.run_file, run.rows / "x", "/dev/null", tmp_path / "pipe"):
        assert "not allowed" in refusal(asked(command, run, output), capsys)
    assert "not allowed" in refusal(asked(command, run, ""), capsys)
    assert "not allowed" in refusal(asked(command, run, "s3://bucket/x"), capsys)
    assert contents(tmp_path) == before
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("command", ["report", "query", "figures"])
def test_a_home_is_expanded(
    run: RunDirectory, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main(asked(command, run, "~/made")) == 0
    assert (tmp_path / "home/made").exists()
    assert not (tmp_path / "~").exists()


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*answer\.csv"):
        outputs.write(tmp_path / "answer.csv", b"half")
    assert list(tmp_path.iterdir()) == []


def test_a_name_from_a_file_leads_nowhere_else(tmp_path: Path) -> None:
    assert outputs.file_in(tmp_path, "labels.csv") == tmp_path / "labels.csv"
    for name in ("../run.json", "/etc/passwd", "a\0b"):
        with pytest.raises(SpecError, match="no name of a file"):
            outputs.file_in(tmp_path, name)
