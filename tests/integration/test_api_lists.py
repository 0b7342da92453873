"""Lists of instances over REST: pages in both directions, filters, and what makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

INSTANCES = "/api/workflows/errand/instances"


@pytest.fixture
def five(rig: Rig) -> list[str]:
    """The ids of five instances, a day apart each, the oldest first."""
    rig.workers[0].catalog.register(Errand)
    for number in range(5):
        rig.create(Errand, f"i-{number}", {"do": ["", "wait", "", "fail", ""][number]})
        rig.settle()
        rig.clock.advance(86_400)
    return [f"i-{number}" for number in range(5)]


def listed(api: Api, **query: Any) -> tuple[list[str], dict[str, Any]]:
    body = api("GET", INSTANCES, params=query).json()
    assert body["success"], body
    return [entry["id"] for entry in body["result"]], body["result_info"]


def test_a_listed_instance_has_every_field_of_the_baseline(rig: Rig, api: Api) -> None:
    """With when it changed last, and when it is looked at next."""
    rig.create(Errand, "r-17", {"do": "sleep"})
    rig.clock.advance(5)
    rig.settle()
    (found,) = api.ok("GET", INSTANCES)
    assert found == {
        "id": "r-17", "workflow_id": "errand", "version_id": "1", "status": "waiting", "trigger_source": "binding",
        "created_on": "2027-01-15T08:00:00Z", "modified_on": "2027-01-15T08:00:05Z",
        "started_on": "2027-01-15T08:00:05Z", "ended_on": None, "due_on": "2027-01-15T08:10:05Z",
    }  # fmt: skip
    rig.pass_time(600)
    (found,) = api.ok("GET", INSTANCES)
    assert (found["status"], found["ended_on"], found["due_on"]) == ("complete", "2027-01-15T08:10:05Z", None)


@pytest.mark.usefixtures("five")
def test_lists_go_by_cursor_in_both_directions(api: Api) -> None:
    """Each instance is told once, and the last page has no cursor."""
    for direction, expected in (("desc", ["i-4", "i-3", "i-2", "i-1", "i-0"]), ("asc", [f"i-{n}" for n in range(5)])):
        found: list[str] = []
        query: dict[str, Any] = {"per_page": 2, "direction": direction}
        while True:
            ids, info = listed(api, **query)
            assert (info["count"], info["per_page"], info["page"]) == (len(ids), 2, None)
            found += ids
            if info["cursor"] is None:
                break
            query["cursor"] = info["cursor"]
        assert found == expected


@pytest.mark.usefixtures("five")
def test_lists_go_by_the_number_of_the_page(api: Api) -> None:
    """In both directions; beyond the end there is nothing."""
    assert listed(api, per_page=2, page=1)[0] == ["i-4", "i-3"]
    assert listed(api, per_page=2, page=3) == (["i-0"], {"count": 1, "per_page": 2, "page": 3, "cursor": None})
    assert listed(api, per_page=2, page=4)[0] == []
    assert listed(api, per_page=2, page=2, direction="asc")[0] == ["i-2", "i-3"]


@pytest.mark.usefixtures("five")
def test_lists_are_filtered(api: Api) -> None:
    """By status, by version, by time, and by all of them."""
    assert listed(api, status="waiting")[0] == ["i-1"]
    assert listed(api, status="errored")[0] == ["i-3"]
    assert listed(api, status="paused")[0] == []
    assert len(listed(api, version="1")[0]) == 5
    assert listed(api, version="2")[0] == []
    assert listed(api, date_start="2027-01-17T08:00")[0] == ["i-4", "i-3", "i-2"]
    assert listed(api, date_start="2027-01-17T08:00:00.000001Z")[0] == ["i-4", "i-3"]
    assert listed(api, date_start="2027-01-17", date_end="2027-01-18")[0] == ["i-3", "i-2"]
    assert listed(api, date_end="2027-01-16T10:00+02:00")[0] == ["i-1", "i-0"]
    assert listed(api, date_start="2027-01-17", status="complete", direction="asc", per_page=1)[0] == ["i-2"]
    assert listed(api, id="i-3")[0] == ["i-3"]
    assert listed(api, id="i-", version="1", direction="asc", per_page=1)[0] == ["i-0"]
    assert listed(api, error="ORDER 7 refused")[0] == listed(api, error="RefusedError", id="i")[0] == ["i-3"]
    assert listed(api, error="RefusedError", status="waiting") == (
        [], {"count": 0, "per_page": 20, "page": None, "cursor": None},
    )  # fmt: skip
    assert listed(api, search='"do": "wait"')[0] == ["i-1"]
    assert listed(api, search="got", date_end="2027-01-17", page=2, per_page=1)[0] == ["i-0"]


@pytest.mark.usefixtures("five")
def test_the_ends_of_the_calendar_are_times_like_others(api: Api) -> None:
    """All instances lie between them, and none beyond."""
    assert len(listed(api, date_start="0001-01-01", date_end="9999-12-31")[0]) == 5
    assert listed(api, date_start="9999-12-31")[0] == []
    assert listed(api, date_end="0001-01-01")[0] == []
    assert listed(api, date_start="2027-02-01", date_end="2027-01-01")[0] == []


@pytest.mark.parametrize(
    ("query", "number", "told"),
    [
        ({"status": "done"}, 10002, "'queued', 'running'"),
        ({"page": 0}, 10002, "query.page"),
        ({"page": 502}, 10410, "page must be a whole number from 1 to 501"),
        ({"per_page": 0}, 10002, "query.per_page"),
        ({"per_page": 101}, 10002, "query.per_page"),
        ({"page": 1, "cursor": "5"}, 10410, "Give a cursor or the number of a page, not both"),
        ({"cursor": "x"}, 10002, "query.cursor"),
        ({"cursor": "9" * 5000}, 10002, "query.cursor"),
        ({"id": "ü"}, 10002, "query.id"),
        ({"error": ""}, 10002, "query.error"),
        ({"search": "x" * 201}, 10002, "query.search"),
        ({"direction": "up"}, 10002, "'asc' or 'desc'"),
        ({"date_start": "yesterday"}, 10002, "date_start 'yesterday' is not an ISO 8601 date or time"),
        ({"date_end": "2027-02-30"}, 10002, "date_end '2027-02-30' is not"),
        ({"date_end": ""}, 10002, "date_end '' is not"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(
    rig: Rig, api: Api, query: dict[str, Any], number: int, told: str
) -> None:
    """400 that names the value and what could be instead."""
    rig.workers[0].catalog.register(Errand)
    answer = api("GET", INSTANCES, params=query)
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["code"]) == (400, number)
    assert told in problem["detail"]
