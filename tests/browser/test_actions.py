"""Actions on one instance, by clicks of somebody who is logged in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from tests.support.parcels import Parcel, at
from tests.support.sessions import log_in
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.api import Api

ACTIONS = ("pause", "resume", "terminate", "restart", "delete")
EVIL = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e' + "x" * 150


class Evil(WorkflowEntrypoint, name="evil-browsed"):
    """Has a step with a hostile name."""

    async def run(self, event: Any, step: Any) -> None:
        await step.do(EVIL, lambda: 1, rollback=lambda: None)
        await step.wait_for_event("permit", "go")


def page_of(action: str, workflow: str = "parcel") -> str:
    return f"/workflows/{workflow}/instances/r-17/{action}"


@pytest.fixture
def parcel(rig: Rig) -> Rig:
    """A parcel in a nap."""
    rig.workers[0].catalog.register(Parcel)
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    return rig


@pytest.mark.parametrize(
    ("action", "status"),
    [("pause", "paused"), ("resume", "queued"), ("terminate", "rollingBack"), ("restart", "queued"), ("delete", None)],
)
def test_each_action_is_done_by_its_button(
    parcel: Rig, api: Api, page: Page, complaints: Any, action: str, status: str | None
) -> None:
    """With the token of the form, in the name of whoever is logged in."""
    ada = log_in(page, parcel, "write")
    if action == "resume":
        parcel.client.workflow("parcel").get("r-17").pause()
    page.goto(page_of(action))
    if action == "terminate":
        page.get_by_label("Roll back its steps first").check()
    if action == "restart":
        page.get_by_label("Begin").select_option(label="from nap-1 (waiting)")
    complaints.expected.add(404)  # of what was deleted there is no page
    page.get_by_role("button", name=f"{action.capitalize()} it").click()
    page.wait_for_url(re.compile(r"\?said="))
    answer = api("GET", at("r-17"), headers=ada)
    assert (answer.json()["result"]["status"] if answer.is_success else None) == status
    (entry,) = api.ok("GET", f"/api/audit?action={action}&actor=api:write", headers=ada)
    assert entry["instance"] == "r-17"


def test_what_makes_no_sense_is_explained(parcel: Rig, page: Page) -> None:
    """And there is no button."""
    page.goto(page_of("resume"))
    expect(page.get_by_text("It is waiting, and not paused.")).to_be_visible()
    expect(page.get_by_role("button", name="Resume it")).to_have_count(0)
    assert barriers(page) == []


def test_a_forged_form_is_refused(parcel: Rig, api: Api, page: Page) -> None:
    """Whoever is logged in, without the token of the form nothing is done."""
    ada = log_in(page, parcel, "write")
    forms: list[dict[str, str | float | bool]] = [{}, {"csrf": "x"}]
    for form in forms:
        answer = page.request.post(page_of("delete"), form=form, headers={"Origin": api.url, "Accept": "text/html"})
        assert answer.status == 403
    assert api.ok("GET", at("r-17"), headers=ada)["status"] == "waiting"


def test_who_may_only_look_is_told_so(parcel: Rig, page: Page, complaints: Any) -> None:
    """There is no form."""
    log_in(page, parcel, "read")
    complaints.expected.add(403)
    for action in ACTIONS:
        page.goto(page_of(action))
        expect(page.get_by_role("alert")).to_contain_text("This needs a token of scope write; yours has read.")
        expect(page.get_by_role("button", name=f"{action.capitalize()} it")).to_have_count(0)
