"""The page of what goes on, over HTTP: its numbers are the API's, and of what its reader may see."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.api import Api
from tests.support.errands import Errand, hold
from tests.support.pages import Pages
from tests.support.told import told_by
from tests.support.troubles import troubled
from wf import WorkflowEntrypoint
from wf.charts import RANGES

if TYPE_CHECKING:
    from tests.support import Rig


class Slow(WorkflowEntrypoint, name="slow"):
    """Has a step that runs until the test lets it end."""

    began, end = Signal(), Signal()

    async def run(self, event: Any, step: Any) -> None:
        await step.do("dig", lambda: hold(Slow.began, Slow.end))


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def told(api: Api, range: str, workflow: str = "", **request: Any) -> dict[str, Any]:
    """What the API tells, under the names of the page's numbers."""
    of = {"range": range} | ({"workflow": workflow} if workflow else {})
    return {
        "totals": api.ok("GET", "/api/metrics/series", params=of, **request)["totals"],
        "workflows": api.ok("GET", "/api/metrics/workflows", params={"range": range}, **request)["workflows"],
        "overview": api.ok("GET", "/api/overview", **request),
    }


@pytest.mark.parametrize("range", RANGES)
def test_each_number_is_the_api_s(rig: Rig, api: Api, pages: Pages, range: str) -> None:
    """Totals, workflows, queues, sleepers, workers; all together, and of one workflow."""
    troubled(rig)
    for workflow in ("", "errand"):
        shown = pages.get(f"/activity?range={range}&workflow={workflow}").numbers
        assert len(shown) > 40
        assert shown == {name: told_by(told(api, range, workflow), name) for name in shown}
        assert shown["totals.errored"] == ("3" if workflow else "4")
        assert shown["overview.wake_ups.counts.hour"] == "4"


def test_running_steps_are_shown(rig: Rig, api: Api, pages: Pages) -> None:
    """With their number, and a way to their instance."""
    rig.workers[0].catalog.register(Slow)
    rig.create(Slow, "s-1")
    working = rig.in_thread(rig.settle)
    assert Slow.began.wait(10)
    try:
        page = pages.get("/activity")
        assert page.numbers["overview.running.total"] == told_by(told(api, "1h"), "overview.running.total") == "1"
        assert "dig-1" in page.words
        assert "/workflows/slow/instances/s-1" in page.links
    finally:
        Slow.end.set()
        working.result(10)


def test_pictures_can_be_taken_away(rig: Rig, api: Api, pages: Pages) -> None:
    """Each as SVG and as CSV, of the same range and workflow."""
    troubled(rig)
    links = [link for link in pages.get("/activity?range=6h&workflow=errand").links if link.startswith("/api/metrics")]
    assert len(links) == 8
    for link in links:
        answer = api("GET", link)
        assert answer.status_code == 200, link
        assert "errand-6h" in answer.headers["content-disposition"]


def test_a_reader_of_some_workflows_sees_these(rig: Rig, api: Api) -> None:
    """Numbers and names; another workflow is refused, as the API does it, and one that is not there is not found."""
    troubled(rig)
    mine = make_token(rig, "mine", "read", workflows=["odd"])
    pages = Pages(api, mine)
    page = pages.get("/activity")
    assert page.numbers == {name: told_by(told(api, "1h", headers=mine), name) for name in page.numbers}
    assert (page.numbers["totals.errored"], "errand" in page.words) == ("1", False)
    pages.get("/activity?workflow=errand", 403)
    assert Pages(api, make_token(rig, "all", "read")).get("/activity?workflow=nobody", 404)


def test_links_to_flower_are_there_if_it_is(rig: Rig) -> None:
    """With WF_FLOWER_URL."""
    troubled(rig)
    for url in ("", "https://flower.example"):
        with Api(rig.settings.model_copy(update={"flower_url": url}), rig.clock) as api:
            links = Pages(api).get("/activity").links
        assert ("https://flower.example/process/gone%3A1" in links) is bool(url)


def test_without_anything_there_is_a_page(pages: Pages) -> None:
    """It says how to begin."""
    assert "Start one: wf worker MODULE" in pages.get("/activity").words


def test_an_unknown_range_is_refused(pages: Pages) -> None:
    """In words."""
    assert "range" in pages.get("/activity?range=2h", 400).words


def test_the_first_page_has_a_sparkline_of_each_workflow(rig: Rig, api: Api, pages: Pages) -> None:
    """It leads to the activity of the workflow; statuses come in their order."""
    troubled(rig)
    page = pages.get("/")
    assert "/activity?workflow=errand&range=24h" in page.links
    statuses = [name.partition(".")[2] for name in page.numbers if name.startswith("errand.")]
    assert statuses == ["waiting", "paused", "complete", "errored"]
    (found,) = (one for one in told(api, "24h")["workflows"] if one["workflow"] == Errand.workflow_name)
    assert f"{found['steps']} steps, {found['errored']} instances errored" in page.words
