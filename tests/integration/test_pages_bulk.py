"""Pages of actions on many instances: the form, the preview, and the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.errands import Errand
from tests.support.jobs import fill, statuses, work, zoo
from tests.support.pages import Pages
from wf.filters import Filter
from wf.job_actions import JobAction
from wf_api.pages.bulk import ACTIONS, Wish

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

BULK = "/workflows/errand/bulk"
API = "/api/workflows/errand/instances/bulk"


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def previewed(pages: Pages, query: str = "", **changes: Any) -> Any:
    """The preview of what an address has filled in."""
    return pages.read(pages.send(BULK + query, **changes))


def test_the_form_asks_for_exactly_what_a_filter_takes() -> None:
    """And for the options that there are."""
    assert set(Filter.model_fields) | {"action", "rollback", "step", "count", "type", "ticked"} == set(
        Wish.model_fields
    )
    assert set(ACTIONS) == set(JobAction) - {JobAction.DELETE_WORKFLOW}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_preview_has_the_numbers_of_the_api(rig: Rig, api: Api, pages: Pages, action: str) -> None:
    """Of each status, of all, and the first ids; nothing has begun."""
    zoo(rig)
    page = previewed(pages, f"?action={action}")
    told = api.ok("POST", API, json={"action": action, "dry_run": True})
    numbers = {"matching": sum(told["matching"].values()), "no_effect": sum(told["no_effect"].values())}
    numbers |= {"total": told["total"], **{f"affected.{name}": n for name, n in told["affected"].items()}}
    numbers |= {f"no_effect.{name}": n for name, n in told["no_effect"].items()}
    assert page.numbers == {name: str(number) for name, number in numbers.items()}
    assert [id for id in told["sample"] if f"/workflows/errand/instances/{id}" in page.links] == told["sample"]
    assert f"{action.capitalize()} {told['total']} instances" in page.buttons
    assert api.ok("GET", "/api/jobs") == []


def test_an_address_fills_the_form_in(pages: Pages) -> None:
    """All of it."""
    query = (
        "?status=errored&status=waiting&action=restart&version=2&trigger=cron&since=2027-01-01T10:00"
        "&until=2027-01-02&ids=a&ids=*/5 * * * *-1&rollback=yes&step=pack&count=2&type=sleep"
    )
    assert pages.get(BULK + query).forms[BULK] == {
        "action": ["restart"], "status": ["waiting", "errored"], "version": ["2"], "trigger": ["cron"],
        "since": ["2027-01-01T10:00:00"], "until": ["2027-01-02T23:59:59.999"], "ids": ["a\n*/5 * * * *-1"],
        "rollback": ["yes"], "step": ["pack"], "count": ["2"], "type": ["sleep"],
    }  # fmt: skip


def test_what_was_seen_is_what_is_done(rig: Rig, api: Api, pages: Pages) -> None:
    """The second form carries the same wish; it leads to its job, and those that do not fit stay as they are."""
    fill(rig, "waiting", 3)
    fill(rig, "waiting", 1, prefix="old", version="0")
    fill(rig, "paused", 1)
    page = previewed(pages, "?action=terminate&status=waiting&version=1&rollback=yes")
    assert page.numbers["total"] == "3"
    assert "Their steps are rolled back first" in page.words
    answer = pages.post(BULK, page.forms[BULK] | {"do": "start"})
    (job,) = api.ok("GET", "/api/jobs")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job['id']}?said=started")
    assert (job["filter"], job["options"]) == ({"status": ["waiting"], "version": "1"}, {"rollback": True})
    work(rig)
    assert statuses(rig) == {"terminated": 3, "waiting": 1, "paused": 1}


def test_times_and_ids_come_through_as_they_were_meant(rig: Rig, api: Api, pages: Pages) -> None:
    """Times are UTC; of the ids, one is on each line, and those without an instance are told."""
    first, second = fill(rig, "waiting", 2)
    page = previewed(pages, ids=f"{first}\r\n {second} \n\nnope", since="2027-01-15T08:00", until="2027-01-15")
    assert page.numbers["matching"] == "2"
    assert "the other ids have no instance that fits" in page.words
    pages.post(BULK, page.forms[BULK] | {"do": "start"})
    (job,) = api.ok("GET", "/api/jobs")
    assert (job["total"], job["filter"]) == (
        2,
        {"ids": [first, second, "nope"], "since": "2027-01-15T08:00:00Z", "until": "2027-01-15T23:59:59.999999Z"},
    )


def test_restart_from_a_step(rig: Rig, api: Api, pages: Pages) -> None:
    """An option of another action is not passed on with it."""
    fill(rig, "errored", 1)
    page = previewed(pages, "?action=restart&step=nap&type=sleep&rollback=yes")
    assert "begins again with the step nap-1" in page.words
    pages.post(BULK, page.forms[BULK] | {"do": "start"})
    (job,) = api.ok("GET", "/api/jobs")
    assert job["options"] == {"from_step": {"name": "nap", "count": 1, "type": "sleep"}}


def test_nothing_to_move_is_nothing_to_begin(rig: Rig, pages: Pages) -> None:
    """There is no button for it."""
    fill(rig, "complete", 2)
    page = previewed(pages, "?action=pause")
    assert (page.numbers["total"], page.numbers["no_effect"]) == ("0", "2")
    assert page.buttons == ["Change"]


def test_a_wish_can_be_changed(rig: Rig, pages: Pages) -> None:
    """What was filled in is still there."""
    fill(rig, "waiting", 2)
    page = previewed(pages, "?action=pause&status=waiting&version=1")
    form = pages.read(pages.post(BULK, page.forms[BULK] | {"do": "change"})).forms[BULK]
    assert (form["action"], form["status"], form["version"]) == (["pause"], ["waiting"], ["1"])


def test_a_second_job_of_the_kind_is_refused_with_a_link_to_the_first(rig: Rig, api: Api, pages: Pages) -> None:
    """409, and the preview is there again."""
    fill(rig, "waiting", 2)
    page = previewed(pages, "?action=pause")
    for _ in range(2):
        answer = pages.post(BULK, page.forms[BULK] | {"do": "start"})
    (job,) = api.ok("GET", "/api/jobs")
    again = pages.read(answer, 409)
    assert f"Job {job['id']} is at work already" in again.words
    assert f"/jobs/{job['id']}" in again.links
    assert "Pause 2 instances" in again.buttons


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"action": "explode"}, "There is no action 'explode' for many instances"),
        ({"status": ["done"]}, "status.0: Input should be"),
        ({"ids": "\n".join(map(str, range(101)))}, "ids: Tuple should have at most 100 items"),
        ({"ids": "ä"}, "Instance id 'ä' is invalid"),
        ({"since": "soon"}, "since 'soon' is not an ISO 8601 date or time"),
        ({"until": "2027-13-01"}, "until '2027-13-01' is not an ISO 8601 date or time"),
        ({"version": "x" * 101}, "version: String should have at most 100 characters"),
        ({"action": "restart", "step": "nap", "count": "0"}, "count must be a whole number from 1"),
        ({"action": "restart", "step": "nap", "count": "many"}, "count must be a whole number from 1"),
        ({"action": "restart", "step": "nap", "type": "timer"}, "type must be one of do, sleep, waitForEvent"),
    ],
)
def test_what_makes_no_sense_is_told_in_the_form(rig: Rig, api: Api, pages: Pages, wish: Any, told: str) -> None:
    """Before the preview and instead of the job; what was filled in is still there."""
    fill(rig, "errored", 1)
    form = pages.get(BULK).forms[BULK]
    for do in ("", "start"):
        page = pages.read(pages.post(BULK, form | wish | {"do": do}), 400)
        assert told in page.words
        assert page.buttons == ["Preview"]
    assert api.ok("GET", "/api/jobs") == []


def test_the_removal_of_the_workflow_is_no_action_of_this_page(rig: Rig, api: Api, pages: Pages) -> None:
    """It needs another right, and another confirmation."""
    fill(rig, "complete", 1)
    answer = pages.post(BULK, {"action": "delete_workflow", "do": "start"})
    assert answer.status_code == 400
    assert api.ok("GET", "/api/jobs") == []


def test_who_may_only_look_gets_no_form(rig: Rig, api: Api) -> None:
    """Neither does who may touch another workflow only; and an unknown workflow has no page."""
    for token in (make_token(rig, "eve", "read"), make_token(rig, "bob", "write", workflows=["other"])):
        theirs = Pages(api, token)
        theirs.get(BULK, 403)
        assert theirs.post(BULK, {"action": "delete", "do": "start"}).status_code == 403
    Pages(api, make_token(rig, "ci", "write")).get("/workflows/nope/bulk", 404)
    assert rig.sql("select * from wf.job") == []
