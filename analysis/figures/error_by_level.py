"""Figure: generalization error vs label corruption level, where the error is that on test labels, which stay clean."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.level_lines import Line, framed, lines_of, with_published
from analysis.grouping.ended_trials import ended_trials
from analysis.statistics.intervals import share_interval

_NOTE = (
    "Line: mean over the n trials that ended and were tested; band: least to greatest; dots: trials; "
    "open triangles: trials that ended without fitting the training set."
)
_PUBLISHED_NOTE = (
    " Faint crosses: published (the original project), same model, 50,000 CIFAR-10 images, at the epoch that was best "
    "on the test set, not at the fit, test labels corrupted too."
)


def error_figure(trials: pd.DataFrame, subtitle: str, classes: set[int]) -> Figure:
    """Test error over the label corruption level, with chance for each known number of classes.

    Raises ValueError for no trials.
    """
    lines = lines_of(trials, "test_error_n")
    title = "Generalization error vs label corruption level"
    published = with_published(lines)
    note = _NOTE + _doubt(int(trials["test_images"].min())) + (_PUBLISHED_NOTE if published else "")
    figure, (axes,) = framed(title, subtitle, lines, note, len(trials) - len(_tested(trials)), [""], across=1)
    for number in sorted(classes):
        _draw_chance(axes, number)
    for line in published:
        crosses: dict[str, Any] = {"color": line.look.color, "marker": "x", "markersize": 3.5, "linestyle": ""}
        axes.plot(line.published["level"], line.published["test_error"], alpha=0.4, **crosses)
    for line in lines:
        _draw(axes, line)
    axes.set_ylabel("test error (clean labels)", fontsize=style.TEXT)
    axes.set_ylim(0, 1)
    return figure


def _doubt(images: int) -> str:
    low, high = share_interval(0.5, images)
    return f" {images:,} test images tell an error of 0.5 to ± {50 * (high - low):.1f} points (95%), beside the band."


def _draw(axes: Axes, line: Line) -> None:
    line.draw_band(axes, line.cells["test_error_min"], line.cells["test_error_max"])
    line.draw(axes, line.cells["test_error_mean"])
    tested = _tested(line.trials)
    fitted = tested["fitted"].astype(bool)
    line.dots(axes, tested[fitted], tested["test_error"][fitted], fitted=True)
    line.dots(axes, tested[~fitted], tested["test_error"][~fitted], fitted=False)


def _tested(trials: pd.DataFrame) -> pd.DataFrame:
    return ended_trials(trials).dropna(subset=["test_error"])


def _draw_chance(axes: Axes, classes: int) -> None:
    chance = 1 - 1 / classes
    axes.axhline(chance, color=style.GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
    axes.text(0, chance + 0.012, f"chance, {classes:,} classes", fontsize=style.SMALL, color=style.GREY, va="bottom")
