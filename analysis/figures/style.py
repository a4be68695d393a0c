"""How every figure looks: one or two paper columns wide, distinguished by colour, marker and dash, readable in gray."""

import contextlib
import io
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from analysis.figures.svg import to_svg

WIDTH, PLOT_HEIGHT = 3.5, 2.2  # inches; a column of a two-column paper
ACROSS = 3  # panels side by side on paper; on a phone one
MARGIN_LEFT, MARGIN_RIGHT = 0.55, 0.08  # inches
PADDING = 0.08  # inches
TITLE_HEIGHT = 0.14  # inches, of a further line of the title
PANEL_GAP = 0.5  # inches between rows of axes, besides their titles
PANEL_TITLE_CHARACTERS, NOTE_CHARACTERS = 22, 22.8  # to the inch
LINE_HEIGHT = 0.125  # inches, of the small print
SMALL, TEXT, TITLE = 6.0, 7.0, 8.5  # points
GREY = "#555555"
PLAIN: dict[str, Any] = {"parse_math": False}  # a name may hold a $, which does not mean mathematics
QUIET: dict[str, Any] = {"fontsize": SMALL, "color": GREY, "va": "top", "linespacing": 1.28, **PLAIN}

Dash = str | tuple[int, tuple[int, ...]]  # matplotlib's


@dataclass(frozen=True)
class Look:
    """The looks that tell one line from the others."""

    color: str
    marker: str
    dash: Dash

    @property
    def of_line(self) -> dict[str, Any]:
        edge = {"markeredgecolor": "white", "markeredgewidth": 0.4}  # parts markers that overlap
        return {"color": self.color, "marker": self.marker, "ls": self.dash, "lw": 1.1, "markersize": 4.2, **edge}

    @property
    def of_dots(self) -> dict[str, Any]:
        return {
            "color": self.color,
            "marker": ".",
            "linestyle": "",
            "markersize": 3.5,
            "markeredgewidth": 0,
            "alpha": 0.6,
        }

    @property
    def of_unfitted(self) -> dict[str, Any]:
        return {"color": self.color, "marker": "^", "linestyle": "", "markersize": 4.5, "mfc": "none", "zorder": 4}


