"""Export of the labels that a run's networks were given: what was corrupted, and to what."""

from pathlib import Path

import pandas as pd

from rethink.corruption.labels import corrupt_labels
from rethink.data.for_spec import prepare_for
from rethink.data.stored import stored_labels
from rethink.data.trial_data import check_same_data
from rethink.run_directory import RunDirectory


def export_labels(run: RunDirectory, folder: Path) -> list[Path]:
    """One CSV file (index, true, given, corrupted) for every stored data set, level and corruption seed of a run.

    Raises SpecError if a data set is no longer the one that the run was started with.
    """
    record = run.read_run()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    corruptions = {(s.stored_data, s.label_corruption, s.corruption_seed): s for s in record.specs}
    for (stored, level, seed), spec in corruptions.items():
        data = prepare_for(spec, record.options.places)
        check_same_data(data, record.data[stored].content_sha256, run.root)
        table = corrupt_labels(stored_labels(data.train), data.classes, level, seed)
        columns = {"true": table.true, "given": table.given, "corrupted": table.corrupted}
        path = folder / f"labels-{stored}-p{level:g}-seed{seed}.csv"
        pd.DataFrame(columns).to_csv(path, index_label="index")
        written.append(path)
    return written
