"""Examples of the data as the trials see them, for TensorBoard: a few images with their given and true labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rethink.corruption.labels import corrupt_labels
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.stored_samples import StoredPixels, stored_labels, stored_pictures
from rethink.data.training_subset import balanced_subset
from rethink.data.trial_data import corrupted_pixels
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec, number_text
from rethink.trial.tensorboard import EXAMPLE_PIXELS, write_examples

EXAMPLES = 8  # two rows of four


def write_label_examples(run: RunDirectory, specs: Sequence[TrialSpec], prepared: Mapping[str, PreparedData]) -> None:
    """One picture for every different corruption of the run: a few training images of different classes."""
    corruptions = {(s.stored_data, s.label_corruption, s.pixel_corruption, s.corruption_seed): s for s in specs}
    for (stored, level, kind, seed), spec in corruptions.items():
        data = prepared[stored]
        table = corrupt_labels(stored_labels(data.train), data.classes, level, seed)
        chosen = balanced_subset(table.true, min(EXAMPLES, data.train.samples), 0)
        labels = [(data.class_names[table.given[i]], data.class_names[table.true[i]]) for i in chosen]
        pixels = "" if kind == "none" else f"{kind}_"
        tag = f"{stored}/{pixels}p{number_text(level)}_seed{seed}"
        write_examples(run.tensorboard / "examples", tag, _images(spec, data, chosen), labels)


def _images(spec: TrialSpec, data: PreparedData, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    if data.train.jpeg:  # whose pixels no spec corrupts
        return stored_pictures(data.train, chosen, EXAMPLE_PIXELS)
    return corrupted_pixels(spec, data, "train").picture(StoredPixels(data.train).read(chosen), chosen)
