"""Values filled in by somebody who is logged in: an instance created, an event sent, a fork made, rows ticked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from tests.support.errands import Errand
from tests.support.jobs import fill
from tests.support.orders import HOSTILE, wait_for_signature
from tests.support.parcels import at
from tests.support.sessions import fits, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.api import Api

ORDER = "/workflows/paged-order/instances/r-17"
EVIL = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e' + "x" * 150


@pytest.fixture
def order(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """An order that waits for its signature; the server does not know its class."""
    wait_for_signature(rig, monkeypatch)
    return rig


@pytest.fixture
def errand(rig: Rig) -> Rig:
    """An errand that waits, of a workflow without models."""
    rig.workers[0].catalog.register(Errand)
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    return rig


def test_an_order_is_created_over_the_page_of_its_workflow(order: Rig, api: Api, page: Page, complaints: Any) -> None:
    """A fault is told beside its field, and the rest is as it was typed."""
    ada = log_in(page, order, "write")
    page.goto("/workflows/paged-order")
    page.get_by_role("link", name="Create…").click()
    over = page.get_by_role("dialog", name="Create an instance of paged-order")
    expect(over.get_by_label("Id", exact=True)).to_be_focused()
    over.get_by_label("Id", exact=True).fill("r-17")
    over.get_by_label("Item").fill("hat")
    over.get_by_label("Number").fill("3")
    over.get_by_label("Colour").select_option("blue")
    over.get_by_label("Due").fill("2027-02-03")
    over.get_by_label("Gift").check()
    over.get_by_role("group", name="Customer").get_by_label("Name").fill(EVIL)
    complaints.expected.add(409)
    over.get_by_role("button", name="Create it").click()
    expect(page.get_by_role("alert")).to_contain_text("what is wrong stands beside it")
    expect(page.get_by_label("Id", exact=True)).to_have_accessible_description(
        re.compile("There is an instance 'r-17' already")
    )
    assert barriers(page) == []
    page.get_by_label("Id", exact=True).fill("r-18")
    page.get_by_role("button", name="Create it").click()
    page.wait_for_url("/workflows/paged-order/instances/r-18?said=created")
    expect(page.locator("#params")).to_contain_text("<img src=x onerror=alert(1)>")
    assert api.ok("GET", at("r-18", "?simple=true", "paged-order"), headers=ada)["params"] == {
        "item": "hat", "number": 3, "colour": "blue", "due": "2027-02-03", "price": "1.10", "gift": True,
        "customer": {"name": EVIL, "email": None},
    }  # fmt: skip


def test_an_errand_is_created_with_json_by_keys_alone(errand: Rig, api: Api, page: Page, complaints: Any) -> None:
    """From the list to the new instance."""
    ada = log_in(page, errand, "write")
    page.goto("/workflows/errand/create")
    page.get_by_label("Id", exact=True).focus()
    page.keyboard.type("r-18")
    page.keyboard.press("Tab")
    page.keyboard.type('{"do": ')
    complaints.expected.add(400)
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Create it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is no JSON")).to_be_visible()
    area = page.get_by_label("Payload")
    expect(area).to_have_value('{"do": ')
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type('"sleep"}')
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("/workflows/errand/instances/r-18?said=created")
    assert api.ok("GET", at("r-18", "?simple=true", "errand"), headers=ada)["params"] == {"do": "sleep"}


def test_an_event_is_sent_from_the_wait(order: Rig, api: Api, page: Page, complaints: Any) -> None:
    """Its type is filled in; another one is offered its own fields."""
    ada = log_in(page, order, "write")
    page.goto(ORDER)
    page.get_by_role("link", name="Send event…").click()
    over = page.get_by_role("dialog")
    expect(over.get_by_label("Type")).to_have_value("signed")
    over.get_by_label("Type").fill("free")
    over.get_by_role("button", name="Show the fields of this type").click()
    expect(page.get_by_label("Payload as JSON")).to_be_visible()
    page.get_by_label("Type").fill("signed")
    page.get_by_role("button", name="Show the fields of this type").click()
    page.get_by_label("By").fill("Ada")
    page.get_by_label("Stars").fill("4")
    page.get_by_label("Type").fill("free")
    complaints.expected.add(409)
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent yet")
    page.goto(f"{ORDER}/send-event?type=signed")
    page.get_by_label("By").fill(EVIL)
    page.get_by_label("Your own id of the event").fill("m-1")
    page.get_by_role("button", name="Send it").click()
    page.wait_for_url(f"{ORDER}?said=sent")
    (event,) = api.ok("GET", at("r-17", "/events", "paged-order"), headers=ada)
    assert (event["payload"], event["event_id"]) == ({"by": EVIL, "stars": 5}, "m-1")
    page.goto(f"{ORDER}/events")
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


def test_a_fork_is_made_from_a_step(order: Rig, api: Api, page: Page, complaints: Any) -> None:
    """With params that were edited, after an id that is taken."""
    ada = log_in(page, order, "write")
    page.goto(f"{ORDER}/steps/2")
    page.get_by_role("link", name="Fork from here…").click()
    over = page.get_by_role("dialog", name="Fork r-17")
    expect(over.get_by_label("Begin")).to_have_value("waitForEvent:1:signature")
    over.get_by_label("Due").fill("")
    over.get_by_role("button", name="Fork it").click()  # the browser itself refuses
    over.get_by_label("Due").fill("2027-03-04")
    over.get_by_label("Id of the new instance").fill("r-17")
    complaints.expected.add(409)
    over.get_by_role("button", name="Fork it").click()
    expect(page.get_by_label("Id of the new instance")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Due")).to_have_value("2027-03-04")
    expect(page.get_by_label("Begin")).to_have_value("waitForEvent:1:signature")
    page.get_by_label("Price").fill("9.99")
    page.get_by_label("Id of the new instance").fill("again")
    page.get_by_role("button", name="Fork it").click()
    page.wait_for_url("/workflows/paged-order/instances/again?said=forked")
    found = api.ok("GET", at("again", "", "paged-order"), headers=ada)
    assert [step["name"] for step in found["steps"]] == ["pack-1"]
    assert (found["params"]["due"], found["params"]["price"]) == ("2027-03-04", "9.99")


def test_a_fork_that_nobody_has_edited_has_the_stored_params(errand: Rig, page: Page) -> None:
    """Whatever a browser makes of the lines of a text area."""
    errand.create(Errand, "exact", {"do": "wait", "pair": (1, 2), "text": "a\nb\r\nc", "evil": EVIL})
    log_in(page, errand, "write")
    page.goto("/workflows/errand/instances/exact/fork")
    page.get_by_label("Id of the new instance").fill("copy")
    page.get_by_role("button", name="Fork it").click()
    page.wait_for_url("/workflows/errand/instances/copy?said=forked")
    query = (
        "select count(distinct params), count(*) from wf.payload p join wf.instance i on i.key = p.instance"
        " where i.id in ('exact', 'copy')"
    )
    assert errand.sql(query) == [(1, 2)]


def test_ticks_outlive_a_live_update(errand: Rig, page: Page) -> None:
    """A list keeps still under them; what was ticked goes to the bulk page."""
    ids = fill(errand, "errored", 2)
    log_in(page, errand, "write")
    page.goto("/workflows/errand/instances")
    button = page.get_by_role("button", name="Act on the ticked…")
    expect(button).to_be_hidden()
    page.get_by_label("Id begins with").fill("half a wo")
    page.get_by_label(f"Tick {ids[0]}").check()
    for key in "jjjx":
        page.keyboard.press(key)
    ticked = [box.get_attribute("value") for box in page.locator("[name=ids]:checked").all()]
    assert len(ticked) == 2
    errand.create(Errand, "newer", {"do": "sleep"})
    expect(page.locator("#live-text")).to_have_text("news wait: rows are ticked")
    assert [box.get_attribute("value") for box in page.locator("[name=ids]:checked").all()] == ticked
    expect(page.get_by_label("Id begins with")).to_have_value("half a wo")
    button.click()
    expect(page.get_by_role("heading", name="Act on many instances of errand")).to_be_visible()
    expect(page.get_by_label("Ids")).to_have_value("\n".join(str(id) for id in ticked))


def test_forms_of_values_have_no_barriers(order: Rig, page: Page, complaints: Any) -> None:
    """Nor after a fault; on a phone nothing is cut off, and texts of authors are texts."""
    page.set_viewport_size({"width": 390, "height": 800})
    complaints.expected.add(400)
    for path, button in (
        ("/workflows/paged-order/create", "Create it"), (f"{ORDER}/send-event", "Send it"),
        (f"{ORDER}/fork", "Fork it"),
    ):  # fmt: skip
        page.goto(path)
        assert barriers(page) == []
        assert fits(page)
        page.evaluate("for (const one of document.querySelectorAll('.doing input')) one.required = false")
        page.evaluate("for (const one of document.querySelectorAll('.values input')) one.value = ''")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_text("Fill this in.").first).to_be_visible()
        assert barriers(page) == []
        assert fits(page)
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    page.goto("/workflows/paged-order/instances")
    page.get_by_label("Tick r-17").check()
    expect(page.get_by_role("button", name="Act on the ticked…")).to_be_visible()
    assert barriers(page) == []
    assert fits(page)
