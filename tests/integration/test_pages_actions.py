"""Pages of actions on one instance: what they say, what they do, and what they refuse."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.api import Api
from tests.support.attempts import one_step
from tests.support.errands import Errand
from tests.support.jobs import fill
from tests.support.pages import Pages
from tests.support.parcels import Parcel, at
from wf import WorkflowEntrypoint
from wf.lifecycle import Action, Effect, effect, offered
from wf.prospects import CHOICE, SHOWN
from wf.status import Status
from wf_api.pages.whynot import why_not

if TYPE_CHECKING:
    from tests.support import Rig

ACTIONS = ("pause", "resume", "terminate", "restart", "delete")


class Many(WorkflowEntrypoint, name="many-steps"):
    """More steps than anybody wants to see, each with a rollback, and then fails."""

    async def run(self, event: Any, step: Any) -> None:
        for _ in range(event.payload["steps"]):
            await step.do("part", lambda: None, rollback=lambda: None)
        await step.wait_for_event("permit", "go")


def page_of(action: str, id: str = "r-17", workflow: str = "parcel") -> str:
    return at(id, f"/{action}", workflow).removeprefix("/api")


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


@pytest.fixture
def parcel(rig: Rig) -> Rig:
    """A parcel whose packing has failed once, and will be tried again in 30 s."""
    rig.workers[0].catalog.register(Parcel)
    rig.create(Parcel, "r-17")
    rig.settle()
    return rig


@pytest.mark.parametrize("status", Status)
def test_what_is_offered_is_what_does_something(status: Status) -> None:
    """By the table of the lifecycle, and in its order."""
    still = (Effect.NOTHING, Effect.REFUSED)
    assert offered(status) == [action for action in Action if effect(action, status) not in still]
    assert {Action.RESTART, Action.DELETE} <= set(offered(status))


@pytest.mark.parametrize("status", Status)
def test_a_page_has_a_button_or_says_why_not(rig: Rig, pages: Pages, status: Status) -> None:
    """And what is not offered is not done by a form that somebody makes up."""
    rig.workers[0].catalog.register(Errand)
    (id,) = fill(rig, status, 1)
    for action in ACTIONS:
        path = page_of(action, id, "errand")
        page = pages.get(path)
        assert f"Status {status}" in page.words
        if action in offered(status):
            assert (list(page.forms), page.buttons) == ([path], [f"{action.capitalize()} it"])
            continue
        assert (page.forms, page.buttons) == ({}, [])
        assert why_not(Action(action), status) in page.words
        assert pages.post(path, {}).status_code == 409
    assert rig.sql("select status from wf.instance") == [(status,)]
    assert rig.sql("select * from wf.audit") == []


def test_a_pause_lets_nothing_begin(parcel: Rig, api: Api, pages: Pages) -> None:
    """Without a running step it stands still at once; the form leads back to the instance, and the audit knows who."""
    page = pages.get(page_of("pause"))
    assert "No step runs now, so it stands still at once" in page.words
    answer = pages.send(page_of("pause"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/workflows/parcel/instances/r-17?said=paused")
    assert api.ok("GET", at("r-17"))["status"] == "paused"
    assert [(entry["actor"], entry["action"]) for entry in api.ok("GET", "/api/audit")] == [("api:local", "pause")]


def test_what_runs_now_is_named(rig: Rig, api: Api, pages: Pages) -> None:
    """It finishes before a pause, and is cut off by a termination, a restart and a removal."""
    began, finish = Signal(), Signal()

    def stand() -> int:
        began.set()
        assert finish.wait(20)
        return 1

    cls = one_step(stand, "standing")
    rig.create(cls, "r-17")
    working = rig.in_thread(rig.settle)
    assert began.wait(10)
    (step,) = api.ok("GET", at("r-17", "", cls.workflow_name))["steps"]
    words = {action: pages.get(page_of(action, workflow=cls.workflow_name)).words for action in ACTIONS}
    assert f"These steps run now, and finish first; then it stands still until somebody resumes it: {step['name']}" in (
        words["pause"]
    )  # fmt: skip
    for action in ("terminate", "restart", "delete"):
        assert "These steps run now. They are cut off" in words[action]
        assert step["name"] in words[action]
    assert pages.send(page_of("pause", workflow=cls.workflow_name)).status_code == 303
    resume = pages.get(page_of("resume", workflow=cls.workflow_name))
    assert "The pause that was asked for is called off" in resume.words
    finish.set()
    working.result(10)


def test_resume_goes_on(parcel: Rig, api: Api, pages: Pages) -> None:
    """Every deadline is later by the pause, as the page has said."""
    parcel.client.workflow("parcel").get("r-17").pause()
    parcel.clock.advance(100)
    assert "later by the time that it stood still" in pages.get(page_of("resume")).words
    assert pages.send(page_of("resume")).headers["Location"].endswith("?said=resumed")
    found = api.ok("GET", at("r-17"))
    assert found["status"] == "queued"
    assert found["steps"][1]["wakeAt"] == "2027-01-15T08:02:10Z"


def test_terminate_names_the_steps_that_a_rollback_undoes(parcel: Rig, api: Api, pages: Pages) -> None:
    """They are those that are undone then; the box decides."""
    page = pages.get(page_of("terminate"))
    assert "1 step has begun that has a rollback handler" in page.words
    assert "ends the rollback. secret-1" in page.words
    answer = pages.send(page_of("terminate"), rollback="yes")
    assert answer.headers["Location"].endswith("?said=rolling-back")
    assert api.ok("GET", at("r-17"))["status"] == "rollingBack"
    again = pages.get(page_of("terminate"))
    assert "The rollback ends where it is" in again.words
    assert "rollback" not in again.forms[page_of("terminate")]
    parcel.settle()
    found = api.ok("GET", at("r-17"))
    assert found["rollback"] == {"outcome": "complete", "error": None}
    undone = [step["name"] for step in found["steps"] if step["type"] == "rollback"]
    assert (undone, page.numbers["undone"]) == (["secret-1"], "1")


def test_terminate_without_the_box_rolls_nothing_back(parcel: Rig, api: Api, pages: Pages) -> None:
    """The box is not ticked from the beginning."""
    assert pages.send(page_of("terminate")).headers["Location"].endswith("?said=terminated")
    found = api.ok("GET", at("r-17"))
    assert (found["status"], found["rollback"]) == ("terminated", None)


def test_terminate_says_that_there_is_nothing_to_roll_back(rig: Rig, pages: Pages) -> None:
    """Then there is no box."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    page = pages.get(page_of("terminate", workflow="errand"))
    assert "There is nothing to roll back" in page.words
    assert "rollback" not in page.forms[page_of("terminate", workflow="errand")]


