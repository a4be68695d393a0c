"""The classes (WNIDs) of ILSVRC validation images that lie in one folder, by the devkit's or Kaggle's ground truth."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rethink.data.sources.image_data import DataError

KAGGLE = "LOC_val_solution.csv"
DEVKIT = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
DEVKIT_FOLDERS = ("", "data", "ILSVRC2012_devkit_t12/data")


def ground_truth_files(root: Path) -> tuple[Path, ...]:
    """Kaggle's file, or the devkit's two, whichever is under `root`. Raises DataError if neither is."""
    if (root / KAGGLE).is_file():
        return (root / KAGGLE,)
    for folder in (root / name for name in DEVKIT_FOLDERS):
        if (folder / DEVKIT).is_file():
            if not (folder / META).is_file():
                raise DataError(f"{folder / META} is missing: without it the numbers in {DEVKIT} name no classes")
            return folder / DEVKIT, folder / META
    raise DataError(
        f"{root} holds no ground truth for the images in val: put {KAGGLE} there, or the devkit's {DEVKIT} and {META}, "
        "or sort the images into val/WNID"
    )


def ground_truth_wnids(root: Path, images: Sequence[Path]) -> list[str]:
    """The WNID of each image; `images` are all validation images in the order of their names. Raises DataError."""
    truth, *meta = ground_truth_files(root)
    return _by_number(truth, meta[0], images) if meta else _by_name(truth, images)


def _by_number(truth: Path, meta: Path, images: Sequence[Path]) -> list[str]:
    """Line i of the devkit's file is the ILSVRC2012_ID of image i; these do not count the WNIDs in their order."""
    lines, wnids = _text(truth).split(), _wnid_of_id(meta)
    _check_count(len(lines), truth, images)
    for number, (line, image) in enumerate(zip(lines, images, strict=True), 1):
        named = re.search(r"(\d+)$", image.stem)
        if named and int(named[1]) != number:
            raise DataError(f"{image} is image {number} in order, so line {number} of {truth} is not its own")
        if not line.isdecimal() or int(line) not in wnids:
            raise DataError(f"line {number} of {truth} is {line!r}, which {meta} does not know; get both anew")
    return [wnids[int(line)] for line in lines]


def _wnid_of_id(meta: Path) -> dict[int, str]:
    import scipy.io

    try:
        synsets = np.atleast_1d(scipy.io.loadmat(meta, squeeze_me=True, variable_names=["synsets"])["synsets"])
        return {int(i): str(wnid) for i, wnid in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)}
    except Exception as error:  # what a damaged file raises in SciPy depends on the damage
        raise DataError(f"{meta} is not the devkit's: it holds no readable synsets; get it anew") from error


def _by_name(truth: Path, images: Sequence[Path]) -> list[str]:
    rows = list(csv.reader(_text(truth).splitlines()))[1:]
    if any(len(row) != 2 or not row[1].split() for row in rows):
        raise DataError(f"{truth} is not Kaggle's: every row must be an ImageId and its PredictionString")
    _check_count(len(rows), truth, images)
    wnids = {name: prediction.split()[0] for name, prediction in rows}
    for image in images:
        if image.stem not in wnids:
            raise DataError(f"{truth} has no row for {image}; get both anew")
    return [wnids[image.stem] for image in images]


def _check_count(labels: int, truth: Path, images: Sequence[Path]) -> None:
    if labels != len(images):
        raise DataError(f"{truth} has {labels} labels, but {images[0].parent} {len(images)} images; complete it")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} ({error}); get it anew") from error
