"""The tables of labels: what the networks were given, by class names and files that can be told apart."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from rethink.corruption.labels import corrupt_labels
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.betons.stored_samples import StoredPixels
from rethink.runs.labels.export import label_file_name, label_table

CLASSES = [str(number) for number in range(1, 13)]  # which sort as 1, 10, 11, 12, 2 ...
ODD = os.fsdecode(b'odd "\xff"\n,.png')


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders 1 ... 12 of three images each, one of them with an odd name."""
    root, rng = tmp_path_factory.mktemp("tree"), np.random.default_rng(0)
    for split in ("train", "test"):
        for name in CLASSES:
            (root / split / name / "below").mkdir(parents=True)
            for file in ("0.png", "below/1.png", ODD if name == "7" else "2.png"):
                PIL.Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(root / split / name / file)
    return root


@pytest.fixture(scope="module")
def data(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepare("image_folder", tree, tmp_path_factory.mktemp("cache"))


def written(data: PreparedData, level: float, seed: int) -> pd.DataFrame:
    """As read back from CSV, all columns but numbers and truths being text."""
    content = label_table(data, level, seed).to_csv(index_label="index").encode()
    return pd.read_csv(io.BytesIO(content), dtype={"true_name": str, "given_name": str, "file": str})


def test_classes_have_their_folders_names(data: PreparedData) -> None:
    table = written(data, 0.6, 3)
    assert list(table) == ["index", "true", "given", "corrupted", "true_name", "given_name", "file"]
    assert len(table) == 36
    expected = corrupt_labels(np.repeat(np.arange(12), 3), 12, 0.6, 3)
    assert table.given.tolist() == expected.given.tolist()
    assert table.corrupted.tolist() == expected.corrupted.tolist()
    for number, name in ((table.true, table.true_name), (table.given, table.given_name)):
        assert name.tolist() == [sorted(CLASSES)[label] for label in number]
    assert table.true_name[table.true == 1].unique().tolist() == ["10"]
    assert (table.true != table.given).sum() > 10


def test_a_row_names_the_file_of_its_image(data: PreparedData, tree: Path) -> None:
    table = written(data, 0.0, 0)
    stored = StoredPixels(data.train).read(np.arange(36))
    assert table.file.nunique() == 36
    for row in table.itertuples():
        name = str(row.file).replace(r"\xff", os.fsdecode(b"\xff"))
        np.testing.assert_array_equal(stored[row.index], np.asarray(PIL.Image.open(tree / name)))
        assert name.split("/")[:2] == ["train", row.true_name]


def test_a_data_set_without_files_has_no_such_column(prepared: PreparedData) -> None:
    table = label_table(prepared, 0.5, 0)
    assert list(table) == ["true", "given", "corrupted", "true_name", "given_name"]
    assert table.true_name[table.true == 9].unique().tolist() == ["Ankle boot"]


def test_near_levels_have_files_of_their_own() -> None:
    levels = [0.3, 0.30000000001, 0.1, 1e-07, 1.1e-07, 1.0, 0.0, 0.1234567, 0.12345671]
    keys = [(data, level, seed) for data in ("a", "a-500-q90") for level in levels for seed in (0, 1, 11)]
    assert len({label_file_name(*key) for key in keys}) == len(keys)
    assert label_file_name("cifar10", 0.5, 2) == "labels-cifar10-p0.5-seed2.csv"