# Okabe and Ito's palette without its yellow, which vanishes on white; no upward triangle, which means "not fitted"
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "D", "v", ">", "<", "p")
_DASHES: tuple[Dash, ...] = ("-", "--", "-.", ":", (0, (6, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (2, 3)), (0, (1, 4)))
# A network looks the same in every figure of every run.
_OF_NETWORK = {
    name: number
    for number, names in enumerate(
        (
            ("mlp_1x512",),
            ("alexnet_small", "alexnet"),
            ("inception_small", "inception_v3"),
            ("wide_resnet",),
            ("mlp_3x512",),
        )
    )
    for name in names
}


def look(index: int) -> Look:
    """Distinct for the first 7 x 8 lines of a figure."""
    count = len(_COLORS)
    return Look(_COLORS[index % count], _MARKERS[index % count], _DASHES[index % len(_DASHES)])


def looks_of(networks: Sequence[str]) -> list[Look]:
    """The looks of a figure's lines, given the network of each: colour and mark are the network's, the dash tells its
    lines apart.

    An own network has the colour and mark that its name stands for, or, if another one of the figure has them, the
    next that are free.
    """
    numbers = dict[str, int]()
    for name in sorted(dict.fromkeys(networks), key=lambda name: name not in _OF_NETWORK):
        wanted = _OF_NETWORK.get(name, zlib.crc32(name.encode()) % len(_COLORS))
        free = [number % len(_COLORS) for number in range(wanted, wanted + len(_COLORS))]
        numbers[name] = next((number for number in free if number not in numbers.values()), wanted)
    looks = []
    for place, name in enumerate(networks):
        dash = _DASHES[networks[:place].count(name) % len(_DASHES)]
        looks.append(Look(_COLORS[numbers[name]], _MARKERS[numbers[name]], dash))
    return looks


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Matplotlib's default settings, independent of the user's matplotlibrc and style."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def new_panels(
    title: str,
    subtitle: str,
    below: int,
    panels: Sequence[str],
    across: int,
    plot_height: float = PLOT_HEIGHT,
    margin_left: float = MARGIN_LEFT,
) -> tuple[Figure, list[Axes]]:
    """A titled figure of any height, with room for `below` lines of small print under its axes.

    `panels` are the axes' titles, "" for none; up to `across` stand side by side, and fill both columns of a page. Each
    is `plot_height` inches high, with `margin_left` inches for what stands beside it.
    """
    columns = _columns(len(panels), across)
    width = _width(columns)
    plot_width = width / columns - margin_left - MARGIN_RIGHT  # inches
    titles = [textwrap.fill(panel, int(PANEL_TITLE_CHARACTERS * plot_width)) for panel in panels]
    above = max((1 + text.count("\n") for text in titles if text), default=0) * LINE_HEIGHT
    subtitle_at = 0.23 + TITLE_HEIGHT * title.count("\n")
    head = subtitle_at + 0.07 + LINE_HEIGHT * (1 + subtitle.count("\n")) + above
    foot = 0.38 + below * LINE_HEIGHT + 2 * PADDING
    step = plot_height + PANEL_GAP + above
    rows = -(-len(panels) // columns)
    height = head + plot_height + (rows - 1) * step + foot
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(PADDING / width, 1 - 0.06 / height, title, fontsize=TITLE, fontweight="bold", va="top", **PLAIN)
    figure.text(PADDING / width, 1 - subtitle_at / height, subtitle, **QUIET)
    axes = []
    for number, text in enumerate(titles):
        row, column = divmod(number, columns)
        left, bottom = column * width / columns + margin_left, foot + (rows - 1 - row) * step  # inches
        place = (left / width, bottom / height, plot_width / width, plot_height / height)
        axes.append(_plain_axes(figure, place))
        axes[-1].set_title(text, fontsize=SMALL, loc="left", pad=3, linespacing=1.28, **PLAIN)
    return figure, axes


def _columns(panels: int, across: int) -> int:
    """Panels side by side: four make a square, other numbers rows that are as long as allowed."""
    return min(2 if panels == 4 else panels, across)


def _width(columns: int) -> float:
    return WIDTH if columns == 1 else 2 * WIDTH


def note_width(panels: int, across: int) -> int:
    """Characters of small print across a figure of so many panels, up to `across` side by side."""
    return int(NOTE_CHARACTERS * (_width(_columns(panels, across)) - 2 * PADDING))


def _plain_axes(figure: Figure, place: tuple[float, float, float, float]) -> Axes:
    axes = figure.add_axes(place)
    axes.tick_params(labelsize=SMALL, width=0.6, length=2.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.6)
    axes.grid(axis="y", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def log_epochs(axes: Axes) -> None:
    """A logarithmic y axis that is marked with whole numbers: 1, 2, 5, 10, ..."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


def small_print(figure: Figure, text: str, rows: int) -> None:
    """Lines of text at the foot of the figure."""
    top = (rows * LINE_HEIGHT + 0.5 * PADDING) / figure.get_figheight()
    figure.text(PADDING / figure.get_figwidth(), top, text, **QUIET)


def handle(label: str, look: Look) -> Line2D:
    """A legend entry."""
    return Line2D([], [], label=label, **look.of_line)


def legend(figure: Figure, handles: list[Line2D], columns: int, rows: int) -> None:
    """A legend whose upper edge is `rows` lines above the foot of the figure."""
    drawn = figure.legend(
        handles=handles,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(PADDING / figure.get_figwidth(), (rows * LINE_HEIGHT + 1.5 * PADDING) / figure.get_figheight()),
        fontsize=SMALL,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        labelspacing=0.5,
        handlelength=3.2,
        columnspacing=1.5,
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)


def files(figure: Figure, path: Path) -> dict[Path, bytes]:
    """path.png (200 dpi) and path.svg, the same bytes whenever the figure is the same."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=200)
    return {path.with_suffix(".png"): png.getvalue(), path.with_suffix(".svg"): to_svg(figure).encode()}
