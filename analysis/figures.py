"""Runs in, the files of every figure and table that their trials contain out."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from analysis import style
from analysis.captions import scale
from analysis.comparisons import Scale, curve_figures
from analysis.epochs_figure import epochs_figure
from analysis.error_figure import error_figure
from analysis.frames import Frames, load
from analysis.lines import levels_of
from analysis.rates_figure import rates_figure, rates_of
from analysis.tables import to_markdown
from rethink.run_directory import find_runs
from rethink.run_record import RunRecord
from rethink.spec import SpecError

Runs = Mapping[str, RunRecord]  # run.json by the run's name


def draw(run_paths: Sequence[str | Path], folder: str | Path) -> list[Path]:
    """Write each figure as .png and .svg, and tables.md, into a folder; return the paths.

    Raises what `load` raises, and SpecError for runs that asked for no trial.
    """
    frames, runs = load(*run_paths), read_runs(run_paths)
    drawn = figures(frames, runs)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in drawn:
        written += style.write(figure, folder / name)
    tables = folder / "tables.md"
    tables.write_text(to_markdown(frames, scale(frames.trials, created(runs))), encoding="utf-8")
    return [*written, tables]


def figures(frames: Frames, runs: Runs, across: int = style.ACROSS) -> Iterator[tuple[str, Figure]]:
    """(file name, figure) for every figure that the trials contain, up to `across` panels side by side.

    Raises SpecError for no trials.
    """
    if frames.trials.empty:
        raise SpecError("the runs asked for no trial: there is nothing to draw")
    classes = {data.classes for run in runs.values() for data in run.data.values()}
    dates = created(runs)
    return _figures(frames, lambda trials: scale(trials, dates), classes, across)


def read_runs(run_paths: Sequence[str | Path]) -> Runs:
    """What run.json says of each run, by the run's name. Raises SpecError for one that is damaged."""
    return {run.root.resolve().name: run.read_run() for run in find_runs([Path(path) for path in run_paths])}


def created(runs: Runs) -> dict[str, str]:
    """When each run was started, ISO 8601."""
    return {name: run.created.isoformat() for name, run in runs.items()}


def _figures(frames: Frames, scale_of: Scale, classes: set[int], across: int) -> Iterator[tuple[str, Figure]]:
    """(file name, figure); the figures over the level, too, where no other has anything to show."""
    others = list(curve_figures(frames, scale_of, across))
    rates = rates_of(frames.trials)
    if rates is not None:
        others.append(("learning_rate", rates_figure(rates, scale_of(rates), across)))
    levels = levels_of(frames.trials)
    if not levels.empty or not others:
        trials = frames.trials if levels.empty else levels
        yield "epochs_to_fit", epochs_figure(trials, scale_of(trials), across)
        yield "test_error", error_figure(trials, scale_of(trials), classes)
    yield from others
