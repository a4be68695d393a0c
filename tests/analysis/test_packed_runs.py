"""A packed run says what its run says, to every reader, and nothing of the machine; or it is refused."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_runs import make_run, spec, write_trial

from analysis.commands import answer, pack_run, report_runs, show_figures
from analysis.frames import load
from analysis.reading.packed_run import without_folders
from analysis.reading.run_facts import read_runs
from rethink.errors import RunError, SpecError
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from tests.made_record import made_record

COMMAND = "python sweeps/x.py --cifar10 --data-dir /home/me/data --cache-dir='/home/me/my cache' --storage /home/x -v"
PUBLIC = "python sweeps/x.py --cifar10 --data-dir DIR --cache-dir=DIR --storage DIR -v"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Trials that fitted, did not fit, failed, are running and have not begun."""
    specs = [spec(seed=seed, label_corruption=level) for level in (0.0, 1.0) for seed in range(4)]
    folder = RunDirectory(tmp_path / "demo")
    options = RunOptions(data_dir=Path("/home/me/data"), cache_dir=Path("/home/me/cache"))
    command = (
        "python sweeps/x.py --cifar10 --data-dir /home/me/data --cache-dir='/home/me/my cache' --storage /home/x -v"
    )
    folder.create(made_record(specs, options=options, command=command))
    for number, one in enumerate(specs[:3] + specs[4:7]):
        write_trial(folder, one, 5 + number, 5 + number)
    write_trial(folder, specs[3], 7)
    folder.record_outcome(specs[3].spec_id, "error", 7)
    return folder


