"""The packed runs that docs/ quotes are read by this code, and hold what docs/results.md says of them."""

import re
from pathlib import Path

import pytest

from analysis.frames import load
from analysis.reading.run_facts import read_runs
from analysis.statistics.cells import summary
from analysis.statistics.slowdowns import slowdowns

DOCS = Path(__file__).parents[2] / "docs"
PACKED = sorted((DOCS / "data").glob("*.parquet"))


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
        r"^\| (\w+) \| ([\d,]+) \| ([01]) \| (\d)/(\d) \| (\d+) \[(\d+)-(\d+)\] \| ([\d.]+) \[([\d.]+), ([\d.]+)\] \|$",
        (DOCS / "results.md").read_text(),
        re.MULTILINE,
    )
    assert len(said) == (cells["fitted"] == cells["n"]).sum() == 4
    for model, images, level, *numbers in said:
        (cell,) = cells[
            (cells["model"] == model)
            & (cells["train_samples"] == int(images.replace(",", "")))
            & (cells["label_corruption"] == float(level))
        ].to_dict("records")
        names = ("fitted", "n", "epochs_to_fit_median", "epochs_to_fit_min", "epochs_to_fit_max")
        assert [int(cell[name]) for name in names] == [int(number) for number in numbers[:5]]
        errors = (cell[f"test_error_{end}"] for end in ("mean", "low", "high"))
        assert [f"{error:.3f}" for error in errors] == numbers[5:]


def test_the_slowdown_of_cifar10_is_that_of_its_pairs() -> None:
    table = slowdowns(load(DOCS / "data" / "label_corruption_cifar10.parquet").trials)
    (row,) = table[(table["both_fitted"] > 0) & (table["model"] == "inception_small")].to_dict("records")
    numbers = (row["slowdown_mean"], row["slowdown_low"], row["slowdown_high"])
    text = "**{:.2f} [{:.2f}, {:.2f}]** times the epochs of true ones (n = {} pairs)".format(*numbers, row["pairs"])
    assert text in (DOCS / "results.md").read_text()
