"""The report of any run, begun or not, says what is there and what is missing; the browser's tests look at it."""

import re

import pytest
from made_runs import make_run, spec, write_trial

from analysis import trial_tables
from analysis.report import write_report
from rethink.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path):
    """Two levels, two seeds; of the second level one seed has not fitted, and another is running."""
    specs = [spec(label_corruption=level, seed=seed, max_epochs=30) for level in (0.0, 0.5, 1.0) for seed in (0, 1)]
    run = make_run(tmp_path / "demo", specs)
    for one, epochs, fit in zip(specs, (10, 14, 20, 30, 5), (10, 14, 20, None, None), strict=False):
        write_trial(run, one, epochs, fit, test_error=epochs / 100)
    return run


def report_of(*runs: RunDirectory) -> str:
    path = runs[0].root / "report.html"
    write_report([run.root for run in runs], path)
    return path.read_text()


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.split("<body>")[1]).split())


def test_it_is_the_same_page_every_time(run):
    assert report_of(run) == report_of(run)


def test_numbers_of_a_cell_stand_beside_their_interval_and_n(run):
    text = text_of(report_of(run))
    assert "mlp_1x512 2,000 — 0 0.0 2/2 12 [10, ?] 12 [0, 30] 30 0.120 [-0.134, 0.374] (2)" in text
    assert "mlp_1x512 2,000 — 0.5 45.0 2 1 ≥ 2.07 —" in text, "the slowdown that an unfitted trial leaves open"
    assert "2 trials have not ended" in text


def test_a_run_that_has_not_begun_has_a_report(tmp_path):
    text = text_of(report_of(make_run(tmp_path / "demo", [spec(), spec(seed=1)])))
    assert "not started 2" in text
    assert "These runs hold no example images." in text
    assert "No trial failed." in text


def test_a_run_without_trials_has_a_report(tmp_path):
    assert "trials 0" in text_of(report_of(make_run(tmp_path / "demo", [])))


def test_runs_of_one_sweep_are_taken_together_and_others_apart(tmp_path):
    seeds = [make_run(tmp_path / f"seed{seed}", [spec(seed=seed)]) for seed in (0, 1)]
    other = make_run(tmp_path / "other", [spec(model="mlp_3x512")], sweep="input_corruption")
    for number, run in enumerate(seeds):
        write_trial(run, spec(seed=number), 10 + number, 10 + number)
    page = report_of(*seeds, other)
    assert re.findall(r'<section id="(\w+_corruption)">', page) == ["label_corruption", "input_corruption"]
    assert "mlp_1x512 2,000 — 0 0.0 2/2 10.5" in text_of(page)


def test_damage_is_on_the_first_screen(run):
    path = next(run.rows.iterdir())
    with path.open("a") as file:
        file.write('{"epoch')
    with pytest.warns(UserWarning, match="damaged line"):
        text = text_of(report_of(run))
    assert "1 damaged lines and 0 damaged files were left out" in text


def test_what_a_name_holds_is_text_and_no_markup(tmp_path):
    run = make_run(tmp_path / "demo", [spec(model="<script>alert(1)</script>")], command="x.py --name '<b>'")
    page = report_of(run)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;" in page


def test_more_trials_than_a_page_holds_are_not_listed_but_said(run, monkeypatch):
    monkeypatch.setattr("analysis.report.MOST_TRIALS", 5)
    assert trial_tables.MOST_TRIALS == 2000
    assert "Too many for this page" in text_of(report_of(run))