def test_restart_begins_where_one_says(parcel: Rig, api: Api, pages: Pages) -> None:
    """Every step of the history can be chosen; without a choice it is the start."""
    parcel.pass_time(30)
    page = pages.get(page_of("restart"))
    assert page.forms[page_of("restart")]["begin"] == [""]
    for option in ("from the start", "from pack-1 (complete)", "from secret-1 (complete)", "from nap-1 (waiting)"):
        assert option in page.words
    answer = pages.send(page_of("restart"), begin="sleep:1:nap")
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].endswith("?said=restarted")
    after = api.ok("GET", at("r-17"))
    assert (after["generation"], [each["name"] for each in after["steps"]]) == (2, ["secret-1", "pack-1"])
    pages.send(page_of("restart"))
    assert api.ok("GET", at("r-17"))["steps"] == []
    details = [entry["detail"] for entry in api.ok("GET", "/api/audit?action=restart")]
    assert details == [{"from": "start"}, {"from": {"name": "nap", "count": 1, "type": "sleep"}}]


def test_an_address_names_the_step_to_restart_from(parcel: Rig, pages: Pages) -> None:
    """For the link beside a step; the API's word for a `do` is understood, too."""
    for query, value in (
        ("?from=pack", "do:1:pack"), ("?from=pack&count=1&type=step", "do:1:pack"), ("?from=secret", "do:1:secret"),
    ):  # fmt: skip
        assert pages.get(page_of("restart") + query).forms[page_of("restart")]["begin"] == [value]
    page = pages.get(page_of("restart") + "?from=pack&count=2", 409)
    assert 'Step "pack" not found in execution history' in page.words
    assert page.forms[page_of("restart")]["begin"] == [""]
    pages.get(page_of("restart") + "?from=pack&count=0", 400)
    pages.get(page_of("restart") + "?from=pack&type=timer", 400)


