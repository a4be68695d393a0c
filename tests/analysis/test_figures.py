"""The figures draw the numbers of the frames, leave no trial unmentioned, and are the same bytes every time."""

import importlib
import itertools
import re
from collections import Counter

import matplotlib.colors
import numpy as np
import pytest
from made_runs import draw_runs, make_run, spec, write_trial

from analysis.commands import show_results
from analysis.figures import style
from analysis.figures.epochs_by_level import epochs_figure
from analysis.figures.error_by_level import error_figure
from analysis.figures.level_lines import lines_of
from analysis.figures.svg import embedded
from analysis.frames import load
from analysis.report.report import write_report
from rethink.cli.command_line import main

COMPARISONS = ("inputs", "batch_norms", "regularizers", "imagenet", "levels", "rates", "sizes", "ranked")


@pytest.fixture
def run(tmp_path):
    """At level 0 both seeds fit, at 0.5 one of two fits, at 1 no trial has begun."""
    specs = [spec(label_corruption=level, seed=seed, max_epochs=30) for level in (0, 0.5, 1) for seed in (0, 1)]
    run = make_run(tmp_path / "demo", specs)
    for one, epochs, fit, error in zip(
        specs, (10, 14, 20, 30), (10, 14, 20, None), (0.25, 0.5, 0.5, 0.75), strict=False
    ):
        write_trial(run, one, epochs, fit, error)
    return run


def drawn(figure, marker, line):
    """The points of all plots with this marker, in axis units."""
    plots = [
        plot
        for plot in figure.axes[0].lines
        if plot.get_marker() == marker and (plot.get_linestyle() != "None") == line
    ]
    return [
        (round(float(x), 6), float(y))
        for plot in plots
        for x, y in zip(*plot.get_data(), strict=True)
        if not np.isnan(y)
    ]


