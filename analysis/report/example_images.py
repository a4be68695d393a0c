"""The example images that a run wrote for TensorBoard, for a report that needs no TensorBoard."""

import warnings
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from rethink.files.checked_files import check_plain
from rethink.records.run_directory import RunDirectory


def example_images(run: RunDirectory) -> dict[str, bytes]:
    """PNG by tag, that is data set, corruption and its seed; empty for a run without examples."""
    images: dict[str, bytes] = {}
    for path in sorted((run.tensorboard / "examples").glob("events.*")):
        try:
            check_plain(path)
            entries, found = _images(path)
        except Exception as error:  # TensorBoard's reader raises errors of many kinds
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            warnings.warn(f"the examples in {path} cannot be read and are left out ({reason})", stacklevel=2)
            continue
        if not entries and path.stat().st_size:  # the reader stops at damage without an error
            warnings.warn(f"{path} is damaged: no examples can be read from it", stacklevel=2)
        images |= found
    return images


def _images(path: Path) -> tuple[int, dict[str, bytes]]:
    """The number of values of any kind in the file, and PNG by tag; one of a run's files has only hyperparameters."""
    entries, found = 0, {}
    for event in EventFileLoader(str(path)).Load():
        entries += len(event.summary.value)
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "images":
                _width, _height, *pictures = value.tensor.string_val
                found[value.tag] = pictures[0]
    return entries, found
