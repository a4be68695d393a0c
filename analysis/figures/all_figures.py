"""Runs in, the files of every figure and table for which they have trials out."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from analysis.captions import scale
from analysis.figures import style
from analysis.figures.epochs_by_learning_rate import rates_figure
from analysis.figures.epochs_by_level import epochs_figure
from analysis.figures.epochs_by_size import sizes_figure
from analysis.figures.error_by_level import error_figure
from analysis.figures.paper_curves import MakeFigure, Scale, curve_figures
from analysis.figures.ranking.gap_by_measure import gaps_figure
from analysis.figures.ranking.ranking_dots import ranking_figure
from analysis.frames import Frames
from analysis.grouping.comparisons import Comparisons
from analysis.reading.run_facts import Runs, created
from analysis.tables.paper_tables import to_markdown
from rethink.errors import SpecError
from rethink.records.outputs import write

MOST_REASON = 300  # characters of the reason why a figure failed
T = TypeVar("T")


@dataclass(frozen=True)
class Drawn:
    """The files that were written, and the names of the figures that could not be drawn."""

    written: list[Path]
    failed: list[str]


def draw(frames: Frames, runs: Runs, folder: str | Path) -> Drawn:
    """Write each figure as .png and .svg, and tables.md, into a folder.

    A figure that cannot be drawn costs a warning in one line; the others are still drawn.

    Args:
        frames: What `load` made of the runs.
        runs: What run.json says of each of them, by name.
        folder: Folder of the files; it is made if it does not exist.

    Returns:
        The files that were written, and the names of the figures that could not be drawn.

    Raises:
        SpecError: The runs have no trial.
        OSError: A file cannot be written.
    """
    found = Comparisons(frames.trials, frames.epochs, lambda: frames.measures)
    drawn = figures(found, runs)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written, failed = [], []
    for name, make in drawn:
        files = attempt(name, partial(_files, make, folder / name))
        written += [*(files or ())]
        failed += [] if files else [name]
        for path, content in (files or {}).items():
            write(path, content)
    tables = folder / "tables.md"
    write(tables, to_markdown(found, scale(frames.trials, created(runs))).encode())
    return Drawn([*written, tables], failed)


def _files(make: MakeFigure, path: Path) -> dict[Path, bytes]:
    return style.files(make(), path)


def attempt(name: str, draw: Callable[[], T]) -> T | None:
    """What `draw` returns, with settings equal on every machine; None and a warning in one line if it fails."""
    try:
        with style.own():
            return draw()
    except Exception as error:  # one figure must not cost the run, its tables or the other figures
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:MOST_REASON]
        warnings.warn(f"the figure {name} could not be drawn ({reason})", stacklevel=2)
        return None


def figures(found: Comparisons, runs: Runs, across: int = style.ACROSS) -> Iterator[tuple[str, MakeFigure]]:
    """(file name, what draws it) for every figure that the trials contain, up to `across` panels side by side.

    Raises SpecError for no trials.
    """
    if found.trials.empty:
        raise SpecError("the runs asked for no trial: there is nothing to draw")
    classes = {data.classes for run in runs.values() for data in run.data.values()}
    dates = created(runs)
    return _figures(found, lambda trials: scale(trials, dates), classes, across)


def _figures(found: Comparisons, scale_of: Scale, classes: set[int], across: int) -> Iterator[tuple[str, MakeFigure]]:
    """(file name, what draws it); the figures over the level also if there is nothing else to show."""
    others = list(curve_figures(found, scale_of, across))
    rates = found.rates
    if rates is not None:
        others.append(("learning_rate", partial(rates_figure, rates, scale_of(rates), across)))
    sizes = found.sizes
    if sizes is not None:
        others.append(("capacity", partial(sizes_figure, sizes, scale_of(sizes), across)))
    ranked = found.ranked
    if ranked is not None:
        measures, table = ranked
        subtitle = scale_of(found.trials)
        others.append(("measures_against_gap", partial(gaps_figure, measures, table, subtitle, across)))
        others.append(("ranking", partial(ranking_figure, table, subtitle, across)))
    levels = found.levels
    if not levels.empty or not others:
        trials = found.trials if levels.empty else levels
        yield "epochs_to_fit", partial(epochs_figure, trials, scale_of(trials), across)
        yield "test_error", partial(error_figure, trials, scale_of(trials), classes)
    yield from others
