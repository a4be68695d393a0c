"""cifar10_jpeg: CIFAR-10 whose images somebody compressed to JPEG. Its pixels are not the published ones."""

from pathlib import Path

from rethink.data.sources.cifar10 import class_folders
from rethink.data.sources.cifar10.content import CLASS_NAMES, Published, by_content
from rethink.data.sources.contract.image_data import ImageData
from rethink.data.sources.contract.registry import ImageSource
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.image_tree import ImageTree
from rethink.errors import DataError

NAME = "cifar10_jpeg"
TREE = ImageTree(NAME, class_folders.HOLDS)


def jpeg_source(published: Published) -> ImageSource:
    """The data set of as many images a class as were published. Their files' names, sizes and times identify them."""

    def open_images(data_dir: Path | None) -> ImageData:
        splits = class_folders.read(_found(data_dir), published)
        train, test = (by_content(splits[name].images, splits[name].labels) for name in ("train", "test"))
        return ImageData(train, test, CLASS_NAMES)

    def fingerprint(data_dir: Path | None) -> str:
        root = _found(data_dir)
        return TREE.fingerprint(root, [root / split / name for split in ("train", "test") for name in CLASS_NAMES])

    return ImageSource(NAME, open_images, fingerprint, image_size=28, crop_padding=0)


def _found(data_dir: Path | None) -> Path:
    root = TREE.root(data_dir)
    if class_folders.find(root) is None:
        raise DataError(f"{NAME}: {printable(root)} does not hold {class_folders.HOLDS}: {', '.join(CLASS_NAMES)}")
    return root
