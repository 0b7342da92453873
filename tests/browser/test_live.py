"""Pages that keep themselves true, and leave those who work on them in peace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.errands import Errand
from tests.support.jobs import fill
from tests.support.sessions import log_in
from wf.errors import JournalUnavailable
from wf.tokens import Tokens
from wf_api.door import TRUST

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.support import Rig
    from tests.support.api import Api
    from tests.support.browsing import Complaints

LIST = "/workflows/errand/instances"
MORPH = """async ([before, after, focused]) => {
  const { morph } = await import("/static/morph.js");
  const made = (html) => Object.assign(document.createElement("main"), { innerHTML: html });
  const [from, to] = [made(before), made(after)];
  document.body.append(from);
  from.querySelector(focused).focus();
  morph(from, to);
  const found = [[...from.children].map((child) => child.id).join(" "), document.activeElement.id];
  from.remove();
  return found;
}"""


@pytest.fixture
def waiting(rig: Rig) -> Rig:
    """An instance `r-17` that waits for `go`."""
    rig.workers[0].catalog.register(Errand)
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    return rig


def rows(ids: str) -> str:
    return "".join(f'<p id="{id}"><a id="in-{id}" href="#">{id}</a></p>' for id in ids.split())


@pytest.mark.parametrize(
    ("before", "after"),
    [("a b c d", "b c d"), ("a b c d", "c d"), ("a b c", "x a b c"), ("a b c d", "d c b a"), ("a b c", "b c a"),
     ("a b c d", "x c y")],
)  # fmt: skip
def test_focus_stays_where_it_is(page: Page, before: str, after: str) -> None:
    """Whatever rows come, go or change places around it."""
    page.goto("/login")
    assert page.evaluate(MORPH, [rows(before), rows(after), "#in-c"]) == [after, "in-c"]


def test_a_page_is_live_again_after_a_refusal(waiting: Rig, page: Page, complaints: Complaints) -> None:
    """A browser gives a stream up for good when the answer to it is none."""
    complaints.expected.add(503)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503)

    page.route("**/live?*", refuse, times=1)
    page.goto("/")
    expect(page.locator("#live-text")).to_have_text("live")
    assert len(refused) == 1
    waiting.create(Errand, "r-18", {"do": "wait"})
    waiting.settle()
    expect(page.locator('[data-number="errand.waiting"]')).to_have_text("2")


def test_trouble_stands_in_the_sign_only(waiting: Rig, api: Api, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one reads stays; when it is over, the page is live again."""
    page.goto(LIST)
    expect(page.locator("#live-text")).to_have_text("live")

    def away(*_: Any) -> Any:
        raise JournalUnavailable("somewhere")

    with monkeypatch.context() as patched:
        patched.setattr(api.app.state.parts.client.database, "read", away)
        expect(page.locator("#live-text")).to_have_text("not live: the journal does not answer")
        expect(page.locator("#instance-r-17")).to_be_visible()
    expect(page.locator("#live-text")).to_have_text("live")


def test_who_is_logged_out_is_led_to_the_login_and_back(waiting: Rig, page: Page) -> None:
    """By the sign of a page that is still open."""
    shown = log_in(page, waiting, "read")
    page.goto(LIST)
    expect(page.locator("#live-text")).to_have_text("live")
    Tokens(waiting.client.database, waiting.clock).revoke("read", revoked_by="test")
    waiting.clock.advance(TRUST)
    page.get_by_role("link", name="log in again").click()
    page.wait_for_url("/login?next=*")
    assert shown
    text = Tokens(waiting.client.database, waiting.clock).create("again", "read", created_by="test")
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(LIST)


def test_ticked_rows_stay(waiting: Rig, page: Page) -> None:
    """The list stands still, and says so, until nothing is ticked any more."""
    fill(waiting, "errored", 50)  # a full page, which the next instance pushes one row off
    log_in(page, waiting, "write")
    page.goto(LIST)
    last = page.locator("main tbody tr").last
    last.get_by_role("checkbox").check()
    waiting.create(Errand, "newer", {"do": "sleep"})
    expect(page.locator("#live-text")).to_have_text("news wait: rows are ticked")
    expect(last.get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_label("Tick newer")).to_have_count(0)
    last.get_by_role("checkbox").uncheck()
    expect(page.get_by_label("Tick newer")).to_be_visible()
    expect(page.locator("#live-text")).to_have_text("live")


def test_a_slip_of_the_mouse_closes_no_form(waiting: Rig, page: Page) -> None:
    """Only a click that begins and ends beside it does, and not once something is filled in."""
    page.goto(LIST)
    link, over = page.get_by_role("link", name="Create…"), page.locator("#over")
    link.click()
    expect(over).to_be_visible()
    inside = over.locator("textarea").first.bounding_box()
    frame = over.bounding_box()
    assert inside is not None
    assert frame is not None
    page.mouse.move(inside["x"] + 5, inside["y"] + 5)
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    page.mouse.click(frame["x"] + 4, frame["y"] + 4)
    expect(over).to_be_visible()
    over.get_by_label("Id", exact=True).fill("r-18")
    page.mouse.click(5, 5)
    expect(over).to_be_visible()
    over.get_by_label("Id", exact=True).fill("")
    page.mouse.click(5, 5)
    expect(over).to_be_hidden()
