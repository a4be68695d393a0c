"""ImageTree: class folders and image files, listed and fingerprinted quickly: ImageNet has 1.3 million files."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rethink.data.sources.image_data import DataError


@dataclass(frozen=True)
class ImageTree:
    """Folders of image files, all in sorted order, without those whose name begins with a dot.

    Every method raises DataError for what is missing, empty or cannot be read.
    """

    reads: str  # for errors: "SOURCE reads FOLDERS"
    suffixes: tuple[str, ...]  # in lower case; files may have them in any

    def class_folders(self, split: Path) -> list[Path]:
        if not split.is_dir():
            raise DataError(f"{split} is missing; {self.reads}")
        folders = [split / entry.name for entry in _entries(split) if entry.is_dir()]
        if not folders:
            raise DataError(f"{split} holds no class folders; {self.reads}")
        return folders

    def image_files(self, folder: Path) -> list[Path]:
        return [folder / entry.name for entry in self._images(folder)]

    def holds_images(self, folder: Path) -> bool:
        """Whether image files lie in the folder itself."""
        return any(entry.name.lower().endswith(self.suffixes) for entry in _entries(folder))

    def fingerprint(self, root: Path, folders: Iterable[Path], others: Iterable[Path] = ()) -> str:
        """Of name, size and modification time of all images in `folders` and of the files `others`, under `root`."""
        digest = hashlib.sha256()
        for folder in folders:
            below_root = folder.relative_to(root)
            for entry in self._images(folder):
                digest.update(_state(f"{below_root}/{entry.name}", entry))
        for path in others:
            digest.update(_state(str(path.relative_to(root)), path))
        return digest.hexdigest()[:12]

    def _images(self, folder: Path) -> list[os.DirEntry[str]]:
        images = [entry for entry in _entries(folder) if entry.name.lower().endswith(self.suffixes)]
        if not images:
            raise DataError(f"{folder} holds no images ({', '.join(self.suffixes)}); add some or remove the folder")
        return images


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot list {folder} ({error.strerror}); make it a readable folder") from error


def _state(name: str, file: os.DirEntry[str] | Path) -> bytes:
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"cannot read {os.fspath(file)} ({error.strerror}); replace or remove it") from error
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode()
