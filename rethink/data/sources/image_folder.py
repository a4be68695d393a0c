"""image_folder: any tree of train/CLASS/*.png and test/CLASS/*.png, of any image format, all of one size."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rethink.data.sources.contract.image_data import Image, ImageData
from rethink.data.sources.contract.registry import ImageSource
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.image_arrays import read_image
from rethink.data.sources.trees.image_tree import ImageTree, warn_of_unread
from rethink.errors import DataError

TREE = ImageTree("image_folder", "train/CLASS/*.png and test/CLASS/*.png")


@dataclass(frozen=True)
class FolderSplit:
    """A split read from image files, each at its use.

    Reading raises DataError, naming the file, for one that cannot be read or has another size than the first.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    reference: Path  # all images must have its size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> tuple[Image, int]:
        path, image = self.paths[index], read_image(self.paths[index])
        if image.shape != self._shape:
            size, wanted = _size(image.shape), _size(self._shape)
            raise DataError(
                f"{printable(path)} has {size} pixels, but {printable(self.reference)} has {wanted}; bring all images "
                "to one size"
            )
        return image, self.labels[index]

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        return read_image(self.reference).shape


def open_image_folder(data_dir: Path | None) -> ImageData:
    """The images of `data_dir`, classes and files in sorted order. Raises DataError for a tree without them."""
    root = TREE.root(data_dir)
    train, test = TREE.class_folders(root / "train"), TREE.class_folders(root / "test")
    class_names = tuple(folder.name for folder in train)
    for folder in test:
        if folder.name not in class_names:
            raise DataError(f"{printable(folder)} is a class that {root / 'train'} lacks; add it there or remove it")
    beside = [path for split in ("train", "test") for path in TREE.unread_beside(root / split)]
    warn_of_unread([*beside, *TREE.unread((*train, *test))], root)
    reference = TREE.image_files(train[0])[0]
    return ImageData(_split(train, class_names, reference), _split(test, class_names, reference), class_names)


def _split(folders: list[Path], class_names: tuple[str, ...], reference: Path) -> FolderSplit:
    samples = [(path, class_names.index(folder.name)) for folder in folders for path in TREE.image_files(folder)]
    paths, labels = zip(*samples, strict=True)
    return FolderSplit(paths, labels, reference)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"


def _fingerprint(data_dir: Path | None) -> str:
    root = TREE.root(data_dir)
    return TREE.fingerprint(root, [f for split in ("train", "test") for f in TREE.class_folders(root / split)])


SOURCE = ImageSource("image_folder", open_image_folder, _fingerprint)
