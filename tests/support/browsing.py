"""A real browser: Chromium, driven by Playwright. Whatever a page complains of fails the test that opened it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Response

_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""As root, and without any of the requests that Chromium makes for itself."""

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
_VIOLATIONS = "async (rules) => (await axe.run(document, rules)).violations"
"""What is well is the most of what axe finds, and stays in the browser."""


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


def barriers(page: Page) -> list[str]:
    """What keeps people from using a page in either theme, by the rules of axe: labels, contrast, focus, structure."""
    if page.evaluate("typeof axe === 'undefined'"):  # it is half a megabyte: once for each page that is loaded
        page.evaluate(AXE_SCRIPT)
    found = []
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations: list[dict[str, Any]] = page.evaluate(_VIOLATIONS, _RULES)
        found += [
            f"{scheme}: {rule['id']}: {rule['help']}: {node['html'][:200]}"
            for rule in violations
            for node in rule["nodes"]
        ]
    page.emulate_media(color_scheme="null")
    return found
