"""The report in a real browser: whole without a script, better with one, and nothing leaves the page."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser

from analysis.frames import load
from analysis.report.report import write_report
from rethink.cli.command_line import main
from rethink.records.run_directory import RunDirectory
from tests.analysis.hostile_run import live, make_hostile_run
from tests.browser.watched_page import WatchedPage

Open = Callable[..., WatchedPage]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 900}}
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nRuntimeError: <out of memory> & more\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, local_ray: None) -> RunDirectory:
    """A real run of three levels and two seeds, with dropout and without; one of its trials is made a failed one."""
    storage = tmp_path_factory.mktemp("storage")
    axes = ["--label-corruption", "0", "0.5", "1", "--seed", "0", "1", "--dropout", "0", "0.5"]
    axes += ["--max-epochs", "60", "--test-every", "10"]
    places = ["--storage", str(storage), "--cache-dir", str(cache_dir), "--name", "first"]
    assert main(["run", "label_corruption", "--smoke", *axes, *places]) == 0
    run = RunDirectory(storage / "first")
    spec_id = load(run.root).trials["spec_id"].iloc[0]
    (path,) = run.rows.glob(f"{spec_id}-*")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    run.record_outcome(spec_id, "error", 2)
    run.error_file(spec_id).write_text(TRACEBACK)
    assert main(["report", str(run.root)]) == 0
    return run


@pytest.fixture
def address(run: RunDirectory) -> str:
    return (run.root / "report.html").as_uri()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the report on a device; afterwards, nothing on it may have failed or asked for anything beyond the file."""
    pages = []

    def open_page(**device: Any) -> WatchedPage:
        pages.append(WatchedPage(browser.new_context(**device).new_page()))
        pages[-1].page.goto(address)
        return pages[-1]

    yield open_page
    for watched in pages:
        assert watched.errors == []
        assert watched.requests_beyond(address) == []
        assert watched.requests[0] == address
        watched.page.context.close()


def visible_sizes(watched: WatchedPage, selector: str) -> list[tuple[float, float]]:
    boxes = [element.bounding_box() for element in watched.page.query_selector_all(selector)]
    return [(box["width"], box["height"]) if box else (0, 0) for box in boxes]


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_everything_is_to_be_seen(open_page: Open, device: dict[str, Any], script: bool, tmp_path: Path) -> None:
    watched = open_page(**device, java_script_enabled=script)
    sizes = visible_sizes(watched, "figure svg:visible")
    assert len(sizes) == 3, "epochs and error by level, and dropout"
    assert all(width > 300 and height > 200 for width, height in sizes)
    images = visible_sizes(watched, ".examples img")
    assert len(images) == 3, "one a level"
    assert all(width > 250 and height > 150 for width, height in images)
    heads = watched.page.locator("h2").all_inner_texts()
    assert heads == ["What was run", "Label corruption", "Trials", "Examples of the data", "How to reproduce"]
    assert all(width > 100 for width, _ in visible_sizes(watched, "section table:visible"))
    assert watched.page.screenshot(path=tmp_path / "page.png", full_page=True)
    if script:
        decoded = watched.page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
        assert decoded
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= device["viewport"]["width"]


def test_it_says_what_the_frames_say(open_page: Open, run: RunDirectory) -> None:
    trials = load(run.root).trials
    page = open_page().page
    tiles = dict(re.findall(r"(\w+)\n+([\d,.]+)", page.locator(".tiles").inner_text()))
    assert tiles["trials"] == "12"
    assert tiles["fitted"] == str(trials["fitted"].sum())
    assert tiles["failed"] == "1"
    link = page.locator("a[download]").get_attribute("href") or ""
    table = pd.read_csv(io.BytesIO(base64.b64decode(link.partition("base64,")[2])))
    assert table["spec_id"].tolist() == trials["spec_id"].tolist()
    assert table["test_error"].tolist() == pytest.approx(trials["test_error"].astype("float64").tolist(), nan_ok=True)
    text = page.inner_text("body")
    assert "RuntimeError: <out of memory> & more" in text
    recorded = run.read_run()
    assert recorded.data["fashion_mnist_mini"].content_sha256 in text
    assert "rethink report first" in text


def test_tables_sort_and_filter(open_page: Open) -> None:
    page = open_page(**DESK).page
    page.click("summary")
    head = page.locator("#all th", has_text="epochs to fit")
    column = page.locator("#all th").all_inner_texts().index("epochs to fit")
    for direction in (1, -1):
        head.locator("button").click()
        texts = [row.split("\t")[column] for row in page.locator("#all tbody tr").all_inner_texts()]
        numbers = [int(text) for text in texts if text != "—"]
        assert len(numbers) > 6
        assert numbers == sorted(numbers, reverse=direction < 0)
        assert head.get_attribute("aria-sort") == ("ascending" if direction > 0 else "descending")
    page.fill("input[type=search]", "DROPOUT seed")
    assert page.locator("#all tbody tr:visible").count() == 0
    page.fill("input[type=search]", "dropout fitted")
    assert 0 < page.locator("#all tbody tr:visible").count() <= 6
    assert "of 12 trials" in page.inner_text("#all-shown")


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
def test_a_mark_names_its_trial(open_page: Open, run: RunDirectory, device: dict[str, Any]) -> None:
    page = open_page(**device).page
    marks = page.locator("figure .drawing:visible [data-told]")
    begun = load(run.root).trials.query("epochs > 0")
    epochs = page.locator("figure").first.locator(".drawing:visible [data-told]")
    told = [text for mark in epochs.all() if (text := mark.get_attribute("data-told"))]
    assert sorted(re.findall(r"\[(\w+)\]", " ".join(told))) == sorted(begun["spec_id"])
    mark = marks.first
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    if device is PHONE:
        page.touchscreen.tap(*middle)
    else:
        page.mouse.move(*middle)
    tip = page.locator("#tip")
    assert tip.is_visible()
    assert re.search(r"mlp_1x512, p = [\d.]+, seed \d: (not )?fitted after \d+ epochs", tip.inner_text())


def test_it_prints(open_page: Open, tmp_path: Path) -> None:
    content = open_page().page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True, format="A4")
    assert content.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 20


def test_a_strangers_run_is_shown_and_nothing_of_it_is_live(browser: Browser, tmp_path: Path) -> None:
    write_report([make_hostile_run(tmp_path).root], tmp_path / "report.html")
    watched = WatchedPage(browser.new_context(**DESK).new_page())
    page = watched.page
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("[...document.images].every((image) => image.src.startsWith('data:image/png;'))")
    assert page.locator("[onerror]").count() == 0
    assert live("model") in (page.text_content("body") or "")
    assert live("model") in (page.locator("[data-told]").first.get_attribute("data-told") or "")
    assert "&lt;" not in page.inner_text("h1")
    assert watched.errors == [], "the page's own script runs, and no other asks to"
    assert watched.requests_beyond((tmp_path / "report.html").as_uri()) == []
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.hurt = 1'}))")
    assert page.evaluate("window.hurt") is None, "if markup got in, the page's policy would still stop its scripts"
    page.context.close()
