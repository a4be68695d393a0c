"""ImageTree: class folders and image files, listed and fingerprinted quickly: ImageNet has 1.3 million files."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rethink.data.sources.trees.file_names import SUFFIXES, is_named_as_image, printable
from rethink.errors import DataError

IGNORED = ("thumbs.db", "desktop.ini", "__macosx")  # without a warning, as are names that begin with a dot
LISTED = 5  # files that a warning names

Entry = os.DirEntry[str]


@dataclass(frozen=True)
class ImageTree:
    """Folders of image files and of folders of them, in the order of torchvision's ImageFolder, links followed.

    Every file with an image's name is listed as an image; only reading it shows what it is. Every method raises
    DataError for a folder that is missing, empty or cannot be read.
    """

    source: str  # the data set's name, for errors
    holds: str  # the image files, for errors

    def root(self, data_dir: Path | None) -> Path:
        """The folder that a user named."""
        if data_dir is None:
            raise DataError(f"{self.source} needs a data directory that holds {self.holds}")
        return data_dir

    @property
    def _reads(self) -> str:
        return f"{self.source} reads {self.holds}"

    def class_folders(self, split: Path) -> list[Path]:
        if not split.is_dir():
            raise DataError(f"{printable(split)} is missing; {self._reads}")
        names = [entry.name for entry in _entries(split) if _is_folder(entry)]
        if not names:
            raise DataError(f"{printable(split)} holds no class folders; {self._reads}")
        return [split / name for name in names]

    def image_files(self, folder: Path) -> list[Path]:
        return [below.path / entry.name for below in _with_images(folder) for entry in below.images]

    def fingerprint(self, root: Path, folders: Iterable[Path], others: Iterable[Path] = ()) -> str:
        """A hash of name, size and modification time of all images in `folders` and of the files `others` in `root`."""
        digest = hashlib.sha256()
        for folder in folders:
            for below in _with_images(folder):
                below_root = below.path.relative_to(root)
                for entry in below.images:
                    digest.update(_state(f"{below_root}/{entry.name}", entry))
        for path in others:
            digest.update(_state(str(path.relative_to(root)), path))
        return digest.hexdigest()[:12]

    def unread(self, folders: Iterable[Path]) -> list[Path]:
        """The files in `folders`, or below, whose names are not those of images."""
        return [below.path / entry.name for folder in folders for below in _folders(folder) for entry in below.others]

    def unread_beside(self, split: Path) -> list[Path]:
        """The files beside the class folders of a split, images or not."""
        return [split / entry.name for entry in _entries(split) if not _is_folder(entry)]


def warn_of_unread(paths: Sequence[Path], root: Path) -> None:
    """Warn of the files of a tree that are not read, if there are any: how many, and which."""
    if not paths:
        return
    listed = ", ".join(printable(path.relative_to(root)) for path in paths[:LISTED])
    more = f" and {len(paths) - LISTED:,} more" if len(paths) > LISTED else ""
    files = "1 file is" if len(paths) == 1 else f"{len(paths):,} files are"
    warnings.warn(
        f"{printable(root)}: {files} not read (no image by name, or in no class folder): {listed}{more}", stacklevel=2
    )


def holds_images(folder: Path) -> bool:
    """Whether image files lie in the folder itself. Raises DataError if it cannot be listed."""
    return any(is_named_as_image(entry.name) for entry in _entries(folder))


def holds_folders(folder: Path) -> bool:
    """Whether folders lie in the folder. Raises DataError if it cannot be listed."""
    return any(_is_folder(entry) for entry in _entries(folder))


@dataclass(frozen=True)
class _Folder:
    """One folder: the entries in it that are not folders, in sorted order."""

    path: Path
    images: Sequence[Entry]
    others: Sequence[Entry]


def _with_images(folder: Path) -> list[_Folder]:
    folders = _folders(folder)
    if not any(below.images for below in folders):
        raise DataError(f"{printable(folder)} holds no images ({' '.join(SUFFIXES)}); add some or remove the folder")
    return folders


def _folders(top: Path) -> list[_Folder]:
    """A folder and all below it, by their paths."""
    found, left = [], [(top, frozenset[tuple[int, int]]())]
    while left:
        path, above = left.pop()
        entries, identity = _entries(path), _identity(path)
        if identity in above:
            raise DataError(f"{printable(path)} is a link to a folder that it lies in; remove it")
        images = [entry for entry in entries if is_named_as_image(entry.name)]
        folders = [entry for entry in entries if not is_named_as_image(entry.name) and _is_folder(entry)]
        taken = {entry.name for entry in (*images, *folders)}
        found.append(_Folder(path, images, [entry for entry in entries if entry.name not in taken]))
        left += [(path / entry.name, above | {identity}) for entry in folders]
    return sorted(found, key=lambda folder: str(folder.path))


def _entries(folder: Path) -> list[Entry]:
    try:
        with os.scandir(folder) as entries:
            seen = (entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in IGNORED)
            return sorted(seen, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot list {printable(folder)} ({error.strerror}); make it a readable folder") from error


def _is_folder(entry: Entry) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise _unreadable(entry, error) from error


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino


def _state(name: str, file: Entry | Path) -> bytes:
    try:
        stat = file.stat()
    except OSError as error:
        raise _unreadable(file, error) from error
    return os.fsencode(name) + f"\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode()


def _unreadable(file: Entry | Path, error: OSError) -> DataError:
    return DataError(f"cannot read {printable(os.fspath(file))} ({error.strerror}); replace or remove it")
