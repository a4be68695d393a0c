"""What a sweep ends with: the summary table, the figures, and the commands to look further."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import figures, frames, summary
from rethink.run_directory import RunDirectory

NOT_ENDED = ("error", "unfinished")  # stop reasons


def show_results(runs: Sequence[RunDirectory], output: Path | None = None) -> bool:
    """Print the table, draw the figures, say where to look. Returns whether every trial came to an end of its own."""
    folders = [run.root for run in runs]
    trials = frames.load(*folders).trials
    print()
    print(summary.to_text(summary.summary(trials)))
    print()
    for path in figures.draw(folders, output or runs[0].figures):
        print(f"figure       {path}")
    for run in runs:
        print(f"run          {run.root}")
        print(f"curves       tensorboard --logdir {run.tensorboard}")
        _print_what_is_left(run, trials[trials["run"] == run.root.resolve().name])
    return not trials["stop_reason"].isin(NOT_ENDED).any()


def _print_what_is_left(run: RunDirectory, trials: pd.DataFrame) -> None:
    for spec_id in trials.loc[trials["stop_reason"] == "error", "spec_id"]:
        print(f"failed       {run.error_file(spec_id)}")
    if trials["stop_reason"].isin(NOT_ENDED).any():
        print(f"go on with   rethink resume {run.root}")