@pytest.fixture
def packed(run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "elsewhere" / "demo.parquet"
    path.parent.mkdir()
    pack_run(run.root, path)
    assert capsys.readouterr().out == f"packed       {path}: 8 trials, 52 rows\n"
    return path


def test_frames_are_the_runs_own(run: RunDirectory, packed: Path) -> None:
    ours, theirs = load(packed), load(run.root)
    pd.testing.assert_frame_equal(ours.trials, theirs.trials)
    pd.testing.assert_frame_equal(ours.epochs, theirs.epochs)


def test_a_packed_run_is_packed_again_byte_for_byte(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    pack_run(packed, tmp_path / "again" / packed.name)
    assert (tmp_path / "again" / packed.name).read_bytes() == packed.read_bytes()


def test_it_stands_beside_other_runs(packed: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", [spec(seed=9)])
    write_trial(other, spec(seed=9), 3, 3)
    assert load(packed, other.root).trials["run"].tolist() == ["demo"] * 8 + ["other"]
    with pytest.raises(SpecError, match="2 runs with 1 names"):
        load(packed, tmp_path / "demo")


def test_no_folder_of_the_machine_is_in_it(packed: Path) -> None:
    assert b"/home" not in packed.read_bytes()
    (record,) = read_runs([packed]).values()
    assert record.command == PUBLIC
    assert (record.options.data_dir, record.options.cache_dir) == (None, None)
    assert len(record.specs) == 8


def test_figures_tables_answers_and_reports_are_the_runs_own(
    run: RunDirectory, packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, files, reports = [], [], []
    for source, name in ((run.root, "a"), (packed, "b")):
        folder = tmp_path / name
        assert show_figures([source], folder)
        files.append({path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".png"})
        capsys.readouterr()
        answer([source], "select * from cells", "json", None)
        answers.append(json.loads(capsys.readouterr().out))
        report_runs([source], folder / "report.html")
        reports.append((folder / "report.html").read_text())
    assert files[0] == files[1]
    assert "tables.md" in files[0]
    assert answers[0] == answers[1]
    assert [cell["n"] for cell in answers[0]] == [4, 4]
    assert reports[0].replace("no error file", "not packed") == reports[1]
    assert "/home" not in reports[1]
    assert PUBLIC in reports[1]


def test_what_would_be_written_beside_it_needs_a_place(packed: Path) -> None:
    with pytest.raises(SpecError, match="is a packed run: say where the output goes, with --output"):
        show_figures([packed], None)
    with pytest.raises(SpecError, match="is a packed run: say where the output goes, with --output"):
        report_runs([packed], None)


def test_a_packed_run_has_its_own_ending(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"a packed run's name ends in \.parquet"):
        pack_run(run.root, tmp_path / "demo.csv")
    with pytest.raises(SpecError, match="inside the run"):
        pack_run(run.root, run.root / "rows.parquet")


def refused(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_every_flipped_byte_is_noticed_or_changes_nothing(packed: Path) -> None:
    content, original, asked = packed.read_bytes(), load(packed), read_runs([packed])
    for place in [*range(0, len(content), max(1, len(content) // 150)), len(content) - 1]:
        packed.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with contextlib.suppress(RunError):
            read = load(packed)
            pd.testing.assert_frame_equal(read.trials, original.trials)
            pd.testing.assert_frame_equal(read.epochs, original.epochs)
            assert read_runs([packed]) == asked


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_cut_file_is_refused(packed: Path, length: int) -> None:
    packed.write_bytes(packed.read_bytes()[:length])
    assert "is no packed run, or damaged" in refused(packed)


def rewritten(packed: Path, change: Any) -> None:
    table = pq.read_table(packed)
    pq.write_table(change(table), packed)


def test_another_parquet_file_is_refused(packed: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), packed)
    assert "is no packed run, or damaged" in refused(packed)


def test_other_columns_and_other_trials_are_refused(packed: Path) -> None:
    whole = packed.read_bytes()
    rewritten(packed, lambda table: table.drop_columns("epochs"))
    assert "has other columns than this version's (it lacks epochs); pack the run again" in refused(packed)
    packed.write_bytes(whole)
    rewritten(packed, lambda table: table.append_column("more", pa.array([0] * len(table))))
    assert "has other columns than this version's (it has more)" in refused(packed)
    packed.write_bytes(whole)
    rewritten(packed, lambda table: table.slice(1))
    assert "its trials are not those of its run.json" in refused(packed)
    packed.write_bytes(whole)

    def altered(table: pa.Table) -> pa.Table:
        record = json.loads(table.schema.metadata[b"rethink.run"])
        record["sweep"] = 5
        content = json.dumps(record).encode()
        digest = hashlib.sha256(content).hexdigest().encode()
        return table.replace_schema_metadata({b"rethink.run": content, b"rethink.sha256": digest})

    rewritten(packed, altered)
    assert "sweep = 5" in refused(packed)


def test_a_run_packed_before_some_fields_were_there_has_them_at_their_defaults(packed: Path) -> None:
    ours = load(packed)

    def earlier(table: pa.Table) -> pa.Table:
        structs = table["measured"].combine_chunks().flatten()
        names = [field.name for field in structs.type if field.name not in ("exact_train_loss", "epochs_to_loss")]
        kept = pa.StructArray.from_arrays([structs.field(name) for name in names], names)
        measured = pa.ListArray.from_arrays(table["measured"].combine_chunks().offsets, kept)
        place = table.column_names.index("measured")
        return table.set_column(place, "measured", measured).drop_columns(["stop_loss", "measures"])

    rewritten(packed, earlier)
    theirs = load(packed)
    pd.testing.assert_frame_equal(ours.trials, theirs.trials)
    pd.testing.assert_frame_equal(ours.epochs, theirs.epochs)
    assert len(theirs.measures) == 0


def test_a_folder_of_that_name_is_no_packed_run(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").mkdir()
    with pytest.raises(FileNotFoundError, match="is no run directory"):
        load(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("recorded", "public"),
    [
        ("/home/me/rethink/rethink/__main__.py run complexity", "rethink/__main__.py run complexity"),
        ("'/home/my code/sweeps/x.py' --smoke", "sweeps/x.py --smoke"),
        ("/home/me/venv/bin/rethink run x --name /y", "rethink run x --name /y"),
        ("my_sweep.py --smoke", "my_sweep.py --smoke"),
    ],
)
def test_a_program_is_named_without_its_folder(recorded: str, public: str) -> None:
    assert without_folders(recorded) == public
