"""Every kind of page in a real browser: nothing to complain of, no barriers in either theme, and room on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browsing import barriers
from tests.support.dashboard import fill

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig
    from tests.support.browsing import Complaints

ONE, OTHER = "/workflows/shipment/instances/unsigned", "/workflows/shipment/instances/paused"
PAGES = {
    "all": ("/", "/attention", "/activity", "/jobs", "/jobs/1", "/jobs/1/cancel", "/audit", "/login"),
    "workflow": tuple(
        f"/workflows/shipment{part}"
        for part in (
            "", "/instances", "/instances?status=nonsense", "/create", "/bulk", "/settings", "/remove", "/breaker",
        )
    ),
    "instance": (
        "/workflows/doomed/instances/doomed-1", ONE,
        *(f"{ONE}/{part}" for part in ("events", "feed", "audit", "steps/1")),
    ),
    "actions": (
        f"{OTHER}/resume",
        *(f"{ONE}/{action}" for action in ("pause", "terminate", "restart", "fork", "send-event", "delete")),
    ),
}  # fmt: skip
"""By what they are about: a test for each."""


@pytest.mark.parametrize("kind", PAGES)
def test_every_page_is_fit_for_everybody(rig: Rig, page: Page, complaints: Complaints, kind: str) -> None:
    """Labels, contrast and structure in light and dark; no page is wider than a phone."""
    fill(rig)
    complaints.expected.add(400)  # a filter that makes no sense
    found: list[str] = []
    for path in PAGES[kind]:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        found += [f"{path} {barrier}" for barrier in barriers(page)]
        page.set_viewport_size({"width": 390, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{path} is wider than a phone")
    assert found == []
