"""Writes a split as an FFCV file in the form that its data set is kept in: uncompressed images, or JPEG files."""

from pathlib import Path

from rethink.data.betons.jpeg.samples import JpegSamples
from rethink.data.betons.writing.ffcv_file import write_samples
from rethink.data.betons.writing.options import Writing
from rethink.data.betons.writing.raw_samples import CheckedSplit
from rethink.data.sources import DataError, FileSplit, JpegForm, Split


def write_split(
    path: Path,
    split: Split | FileSplit,
    class_names: tuple[str, ...],
    what: str,
    form: JpegForm | None,
    writing: Writing,
    root: Path | None,
) -> CheckedSplit | JpegSamples:
    """Write the file; returns what describes it. `what` names the split in messages.

    Raises DataError if the source's split and `form` do not fit together, and what reading and writing raise.
    """
    if isinstance(split, FileSplit):
        if form is None:
            raise DataError(f"{what} consists of image files of any size, but its source declares no JPEG form")
        jpegs = JpegSamples(split, class_names, form, writing, what, root)
        jpegs.write(path)
        return jpegs
    if form is not None:
        raise DataError(f"the source of {what} declares a JPEG form, but delivers no FileSplit")
    samples = CheckedSplit(split, len(class_names), what)
    write_samples(path, samples)
    return samples
