"""Photographs pages: Chromium, driven by Playwright. An error of a script, or an answer that has failed, fails all."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from stage import FailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, FloatRect, Page

LARGEST = 200_000  # bytes; the pictures are in the repository
DESK, PHONE = (1280, 800), (390, 844)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars"]


class Camera:
    """Takes pictures of the pages of one dashboard.

    Args:
        browser: A browser.
        url: Where the dashboard is.
        folder: Where the pictures go.
    """

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self._browser, self._url, self._folder = browser, url, folder

    @contextmanager
    def open(self, path: str, *, dark: bool = False, phone: bool = False) -> Iterator[Page]:
        """A page that is up to date, and says so."""
        width, height = PHONE if phone else DESK
        context = self._browser.new_context(
            base_url=self._url,
            viewport={"width": width, "height": height},
            device_scale_factor=1,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        with context:
            page, complaints = context.new_page(), list[str]()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "response",
                lambda answer: complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
            )
            page.goto(path)
            page.get_by_text("live", exact=True).wait_for()
            yield page
            if complaints:
                raise FailedError(f"{path}: {'; '.join(complaints)}")

    def take(self, page: Page, name: str, *, top: str = "", bottom: str = "") -> None:
        """Write a picture of what is in the window, or of the page between two elements, in its whole width.

        Raises:
            FailedError: It is too big for a repository.
        """
        clip: FloatRect | None = None
        if top or bottom:
            begin = _box(page, top)["y"] - 16 if top else 0
            end = _box(page, bottom)
            width = page.viewport_size["width"] if page.viewport_size else DESK[0]
            clip = {"x": 0, "y": begin, "width": width, "height": end["y"] + end["height"] + 16 - begin}
        path = self._folder / f"{name}.png"
        page.screenshot(path=path, clip=clip, full_page=clip is not None, animations="disabled", scale="css")
        if (size := path.stat().st_size) > LARGEST:
            raise FailedError(f"{path} has {size:,} bytes, and {LARGEST:,} are allowed: show less of the page.")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser.

    Raises:
        FailedError: There is none.
    """
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise FailedError("The pictures need Chromium: apt-get install chromium, or CHROMIUM=/path/to/it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


def _box(page: Page, selector: str) -> FloatRect:
    """Where an element is, from the top of the page."""
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(selector).first.bounding_box()
    if box is None:
        raise FailedError(f"{page.url} shows no {selector}.")
    return box
