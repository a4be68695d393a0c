"""Figure: epochs to converge vs label corruption level, where converging means fitting every training label."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.level_lines import Line, framed, lines_of, mark_levels, with_published

LOG_FROM = 20  # a linear axis hides the fast lines once the slowest takes this many times as long
_NOTE = (
    "Line: median over n trials, where it is known; band: least to greatest, where every trial fitted; dots: trials; "
    "open triangles: trials not fitted by then (right-censored)."
)
_PUBLISHED_NOTE = (
    " Published: one trial a point, 50,000 images, a straight line through its first 10 to 20 epochs, extrapolated."
)
_TYPED_IN = " AlexNet's at p = 1 was typed in by hand."


def epochs_figure(trials: pd.DataFrame, subtitle: str, across: int = style.ACROSS) -> Figure:
    """Epochs to fit the whole training set over the label corruption level. Raises ValueError for no trials."""
    lines = lines_of(trials, "n")
    begun = trials[trials["epochs"] > 0]  # a trial without an epoch has no place on the axis; the note counts it
    published = with_published(lines)
    panels = ["ours", "published (the original project), CIFAR-10"] if published else [""]
    note = _NOTE + (_PUBLISHED_NOTE if published else "")
    note += _TYPED_IN if any((line.published["model"] == "alexnet").any() for line in published) else ""
    title = "Epochs to converge vs label corruption level"
    figure, places = framed(title, subtitle, lines, note, len(trials) - len(begun), panels, across)
    for line in lines:
        _draw(places[0], line)
    places[0].set_ylabel("epochs to 100% train accuracy", fontsize=style.TEXT)
    _scale(places[0], begun["epochs_to_fit"].fillna(begun["epochs"]).tolist())
    if published:
        _draw_published(places[1], published)
    return figure


def _draw_published(axes: Axes, published: list[Line]) -> None:
    """On separate axes: other data, another scale, and 95% instead of 100%."""
    for line in published:
        axes.plot(line.published["level"], line.published["epochs_to_converge"], **line.look.of_line, alpha=0.5)
    mark_levels(axes, [level for line in published for level in line.published["level"]])
    axes.set_ylabel("epochs to 95%, extrapolated", fontsize=style.TEXT)
    _scale(axes, [epochs for line in published for epochs in line.published["epochs_to_converge"]])


def _draw(axes: Axes, line: Line) -> None:
    fitted = line.trials["fitted"].astype(bool)
    known = line.cells["fitted"] == line.cells["n"]  # elsewhere the greatest is not known
    line.draw_band(axes, line.cells["epochs_to_fit_min"], line.cells["epochs_to_fit_max"].where(known))
    line.draw(axes, line.cells["epochs_to_fit_median"])
    line.dots(axes, line.trials[fitted], line.trials["epochs_to_fit"][fitted], fitted=True)
    censored = line.trials[~fitted & (line.trials["epochs"] > 0)]
    line.dots(axes, censored, censored["epochs"], fitted=False)


def _scale(axes: Axes, epochs: list[int]) -> None:
    if epochs and max(epochs) > LOG_FROM * min(epochs):
        style.log_epochs(axes)
    else:
        axes.set_ylim(0, 1.08 * max(epochs, default=1))
