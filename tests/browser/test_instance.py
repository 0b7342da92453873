"""The pages of one instance: what it does, its timeline, its steps, and what it was told."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.big import multiply
from tests.support.browsing import barriers
from wf import Event, Step, WorkflowEntrypoint

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support import Rig
    from tests.support.api import Api

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnp.exe", "x" * 10_000, "{{ 7 * 7 }}")
"""Texts that a careless page takes for more than texts."""


class Order(WorkflowEntrypoint, name="browsed-order"):
    """Reserves in parallel, charges with retries, sleeps, waits for an approval."""

    refusals = 2

    async def run(self, event: Event, step: Step) -> Any:
        await asyncio.gather(*(step.do(f"reserve {item}", lambda item=item: {"item": item}) for item in "ab"))
        await step.do("charge", self.charge, config={"retries": {"limit": 3, "delay": 5}})
        await step.sleep("cool down", 60)
        return (await step.wait_for_event("approval", "approved", timeout="1 hour")).payload

    def charge(self) -> str:
        if Order.refusals:
            Order.refusals -= 1
            raise ConnectionError("the bank did not answer")
        return "ch_17"


class Echo(WorkflowEntrypoint, name="browsed-echo"):
    """Gives back what it gets, by a step of that name."""

    async def run(self, event: Event, step: Step) -> Any:
        return await step.do(str(event.payload)[:200], lambda: [event.payload])


class Failing(WorkflowEntrypoint, name="browsed-failing"):
    """Fails with what it gets as its message."""

    async def run(self, event: Event, step: Step) -> Any:
        raise ValueError(event.payload)


class Fan(WorkflowEntrypoint, name="browsed-fan"):
    """One branch, which a test multiplies."""

    async def run(self, event: Event, step: Step) -> Any:
        await asyncio.gather(step.wait_for_event("end", "end"), step.do("branch", lambda: 1))


@pytest.fixture
def order(rig: Rig) -> Rig:
    Order.refusals = 2
    rig.create(Order, "o-1", {"customer": "ada"})
    rig.settle()
    return rig


def place(id: str, *parts: str, workflow: str = "browsed-order") -> str:
    return "/".join(["/workflows", workflow, "instances", id, *parts])


def test_an_instance_tells_what_it_waits_for(order: Rig, page: Page) -> None:
    """A retry, then a sleep, then an event: each comes by itself, without the page being loaded again."""
    page.goto(place("o-1"))
    now = page.get_by_role("region", name="Now")
    expect(now).to_contain_text("charge-1 is tried again")
    for _ in range(2):
        order.pass_time(30)
    expect(now).to_contain_text("cool down-1 sleeps until")
    order.pass_time(61)
    expect(now).to_contain_text("approval-1 waits for an event of type approved until")
    order.client.workflow(Order).get("o-1").send_event("approved", {"by": "ada"})
    order.settle()
    expect(page.locator("h1")).to_contain_text("complete")
    expect(page.get_by_role("region", name="Output", exact=True)).to_contain_text('"by": "ada"')


def test_numbers_are_those_of_the_api(order: Rig, api: Api, page: Page) -> None:
    """Steps, retries, lost attempts, and the steps themselves."""
    order.pass_time(30)
    page.goto(place("o-1"))
    told = api.ok("GET", "/api" + place("o-1"))
    for name in ("step_count", "retries", "recoveries"):
        expect(page.locator(f'[data-number="{name}"]')).to_have_text(str(told[name]))
    rows = page.locator(".timeline tbody tr")
    expect(rows).to_have_count(len(told["steps"]))
    for row, step in zip(rows.all(), told["steps"], strict=True):
        expect(row).to_contain_text(step["name"])
        expect(row).to_contain_text(step["status"])


def test_a_step_opens_in_a_drawer_and_as_a_page(order: Rig, page: Page) -> None:
    """Its attempts, the errors of those that failed, and its configuration; Escape closes it."""
    order.pass_time(30)
    order.pass_time(30)
    page.goto(place("o-1"))
    page.get_by_role("link", name="charge-1").click()
    drawer = page.get_by_role("dialog", name=re.compile("charge-1"))
    expect(drawer.locator(".attempts > li")).to_have_count(3)
    expect(drawer).to_contain_text("ConnectionError")
    expect(drawer.get_by_role("group", name="step output")).to_contain_text("ch_17")
    expect(drawer.get_by_role("group", name="configuration")).to_contain_text('"limit": 3')
    assert barriers(page) == []
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    page.goto(place("o-1", "steps", "3"))
    expect(page.locator("h1")).to_contain_text("charge-1")


def test_an_open_drawer_stays_open_when_news_come(order: Rig, page: Page) -> None:
    """The page below it changes, and nothing that its reader has opened."""
    page.goto(place("o-1"))
    page.get_by_role("link", name="reserve a-1").click()
    drawer = page.get_by_role("dialog", name=re.compile("reserve a-1"))
    expect(drawer).to_be_visible()
    order.pass_time(30)
    order.pass_time(30)
    expect(page.locator("#step-4")).to_contain_text("cool down-1")
    expect(drawer).to_be_visible()


@pytest.mark.parametrize("text", HOSTILE, ids=["script", "attribute", "right to left", "long", "template"])
def test_hostile_texts_are_shown_as_texts(rig: Rig, page: Page, text: str) -> None:
    """In params, names of steps, outputs and errors; and the page stays as wide as it is."""
    rig.create(Echo, "e-1", text)
    rig.create(Failing, "f-1", text)
    rig.settle()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(place("e-1", workflow="browsed-echo"))
    assert page.get_by_role("group", name="params", exact=True).inner_text() == as_json(text)
    expect(page.locator("#step-1 a")).to_have_text(f"{text[:200]}-1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(place("e-1", "steps", "1", workflow="browsed-echo"))
    expect(page.locator("h1 bdi")).to_have_text(f"{text[:200]}-1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(place("f-1", workflow="browsed-failing"))
    expect(page.locator(".fault .message")).to_have_text(text)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main img, main script").count() == 0


def as_json(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def test_five_thousand_steps_come_in_pages(rig: Rig, page: Page) -> None:
    """A hundred at a time, found by name and by status."""
    rig.create(Fan, "f-1")
    rig.settle()
    multiply(rig, 4_999)
    page.goto(place("f-1", workflow="browsed-fan"))
    rows = page.locator(".timeline tbody tr")
    expect(rows).to_have_count(100)
    expect(page.locator('[data-number="step_count"]')).to_have_text("5,000")
    page.get_by_role("link", name="More steps").click()
    expect(rows.first).to_contain_text("branch-100")
    page.get_by_label("Step", exact=True).fill("branch-4321")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(1)


def test_a_phone_need_not_scroll_sideways(order: Rig, page: Page) -> None:
    """Only the timeline scrolls, by itself."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(place("o-1"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_events_and_feed_tell_what_the_api_tells(order: Rig, api: Api, page: Page) -> None:
    """Each event that came, whether a step has taken it, and each that the feed tells, live."""
    order.client.workflow(Order).get("o-1").send_event("approved", {"by": "ada"}, event_id="m-1")
    order.settle()
    page.goto(place("o-1", "events"))
    row = page.get_by_role("row", name=re.compile("approved"))
    for text in ("not yet", "m-1", '"by": "ada"'):
        expect(row).to_contain_text(text)
    page.goto(place("o-1", "feed"))
    rows = page.get_by_role("table", name="Feed").locator("tbody tr")
    before = rows.count()
    assert before > 5
    order.pass_time(30)
    expect(rows.nth(before)).to_be_visible()


def test_an_instance_can_be_read_without_scripts(order: Rig, api: Api, browser: Browser) -> None:
    """All of it, and each step by its own page."""
    with browser.new_context(base_url=api.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(place("o-1"))
        page.get_by_role("link", name="reserve a-1").click()
        expect(page.get_by_role("group", name="step output")).to_contain_text('"item": "a"')


def test_a_removed_instance_leaves_its_page_as_it_was(order: Rig, page: Page, complaints: Any) -> None:
    """And says that it is gone; asked for again, there is none."""
    page.goto(place("o-1"))
    expect(page.locator("#live-text")).to_have_text("live")
    order.client.workflow(Order).get("o-1").delete()
    expect(page.locator("#live-text")).to_have_text("this page is gone")
    expect(page.locator("h1")).to_contain_text("o-1")
    complaints.expected.add(404)
    page.reload()
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
