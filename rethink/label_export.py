"""Export of the labels that a run's networks were given: what was corrupted, and to what."""

from pathlib import Path

import pandas as pd

from rethink.corruption.labels import corrupt_labels
from rethink.data.beton import prepare
from rethink.data.stored import stored_labels
from rethink.data.trial_data import check_same_data
from rethink.run_directory import RunDirectory
from rethink.spec import TrialSpec


def export_labels(run: RunDirectory, folder: Path) -> list[Path]:
    """One CSV file (index, true, given, corrupted) for every data set, level and corruption seed of a run.

    Raises SpecError if a data set is no longer the one that the run was started with.
    """
    recorded = run.read_run()
    data_dir, cache_dir = (recorded["options"][key] for key in ("data_dir", "cache_dir"))
    specs = [TrialSpec.from_dict(values) for values in recorded["specs"]]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for dataset, level, seed in dict.fromkeys((s.dataset, s.label_corruption, s.corruption_seed) for s in specs):
        data = prepare(dataset, data_dir and Path(data_dir), cache_dir and Path(cache_dir))
        check_same_data(data, recorded["data"][dataset]["content_sha256"], run.root)
        table = corrupt_labels(stored_labels(data.train), data.classes, level, seed)
        columns = {"true": table.true, "given": table.given, "corrupted": table.corrupted}
        path = folder / f"labels-{dataset}-p{level:g}-seed{seed}.csv"
        pd.DataFrame(columns).to_csv(path, index_label="index")
        written.append(path)
    return written
