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

ONE = "/workflows/shipment/instances/unsigned"
PAGES = (
    "/", "/attention", "/activity", "/jobs", "/jobs/1", "/jobs/1/cancel", "/audit", "/workflows/shipment",
    "/workflows/shipment/instances", "/workflows/shipment/instances?status=nonsense", "/workflows/shipment/create",
    "/workflows/shipment/bulk", "/workflows/shipment/settings", "/workflows/shipment/remove",
    "/workflows/shipment/breaker", ONE, f"{ONE}/events", f"{ONE}/feed", f"{ONE}/audit", f"{ONE}/steps/1",
    f"{ONE}/pause", "/workflows/shipment/instances/paused/resume", f"{ONE}/terminate", f"{ONE}/restart",
    f"{ONE}/fork", f"{ONE}/send-event", f"{ONE}/delete", "/workflows/doomed/instances/doomed-1", "/login",
)  # fmt: skip


@pytest.mark.timeout(240)
def test_every_page_is_fit_for_everybody(rig: Rig, page: Page, complaints: Complaints) -> None:
    """Labels, contrast and structure in light and dark; no page is wider than a phone."""
    fill(rig)
    complaints.expected.add(400)  # a filter that makes no sense
    found: list[str] = []
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            found += [f"{path} {scheme}: {barrier}" for barrier in barriers(page)]
        page.set_viewport_size({"width": 390, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{path} is wider than a phone")
    assert found == []
