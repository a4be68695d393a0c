"""The ranking as it is shown: in the terminal, by SQL, in the figures and in the report; absent trials are named."""

import itertools
import shutil

import pandas as pd
import pytest
from made_runs import found_in, make_run, record, spec, write_attempt, write_trial

from analysis.commands import show_ranking
from analysis.figures.all_figures import figures
from analysis.figures.ranking.gap_by_measure import gaps_figure
from analysis.figures.ranking.ranking_dots import ranking_figure
from analysis.frames import load
from analysis.query import query
from analysis.ranking import ranking
from analysis.reading.run_facts import read_runs
from analysis.report.report import write_report
from rethink.cli.command_line import main
from rethink.errors import RunError
from rethink.records.measures.measure_file import MeasuredState, TrialMeasures, write_measures

AXES = tuple(itertools.product((0.0, 0.5), (64, 256), (0.01, 0.1), range(4)))  # level, width, learning rate, seed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """32 networks; one never fits, and two measures order all others: one as the gap, one the other way round."""
    specs = {
        spec(model="mlp", depth=1, width=width, label_corruption=level, learning_rate=rate, seed=seed): 0.1
        + level
        + 0.1 * (width == 64)
        + 0.05 * (rate == 0.1)
        for level, width, rate, seed in AXES
    }
    run = make_run(tmp_path_factory.mktemp("ranked") / "demo", list(specs))
    for number, (one, gap) in enumerate(specs.items()):
        if number == 0:
            write_attempt(run, one, [record(epoch) for epoch in range(1, one.max_epochs + 1)])
            continue
        write_trial(run, one, 3, 3, gap)
        state = MeasuredState(
            moments=("fit", "end"),
            epoch=3,
            steps=48,
            train_accuracy=1.0,
            test_accuracy=1 - gap,
            values={
                "l2_norm": gap,
                "inverse_margin": 1 / gap,
                "parameters": 10.0,
                "flatness": gap if number == 1 else None,  # one value orders nothing
            },
        )
        measures = TrialMeasures(run_id=run.run_id, spec_id=one.spec_id, states=(state,))
        write_measures(run.measures_file(one.spec_id), measures)
    return run


@pytest.fixture(autouse=True)
def few_nulls(monkeypatch):
    monkeypatch.setattr(ranking, "NULLS", 3)


def shown(run, capsys, *options):
    assert main(["rank", str(run.root), *options]) == 0
    return capsys.readouterr().out


def test_the_command_shows_every_measure_and_names_who_is_not_ranked(run, capsys):
    text = shown(run, capsys)
    lines = [line.split() for line in text.splitlines() if line]
    order = [line[0] for line in lines if line[0] in ("l2_norm", "inverse_margin", "parameters")]
    assert order[:3] == ["l2_norm", "parameters", "inverse_margin"]
    (perfect, _) = (line for line in lines if line[0] == "l2_norm")
    assert perfect[-1] == "31"
    assert perfect[1:4] == ["0.00", "[0.00,", "0.00]"]
    missing = "31 of 32 trials are ranked; 1 are not: they have no gap at this moment (1 max_epochs):"
    assert missing in " ".join(text.split())
    assert spec(model="mlp", depth=1, width=64).spec_id in text
    assert "null_by_network" in text


def test_intervals_go_where_the_terminal_is_too_narrow(run, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = shown(run, capsys)
    assert "Intervals are left out here" in narrow
    assert max(map(len, narrow.splitlines())) <= 80


def test_a_moment_that_no_two_networks_came_to_is_refused_in_one_line(run, capsys):
    assert main(["rank", str(run.root), "--moment", "loss"]) == 2
    assert "no two networks were measured at moment loss; there are measures of: end, fit" in capsys.readouterr().err


def test_a_run_without_measures_is_refused_in_one_line(tmp_path):
    bare = make_run(tmp_path / "bare", [spec(), spec(seed=1)])
    with pytest.raises(RunError, match="none: `rethink measure RUN` adds"):
        show_ranking([bare.root], None)


def test_it_is_a_table_of_query(run):
    answer = query(load(run.root), "select value from ranking where measure = 'l2_norm' and statistic = 'tau'")
    assert answer["value"].tolist() == [pytest.approx(1)] * 2  # at the fit and at the end


def test_figures_have_it_where_three_hyperparameters_vary(run, tmp_path):
    frames = load(run.root)
    names = [name for name, _ in figures(found_in(frames), read_runs([run.root]))]
    assert names[-2:] == ["measures_against_gap", "ranking"]
    few = found_in(load(make_run(tmp_path / "few", [spec(), spec(label_corruption=1.0)]).root))
    assert few.ranked is None


def test_one_network_in_two_runs_is_not_ranked_twice(run, tmp_path):
    again = shutil.copytree(run.root, tmp_path / "again")
    found = found_in(load(run.root, again))
    with pytest.warns(UserWarning, match="not ranked: trials .* of demo and .* of again are one network twice"):
        assert found.ranked is None


@pytest.mark.slow
def test_the_report_has_its_tables(run, tmp_path):
    write_report([run.root], tmp_path / "report.html")
    assert "Ranking of complexity measures" in (tmp_path / "report.html").read_text()


def test_the_panels_show_every_network_that_has_the_measure(run):
    found = found_in(load(run.root))
    figure = gaps_figure(*found.ranked, "made")
    titles = [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes]
    assert titles == ["inverse_margin", "l2_norm"]  # a panel of equal values shows nothing
    assert [sum(len(line.get_xdata()) for line in axes.lines) for axes in figure.axes] == [31, 31]
    assert "psi = +1.00" in figure.axes[1].get_title(loc="left")


def test_the_best_measure_stands_on_top_of_each_panel(run):
    figure = ranking_figure(found_in(load(run.root)).ranked[1], "made")
    for axes in figure.axes[:2]:
        assert [text.get_text() for text in axes.get_yticklabels()][1:] == [
            "inverse_margin",
            "parameters",
            "l2_norm",
        ]


def test_without_a_ranking_there_is_nothing_to_draw():
    empty = pd.DataFrame({"moment": []})
    for draw in (lambda: ranking_figure(empty, "made"), lambda: gaps_figure(empty, empty, "made")):
        with pytest.raises(ValueError, match="nothing to draw"):
            draw()
