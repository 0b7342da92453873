"""An action on many instances, from the form to the end of the job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.errands import Errand
from tests.support.jobs import fill, statuses, work
from tests.support.sessions import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.api import Api


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


def test_many_are_moved_after_a_preview(rig: Rig, api: Api, page: Page) -> None:
    """Chosen, looked at, changed, looked at again, begun; and the page of the job goes on to its end by itself."""
    fill(rig, "waiting", 3)
    fill(rig, "paused", 2)
    ada = log_in(page, rig, "write")
    page.goto("/workflows/errand/bulk?action=terminate")
    page.get_by_label("waiting", exact=True).check()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator('[data-number="total"]')).to_have_text("3")
    page.get_by_role("button", name="Change").click()
    page.get_by_label("paused", exact=True).check()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Terminate 5 instances").click()
    page.wait_for_url(re.compile("/jobs/"))
    expect(page.get_by_role("status")).to_have_text("The job is on its way.")
    (job,) = api.ok("GET", "/api/jobs", headers=ada)
    assert (job["filter"], job["actor"]) == ({"status": ["waiting", "paused"]}, "api:write")
    work(rig)
    expect(page.locator('[data-number="done"]')).to_have_text("5", timeout=5000)
    assert statuses(rig) == {"terminated": 5}


def test_a_conflict_leads_to_the_job_in_the_way(rig: Rig, page: Page, complaints: Any) -> None:
    """By a link."""
    fill(rig, "waiting", 1)
    job = rig.client.jobs.start("errand", "pause").id
    page.goto("/workflows/errand/bulk?action=pause")
    page.get_by_role("button", name="Preview").click()
    complaints.expected.add(409)
    page.get_by_role("button", name="Pause 1 instance").click()
    expect(page.get_by_role("alert")).to_contain_text(f"Job {job} is at work already")
    page.get_by_role("link", name=f"See job {job}").click()
    expect(page.get_by_role("heading", name=f"Job {job}: pause")).to_be_visible()
