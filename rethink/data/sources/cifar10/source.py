"""cifar10: the published images, in whichever of the published or usual forms they lie in."""

import hashlib
from pathlib import Path

from rethink.data.sources.cifar10 import class_folders
from rethink.data.sources.cifar10.batch_files import BINARY, PICKLED, BatchFiles
from rethink.data.sources.cifar10.content import Published, published_data
from rethink.data.sources.contract.image_data import ImageData
from rethink.data.sources.contract.registry import ImageSource
from rethink.data.sources.trees.file_names import printable
from rethink.errors import DataError
from rethink.files.download import download_folder, quiet_download

JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
NAME = "cifar10"
REMEDY = f"give a data directory that holds {PICKLED.holds}, {BINARY.holds}, or {class_folders.HOLDS}"
_SHOWN = 5  # entries of a folder that holds none of them


def published_source(published: Published) -> ImageSource:
    """The data set of exactly these images, whatever the form of its files."""

    def open_images(data_dir: Path | None) -> ImageData:
        if data_dir is None:
            data_dir = _downloaded()
        form, place = _find(data_dir)
        splits = class_folders.read(place, published) if form is None else form.read(place, published)
        return published_data(printable(place), splits, published)

    def fingerprint(data_dir: Path | None) -> str:
        """Only the published content is accepted, so it is one and the same; but a wrong folder is refused at once."""
        if data_dir is not None:
            _find(data_dir)
        return hashlib.sha256(f"{published.train.sha256}{published.test.sha256}".encode()).hexdigest()[:12]

    return ImageSource(NAME, open_images, fingerprint, image_size=28, crop_padding=0)


def _find(data_dir: Path) -> tuple[BatchFiles | None, Path]:
    """The form that a folder holds (none: class folders), and where. Raises DataError for any other folder."""
    for form in (PICKLED, BINARY):
        place = form.find(data_dir)
        if place is not None:
            return form, place
    folders = class_folders.find(data_dir)
    if folders is None:
        raise DataError(f"{NAME}: {printable(data_dir)} {_shown(data_dir)}; {REMEDY}")
    files = class_folders.image_files(data_dir)
    jpeg = next((path for of_split in files.values() for path in of_split if path.suffix.lower() in JPEG), None)
    if jpeg is not None:
        raise DataError(
            f"{NAME}: {printable(jpeg)} is JPEG, so its pixels are not the published ones; choose cifar10_jpeg, or "
            "give PNG files"
        )
    return None, folders


def _shown(folder: Path) -> str:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        return f"cannot be listed ({error.strerror})"
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"holds {printable(', '.join(names[:_SHOWN]))}{more}" if names else "is empty"


def _downloaded() -> Path:
    from torchvision.datasets import CIFAR10

    with quiet_download(NAME, REMEDY):
        CIFAR10(str(download_folder()), download=True)
    return download_folder()
