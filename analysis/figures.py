"""Runs in, the figures' files out."""

from collections.abc import Sequence
from pathlib import Path

from analysis import style
from analysis.captions import scale
from analysis.epochs_figure import epochs_figure
from analysis.error_figure import error_figure
from analysis.frames import load
from rethink.run_directory import find_runs


def draw(run_paths: Sequence[str | Path], folder: str | Path) -> list[Path]:
    """Write epochs_to_fit and test_error, each as .png and .svg, into a folder; return the paths.

    Raises what `load` raises, and ValueError for runs that asked for no trial.
    """
    trials = load(*run_paths).trials
    runs = [run.read_run() for run in find_runs([Path(path) for path in run_paths])]
    classes = {data["classes"] for run in runs for data in run["data"].values() if "classes" in data}
    subtitle = scale(trials, [run["created"] for run in runs])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *style.write(epochs_figure(trials, subtitle), folder / "epochs_to_fit"),
        *style.write(error_figure(trials, subtitle, classes), folder / "test_error"),
    ]
