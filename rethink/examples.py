"""Examples of the data as the trials see them, for TensorBoard: a few images with their given and true labels."""

from collections.abc import Mapping, Sequence

import numpy as np

from rethink.corruption.labels import corrupt_labels
from rethink.data.beton import PreparedData
from rethink.data.stored import stored_images, stored_labels
from rethink.data.subset import balanced_subset
from rethink.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.tensorboard import write_examples

EXAMPLES = 8


def write_label_examples(run: RunDirectory, specs: Sequence[TrialSpec], prepared: Mapping[str, PreparedData]) -> None:
    """One picture for every different corruption of the run: the first images of its training subset."""
    for key in dict.fromkeys(
        (s.dataset, s.train_samples, s.subset_seed, s.label_corruption, s.corruption_seed) for s in specs
    ):
        dataset, train_samples, subset_seed, level, corruption_seed = key
        data = prepared[dataset]
        table = corrupt_labels(stored_labels(data.train), data.classes, level, corruption_seed)
        chosen = np.sort(balanced_subset(table.true, train_samples, subset_seed)[:EXAMPLES])
        captions = [
            (f"given {data.class_names[table.given[i]]}"[:20], f"true  {data.class_names[table.true[i]]}"[:20])
            for i in chosen
        ]
        tag = f"{dataset}/p{level:g}_seed{corruption_seed}"
        write_examples(run.tensorboard / "examples", tag, stored_images(data.train, chosen), captions)
