"""The image sources by name."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from rethink.data.sources.image_data import ImageData, JpegForm
from rethink.spec import SpecError, shown


@dataclass(frozen=True)
class ImageSource:
    """A data set that a spec can name.

    `open(data_dir)` delivers it; None: the source's own place, or DataError. `fingerprint(data_dir)` is cheap and
    differs whenever the data may differ: it keys the cache. `image_size` is the side, in pixels, of the centre crop
    that the network usually sees, `crop_padding` the padding before a random crop (0: the images are larger than
    `image_size`); None: the user must say. `jpeg` is the usual form of a data set that is kept as JPEG; None: it is
    kept as uncompressed images of one size. `reads_data_dir`: off for images that lie elsewhere, whatever `data_dir`
    says: it is then refused.
    """

    name: str
    open: Callable[[Path | None], ImageData]
    fingerprint: Callable[[Path | None], str]
    image_size: int | None = None
    crop_padding: int | None = None
    jpeg: JpegForm | None = None
    reads_data_dir: bool = True


_sources: dict[str, ImageSource] = {}


def register(source: ImageSource) -> None:
    """Make a source known by its name. Raises SpecError for a name that is taken or unfit for a folder's name."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", source.name):
        raise SpecError(f"data set name {source.name!r} is not allowed: up to 64 letters, digits and _ . -")
    if source.name in _sources:
        raise SpecError(f"data set {source.name!r} is already registered; choose another name")
    _sources[source.name] = source


def get(name: str) -> ImageSource:
    """The source of that name. Raises SpecError with the choices for an unknown one."""
    if name not in _sources:
        raise SpecError(f"unknown data set {name!r}; choose from {', '.join(names())}")
    return _sources[name]


def check_data_dir(data_dir: Path | None, data_sets: Collection[str]) -> None:
    """Raises SpecError for a data directory that none of these data sets reads."""
    if data_dir is not None and not any(get(name).reads_data_dir for name in data_sets):
        readers = ", ".join(name for name in names() if get(name).reads_data_dir)
        without = f"{', '.join(sorted(data_sets))} reads no data directory"
        raise SpecError(
            f"data_dir = {shown(str(data_dir))} is not allowed: {without}; choose from {readers}, or omit it"
        )


def names() -> tuple[str, ...]:
    """The known sources, in alphabetical order."""
    return tuple(sorted(_sources))
