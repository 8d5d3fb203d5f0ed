"""A real browser for the tests: Chromium, without a window."""

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@contextmanager
def chromium():
    """Start the browser, or skip the test and say why."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed, so no page is opened")
    with playwright.sync_playwright() as started:
        # Where the tests run as root, Chromium cannot lock itself in.
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


class Opened:
    """A page that is open, and what it has said and asked for."""

    def __init__(self, browser, path, **context):
        size = {"width": 1100, "height": 1000}
        self.context = browser.new_context(**{"viewport": size, **context})
        self.page = self.context.new_page()
        self.said, self.requests = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def ready(self):
        """Wait for the first clusters."""
        self.page.wait_for_selector("#count:not(:empty)")
        return self

    def settle(self):
        """Wait for the frame after the next."""
        self.page.evaluate(
            "new Promise(done => requestAnimationFrame(() =>"
            " requestAnimationFrame(() => done())))"
        )

    def table(self):
        """Return the cells of the table, row by row."""
        return self.page.eval_on_selector_all(
            "#rows tr",
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))",
        )

    def text(self, selector):
        return self.page.text_content(selector)
