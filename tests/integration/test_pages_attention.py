"""The page of what wants a human, over HTTP: its numbers are the API's, and each row leads to where one can act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.jobs import fill
from tests.support.pages import Pages
from tests.support.told import told_by
from tests.support.troubles import troubled
from wf_tasks.presence import Presence

if TYPE_CHECKING:
    from tests.support import Rig

INSTANCES = "/workflows/errand/instances"


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def same(api: Api, numbers: dict[str, str], **request: Any) -> bool:
    """Whether a page's numbers are those of the API."""
    told = api.ok("GET", "/api/attention", **request)
    assert numbers == {name: told_by(told, name) for name in numbers}
    return True


def test_when_all_is_well_one_sentence_says_so(rig: Rig, pages: Pages) -> None:
    """And there is nothing else to look at."""
    rig.workers[0].catalog.register(Errand)
    Presence(rig.workers[0], "threads", 10).tell()
    rig.workers[0].alarm.run_once()
    page = pages.get("/attention")
    assert page.words.startswith("Nothing wants you.")
    assert page.numbers == {}


def test_each_number_is_the_api_s(rig: Rig, api: Api, pages: Pages) -> None:
    """Of each section, and the heading counts the sections."""
    troubled(rig)
    page = pages.get("/attention")
    assert same(api, page.numbers)
    assert {name: page.numbers[name] for name in ("errors.looked", "waits.total", "paused.errand")} == {
        "errors.looked": "4", "waits.total": "2", "paused.errand": "1",
    }  # fmt: skip
    kinds = {name.partition(".")[0] for name in page.numbers}
    assert kinds == {"errors", "waits", "paused", "poison", "lost", "workers"}
    assert page.words.startswith("6 things want you.")


def test_rows_lead_to_where_one_can_act(rig: Rig, pages: Pages) -> None:
    """To the instances with such an error, to the form of the event, to what is done to many."""
    troubled(rig)
    links = pages.get("/attention").links
    for link in (
        f"{INSTANCES}?status=errored&error=refused", "/workflows/errand/bulk?action=restart&status=errored",
        f"{INSTANCES}/wait-1/send-event?type=go", f"{INSTANCES}/wait-0/terminate", f"{INSTANCES}?status=paused",
        "/workflows/errand/bulk?action=resume&status=paused",
    ):  # fmt: skip
        assert link in links
    found = pages.get(f"{INSTANCES}?status=errored&error=refused").links
    assert {f"{INSTANCES}/bad-{n}" for n in range(3)} <= set(found)


def test_who_only_reads_is_offered_no_action(rig: Rig, api: Api) -> None:
    """But sees everything."""
    troubled(rig)
    page = Pages(api, make_token(rig, "reader", "read")).get("/attention")
    assert page.numbers["errors.looked"] == "4"
    assert not [link for link in page.links if "bulk" in link or link.endswith("/terminate") or "send-event" in link]


def test_a_reader_of_some_workflows_sees_these(rig: Rig, api: Api) -> None:
    """Nothing of others."""
    troubled(rig)
    mine = make_token(rig, "mine", "read", workflows=["odd"])
    page = Pages(api, mine).get("/attention")
    assert same(api, page.numbers, headers=mine)
    assert page.numbers["errors.looked"] == "1"
    assert "errand" not in page.words


def test_what_stands_still_comes_first(rig: Rig, api: Api, pages: Pages) -> None:
    """Without workers and an alarm for an hour: late and unserved instances, and messages that nobody takes."""
    troubled(rig)
    rig.create(Errand, "new")
    rig.clock.advance(3600)
    page = pages.get("/attention")
    assert same(api, page.numbers)
    assert page.numbers["late.total"] == page.numbers["unserved.errand"]
    places = [page.words.index(title) for title in ("The alarm is late", "Messages that no worker takes", "Errors")]
    assert places == sorted(places)


def test_it_is_said_how_far_was_looked(rig: Rig, api: Api, pages: Pages) -> None:
    """Where older ones were left out."""
    rig.workers[0].catalog.register(Errand)
    fill(rig, "errored", 250)
    page = pages.get("/attention")
    assert page.numbers["errors.looked"] == "200+"
    assert "Of the newest 200 errored instances; older ones were not looked at." in page.words


def test_others_may_have_left_no_room_to_look_and_it_is_said(rig: Rig, api: Api) -> None:
    """To a reader of some workflows, of which some may be late: the first ones that were looked at are of others."""
    rig.workers[0].catalog.register(Errand)
    fill(rig, "waiting", 1000)
    rig.clock.advance(3600)
    mine = make_token(rig, "mine", "read", workflows=["odd"])
    page = Pages(api, mine).get("/attention")
    assert api.ok("GET", "/api/attention", headers=mine)["late"] == {"total": 0, "oldest": [], "capped": True}
    assert page.numbers["late.total"] == "0+"
    assert "Of the first 1,000 of all workflows; others were not looked at." in page.words


def test_links_to_flower_are_there_if_it_is(rig: Rig) -> None:
    """With WF_FLOWER_URL."""
    troubled(rig)
    for url in ("", "https://flower.example"):
        with Api(rig.settings.model_copy(update={"flower_url": url}), rig.clock) as api:
            links = Pages(api).get("/attention").links
        assert ("https://flower.example/process/gone%3A1" in links) is bool(url)
