"""Export of the labels that a run's networks were given: what was corrupted, and to what."""

from pathlib import Path

import numpy as np
import pandas as pd

from rethink.corruption.labels import corrupt_labels
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import file_names
from rethink.data.betons.stored_samples import stored_labels
from rethink.data.for_spec import prepare_for
from rethink.data.sources.trees.file_names import as_text
from rethink.data.spec_checks import check_same_data
from rethink.records.outputs import file_in, write
from rethink.records.run_directory import RunDirectory


def export_labels(run: RunDirectory, folder: Path) -> list[Path]:
    """One CSV file for every stored data set, level and corruption seed of a run, named by all three.

    Raises SpecError if a data set is no longer the one that the run was started with.
    """
    record = run.read_run()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    corruptions = {(s.stored_data, s.label_corruption, s.corruption_seed): s for s in record.specs}
    for (stored, level, seed), spec in corruptions.items():
        data = prepare_for(spec, record.newest_options.places)
        check_same_data(data, record.data[stored].content_sha256, run.root)
        path = file_in(folder, label_file_name(stored, level, seed))
        write(path, label_table(data, level, seed).to_csv(index_label="index").encode())
        written.append(path)
    return written


def label_file_name(stored_data: str, level: float, corruption_seed: int) -> str:
    """Of the table of those labels: another one for every other level, however near."""
    return f"labels-{stored_data}-p{level!r}-seed{corruption_seed}.csv"


def label_table(data: PreparedData, level: float, corruption_seed: int) -> pd.DataFrame:
    """The training labels by sample: true, given (classes as numbers), corrupted (whether chosen for replacement),
    true_name, given_name and, where the data set is made of image files, file: the path below the data directory."""
    table = corrupt_labels(stored_labels(data.train), data.classes, level, corruption_seed)
    names, files = np.array(data.class_names, object), file_names(data.train)
    columns = {
        "true": table.true,
        "given": table.given,
        "corrupted": table.corrupted,
        "true_name": names[table.true],
        "given_name": names[table.given],
    }
    if files is not None:
        columns["file"] = np.array([as_text(file) for file in files], object)
    return pd.DataFrame(columns)
