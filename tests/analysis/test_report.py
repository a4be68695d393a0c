"""The report of any run, begun or not, shows its content and what is missing; the browser's tests look at it."""

import base64
import hashlib
import html
import os
import re
import warnings
from html.parser import HTMLParser

import pytest
from hostile_run import FIELDS, LIVE, make_hostile_run
from made_runs import draw_runs, make_run, spec, write_trial

from analysis.report.example_images import example_images
from analysis.report.report import write_report
from analysis.tables import trial_tables
from analysis.tables.table import Table
from rethink.records.run_directory import RunDirectory
from rethink.trial.tensorboard import write_hyperparameters


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_runs_of_one_sweep_are_taken_together_and_others_apart(tmp_path):
    seeds = [make_run(tmp_path / f"seed{seed}", [spec(seed=seed)]) for seed in (0, 1)]
    other = make_run(tmp_path / "other", [spec(model="mlp_3x512")], sweep="input_corruption")
    for number, run in enumerate(seeds):
        write_trial(run, spec(seed=number), 10 + number, 10 + number)
    page = report_of(*seeds, other)
    assert re.findall(r'<section id="sweep-\d"><h2>(.*?)</h2>', page) == ["Label corruption", "Input corruption"]
    assert "mlp_1x512 2,000 — 0 0.0 2/2 10.5" in text_of(page)


def test_damage_is_on_the_first_screen(run):
    path = next(run.rows.iterdir())
    with path.open("a") as file:
        file.write('{"epoch')
    with pytest.warns(UserWarning, match="damaged line"):
        text = text_of(report_of(run))
    assert "1 damaged lines and 0 damaged files were left out" in text


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of the page, as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_whatever_a_file_says_is_text_and_no_markup(tmp_path):
    run = make_hostile_run(tmp_path)
    page = Elements(report_of(run))
    text = " ".join("".join(page.texts).split())
    shown = {field for field in FIELDS if f"{field}{LIVE}" in text}
    assert shown == set(FIELDS) - {"class"}, "classes' names are in no report"
    assert text.count("window.hurt=1") >= 2 * len(shown)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    addresses = [attributes[name] for _, attributes in page.elements for name in ("src", "href") if name in attributes]
    inside = ("#", "data:image/png;base64,", "data:text/csv;base64,", "data:,")
    assert all(address.startswith(inside) for address in addresses)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_the_page_runs_its_own_script_and_no_other(run):
    page = report_of(run)
    (script,) = re.findall(r"<script>(.*)</script>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(html.unescape(script).encode()).digest()).decode()
    assert html.unescape(script) == script
    assert f"script-src 'sha256-{allowed}';" in page


def test_tables_in_markdown_show_what_a_name_holds(tmp_path):
    run = make_hostile_run(tmp_path)
    draw_runs([run.root], tmp_path / "figures")
    text = (tmp_path / "figures/tables.md").read_text()
    assert "window.hurt=1" in text
    assert not re.search(r"(?<!\\)<[A-Za-z/!?]", text)
    table = Table("t", "a", ["b"], [["c|d"], ["[e](javascript:f)"], ["1 < 2"]]).to_markdown()
    assert table.splitlines()[-3:] == ["| c\\|d |", "| [e\\](javascript:f) |", "| 1 < 2 |"]


@pytest.mark.parametrize("damage", [b"", b"x" * 50, "cut", "flipped", "pipe"])
@pytest.mark.slow
def test_examples_that_cannot_be_read_are_left_out_and_named(tmp_path, damage):
    run = make_hostile_run(tmp_path)
    (path,) = (run.tensorboard / "examples").glob("events.*")
    whole = path.read_bytes()
    if damage == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        flipped = whole[: len(whole) // 2] + b"\xff\xff" + whole[len(whole) // 2 + 2 :]
        path.write_bytes({"cut": whole[: len(whole) // 2], "flipped": flipped}.get(damage, damage))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        page = report_of(run)
    assert "These runs hold no example images." in text_of(page)
    assert ["examples" in str(warning.message) for warning in said].count(True) == (damage != b"")


def test_a_file_of_hyperparameters_alone_is_not_damaged(tmp_path):
    """Every run has one beside its examples."""
    run = make_hostile_run(tmp_path)
    write_hyperparameters(run.tensorboard / "examples", run.read_run().specs)
    assert len(list((run.tensorboard / "examples").glob("events.*"))) == 2
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert len(example_images(run)) == 1
    assert not said


def test_a_figure_that_fails_is_named_on_the_page(run, monkeypatch):
    monkeypatch.setattr("analysis.figures.all_figures.epochs_figure", lambda *_: 1 / 0)
    with pytest.warns(UserWarning, match=r"epochs_to_fit could not be drawn \(ZeroDivisionError"):
        page = report_of(run)
    assert "The figure epochs_to_fit could not be drawn" in text_of(page)
    assert 'aria-label="Generalization error' in page


def test_more_trials_than_a_page_holds_are_not_listed_but_said(run, monkeypatch):
    monkeypatch.setattr("analysis.report.report.MOST_TRIALS", 5)
    assert trial_tables.MOST_TRIALS == 2000
    assert "Too many for this page" in text_of(report_of(run))
