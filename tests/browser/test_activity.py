"""The page of what goes on, in a browser: it follows what happens, in both themes, and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from tests.support.errands import Errand
from tests.support.metrics import flushed
from tests.support.troubles import troubled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support import Rig
    from tests.support.api import Api


@pytest.fixture
def busy(rig: Rig) -> Rig:
    troubled(rig)
    return rig


def test_what_happens_is_shown_as_it_happens(busy: Rig, page: Page) -> None:
    """Counts change by themselves, and what a reader has chosen meanwhile stays."""
    page.goto("/activity")
    expect(page.locator("#live-text")).to_have_text("live")
    expect(page.locator('[data-number="totals.started"]')).to_have_text("10")
    page.get_by_label("Workflow", exact=True).select_option("odd")
    busy.create(Errand, "new", {"do": "sleep"})
    busy.settle()
    flushed(busy)
    expect(page.locator('[data-number="totals.started"]')).to_have_text("11")
    expect(page.locator('[data-number="overview.wake_ups.counts.hour"]')).to_have_text("5")
    expect(page.get_by_label("Workflow", exact=True)).to_have_value("odd")
    page.get_by_role("button", name="Show").click()
    expect(page.locator('[data-number="totals.started"]')).to_have_text("1")
    page.get_by_role("navigation", name="How far back").get_by_role("link", name="24h").click()
    expect(page.locator("h1")).to_have_text("Activity of odd")
    expect(page.get_by_role("img", name="Steps per second of odd, last 24 hours")).to_be_visible()


def test_pictures_are_saved_as_files(busy: Rig, page: Page) -> None:
    """By their links."""
    page.goto("/activity")
    with page.expect_download() as download:
        page.get_by_role("link", name="failures as SVG").click()
    assert download.value.suggested_filename == "wf-failures-all-1h.svg"


def test_it_has_no_barriers(busy: Rig, page: Page) -> None:
    """Nor has the first page with its sparklines."""
    for path in ("/activity?range=6h&workflow=errand", "/"):
        page.goto(path)
        expect(page.locator("#live-text")).to_have_text("live")
        assert barriers(page) == []


def test_a_phone_need_not_scroll_sideways(busy: Rig, page: Page) -> None:
    """Only tables do, by themselves; what is written in pictures can still be read."""
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/activity", "/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/activity")
    heights = page.locator("#picture-times .plot-title").evaluate_all("all => all.map((one) => one.getBBox().height)")
    scale = page.locator("#picture-times svg").evaluate("(svg) => svg.getBoundingClientRect().width / 720")
    assert all(height * scale > 9 for height in heights)


def test_it_can_be_read_without_scripts(busy: Rig, api: Api, browser: Browser) -> None:
    """Pictures and all."""
    with browser.new_context(base_url=api.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/activity")
        expect(page.get_by_role("img", name="Failures, last hour")).to_be_visible()
