"""Browsers that are logged in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import httpx

from tests.support.access import make_token
from tests.support.api import PLAIN

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.api import Api
    from tests.support.rig import Rig


class Browser:
    """Sends what a browser sends, cookies included."""

    def __init__(self, api: Api) -> None:
        self.url = api.url
        self.http = httpx.Client(base_url=api.url, headers={"Accept": "text/html,*/*"}, timeout=30, verify=PLAIN)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, origin: str = "", headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        return self.http.post(path, data=form, headers={"Origin": origin or self.url, **(headers or {})})

    def csrf(self, path: str) -> str:
        """What the form of a page sends along."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def log_in(self, token: str) -> httpx.Response:
        return self.post("/login", token=token, csrf=self.csrf("/login"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()


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
