"""Pages that set something over a class, and the page that removes a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.jobs import fill, work
from tests.support.pages import Pages
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

API = "/api/workflows/nightly-paged"
PAGE, REMOVE = "/workflows/nightly-paged/settings", "/workflows/nightly-paged/remove"


class Nightly(
    WorkflowEntrypoint, name="nightly-paged", schedules=["0 9 * * *"], concurrency=2, limits={"steps": 50},
    default_retention={"success_retention": "1 day"},
):  # fmt: skip
    """A workflow with settings."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Nightly)


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def test_the_page_tells_what_the_class_says_and_what_is_set_over_it(api: Api, pages: Pages) -> None:
    """As the API does, which tells both apart."""
    before = pages.get(PAGE)
    assert "concurrency limit: 2 nothing limit: 2" in before.words
    assert "retention success: 1 d nothing success: 1 d" in before.words
    assert pages.send(PAGE, concurrency="7", success_retention="36 hours").headers["Location"] == (
        f"{PAGE}?said=configured"
    )
    after = pages.get(PAGE)
    assert "concurrency limit: 2 limit: 7 limit: 7" in after.words
    assert "retention success: 1 d success: 1 d 12 h success: 1 d 12 h" in after.words
    assert api.ok("GET", f"{API}/settings") == {
        "workflow_id": "nightly-paged", "version_id": "1", "script_name": Nightly.__module__, "class_name": "Nightly",
        "declared": {
            "limits": {"steps": 50}, "concurrency": {"limit": 2}, "schedules": ["0 9 * * *"],
            "default_retention": {"success_retention": 86400.0},
        },
        "overrides": {"concurrency": {"limit": 7}, "default_retention": {"success_retention": 129600.0}},
        "settings": {
            "limits": {"steps": 50}, "concurrency": {"limit": 7}, "schedules": ["0 9 * * *"],
            "default_retention": {"success_retention": 129600.0},
        },
    }  # fmt: skip
    assert api.ok("GET", f"{API}/settings")["settings"] == api.ok("GET", API)["settings"]


def test_the_form_holds_what_is_set(pages: Pages) -> None:
    """Sent as it is, it changes nothing."""
    filled = {
        "concurrency": ["7"], "success_retention": ["1 d 12 h"], "error_retention": ["90061.5"],
        "own_schedules": ["yes"], "schedules": ["30 8 * * *\n0 9 * * *"],
        **{f"restart_{part}": [""] for part in ("limit", "delay", "backoff", "on", "from")},
    }  # fmt: skip
    wish = {"concurrency": "7", "success_retention": "36 hours", "error_retention": "90061.5", "own_schedules": "yes"}
    pages.send(PAGE, **wish, schedules="30  8 * * *\r\n\r\n 0 9 * * *")
    assert pages.get(PAGE).forms[PAGE] == filled
    pages.send(PAGE)
    assert pages.get(PAGE).forms[PAGE] == filled


def test_schedules_are_switched_off_and_given_back(api: Api, pages: Pages) -> None:
    """None with the box ticked means none; without it the class says."""
    pages.send(PAGE, own_schedules="yes", schedules="")
    assert api.ok("GET", f"{API}/schedules") == []
    assert "schedules 0 9 * * * none none" in pages.get(PAGE).words
    pages.send(PAGE, own_schedules=None, schedules="15 * * * *")
    assert [each["cron"] for each in api.ok("GET", f"{API}/schedules")] == ["0 9 * * *"]


