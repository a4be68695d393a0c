"""The classes (WNIDs) of validation images in one folder, by the devkit's, Kaggle's or Tiny ImageNet's ground truth."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rethink.data.sources.trees.file_names import printable
from rethink.errors import DataError
from rethink.files.checked_files import read_plain

TINY = "val/val_annotations.txt"
KAGGLE = "LOC_val_solution.csv"
DEVKIT = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
DEVKIT_FOLDERS = ("", "data", "ILSVRC2012_devkit_t12/data")


def ground_truth_files(root: Path) -> tuple[Path, ...]:
    """Tiny ImageNet's file, Kaggle's, or the devkit's two, whichever is under `root`. Raises DataError if none is."""
    for name in (TINY, KAGGLE):
        if (root / name).exists():
            return (root / name,)
    for folder in (root / name for name in DEVKIT_FOLDERS):
        if (folder / DEVKIT).exists():
            if not (folder / META).exists():
                raise DataError(f"{folder / META} is missing: without it the numbers in {DEVKIT} name no classes")
            return folder / DEVKIT, folder / META
    raise DataError(
        f"{root} holds no ground truth for the images in val: put {KAGGLE} there, or the devkit's {DEVKIT} and {META}, "
        "or sort the images into val/WNID"
    )


def ground_truth_wnids(root: Path, images: Sequence[Path]) -> list[str]:
    """The WNID of each image; `images` are all validation images in the order of their names. Raises DataError."""
    truth, *meta = ground_truth_files(root)
    if meta:
        return _by_number(truth, meta[0], images)
    return _by_name(truth, images, _tiny_rows(truth) if truth == root / TINY else _kaggle_rows(truth))


def _by_number(truth: Path, meta: Path, images: Sequence[Path]) -> list[str]:
    """Line i of the devkit's file is the ILSVRC2012_ID of image i; these IDs do not follow the order of the WNIDs."""
    lines, wnids = _text(truth).split(), _wnid_of_id(meta)
    _check_count(len(lines), truth, images)
    for number, (line, image) in enumerate(zip(lines, images, strict=True), 1):
        named = re.search(r"(\d+)$", image.stem)
        if named and int(named[1]) != number:
            raise DataError(f"{image} is image {number} in order, so line {number} of {truth} is not its own")
        if not line.isdecimal() or int(line) not in wnids:
            raise DataError(f"line {number} of {truth} is {line!r}, which {meta} does not know; download both again")
    return [wnids[int(line)] for line in lines]


def _wnid_of_id(meta: Path) -> dict[int, str]:
    import scipy.io

    try:
        content = io.BytesIO(read_plain(meta))
        synsets = np.atleast_1d(scipy.io.loadmat(content, squeeze_me=True, variable_names=["synsets"])["synsets"])
        return {int(i): str(wnid) for i, wnid in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)}
    except Exception as error:  # which exception SciPy raises depends on the damage
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it holds no readable synsets"
        raise DataError(f"{meta} is not the devkit's: {why}; download it again") from error


def _kaggle_rows(truth: Path) -> list[tuple[str, str]]:
    """(name without suffix, WNID) by row."""
    try:
        rows = list(csv.reader(_text(truth).splitlines()))[1:]
    except csv.Error as error:
        raise DataError(f"cannot read {truth} ({error}); download it again") from error
    if any(len(row) != 2 or not row[1].split() for row in rows):
        raise DataError(f"{truth} is not Kaggle's: every row must be an ImageId and its PredictionString")
    return [(name, prediction.split()[0]) for name, prediction in rows]


def _tiny_rows(truth: Path) -> list[tuple[str, str]]:
    """(name without suffix, WNID) by row; a box follows."""
    rows = [line.split("\t") for line in _text(truth).splitlines()]
    if any(len(row) < 2 for row in rows):
        raise DataError(f"{truth} is not Tiny ImageNet's: every row must be a file, its class and a box, with tabs")
    return [(Path(row[0]).stem, row[1]) for row in rows]


def _by_name(truth: Path, images: Sequence[Path], rows: Sequence[tuple[str, str]]) -> list[str]:
    _check_count(len(rows), truth, images)
    wnids = dict(rows)
    for image in images:
        if image.stem not in wnids:
            raise DataError(f"{truth} has no row for {printable(image)}; download both again")
    return [wnids[image.stem] for image in images]


def _check_count(labels: int, truth: Path, images: Sequence[Path]) -> None:
    if labels != len(images):
        raise DataError(f"{truth} has {labels} labels, but {images[0].parent} {len(images)} images; complete it")


def _text(path: Path) -> str:
    try:
        return read_plain(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} ({error}); download it again") from error
