"""The packed runs that docs/ quotes are read by this code, and hold what docs/results.md says of them."""

import re
from pathlib import Path

import pytest

from analysis.frames import load
from analysis.reading.run_facts import read_runs
from analysis.statistics.cells import summary
from analysis.statistics.slowdowns import slowdowns
from rethink.cli.command_line import main

DOCS = Path(__file__).parents[2] / "docs"
PACKED = sorted((DOCS / "data").glob("*.parquet"))
DRAWN = [pytest.param(path, marks=[pytest.mark.slow] if path.stem.startswith("ranking") else []) for path in PACKED]


@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.stem)
def test_it_is_read_whole_and_names_no_folder_of_a_machine(path: Path) -> None:
    frames = load(path)
    assert frames.damaged_lines == frames.damaged_files == 0
    (record,) = read_runs([path]).values()
    assert len(frames.trials) == len(record.specs)
    assert not re.search(rb"/(home|tmp|work|root)/", path.read_bytes())


def test_the_table_of_cifar10_is_that_of_its_trials() -> None:
    frames = load(DOCS / "data" / "label_corruption_cifar10.parquet")
    cells = summary(frames.trials)
    said = re.findall(
        r"^\| (\w+) \| ([\d,]+) \| ([\d.]+) \| (\d)/(\d) \| (?:> 130|(\d+) \[(\d+)-(\d+)\]) \| "
        r"([\d.]+) \[([\d.]+), ([\d.]+)\] \| [^|]+ \|$",
        (DOCS / "results.md").read_text(),
        re.MULTILINE,
    )
    assert len(said) == len(cells) == 20
    for model, images, level, *numbers in said:
        (cell,) = cells[
            (cells["model"] == model)
            & (cells["train_samples"].fillna(50_000) == int(images.replace(",", "")))
            & (cells["label_corruption"] == float(level))
        ].to_dict("records")
        names = ["fitted", "n", *(f"epochs_to_fit_{end}" for end in ("median", "min", "max"))]
        known = names if cell["fitted"] else names[:2]
        assert [int(cell[name]) for name in known] == [int(number) for number in numbers[:5] if number]
        errors = (cell[f"test_error_{end}"] for end in ("mean", "low", "high"))
        assert [f"{error:.3f}" for error in errors] == numbers[5:]


def test_the_slowdowns_of_cifar10_are_those_of_its_pairs() -> None:
    table = slowdowns(load(DOCS / "data" / "label_corruption_cifar10.parquet").trials)
    rows = table[(table["both_fitted"] > 0) & (table["label_corruption"] == 1)].to_dict("records")
    text = " ".join((DOCS / "results.md").read_text().split())
    assert len(rows) == 5
    for row in rows:
        factor = "**{slowdown_mean:.2f} [{slowdown_low:.2f}, {slowdown_high:.2f}]**".format(**row)
        assert re.search(rf"{re.escape(factor)}[^*]*\(n = {row['pairs']} pairs\)", text), factor


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_one_command_draws_its_figures_and_tables(path: Path, tmp_path: Path) -> None:
    """The one that docs/results.md names; the tables come out byte for byte, pixels as the fonts have them."""
    drawn = DOCS / "figures" / path.stem.rpartition("_")[2]
    text = " ".join((DOCS / "results.md").read_text().split())
    assert f"rethink figures docs/data/{path.name} --output docs/figures/{drawn.name}" in text
    assert main(["figures", str(path), "--output", str(tmp_path)]) == 0
    assert (tmp_path / "tables.md").read_text() == (drawn / "tables.md").read_text()
    assert {file.name for file in tmp_path.iterdir()} - {file.name for file in drawn.iterdir()} <= {
        f"{file.stem}.svg" for file in drawn.glob("*.png")
    }


def test_the_ranking_in_the_text_is_that_of_the_tables() -> None:
    """Sign-errors with interval, 90th percentile and maximum; then psi of four hyperparameters."""
    tables = (DOCS / "figures" / "complexity" / "tables.md").read_text()
    overall, by_axis = tables.split("## Ranking of complexity measures")[1].split("## psi by hyperparameter")
    rows = re.findall(r"^\| (\w+(?:/m)?) \| (\d\.\d\d \[.*) \|$", (DOCS / "ranking.md").read_text(), re.MULTILINE)
    assert len(rows) == 15
    for measure, texts in rows:
        said = texts.replace("\N{MINUS SIGN}", "-").split(" | ")
        (errors,) = re.findall(rf"^\| {measure} \| (.*) \|$", overall, re.MULTILINE)
        (psis,) = re.findall(rf"^\| {measure} \| (.*) \|$", by_axis, re.MULTILINE)
        assert said[:3] == errors.split(" | ")[:3], measure
        assert said[3:] == [psi.split(" [")[0] for psi in psis.split(" | ")[:4]], measure
