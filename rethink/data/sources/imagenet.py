"""imagenet: an ILSVRC tree of train/WNID/*.JPEG, and of val/WNID/*.JPEG or val/*.JPEG with a ground-truth file.

Any such tree is accepted, with any number of classes, Tiny ImageNet's too; it is kept as JPEG.
"""

from collections.abc import Sequence
from pathlib import Path

from rethink.data.sources.contract.image_data import FileSplit, ImageData, JpegForm
from rethink.data.sources.contract.registry import ImageSource
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.ilsvrc_labels import TINY, ground_truth_files, ground_truth_wnids
from rethink.data.sources.trees.image_tree import ImageTree, holds_folders, holds_images, warn_of_unread
from rethink.errors import DataError

TREE = ImageTree("imagenet", "train/WNID/*.JPEG, and val/WNID/*.JPEG or val/*.JPEG with its ground-truth file")


def open_imagenet(data_dir: Path | None) -> ImageData:
    """The images of `data_dir`, classes and files in sorted order; class names are WNIDs. Raises DataError."""
    root = TREE.root(data_dir)
    train, val = TREE.class_folders(root / "train"), root / "val"
    numbers = {folder.name: number for number, folder in enumerate(train)}
    unread = [*TREE.unread_beside(root / "train"), *TREE.unread(train)]
    if _has_ground_truth(val):
        test = _by_ground_truth(root, numbers)
        unread += [path for path in TREE.unread([val]) if path != root / TINY]
    else:
        folders = TREE.class_folders(val)
        test = _split(folders, numbers, root)
        unread += [*TREE.unread_beside(val), *TREE.unread(folders)]
    warn_of_unread(unread, root)
    return ImageData(_split(train, numbers, root), test, tuple(numbers))


def _by_ground_truth(root: Path, numbers: dict[str, int]) -> FileSplit:
    images = TREE.image_files(root / "val")
    wnids = ground_truth_wnids(root, images)
    for image, wnid in zip(images, wnids, strict=True):
        if wnid not in numbers:
            raise DataError(f"{printable(image)} is of class {wnid}, which {root / 'train'} lacks; add it there")
    return FileSplit(tuple(images), tuple(numbers[wnid] for wnid in wnids))


def _split(folders: Sequence[Path], numbers: dict[str, int], root: Path) -> FileSplit:
    for folder in folders:
        if folder.name not in numbers:
            raise DataError(f"{printable(folder)} is a class that {root / 'train'} lacks; add it there or remove it")
    samples = [(path, numbers[folder.name]) for folder in folders for path in TREE.image_files(folder)]
    paths, labels = zip(*samples, strict=True)
    return FileSplit(paths, labels)


def _has_ground_truth(val: Path) -> bool:
    """Whether a file says what the images are; else they lie in class folders."""
    if (val.parent / TINY).exists():
        return True
    if not val.is_dir() or not holds_images(val):
        return False
    if holds_folders(val):
        raise DataError(f"{val} holds images as well as folders; keep either")
    return True


def _fingerprint(data_dir: Path | None) -> str:
    root = TREE.root(data_dir)
    train, val = TREE.class_folders(root / "train"), root / "val"
    if _has_ground_truth(val):
        return TREE.fingerprint(root, [*train, val], ground_truth_files(root))
    return TREE.fingerprint(root, [*train, *TREE.class_folders(val)])


SOURCE = ImageSource("imagenet", open_imagenet, _fingerprint, image_size=299, jpeg=JpegForm(max_side=500, quality=90))
