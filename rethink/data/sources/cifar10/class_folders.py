"""CIFAR-10 as people unpack it: train/airplane/*.png ... test/truck/*.png, files of any names."""

from pathlib import Path

import numpy as np

from rethink.data.sources.cifar10.content import CLASS_NAMES, SIDE, SPLITS, Published, check_counts
from rethink.data.sources.contract.image_data import ArraySplit
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.image_arrays import read_image
from rethink.data.sources.trees.image_tree import ImageTree, warn_of_unread
from rethink.errors import DataError

HOLDS = "train/CLASS/ and test/CLASS/ of image files"
TREE = ImageTree("cifar10", HOLDS)


def find(data_dir: Path) -> Path | None:
    """The data directory itself, if it holds folders of the ten classes, and no others.

    Raises DataError for folders that are some, but not all, or more.
    """
    folders = {split: [f.name for f in TREE.class_folders(data_dir / split)] for split in _present(data_dir)}
    if not any(name in CLASS_NAMES for names in folders.values() for name in names):
        return None
    for split in SPLITS:
        lacking = [f"{split}/{name}" for name in CLASS_NAMES if name not in folders.get(split, ())]
        other = [f"{split}/{name}" for name in folders.get(split, ()) if name not in CLASS_NAMES]
        if lacking or other:
            found = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has {printable(', '.join(other))}"] * bool(
                other
            )
            raise DataError(
                f"cifar10: {printable(data_dir)} {' and '.join(found)}; give train/ and test/ the folders "
                f"{', '.join(CLASS_NAMES)}"
            )
    return data_dir


def image_files(data_dir: Path) -> dict[str, dict[Path, int]]:
    """The image files of each split, with their labels."""
    return {
        split: {file: label for label, folder in enumerate(folders) for file in TREE.image_files(folder)}
        for split, folders in _folders(data_dir).items()
    }


def read(data_dir: Path, published: Published) -> dict[str, ArraySplit]:
    """The splits, in the order of the files. Warns of what is no image.

    Raises DataError for a class that has not its number of images, and for one that cannot be read.
    """
    unread = [TREE.unread_beside(data_dir / split) + TREE.unread(of) for split, of in _folders(data_dir).items()]
    warn_of_unread([path for of_split in unread for path in of_split], data_dir)
    files = image_files(data_dir)
    for split, of_split in files.items():
        labels = np.array([*of_split.values()], np.int64)
        check_counts(printable(data_dir / split), split, labels, published.split(split))
    return {split: _read(of_split) for split, of_split in files.items()}


def _read(files: dict[Path, int]) -> ArraySplit:
    images = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
    for image, path in zip(images, files, strict=True):
        content = read_image(path)
        if content.shape != image.shape:
            height, width = content.shape[:2]
            raise DataError(
                f"cifar10: {printable(path)} has {width} x {height} pixels; CIFAR-10's have {SIDE} x {SIDE}"
            )
        image[:] = content
    return ArraySplit(images, np.array([*files.values()], np.int64))


def _folders(data_dir: Path) -> dict[str, list[Path]]:
    return {split: [data_dir / split / name for name in CLASS_NAMES] for split in SPLITS}


def _present(data_dir: Path) -> list[str]:
    return [split for split in SPLITS if (data_dir / split).is_dir()]
