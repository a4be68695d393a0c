"""What a sweep ends with: the summary table, the figures, and the commands to look further."""

from collections.abc import Sequence
from pathlib import Path

from analysis import figures, frames, summary
from rethink.run_directory import RunDirectory


def show_results(runs: Sequence[RunDirectory], output: Path | None = None) -> int:
    """Print the table, draw the figures. Returns 1 if a trial failed or is unfinished, else 0."""
    folders = [run.root for run in runs]
    loaded = frames.load(*folders)
    print()
    print(summary.to_text(summary.summary(loaded.trials)))
    print()
    for path in figures.draw(folders, output or runs[0].figures):
        print(f"figure       {path}")
    for folder in folders:
        print(f"run          {folder}")
        print(f"curves       tensorboard --logdir {folder / 'tensorboard'}")
    unfinished = loaded.trials["stop_reason"].isin(["error", "unfinished"])
    for folder in folders if unfinished.any() else []:
        print(f"go on with   rethink resume {folder}")
    return int(unfinished.any())
