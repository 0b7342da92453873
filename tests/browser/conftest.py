"""Fixtures: one browser for a module, and for each test a page, which must have nothing to complain of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browsing import Complaints, browsing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.support.api import Api


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: while Playwright is there, no other test of this process can run an event loop."""
    with browsing() as made:
        yield made


@pytest.fixture
def complaints() -> Complaints:
    """Those of the pages of this test, which may say what it provokes."""
    return Complaints()


@pytest.fixture
def page(browser: Browser, api: Api, complaints: Complaints) -> Iterator[Page]:
    """A page in a profile of its own, on the server of this test."""
    with browser.new_context(base_url=api.url, viewport={"width": 1280, "height": 900}) as context:
        made = context.new_page()
        made.set_default_timeout(10_000)
        complaints.watch(made)
        yield made
    assert complaints.found == []
