"""The image sources by name."""

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from rethink.data.sources.contract.image_data import ImageData, JpegForm, check_delivered
from rethink.entry_checks import check_field, is_whole
from rethink.errors import SpecError
from rethink.own_code import own_code
from rethink.registry import Registry
from rethink.spec import shown


@dataclass(frozen=True)
class ImageSource:
    """A data set that a spec can name.

    Args:
        name: Up to 64 letters, digits and _ . -
        open: `open(data_dir)` delivers the images (H, W, 3) uint8 and labels in 0 ... classes - 1; `data_dir` None:
            from the source's own place, or DataError.
        fingerprint: `fingerprint(data_dir)` gives, cheaply, a text that differs whenever the data may differ: it keys
            the cache.
        image_size: Side of the centre crop that a network usually sees, pixels; none: the user must say.
        crop_padding: Padding before a random crop, pixels a side (0: the images are larger than `image_size`); none:
            the user must say.
        jpeg: The usual form of a data set that is kept as JPEG; none: it is kept as uncompressed images of one size.
        reads_data_dir: Off for images that lie elsewhere, whatever `data_dir` says: it is then refused.

    The fields are checked when the data set is asked for by its name.
    """

    name: str
    open: Callable[[Path | None], ImageData]
    fingerprint: Callable[[Path | None], str]
    image_size: int | None = None
    crop_padding: int | None = None
    jpeg: JpegForm | None = None
    reads_data_dir: bool = True


def check_data_dir(data_dir: Path | None, data_sets: Collection[str]) -> None:
    """Raise SpecError for a data directory that none of these data sets reads."""
    if data_dir is not None and not any(get(name).reads_data_dir for name in data_sets):
        readers = ", ".join(name for name in names() if get(name).reads_data_dir)
        without = f"{', '.join(sorted(data_sets))} reads no data directory"
        raise SpecError(
            f"data_dir = {shown(str(data_dir))} is not allowed: {without}; choose from {readers}, or omit it"
        )


def fingerprint(source: ImageSource, data_dir: Path | None) -> str:
    """The source's fingerprint of its data. Raises SpecError if it is not a text, or if the function raises."""
    with own_code(f"data set {source.name!r}: fingerprint(data_dir)"):
        text = source.fingerprint(data_dir)
    if not isinstance(text, str):
        raise SpecError(
            f"data set {source.name!r}: fingerprint returned {shown(text)}, not a text that stands for the data"
        )
    return text


def open_data(source: ImageSource, data_dir: Path | None) -> ImageData:
    """What the source delivers. Raises DataError if that is not a data set, SpecError if `open` raises."""
    with own_code(f"data set {source.name!r}: open(data_dir)"):
        data = source.open(data_dir)
    check_delivered(f"data set {source.name!r}", data)
    return dataclasses.replace(data, class_names=tuple(data.class_names))


def _check_fields(source: ImageSource) -> None:
    owner = f"data set {source.name!r}"
    for field in ("open", "fingerprint"):
        value = getattr(source, field)
        check_field(owner, field, value, callable(value), "a function of the data directory")
    size, padding, jpeg = source.image_size, source.crop_padding, source.jpeg
    check_field(owner, "image_size", size, size is None or is_whole(size, 1), "a whole number from 1, or none")
    check_field(
        owner, "crop_padding", padding, padding is None or is_whole(padding, 0), "a whole number from 0, or none"
    )
    check_field(
        owner, "reads_data_dir", source.reads_data_dir, isinstance(source.reads_data_dir, bool), "True or False"
    )
    check_field(owner, "jpeg", jpeg, jpeg is None or isinstance(jpeg, JpegForm), "a JpegForm, or none")


SOURCES = Registry("data set", ImageSource, _check_fields)
register, get, names = SOURCES.register, SOURCES.get, SOURCES.names