def test_restart_of_what_has_failed_begins_with_the_failure(rig: Rig, pages: Pages) -> None:
    """Unless somebody says otherwise."""

    class Failing(WorkflowEntrypoint, name="failing"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("first", lambda: 1)
            await step.do("second", lambda: 1 // 0, config={"retries": {"limit": 0}})

    rig.create(Failing, "r-17")
    rig.settle()
    page = pages.get(page_of("restart", workflow="failing"))
    assert page.forms[page_of("restart", workflow="failing")]["begin"] == ["do:1:second"]
    assert "from second-1 (errored, failed last)" in page.words


@pytest.mark.parametrize("begin", ["do:1:nope", "do:2:pack", "timer:1:nap", "do:0:pack", "do:x:pack", "pack", "do:1:"])
def test_a_restart_from_nowhere_is_refused_in_the_form(parcel: Rig, api: Api, pages: Pages, begin: str) -> None:
    """Nothing changes, and the form is there again."""
    before = api.ok("GET", at("r-17"))
    answer = pages.send(page_of("restart"), begin=begin)
    assert answer.status_code in (400, 409)
    assert 'class="fault" role="alert"' in answer.text
    assert f'action="{page_of("restart")}"' in answer.text
    assert api.ok("GET", at("r-17")) == before


def test_many_steps_are_named_in_part(rig: Rig, pages: Pages) -> None:
    """Their number is whole; a step that is not listed can be begun with nevertheless."""
    number = CHOICE + 5
    rig.create(Many, "r-17", {"steps": number})
    rig.settle()
    terminate = pages.get(page_of("terminate", workflow="many-steps"))
    assert terminate.numbers["undone"] == str(number)
    assert f"and {number - SHOWN} that began before these" in terminate.words
    restart = pages.get(page_of("restart", workflow="many-steps"))
    assert f"Only its newest {CHOICE} steps are listed" in restart.words
    assert restart.words.count("from part-") == CHOICE - 1
    named = pages.get(page_of("restart", workflow="many-steps") + "?from=part&count=2")
    assert named.forms[page_of("restart", workflow="many-steps")]["begin"] == ["do:2:part"]


def test_delete_removes_everything(parcel: Rig, api: Api, pages: Pages) -> None:
    """The form leads to the other instances; the page of the one is gone."""
    assert "This cannot be undone" in pages.get(page_of("delete")).words
    answer = pages.send(page_of("delete"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/workflows/parcel/instances?said=deleted")
    assert api.refusal("GET", at("r-17"))[0] == 404
    for action in ACTIONS:
        pages.get(page_of(action), 404)
    assert pages.post(page_of("delete"), {}).status_code == 404


def test_what_has_changed_meanwhile_is_told_before_anything_is_done(parcel: Rig, api: Api, pages: Pages) -> None:
    """A page that was made before a restart, or before the end, says things that are not true any more."""
    instance = parcel.client.workflow("parcel").get("r-17")
    old = pages.get(page_of("delete")).forms[page_of("delete")]
    instance.restart()
    answer = pages.post(page_of("delete"), old)
    assert answer.status_code == 409
    assert "It has moved on since this page was made: it is queued now" in answer.text
    old = pages.get(page_of("restart")).forms[page_of("restart")]
    instance.terminate()
    assert pages.post(page_of("restart"), old).status_code == 409
    assert api.ok("GET", at("r-17"))["status"] == "terminated"
    assert pages.send(page_of("restart")).status_code == 303


def test_too_many_restarts_are_refused_in_the_form(rig: Rig) -> None:
    """With the time to wait."""
    rig.create(Errand, "r-17", {"do": "wait"})
    with Api(rig.settings.model_copy(update={"creation_rate": 1.0}), rig.clock) as api:
        path = page_of("restart", workflow="errand")
        assert Pages(api).send(path).status_code == 303
        answer = Pages(api).send(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "Nothing was done; try again in 1 s." in answer.text


def test_ids_of_schedules_have_pages_too(rig: Rig, api: Api, pages: Pages) -> None:
    """However many slashes are in them."""
    rig.workers[0].catalog.register(Parcel)
    rig.pass_time(1800)
    (made,) = api.ok("GET", at("")[:-1])
    for action in ACTIONS:
        assert made["id"] in pages.get(page_of(action, made["id"])).words
    answer = pages.send(page_of("delete", made["id"]))
    assert answer.status_code == 303
    assert api.ok("GET", at("")[:-1]) == []


def test_who_may_only_look_gets_no_form(parcel: Rig, api: Api) -> None:
    """Neither the page nor what its form would do; and who may touch another workflow only, neither."""
    for token in (make_token(parcel, "eve", "read"), make_token(parcel, "bob", "write", workflows=["other"])):
        theirs = Pages(api, token)
        for action in ACTIONS:
            theirs.get(page_of(action), 403)
            assert theirs.post(page_of(action), {}).status_code == 403
    assert parcel.sql("select status from wf.instance") == [("waiting",)]


def test_a_page_of_another_site_changes_nothing(parcel: Rig, api: Api, pages: Pages) -> None:
    """Also before there is any token."""
    for action in ACTIONS:
        answer = api("POST", page_of(action), data={}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
    assert parcel.sql("select status, generation from wf.instance") == [("waiting", 1)]


def test_names_of_users_are_text(rig: Rig, api: Api) -> None:
    """Whatever they are."""
    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e'

    class Evil(WorkflowEntrypoint, name="evil"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do(evil, lambda: 1, rollback=lambda: None)
            await step.wait_for_event("permit", "go")

    rig.create(Evil, "r-17")
    rig.settle()
    for action in ACTIONS:
        html = api("GET", page_of(action, workflow="evil"), headers={"Accept": "text/html"}).text
        assert "<img src=x" not in html
        assert "<script>alert" not in html
    chosen = Pages(api).get(page_of("restart", workflow="evil"))
    assert Pages(api).send(page_of("restart", workflow="evil"), begin=f"do:1:{evil}").status_code == 303
    assert chosen.forms[page_of("restart", workflow="evil")]["begin"] == [""]
