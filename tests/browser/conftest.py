"""A real Chromium without a window, and a watched page of it."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.watched_page import WatchedPage
from tests.patience import PATIENCE

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS = 1000 * PATIENCE


# Of a module, not of the session: while Playwright's sync API runs, no other test can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium: Playwright's would have to be downloaded."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        pytest.fail(f"no browser: none of {', '.join(CHROMIUMS)} is on the PATH (Debian's package: chromium)")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])  # root has no sandbox
        yield chromium
        chromium.close()


@pytest.fixture
def watched_page(browser: Browser) -> Iterator[WatchedPage]:
    """A new page as large as a desktop's, which shares nothing with the pages of other tests."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    context.set_default_timeout(WAIT_MS)
    yield WatchedPage(context.new_page())
    context.close()
