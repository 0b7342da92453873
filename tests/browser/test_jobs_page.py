"""Pages of jobs: live, to be cancelled, without barriers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from tests.support.errands import Errand
from tests.support.jobs import fill, work
from tests.support.sessions import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.api import Api


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


def test_progress_comes_by_itself(rig: Rig, api: Api, page: Page) -> None:
    """In the list and on the page of the job, with the numbers of the API."""
    fill(rig, "waiting", 4)
    job = rig.client.jobs.start("errand", "pause").id
    page.goto("/jobs")
    page.get_by_role("link", name=str(job), exact=True).click()
    expect(page.locator("#live-text")).to_have_text("live")
    expect(page.locator('[data-number="done"]')).to_have_text("0")
    work(rig)
    expect(page.locator('[data-number="done"]')).to_have_text("4", timeout=5000)
    expect(page.get_by_role("link", name="Cancel it")).to_have_count(0)
    told = api.ok("GET", f"/api/jobs/{job}")
    for name in ("total", "done", "failed", "percent"):
        expect(page.locator(f'[data-number="{name}"]')).to_have_text(str(told[name]))
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "100")


def test_a_job_is_cancelled_in_a_dialog(rig: Rig, api: Api, page: Page) -> None:
    """Which can be left without doing it."""
    fill(rig, "waiting", 2)
    job = rig.client.jobs.start("errand", "pause").id
    ada = log_in(page, rig, "write")
    page.goto(f"/jobs/{job}")
    dialog = page.get_by_role("dialog", name=f"Cancel job {job}")
    page.get_by_role("link", name="Cancel it").click()
    expect(dialog.get_by_text("What it has moved by then stays moved")).to_be_visible()
    assert barriers(page) == []
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert api.ok("GET", f"/api/jobs/{job}", headers=ada)["status"] == "queued"
    page.get_by_role("link", name="Cancel it").click()
    dialog.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("status")).to_have_text("The job was cancelled. What it has moved stays moved.")
    assert api.ok("GET", f"/api/jobs/{job}", headers=ada)["status"] == "cancelled"
