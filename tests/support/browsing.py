"""A real browser: Chromium, driven by Playwright. Whatever a page complains of fails the test that opened it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Response

_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""As root, and without any of the requests that Chromium makes for itself."""

_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


def chromium() -> str:
    """Where Chromium is."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "The browser tests need Chromium: apt-get install chromium, or CHROMIUM=/path/to/it"
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*_QUIET])
        yield browser
        browser.close()


class Complaints:
    """What pages have complained of: errors of scripts and of the console, and answers that the server has failed.

    Attributes:
        expected: Status codes that a test provokes.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.expected: set[int] = set()

    def watch(self, page: Page) -> None:
        """Listen to a page."""
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("console", self._console)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not self._is_expected(message.text):
            self.found.append(f"console: {message.text}")

    def _is_expected(self, text: str) -> bool:
        return any(f"status of {status}" in text for status in self.expected)

    def _response(self, answer: Response) -> None:
        if answer.status >= 400 and answer.status not in self.expected:
            self.found.append(f"{answer.status} {answer.url}")


def barriers(page: Page, *, but: tuple[str, ...] = ()) -> list[str]:
    """What keeps people from using a page, by the rules of axe: labels, contrast, focus, structure."""
    found: list[dict[str, Any]] = Axe().run(page, options=_RULES).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]}"
        for rule in found
        if rule["id"] not in but
        for node in rule["nodes"]
    ]
