"""Settings over a class, and the removal of a workflow, by clicks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from tests.support.sessions import log_in
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.api import Api

PAGE = "/workflows/nightly-browsed/settings"


class Nightly(WorkflowEntrypoint, name="nightly-browsed", schedules=["0 9 * * *"], concurrency=2):
    """A workflow with settings."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Nightly)


def test_settings_are_set_and_taken_back(rig: Rig, api: Api, page: Page) -> None:
    """What the page says is what the API says."""
    admin = log_in(page, rig, "admin")
    page.goto(PAGE)
    page.get_by_label("Instances that run at once").fill("7")
    page.get_by_label("Schedules of our own").check()
    page.get_by_label("Schedules", exact=True).fill("15 * * * *")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The settings are in force.")
    expect(page.locator("#setting-concurrency")).to_contain_text("limit: 2limit: 7limit: 7")
    told = api.ok("GET", "/api/workflows/nightly-browsed", headers=admin)["settings"]
    assert told == {"concurrency": {"limit": 7}, "schedules": ["15 * * * *"]}
    page.get_by_role("button", name="Take everything back").click()
    expect(page.locator("#setting-concurrency")).to_contain_text("nothing")
    told = api.ok("GET", "/api/workflows/nightly-browsed", headers=admin)["settings"]
    assert told == {"concurrency": {"limit": 2}, "schedules": ["0 9 * * *"]}


def test_a_workflow_is_removed_in_a_dialog(rig: Rig, api: Api, page: Page) -> None:
    """Whoever types its name is led to the job."""
    admin = log_in(page, rig, "admin")
    page.goto(PAGE)
    page.get_by_role("link", name="Remove this workflow").click()
    dialog = page.get_by_role("dialog", name="Remove workflow nightly-browsed")
    dialog.get_by_label("Type nightly-browsed to confirm").fill("nightly-browsed")
    assert barriers(page) == []
    dialog.get_by_role("button", name="Remove it").click()
    page.wait_for_url(re.compile("/jobs/"))
    (job,) = api.ok("GET", "/api/jobs", headers=admin)
    assert job["action"] == "delete_workflow"
