"""The frame of every page: navigation, keys, news that come by themselves, both themes, no barriers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from wf import Event, Step, WorkflowEntrypoint

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support import Rig
    from tests.support.api import Api


class Parcel(WorkflowEntrypoint, name="framed-parcel"):
    """Waits for its signature."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("weigh", lambda: 3)
        return (await step.wait_for_event("signature", "signed")).payload


@pytest.fixture
def parcel(rig: Rig) -> Rig:
    rig.workers[0].catalog.register(Parcel)
    rig.create(Parcel, "p-1")
    rig.settle()
    return rig


def test_home_shows_each_workflow_with_its_numbers(parcel: Rig, api: Api, page: Page) -> None:
    """The numbers are those of the API."""
    page.goto("/")
    expect(page.get_by_role("link", name="framed-parcel", exact=True)).to_be_visible()
    told = api.ok("GET", "/api/workflows")[0]["instances"]
    shown = {
        status: page.locator(f'[data-number="framed-parcel.{status}"]').inner_text()
        for status, number in told.items()
        if number
    }
    assert shown == {"waiting": "1"} == {status: str(number) for status, number in told.items()}


def test_news_come_by_themselves(parcel: Rig, page: Page) -> None:
    """A page that somebody looks at shows what has changed within a second, and keeps what was typed meanwhile."""
    page.goto("/")
    expect(page.locator("#live-text")).to_have_text("live")
    page.locator("#search").fill("par")
    parcel.create(Parcel, "p-2")
    parcel.settle()
    expect(page.locator('[data-number="framed-parcel.waiting"]')).to_have_text("2", timeout=5000)
    expect(page.locator("#search")).to_have_value("par")
    expect(page.locator("#search")).to_be_focused()


def test_keys_lead_through_a_page(parcel: Rig, page: Page) -> None:
    """`?` tells of them, `j` goes to a row, `/` to the search; typing is left alone."""
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="framed-parcel", exact=True)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("?jk")
    expect(page.locator("#search")).to_have_value("?jk")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_home_can_be_read_without_scripts(parcel: Rig, api: Api, browser: Browser) -> None:
    """Everything is in the page itself."""
    with browser.new_context(base_url=api.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("row", name=re.compile("framed-parcel"))).to_contain_text("waiting 1")


def test_an_address_that_leads_nowhere_is_answered_in_words(page: Page, complaints: Any) -> None:
    """A page, not JSON."""
    complaints.expected.add(404)
    page.goto("/nowhere")
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    assert barriers(page) == []
