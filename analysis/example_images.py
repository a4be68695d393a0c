"""The example images that a run wrote for TensorBoard, for a report that needs no TensorBoard."""

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from rethink.run_directory import RunDirectory


def example_images(run: RunDirectory) -> dict[str, bytes]:
    """PNG by tag, that is data set, corruption and its seed; empty for a run without examples."""
    images: dict[str, bytes] = {}
    for path in sorted((run.tensorboard / "examples").glob("events.*")):
        images |= _images(path)
    return images


def _images(path: Path) -> dict[str, bytes]:
    found = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "images":
                _width, _height, *pictures = value.tensor.string_val
                found[value.tag] = pictures[0]
    return found
