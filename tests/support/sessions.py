"""Browsers that are logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.access import make_token

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.rig import Rig


def log_in(page: Page, rig: Rig, scope: str, **more: object) -> dict[str, str]:
    """Log a browser in with a new token, by the form; gives the header by which programs show it."""
    shown = make_token(rig, scope, scope, **more)
    page.goto("/login")
    page.get_by_label("Token").fill(shown["Authorization"].removeprefix("Bearer "))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("/")
    return shown


def fits(page: Page) -> bool:
    """Whether a page is no wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
