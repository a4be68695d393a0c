"""Figure: epochs to converge vs label corruption level, where to converge is to fit every training label."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.lines import Line, framed, lines_of

LOG_FROM = 20  # a linear axis hides the fast lines once the slowest takes this many times as long
_NOTE = (
    "Line: median over n seeds, where it is known; band: least to greatest, where every seed fitted; dots: seeds; "
    "open triangles: seeds not fitted by then (right-censored). "
    "Faint crosses: published (the seed), same model, 50,000 CIFAR-10 images, extrapolated to 95% train accuracy."
)


def epochs_figure(trials: pd.DataFrame, subtitle: str) -> Figure:
    """Epochs to fit the whole training set over the label corruption level. Raises ValueError for no trials."""
    lines = lines_of(trials, "n")
    begun = trials[trials["epochs"] > 0]  # a trial without an epoch has no place on the axis; the note counts it
    title = "Epochs to converge vs label corruption level"
    figure, axes = framed(title, subtitle, lines, _NOTE, len(trials) - len(begun))
    published = []
    for line in lines:
        published += line.draw_published(axes, "epochs_to_converge")
        _draw(axes, line)
    axes.set_ylabel("epochs to 100% train accuracy", fontsize=style.TEXT)
    _scale(axes, begun["epochs_to_fit"].fillna(begun["epochs"]).tolist(), published)
    return figure


def _draw(axes: Axes, line: Line) -> None:
    fitted = line.trials["fitted"].astype(bool)
    known = line.cells["fitted"] == line.cells["n"]  # elsewhere the greatest is not known
    line.draw_band(axes, line.cells["epochs_to_fit_min"], line.cells["epochs_to_fit_max"].where(known))
    line.draw(axes, line.cells["epochs_to_fit_median"])
    line.dots(axes, line.trials[fitted], line.trials["epochs_to_fit"][fitted], fitted=True)
    censored = line.trials[~fitted & (line.trials["epochs"] > 0)]
    line.dots(axes, censored, censored["epochs"], fitted=False)


def _scale(axes: Axes, epochs: list[int], published: list[float]) -> None:
    if epochs and max(epochs) > LOG_FROM * min(epochs):
        style.log_epochs(axes)
    else:
        axes.set_ylim(0, 1.08 * max([*epochs, *published], default=1))
