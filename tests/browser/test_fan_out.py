"""The pages of an instance that does a thousand things at once: a screen of it, and a way to the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import barriers
from wf import Event, Step, WorkflowEntrypoint
from wf.codec import encode

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support import Rig

WIDTH, RUNNING, PER_PAGE, TOLD = 1000, 50, 100, 10
ONE = "/workflows/browsed-wide/instances/w-1"
BRANCHES = """
with begun as (
  update wf.instance
  set status = 'running', started_at = created_at, started_rev = 1, seq = %(width)s, rev = 2 * %(width)s
  returning key, created_at
)
insert into wf.step (
  instance, generation, seq, kind, name, count, status, attempt, lost, worker, output, started_rev, attempt_rev, rev,
  started_at, attempt_at, ended_at
)
select
  key, 1, n, 'do', 'branch', n, case when over then 'complete' else 'running' end, 1, 0, 'w-1',
  case when over then %(output)s::bytea end, n, n, case when over then %(width)s + n else n end,
  created_at, created_at + n * interval '1 ms', case when over then created_at + n * interval '10 ms' end
from begun cross join (select n, n <= %(width)s - %(running)s as over from generate_series(1, %(width)s) n) as branch
"""


class Wide(WorkflowEntrypoint, name="browsed-wide"):
    """A thousand branches at once."""

    async def run(self, event: Event, step: Step) -> Any:
        return await asyncio.gather(*(step.do("branch", lambda: "done") for _ in range(WIDTH)))


@pytest.fixture
def wide(rig: Rig) -> Rig:
    """The last branches still run."""
    rig.workers[0].catalog.register(Wide)
    rig.create(Wide, "w-1")
    rig.take()
    rig.client.database.rows(BRANCHES, {"width": WIDTH, "running": RUNNING, "output": encode("done")})
    rig.sql("analyze wf.step")
    return rig


def test_a_thousand_branches_come_in_pages(wide: Rig, page: Page) -> None:
    """Each once, a hundred at a time, and never more rows than that; there is a way back."""
    page.goto(ONE)
    expect(page.locator('[data-number="step_count"]')).to_have_text(f"{WIDTH:,}")
    rows, more = page.locator(".timeline tbody tr"), page.get_by_role("link", name="More steps")
    seen: list[str] = []
    for first in range(1, WIDTH, PER_PAGE):
        expect(rows.first).to_contain_text(f"branch-{first} ")
        assert (page.locator("main tr").count(), page.locator("main li").count()) == (PER_PAGE + 1, TOLD)
        seen += rows.locator("th a").all_inner_texts()
        if first + PER_PAGE < WIDTH:
            more.click()
    assert seen == [f"branch-{n}" for n in range(1, WIDTH + 1)]
    expect(more).to_have_count(0)
    page.go_back()
    expect(rows.first).to_contain_text(f"branch-{WIDTH - 2 * PER_PAGE + 1} ")
    page.get_by_role("link", name="First steps").click()
    expect(rows.first).to_contain_text("branch-1 ")


def test_the_few_that_still_run_are_found_among_them(wide: Rig, page: Page) -> None:
    """By their status; the newest stand at the top, too."""
    page.goto(ONE)
    now = page.get_by_role("region", name="Now")
    expect(now.get_by_role("link")).to_have_text([f"branch-{n}" for n in range(WIDTH, WIDTH - TOLD, -1)])
    page.get_by_label("Status").select_option("running")
    page.get_by_role("button", name="Show").click()
    rows = page.locator(".timeline tbody tr")
    expect(rows).to_have_count(RUNNING)
    expect(rows.first).to_contain_text(f"branch-{WIDTH - RUNNING + 1} ")


def test_timeline_and_diagram_stay_usable(wide: Rig, page: Page) -> None:
    """A bar for each row; keys lead from row to row and into it; the branches are one node of the diagram."""
    page.goto(ONE)
    expect(page.locator("#live-text")).to_have_text("live")
    expect(page.locator(".timeline .bar:has(.piece)")).to_have_count(PER_PAGE)
    for key, number in (("j", 1), ("j", 2), ("j", 3), ("k", 2)):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=f"branch-{number}", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="branch-2")
    expect(drawer.get_by_role("group", name="step output")).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    assert barriers(page) == []
    page.goto("/workflows/browsed-wide")
    diagram = page.get_by_role("region", name="Diagram")
    expect(diagram.locator("svg").first).to_be_visible()
    expect(diagram).to_contain_text("branch")
    assert barriers(page) == []
