"""Examples of the data as the trials see them, for TensorBoard: a few images with their given and true labels."""

from collections.abc import Mapping, Sequence

from rethink.corruption.labels import corrupt_labels
from rethink.data.beton import PreparedData
from rethink.data.stored import stored_images, stored_labels
from rethink.data.subset import balanced_subset
from rethink.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.tensorboard import write_examples

EXAMPLES = 8  # two rows of four


def write_label_examples(run: RunDirectory, specs: Sequence[TrialSpec], prepared: Mapping[str, PreparedData]) -> None:
    """One picture for every different corruption of the run: a few training images of different classes."""
    for dataset, level, seed in dict.fromkeys((s.dataset, s.label_corruption, s.corruption_seed) for s in specs):
        data = prepared[dataset]
        table = corrupt_labels(stored_labels(data.train), data.classes, level, seed)
        chosen = balanced_subset(table.true, min(EXAMPLES, data.train.samples), 0)
        labels = [(data.class_names[table.given[i]], data.class_names[table.true[i]]) for i in chosen]
        tag = f"{dataset}/p{level:g}_seed{seed}"
        write_examples(run.tensorboard / "examples", tag, stored_images(data.train, chosen), labels)
