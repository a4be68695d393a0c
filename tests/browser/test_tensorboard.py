"""TensorBoard on a finished run, as a researcher sees it: in a browser, tab by tab."""

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from rethink.cli.command_line import main
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from tests.browser.watched_page import WatchedPage
from tests.patience import PATIENCE
from tests.undisturbed import recorded_rows

LEVELS = (0.0, 1.0)
SEEDS = (0, 1)
SWEPT = ("label_corruption", "seed")
CURVES = ("accuracy/train", "accuracy/test", "loss/train", "loss/test")
OUTCOMES = ("outcome/epochs_to_fit", "outcome/test_error")
TABLE = """grid => {
    const cell = td => td.querySelector('slot')?.assignedNodes()[0]?.textContent.trim() ?? '';
    const rows = part => [...grid.shadowRoot.querySelectorAll(part)].map(tr => [...tr.children].map(cell));
    return [...rows('#header tr:not([hidden])'), ...rows('#items tr:not([hidden])')];
}"""


@dataclass(frozen=True)
class Board:
    """A running TensorBoard and the run that it shows."""

    url: str  # ends with /
    run: RunDirectory
    specs: list[TrialSpec]


@pytest.fixture(scope="module")
def run(local_ray: None, tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> RunDirectory:
    storage = tmp_path_factory.mktemp("runs")
    levels, seeds = (list(map(str, values)) for values in (LEVELS, SEEDS))
    axes = ["--label-corruption", *levels, "--seed", *seeds]
    place = ["--storage", str(storage), "--name", "run", "--cache-dir", str(cache_dir)]
    assert main(["run", "label_corruption", "--smoke", *axes, *place]) == 0
    return RunDirectory(storage / "run")


@pytest.fixture(scope="module")
def board(run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """TensorBoard, started as docs/running.md says, after it has read the whole run: its pages do not reload."""
    specs = list(run.read_run().specs)
    log = tmp_path_factory.mktemp("tensorboard") / "log"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(run.tensorboard)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = _wait_for(lambda: _address(server, log), f"TensorBoard's address in {log}")
        _wait_for(lambda: _has_read(url, specs), f"TensorBoard to read {len(specs)} trials and their examples")
        yield Board(url, run, specs)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _wait_for(look: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, f"waited {PATIENCE} s for {what}"
        time.sleep(0.1)
    return found


def _address(server: "subprocess.Popen[bytes]", log: Path) -> str | None:
    assert server.poll() is None, f"TensorBoard ended: {log.read_text()}"
    found = re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())
    return found.group() if found else None


def _has_read(url: str, specs: list[TrialSpec]) -> bool:
    """Whether it has read the last scalar of each trial, and the examples."""
    scalars, images = (json.load(urlopen(f"{url}data/plugin/{plugin}/tags")) for plugin in ("scalars", "images"))
    return all(OUTCOMES[-1] in scalars.get(spec.name, ()) for spec in specs) and "examples" in images


@pytest.fixture
def tab(board: Board, watched_page: WatchedPage, tmp_path: Path) -> Iterator[Callable[[str], Page]]:
    """Opens one of TensorBoard's tabs; at the end, nothing on it may have failed or come from elsewhere."""

    def open_tab(name: str) -> Page:
        watched_page.page.goto(f"{board.url}#{name}")
        return watched_page.page

    yield open_tab
    watched_page.page.screenshot(path=tmp_path / "tab.png")
    assert watched_page.errors == []
    assert watched_page.requests_beyond(board.url) == []


def test_time_series_names_the_trials_and_draws_their_curves(tab: Callable[[str], Page], board: Board) -> None:
    page = tab("timeseries")
    for spec in board.specs:
        expect(page.locator("runs-data-table").get_by_text(spec.name)).to_be_visible()
    for tag in CURVES:
        page.locator("metrics-tag-filter input").fill(f"^{tag}$")  # cards out of sight are not drawn
        card = page.locator("metrics-filtered-view scalar-card").filter(
            has=page.locator(f"tb-truncated-path[title='{tag}']")
        )
        _expect_curves(card.locator("line-chart .series-view"), tag)


def test_scalars_draws_the_curves(tab: Callable[[str], Page]) -> None:
    page = tab("scalars")
    for tag in CURVES:
        card = page.locator("tf-scalar-card").filter(has=page.locator("[itemprop=tag]").get_by_text(tag, exact=True))
        _expect_curves(card.locator("vz-line-chart2"), tag)


def test_hparams_shows_what_was_swept_and_what_came_of_it(tab: Callable[[str], Page], board: Board) -> None:
    page = tab("hparams")
    grid, columns = page.locator("vaadin-grid"), {*SWEPT, *OUTCOMES}
    names = {spec.name for spec in board.specs}
    shown = _wait_for(lambda: _rows_with(grid, columns, names), f"rows of {names} with {columns}")
    for spec in board.specs:
        last, row = recorded_rows(board.run, spec)[-1], shown[spec.name]
        assert [float(row[name]) for name in SWEPT] == [getattr(spec, name) for name in SWEPT]
        assert float(row["outcome/epochs_to_fit"]) == last["epochs_to_fit"]
        assert float(row["outcome/test_error"]) == pytest.approx(1 - last["test_accuracy"], abs=1e-4)


def test_images_shows_the_examples_of_every_level(tab: Callable[[str], Page], board: Board) -> None:
    page = tab("images")
    for level in LEVELS:
        tag = f"{board.specs[0].dataset}/p{level:g}_seed0"
        loader = page.locator("tf-image-loader").filter(has=page.locator("[itemprop=tag]").get_by_text(tag, exact=True))
        picture = loader.locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_be_visible()
        _wait_for(lambda picture=picture: picture.evaluate("img => img.complete && img.naturalWidth > 0"), tag)
        red, green, blue = np.moveaxis(_pixels(picture), 2, 0)
        red_captions = (red > 200) & (green < 80) & (blue < 80)  # labels that differ from the true ones
        assert red_captions.any() == (level > 0)


def _rows(grid: Locator) -> dict[str, dict[str, str]]:
    """Trial name -> column -> text, of the cells that hold one."""
    header, *rows = cast(list[list[str]], grid.evaluate(TABLE))
    return {row[0]: {name: text for name, text in zip(header, row, strict=False) if text} for row in rows}


def _rows_with(grid: Locator, columns: set[str], names: set[str]) -> dict[str, dict[str, str]] | None:
    rows = _rows(grid)
    return rows if rows.keys() == names and all(columns <= row.keys() for row in rows.values()) else None


def _expect_curves(chart: Locator, tag: str) -> None:
    """Colour over more than half of the chart's width: its grid, axes and background are gray."""
    expect(chart).to_be_visible()
    chart.scroll_into_view_if_needed()
    _wait_for(lambda: (np.ptp(_pixels(chart), axis=2) > 60).any(axis=0).mean() > 0.5, f"the curves of {tag}")


def _pixels(element: Locator) -> npt.NDArray[np.int64]:
    """(H, W, 3): a screenshot of the element."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(np.int64)
