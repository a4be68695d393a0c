"""imagenet: an ILSVRC tree of train/WNID/*.JPEG, and of val/WNID/*.JPEG or val/*.JPEG with a ground-truth file.

Any such tree will do, with any number of classes; it is kept as JPEG.
"""

from collections.abc import Sequence
from pathlib import Path

from rethink.data.sources.ilsvrc_labels import ground_truth_files, ground_truth_wnids
from rethink.data.sources.image_data import DataError, FileSplit, ImageData, JpegForm
from rethink.data.sources.image_tree import ImageTree
from rethink.data.sources.registry import ImageSource

TREE = ImageTree(
    reads="imagenet reads train/WNID/*.JPEG, and val/WNID/*.JPEG or val/*.JPEG with its ground-truth file",
    suffixes=(".jpeg", ".jpg", ".png"),
)


def open_imagenet(data_dir: Path | None) -> ImageData:
    """The images of `data_dir`, classes and files in sorted order; class names are WNIDs. Raises DataError."""
    root = _require_root(data_dir)
    train = TREE.class_folders(root / "train")
    numbers = {folder.name: number for number, folder in enumerate(train)}
    if _is_flat(root / "val"):
        images = TREE.image_files(root / "val")
        wnids = ground_truth_wnids(root, images)
        for image, wnid in zip(images, wnids, strict=True):
            if wnid not in numbers:
                raise DataError(f"{image} is of class {wnid}, which {root / 'train'} lacks; add it there")
        test = FileSplit(tuple(images), tuple(numbers[wnid] for wnid in wnids))
    else:
        test = _split(TREE.class_folders(root / "val"), numbers, root)
    return ImageData(_split(train, numbers, root), test, tuple(numbers))


def _split(folders: Sequence[Path], numbers: dict[str, int], root: Path) -> FileSplit:
    for folder in folders:
        if folder.name not in numbers:
            raise DataError(f"{folder} is a class that {root / 'train'} lacks; add it there or remove it")
    samples = [(path, numbers[folder.name]) for folder in folders for path in TREE.image_files(folder)]
    paths, labels = zip(*samples, strict=True)
    return FileSplit(paths, labels)


def _require_root(data_dir: Path | None) -> Path:
    if data_dir is None:
        raise DataError(f"imagenet needs a data directory; {TREE.reads}")
    return data_dir


def _is_flat(val: Path) -> bool:
    if not val.is_dir() or not TREE.holds_images(val):
        return False
    if any(path.is_dir() and path.name[0] != "." for path in val.iterdir()):
        raise DataError(f"{val} holds images as well as folders; keep either")
    return True


def _fingerprint(data_dir: Path | None) -> str:
    root = _require_root(data_dir)
    train, val = TREE.class_folders(root / "train"), root / "val"
    if _is_flat(val):
        return TREE.fingerprint(root, [*train, val], ground_truth_files(root))
    return TREE.fingerprint(root, [*train, *TREE.class_folders(val)])


SOURCE = ImageSource("imagenet", open_imagenet, _fingerprint, image_size=299, jpeg=JpegForm(max_side=500, quality=90))
