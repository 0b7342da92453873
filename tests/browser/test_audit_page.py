"""The page of the audit: live, filtered, without barriers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.errands import Errand

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.api import Api

EVIL = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e' + "x" * 10_000


@pytest.fixture
def acted(rig: Rig) -> Rig:
    """A few acts on two instances."""
    rig.workers[0].catalog.register(Errand)
    for id in ("i-0", "i-1"):
        rig.create(Errand, id, {"do": "sleep"})
        rig.settle()
        rig.client.workflow(Errand).get(id).pause()
    rig.client.workflow(Errand).get("i-0").restart(from_step={"name": "nap", "type": "sleep"})
    return rig


def test_what_is_done_comes_by_itself(acted: Rig, api: Api, page: Page) -> None:
    """At the top, and with a link to the instance."""
    page.goto("/audit")
    expect(page.locator("#live-text")).to_have_text("live")
    expect(page.locator("tbody tr")).to_have_count(3)
    acted.client.workflow(Errand).get("i-1").terminate()
    expect(page.locator("tbody tr")).to_have_count(4, timeout=5000)
    newest = page.locator("tbody tr").first
    expect(newest).to_contain_text("terminate")
    expect(newest.get_by_role("link", name="i-1")).to_have_attribute("href", "/workflows/errand/instances/i-1")
    assert api.ok("GET", "/api/audit")[0]["action"] == "terminate"


def test_filters_are_filled_in(acted: Rig, page: Page) -> None:
    """And cleared by a link."""
    page.goto("/audit")
    page.get_by_label("Instance").fill("i-0")
    page.get_by_label("Did").fill("restart")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("instance=i-0"))
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("from nap-1")
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(3)
