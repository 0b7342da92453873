"""The page of what wants a human, in a browser: one glance, live, whatever errors say."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from tests.support.errands import Errand
from tests.support.troubles import HOSTILE, Odd, troubled
from wf_tasks.presence import Presence

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig


def test_one_glance_tells_and_goes_on_telling(rig: Rig, page: Page) -> None:
    """All is well, then an instance fails, then it is restarted from here: nobody loads the page again."""
    rig.workers[0].catalog.register(Errand)
    Presence(rig.workers[0], "threads", 10).tell()
    rig.workers[0].alarm.run_once()
    page.goto("/attention")
    expect(page.locator("h1")).to_have_text("Nothing wants you.")
    expect(page.locator("#live-text")).to_have_text("live")
    rig.create(Errand, "e-1", {"do": "fail"})
    rig.settle()
    expect(page.locator("h1")).to_have_text("One thing wants you.")
    expect(page.get_by_role("row", name=re.compile("RefusedError"))).to_contain_text("order 7 refused")
    page.get_by_role("link", name="Restart all errored instances of errand").click()
    over = page.get_by_role("dialog")
    expect(over.get_by_label("errored")).to_be_checked()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="RefusedError").click()
    expect(page.get_by_role("link", name="e-1")).to_be_visible()


def test_hostile_texts_are_shown_as_texts(rig: Rig, page: Page) -> None:
    """Messages of errors, types of events and names of steps; and the page stays as wide as it is, on a phone too."""
    rig.workers[0].catalog.register(Odd)
    for n, text in enumerate(HOSTILE):
        rig.create(Odd, f"bad-{n}", {"error": text})
    rig.create(Odd, "waits", {"type": "a" * 100})
    rig.settle()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto("/attention")
    shown = page.locator(".error .message").all_inner_texts()
    assert sorted(shown) == sorted(text[:300] for text in HOSTILE)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main img, main script").count() == 0


def test_it_has_no_barriers(rig: Rig, page: Page) -> None:
    """When all is well, when something of each kind wants somebody, and on a phone."""
    rig.workers[0].alarm.run_once()
    page.goto("/attention")
    expect(page.locator("#live-text")).to_have_text("live")
    assert barriers(page) == []
    troubled(rig)
    rig.clock.advance(3600)
    expect(page.locator("h1")).to_contain_text("9 things")
    assert barriers(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_keys_lead_to_it_and_through_it(rig: Rig, page: Page) -> None:
    """`g` `a`, then `j` from row to row, Enter to what can be done; also past links that are folded away."""
    troubled(rig)
    workflows = {f"other-{n}": ["1"] for n in range(5)}
    rig.sql("update wf.worker set workflows = workflows || %s::jsonb", json.dumps(workflows))
    page.goto("/")
    expect(page.locator("#live-text")).to_have_text("live")
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.locator("h1")).to_have_text("6 things want you.")
    expect(page.locator("#live-text")).to_have_text("live")
    page.keyboard.press("j")
    expect(page.locator("#workers summary")).to_be_focused()
    page.keyboard.press("j")
    expect(
        page.get_by_role("region", name="Steps that may kill").get_by_role("link", name="wait-0").first
    ).to_be_focused()