def test_everything_is_taken_back(api: Api, pages: Pages) -> None:
    """By a button of its own, whatever the fields say; the audit has both."""
    before = api.ok("GET", API)
    pages.send(PAGE, concurrency="7")
    pages.send(PAGE, do="back", concurrency="nonsense")
    assert api.ok("GET", API) == before
    assert [entry["detail"] for entry in api.ok("GET", "/api/audit?action=configure")] == [
        {}, {"concurrency": {"limit": 7}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "field", "told"),
    [
        ({"concurrency": "0"}, "concurrency", "A whole number from 1 to 50,000 is needed."),
        ({"concurrency": "50001"}, "concurrency", "A whole number from 1 to 50,000 is needed."),
        ({"concurrency": "many"}, "concurrency", "A whole number from 1 to 50,000 is needed."),
        ({"success_retention": "soon"}, "success_retention", "'soon' is not a duration"),
        ({"success_retention": "0"}, "success_retention", "must be above zero"),
        ({"error_retention": "2000 years"}, "error_retention", "must be at most 1000 years"),
        ({"error_retention": "nan"}, "error_retention", "is not a duration"),
        ({"own_schedules": "yes", "schedules": "0 9 * * *\nnoon"}, "schedules", "'noon' is no cron expression"),
        ({"own_schedules": "yes", "schedules": "0 0 31 2 *"}, "schedules", "is no cron expression"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(api: Api, pages: Pages, wish: Any, field: str, told: str) -> None:
    """Nothing is changed, and what was filled in is still there."""
    before = api.ok("GET", API)
    answer = pages.send(PAGE, **{"concurrency": "7", **wish})
    page = pages.read(answer, 400)
    wrong = answer.text.partition(f'id="{field}-wrong"')[2].partition("</p>")[0]
    assert told in wrong.replace("&#39;", "'")
    assert answer.text.count('aria-invalid="true"') == 1
    assert page.forms[PAGE] | {name: [value] for name, value in wish.items()} == page.forms[PAGE]
    assert api.ok("GET", API) == before
    assert api.ok("GET", "/api/audit") == []


def test_too_many_schedules_are_told_beside_their_field(api: Api, pages: Pages) -> None:
    """By the same limit as those of classes."""
    crons = "\n".join([f"{n} * * * *" for n in range(60)] + [f"{n} 1 * * *" for n in range(41)])
    answer = pages.send(PAGE, own_schedules="yes", schedules=crons)
    assert answer.status_code == 409
    assert "the limit for all together is 100" in answer.text.partition('id="schedules-wrong"')[2].partition("</p>")[0]


def test_who_is_no_administrator_sees_settings_only(rig: Rig, api: Api) -> None:
    """The form is not there, and what it would send is refused."""
    writer = Pages(api, make_token(rig, "ci", "write"))
    page = writer.get(PAGE)
    assert (page.forms, page.buttons, REMOVE in page.links) == ({}, [], False)
    assert writer.post(PAGE, {"concurrency": "7"}).status_code == 403
    writer.get(REMOVE, 403)
    assert writer.post(REMOVE, {"typed": "nightly-paged"}).status_code == 403
    other = Pages(api, make_token(rig, "bob", "admin", workflows=["other"]))
    for path in (PAGE, REMOVE):
        other.get(path, 403)
        assert other.post(path, {"typed": "nightly-paged"}).status_code == 403
    assert rig.sql("select overrides from wf.workflow") == [({},)]


def test_an_unknown_workflow_has_no_such_pages(pages: Pages, api: Api) -> None:
    """Nor does the API know settings of it."""
    for page in ("settings", "remove"):
        pages.get(f"/workflows/nope/{page}", 404)
    assert api.refusal("GET", "/api/workflows/nope/settings")[:2] == (404, 10200)


def test_a_workflow_is_removed_by_whoever_types_its_name(rig: Rig, api: Api, pages: Pages) -> None:
    """Asked twice it is done once; the page has said how many instances go with it."""
    fill(rig, "waiting", 2, workflow="nightly-paged")
    fill(rig, "complete", 1, workflow="nightly-paged")
    assert pages.get(REMOVE).numbers == {"total": "3", "affected.waiting": "2", "affected.complete": "1"}
    for typed in ("", "Nightly", "nightl"):
        wrong = pages.read(pages.send(REMOVE, typed=typed), 400)
        assert "This is not the name of the workflow. Nothing was removed." in wrong.words
    assert api.ok("GET", "/api/jobs") == []
    answers = [pages.send(REMOVE, typed=" nightly-paged ") for _ in range(2)]
    (job,) = api.ok("GET", "/api/jobs")
    assert [answer.headers["Location"] for answer in answers] == [f"/jobs/{job['id']}?said=started"] * 2
    assert "remove the workflow" in pages.get(f"/jobs/{job['id']}").words
    work(rig)
    assert rig.sql("select name from wf.workflow") == []