def small_print(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def test_epochs_median_dots_and_open_triangles(run):
    figure = epochs_figure(load(run.root).trials, "made")
    assert drawn(figure, "o", True) == [(0, 12)]  # at 0.5 the median is open
    assert drawn(figure, ".", False) == [(0, 10), (0, 14), (0.5, 20)]
    assert drawn(figure, "^", False) == [(0.5, 30)]
    (band,) = figure.axes[0].collections
    corners = {tuple(point) for path in band.get_paths() for point in path.vertices.tolist()}
    assert corners == {(0, 10), (0, 14)}  # at 0.5 the greatest is not known
    assert "Not drawn: 2 trials." in small_print(figure)


def test_error_mean_dots_triangles_and_chance(run):
    figure = error_figure(load(run.root).trials, "made", {10})
    assert drawn(figure, "o", True) == [(0, 0.375), (0.5, 0.625)]
    assert drawn(figure, "^", False) == [(0.5, 0.75)]
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(0.9)
    assert "Not drawn: 2 trials." in small_print(figure)


def test_published_epochs_stand_beside_ours_and_published_errors_among_them(run):
    trials = load(run.root).trials
    ours, theirs = epochs_figure(trials, "made").axes
    (line,) = theirs.lines
    assert list(line.get_xdata()) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert list(line.get_ydata()) == [30, 45, 64, 83, 91, 86]  # MLP-512, from the original project's logs
    assert list(theirs.get_xticks()) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert list(ours.get_xticks()) == [0, 0.5, 1]
    assert "95%" in theirs.get_ylabel()
    assert ours.get_ylim()[1] == pytest.approx(1.08 * 30)  # the published values do not stretch our axis
    crosses = drawn(error_figure(trials, "made", {10}), "x", False)
    assert crosses[0] == (0, 0.4539)
    assert len(crosses) == 6


def test_what_the_published_points_are_is_said_below(run, tmp_path):
    trials = load(run.root).trials
    error = small_print(error_figure(trials, "made", {10}))
    assert "at the epoch that was best on the test set, not at the fit, test labels corrupted too" in error
    assert "by hand" not in small_print(epochs_figure(trials, "made"))
    alexnet = load(make_run(tmp_path / "alexnet", [spec(model="alexnet")]).root).trials
    assert "AlexNet's at p = 1 was typed in by hand" in small_print(epochs_figure(alexnet, "made"))


def test_the_error_figure_says_how_well_its_test_set_tells_an_error(run):
    assert "10,000 test images tell an error of 0.5 to ± 1.0 points (95%), beside the band." in small_print(
        error_figure(load(run.root).trials, "made", {10})
    )


def test_a_model_without_published_values_is_not_said_to_have_them(tmp_path):
    trials = load(make_run(tmp_path / "demo", [spec(model="mlp_3x512")]).root).trials
    for figure in (epochs_figure(trials, "made"), error_figure(trials, "made", {10})):
        assert "ublished" not in small_print(figure)
        assert len(figure.axes) == 1


def test_without_classes_there_is_no_chance_level(run):
    figure = error_figure(load(run.root).trials, "made", set())
    assert not figure.axes[0].texts


@pytest.mark.parametrize(("slowest", "scale"), [(40, "linear"), (41, "log")])
def test_the_axis_is_logarithmic_above_twentyfold(tmp_path, slowest, scale):
    run = make_run(tmp_path / "demo", [spec(), spec(label_corruption=1)])
    write_trial(run, spec(), 2, 2)
    write_trial(run, spec(label_corruption=1), slowest, slowest)
    assert epochs_figure(load(run.root).trials, "made").axes[0].get_yscale() == scale


def test_train_sizes_and_data_sets_are_lines_of_their_own(tmp_path):
    specs = [spec(), spec(train_samples=5000), spec(dataset="cifar10", train_samples=None)]
    trials = load(make_run(tmp_path / "demo", specs).root).trials
    assert [line.label for line in lines_of(trials, "n")] == [
        "mlp_1x512, cifar10, all images (n = 1)",
        "mlp_1x512, fashion_mnist, 2,000 images (n = 1)",
        "mlp_1x512, fashion_mnist, 5,000 images (n = 1)",
    ]


@pytest.mark.slow
def test_draw_writes_the_same_bytes_twice(run, tmp_path):
    first, second = (draw_runs([run.root], tmp_path / name).written for name in ("one", "two"))
    assert [path.name for path in first] == [
        "epochs_to_fit.png",
        "epochs_to_fit.svg",
        "test_error.png",
        "test_error.svg",
        "tables.md",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


USERS = {  # of a matplotlibrc, such as SciencePlots'
    "text.usetex": True,
    "font.family": "serif",
    "font.size": 23,
    "axes.prop_cycle": matplotlib.cycler(color=["r"]),
    "axes.unicode_minus": False,
    "savefig.bbox": "tight",
    "savefig.dpi": 30,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "figure.autolayout": True,
    "figure.facecolor": "black",
    "lines.linewidth": 9,
    "legend.loc": "center",
    "grid.linestyle": ":",
}


@pytest.mark.slow
def test_a_users_matplotlibrc_changes_no_byte(run, tmp_path):
    plain = draw_runs([run.root], tmp_path / "plain").written
    with matplotlib.rc_context(USERS):
        users = draw_runs([run.root], tmp_path / "users").written
        assert matplotlib.rcParams["text.usetex"], "the user's own settings are left alone"
        write_report([run.root], tmp_path / "users.html")
    write_report([run.root], tmp_path / "plain.html")
    assert len(plain) == 5
    assert [path.read_bytes() for path in plain] == [path.read_bytes() for path in users]
    assert (tmp_path / "plain.html").read_bytes() == (tmp_path / "users.html").read_bytes()


def test_a_dollar_in_a_name_is_a_dollar(tmp_path):
    name = r"$x_{$\frac"  # an even number of $ with text between them that is not mathematics
    specs = [spec(model=name, dataset=name, label_corruption=level) for level in (0, 0.5, 1)]
    run = make_run(tmp_path / "demo", specs)
    drawn = draw_runs([run.root], tmp_path / "drawn")
    assert drawn.failed == []
    (svg,) = (path for path in drawn.written if path.name == "epochs_to_fit.svg")
    assert svg.read_text().count(f"<!-- {name}") >= 2, "in the subtitle and in the legend"


def test_a_figure_that_fails_takes_nothing_else_with_it(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "analysis.figures.all_figures.epochs_figure", lambda *_: exec("raise RuntimeError('no\\nlatex')")
    )
    with pytest.warns(UserWarning, match=r"the figure epochs_to_fit could not be drawn \(RuntimeError: no latex\)"):
        drawn = draw_runs([run.root], tmp_path / "drawn")
    assert drawn.failed == ["epochs_to_fit"]
    assert sorted(path.name for path in drawn.written) == ["tables.md", "test_error.png", "test_error.svg"]
    with pytest.warns(UserWarning, match="the figure epochs_to_fit could not be drawn"):
        assert main(["figures", str(run.root)]) == 1
    assert f"go on with   rethink resume {run.root}" in capsys.readouterr().out


@pytest.mark.parametrize("amiss", ["a file in its place", "a full disk"])
def test_a_runs_end_without_figures_is_still_its_end(tmp_path, monkeypatch, capsys, amiss):
    run = make_run(tmp_path / "demo", [spec()])
    write_trial(run, spec(), 3, 3)
    if amiss == "a full disk":
        monkeypatch.setattr(
            "analysis.figures.all_figures.write", lambda *_: exec("raise OSError(28, 'No space left on device')")
        )
    else:
        run.figures.write_text("no folder")
    with pytest.warns(UserWarning, match="there are no figures .*; `rethink figures .*` draws them"):
        assert show_results(run)
    assert f"report       rethink report {run.root}" in capsys.readouterr().out


@pytest.mark.parametrize("made", ["end", "report"])
def test_rows_are_loaded_once_and_comparisons_selected_once(run, monkeypatch, made):
    calls = Counter()
    loaded = "frames.load" if made == "end" else "report.report.load"
    for place in (loaded, *(f"grouping.comparisons.{name}_of" for name in COMPARISONS)):
        counted(monkeypatch, f"analysis.{place}", calls)
    if made == "end":
        show_results(run)
    else:
        write_report([run.root], run.root / "report.html")
    assert calls == {"load": 1, **{f"{name}_of": 1 for name in COMPARISONS}}


def counted(monkeypatch, place, calls):
    """Every call goes through, and is counted under its name."""
    module, _, name = place.rpartition(".")
    function = getattr(importlib.import_module(module), name)

    def counting(*values, **named):
        calls[name] += 1
        return function(*values, **named)

    monkeypatch.setattr(place, counting)


@pytest.mark.slow
def test_no_text_is_clipped(tmp_path):
    """The longest labels: two sizes, and models with all their options."""
    models = ({"model": "wide_resnet", "depth": depth, "width": 10, "batch_norm": True} for depth in (28, 40))
    specs = [
        spec(**model, train_samples=size, dropout=drop) for model in models for size in (2, None) for drop in (0, 0.5)
    ]
    for make in (epochs_figure, lambda trials, subtitle: error_figure(trials, subtitle, {10})):
        trials = load(make_run(tmp_path / f"run{make.__name__}", specs).root).trials
        figure = make(
            trials, "fashion_mnist and cifar10, 2 and all training images, 3 seeds, runs 2026-11-23 to 2026-11-24"
        )
        figure.canvas.draw()
        width, height = figure.get_size_inches() * figure.dpi
        renderer = figure.canvas.get_renderer()
        axes = figure.axes[0]
        for artist in (*figure.texts, *figure.legends, axes.xaxis.label, axes.yaxis.label):
            box = artist.get_window_extent(renderer)
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= width
            assert box.y1 <= height
        legend, note = figure.legends[0].get_window_extent(renderer), figure.texts[-1].get_window_extent(renderer)
        assert note.y1 <= legend.y0
        assert legend.y1 <= axes.xaxis.label.get_window_extent(renderer).y0


def test_lines_differ_in_look_and_in_gray():
    looks = [style.look(index) for index in range(28)]
    assert len(set(looks)) == 28
    gray = [np.dot(matplotlib.colors.to_rgb(look.color), (0.299, 0.587, 0.114)) for look in looks]
    assert max(gray) < 0.75
    assert all((a.marker, a.dash) != (b.marker, b.dash) for a, b in itertools.pairwise(looks))


NETWORKS = ["mlp_1x512", "mlp_3x512", "alexnet_small", "inception_small", "wide_resnet", "inception_v3", "alexnet"]


@pytest.mark.parametrize("own", [[], ["tiny"], [f"own{number}" for number in range(12)]])
def test_a_network_looks_the_same_whatever_stands_beside_it(own):
    for name in NETWORKS[:5]:
        (alone,) = style.looks_of([name])
        for others in (NETWORKS[:5], NETWORKS[4::-1], [name, *own], [*own, name][-2:]):
            (beside,) = [look for one, look in zip(others, style.looks_of(others), strict=True) if one == name]
            assert beside == alone
    assert style.looks_of(own) == style.looks_of(own)


@pytest.mark.parametrize(
    "networks", [NETWORKS, [*NETWORKS[:5], "tiny", "large"], ["alexnet", "alexnet_small"], ["tiny"] * 8]
)
def test_the_lines_of_a_figure_look_unlike(networks):
    looks = style.looks_of(networks)
    assert len(set(looks)) == len(networks)
    colours = {name: look.color for name, look in zip(networks, looks, strict=True)}
    assert len(set(colours.values())) == len(set(networks))


def test_lines_of_one_network_share_its_colour_and_mark(tmp_path):
    specs = [spec(), spec(train_samples=5000), spec(model="alexnet_small"), spec(dropout=0.5)]
    lines = lines_of(load(make_run(tmp_path / "demo", specs).root).trials, "n")
    by_model = {str(line.trials["model"].iloc[0]): (line.look.color, line.look.marker) for line in lines}
    assert all((line.look.color, line.look.marker) == by_model[str(line.trials["model"].iloc[0])] for line in lines)
    assert len({line.look.dash for line in lines if "mlp" in line.label}) == 3


def test_a_run_without_trials_has_no_figure(tmp_path):
    run = make_run(tmp_path / "demo", [])
    with pytest.raises(ValueError, match="no trial"):
        draw_runs([run.root], tmp_path)


# Machado, Oliveira and Fernandes (2009), severity 1: what is seen without one kind of cone, in linear RGB
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(linear):
    """CIELAB of linear sRGB, white point D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.array(to_xyz) @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    f = [np.cbrt(value) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116 for value in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colour_blind_readers_tell_the_lines_apart(kind):
    """By colour where the difference is plain (10 in CIELAB; 2.3 is just noticeable), and always by the marker."""
    looks = [style.look(index) for index in range(7)]
    srgb = np.array([matplotlib.colors.to_rgb(look.color) for look in looks])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = [lab(np.array(BLINDNESS[kind]) @ color) for color in linear]
    distances = [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]
    assert min(distances) > 10
    assert len({look.marker for look in looks}) == 7


def test_a_mark_in_the_svg_names_its_trial(run, tmp_path):
    (path,) = (path for path in draw_runs([run.root], tmp_path / "drawn").written if path.name == "epochs_to_fit.svg")
    named = re.findall(r"<title>([^<]*)</title>", path.read_text())
    assert len(named) == 4, "two trials have not begun"
    assert sum("fitted after 10 epochs, test error 0.250" in text for text in named) == 1
    assert sum("not fitted after 30 epochs (max epochs)" in text for text in named) == 1


def test_ids_of_an_embedded_figure_are_its_own(run):
    figure = epochs_figure(load(run.root).trials, "made")
    text = embedded(figure, "first")
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert ids
    assert all(name.startswith("first-") for name in ids)
    references = re.findall(r'(?:href="#|url\(#)([^")]*)', text)
    assert set(references) <= set(ids)
