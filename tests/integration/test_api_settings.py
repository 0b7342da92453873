"""What operators set over a class by REST: what takes effect when, and how it is taken back."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand, versions
from wf import WorkflowEntrypoint
from wf.database import Database
from wf.sql import statements

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api


class Nightly(
    WorkflowEntrypoint, name="nightly", schedules=["0 9 * * *"], concurrency=2, limits={"steps": 50},
    default_retention={"success_retention": "1 day"},
):  # fmt: skip
    """A workflow with settings."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


CLASS = {"script_name": Nightly.__module__, "class_name": "Nightly"}
NIGHTLY = "/api/workflows/nightly"


def register(rig: Rig, *classes: type[WorkflowEntrypoint]) -> None:
    for cls in classes:
        rig.workers[0].catalog.register(cls)


def test_concurrency_that_is_set_takes_effect_on_slots(rig: Rig, api: Api) -> None:
    """More instances get a slot at once; a lower limit lets those that run go on."""
    register(rig, Nightly)

    class Holding(WorkflowEntrypoint, name="holding", concurrency=1):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("work", lambda: None)

    register(rig, Holding)
    told = {"script_name": Holding.__module__, "class_name": "Holding"}
    assert rig.sql("select concurrency from wf.workflow where name = 'holding'") == [(1,)]
    found = api.ok("PUT", "/api/workflows/holding", json={**told, "concurrency": {"limit": 3}})
    assert found["settings"]["concurrency"] == {"limit": 3}
    assert rig.sql("select concurrency from wf.workflow where name = 'holding'") == [(3,)]
    assert rig.sql("select count(*) from wf.slot where workflow = 'holding'") == [(3,)]
    api.ok("PUT", "/api/workflows/holding", json={**told, "concurrency": {"limit": 2}})
    assert rig.sql("select count(*) from wf.slot where workflow = 'holding'") == [(2,)]


def test_the_answer_to_settings_has_every_field_of_the_baseline(rig: Rig, api: Api) -> None:
    """And ours beside them."""
    register(rig, Nightly)
    assert api.ok("PUT", NIGHTLY, json={**CLASS, "concurrency": {"limit": 9}}) == {
        "id": "nightly", "name": "nightly", "version_id": "1", "class_name": "Nightly",
        "script_name": Nightly.__module__, "created_on": "2027-01-15T08:00:00Z",
        "modified_on": "2027-01-15T08:00:00Z", "triggered_on": None, "is_deleted": 0, "terminator_running": 0,
        "settings": {
            "limits": {"steps": 50}, "concurrency": {"limit": 9}, "schedules": ["0 9 * * *"],
            "default_retention": {"success_retention": 86400.0},
        },
    }  # fmt: skip


def test_the_answer_tells_whether_all_are_being_terminated(rig: Rig, api: Api) -> None:
    """As long as such a job is at work."""
    register(rig, Nightly)
    job = rig.client.jobs.terminate_all("nightly").job_id
    assert api.ok("PUT", NIGHTLY, json=CLASS)["terminator_running"] == 1
    rig.client.jobs.cancel(job)
    assert api.ok("PUT", NIGHTLY, json=CLASS)["terminator_running"] == 0


def test_schedules_that_are_set_fire_next(rig: Rig, api: Api) -> None:
    """In place of those of the class; one that stays goes on as it was."""
    register(rig, Nightly)
    api.ok("PUT", NIGHTLY, json={**CLASS, "schedules": [{"cron": "0 9 * * *"}, {"cron": "30  8 * * *"}]})
    found = api.ok("GET", f"{NIGHTLY}/schedules")
    assert [(each["cron"], each["next_instance"]) for each in found] == [
        ("30 8 * * *", "2027-01-15T08:30:00Z"),
        ("0 9 * * *", "2027-01-15T09:00:00Z"),
    ]
    rig.pass_time(1800)
    (made,) = api.ok("GET", f"{NIGHTLY}/instances")
    assert (made["trigger_source"], made["id"][:10]) == ("cron", "30 8 * * *")


def test_an_empty_list_of_schedules_switches_them_off(rig: Rig, api: Api) -> None:
    """Without a deployment; an absent list gives the word back to the class."""
    register(rig, Nightly)
    assert api.ok("PUT", NIGHTLY, json={**CLASS, "schedules": []})["settings"]["schedules"] == []
    assert api.ok("GET", f"{NIGHTLY}/schedules") == []
    register(rig, Nightly)
    assert api.ok("GET", f"{NIGHTLY}/schedules") == []
    rig.pass_time(2 * 86_400)
    assert api.ok("GET", f"{NIGHTLY}/instances") == []
    api.ok("PUT", NIGHTLY, json=CLASS)
    assert [each["cron"] for each in api.ok("GET", f"{NIGHTLY}/schedules")] == ["0 9 * * *"]


def test_retention_that_is_set_holds_for_new_instances(rig: Rig, api: Api) -> None:
    """Those that exist keep theirs."""
    register(rig, Errand)
    told = {"script_name": Errand.__module__, "class_name": "Errand"}
    api.ok("POST", "/api/workflows/errand/instances", json={"instance_id": "before"})
    api.ok("PUT", "/api/workflows/errand", json={**told, "default_retention": {"success_retention": "2 hours"}})
    api.ok("POST", "/api/workflows/errand/instances", json={"instance_id": "after"})
    assert rig.sql("select id, keep_success, keep_error from wf.instance order by key") == [
        ("before", None, None),
        ("after", 7200.0, None),
    ]


def test_settings_survive_a_new_registration(rig: Rig, api: Api) -> None:
    """By the same version, and by a newer one, whose other keywords come into force."""
    register(rig, Nightly)
    wish = {**CLASS, "concurrency": {"limit": 7}, "schedules": [{"cron": "15 * * * *"}]}
    api.ok("PUT", NIGHTLY, json=wish)

    class Newer(WorkflowEntrypoint, name="nightly", version="2", concurrency=1, limits={"steps": 60}):
        async def run(self, event: Any, step: Any) -> None: ...

    for cls, steps in ((Nightly, 50), (Newer, 60)):
        register(rig, cls)
        found = api.ok("GET", NIGHTLY)
        assert (found["version"], found["settings"]["limits"]) == (cls.workflow_version, {"steps": steps})
        assert found["settings"]["concurrency"] == {"limit": 7}
        assert [each["cron"] for each in found["schedules"]] == ["15 * * * *"]
    assert rig.sql("select concurrency from wf.workflow") == [(7,)]


def test_an_empty_wish_takes_everything_back(rig: Rig, api: Api) -> None:
    """Then the class decides again, at once."""
    register(rig, Nightly)
    before = api.ok("GET", NIGHTLY)
    api.ok("PUT", NIGHTLY, json={**CLASS, "concurrency": {"limit": 7}, "schedules": [{"cron": "15 * * * *"}]})
    api.ok("PUT", NIGHTLY, json=CLASS)
    assert api.ok("GET", NIGHTLY) == before
    assert rig.sql("select concurrency, overrides from wf.workflow") == [(2, {})]
    assert rig.sql("select count(*) from wf.slot") == [(2,)]


def test_settings_are_noted_in_the_audit(rig: Rig, api: Api) -> None:
    """Who, and what."""
    register(rig, Nightly)
    api.ok("PUT", NIGHTLY, json={**CLASS, "concurrency": {"limit": 7}})
    (entry,) = api.ok("GET", "/api/audit?action=configure")
    assert (entry["actor"], entry["workflow"], entry["instance"]) == ("api:local", "nightly", "")
    assert entry["detail"] == {"concurrency": {"limit": 7}}


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"class_name": "Other"}, "No worker has registered"),
        ({"script_name": "other"}, "No worker has registered"),
        ({"limits": {"steps": 51}}, "limits stand on the class; change them there"),
        ({"schedules": [{"cron": "nonsense"}]}, "'nonsense' is no cron expression of five fields"),
        ({"schedules": [{"cron": "0 0 31 2 *"}]}, "is no cron expression of five fields"),
        ({"default_retention": {"success_retention": "soon"}}, "'soon' is not a duration"),
        ({"default_retention": {"success_retention": 0}}, "must be above zero"),
        ({"default_retention": {"error_retention": 1e300}}, "must be at most 1000 years"),
        ({"concurrency": {"limit": 0}}, "body.concurrency.limit: Input should be greater than or equal to 1"),
        ({"concurrency": 5}, "body.concurrency"),
        ({"class_name": "a\0"}, "body.class_name"),
        ({"colour": "red"}, "body.colour: Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_be_are_refused(rig: Rig, api: Api, wish: dict[str, Any], told: str) -> None:
    """Nothing is changed, and the detail says what is wrong."""
    register(rig, Nightly)
    before = api.ok("GET", NIGHTLY)
    answer = api("PUT", NIGHTLY, json={**CLASS, "concurrency": {"limit": 7}, **wish})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 10002)
    assert told in answer.json()["errors"][0]["detail"]
    assert api.ok("GET", NIGHTLY) == before
    assert api.ok("GET", "/api/audit") == []


def test_limits_may_repeat_what_the_class_says(rig: Rig, api: Api) -> None:
    """So that a tool that sends all of it is not refused."""
    register(rig, Nightly)
    assert api.ok("PUT", NIGHTLY, json={**CLASS, "limits": {"steps": 50}})["settings"]["limits"] == {"steps": 50}


@pytest.mark.parametrize("left", ["{}", "{1}"], ids=["none", "an older one"])
def test_a_version_that_only_another_release_registered_is_refused(rig: Rig, api: Api, left: str) -> None:
    """As after a migration, before its workers have been restarted: the detail says what is to be done."""
    classes = versions("moved", "1", "2")
    register(rig, *classes)
    rig.sql(f"delete from wf.version where version <> all ('{left}')")
    wish = {"script_name": classes[0].__module__, "class_name": "moved", "concurrency": {"limit": 7}}
    answer = api("PUT", "/api/workflows/moved", json=wish)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 10002)
    assert answer.json()["errors"][0]["detail"] == (
        "No worker has registered version '2' of workflow 'moved' since the last migration; start one."
    )
    register(rig, classes[1])
    assert api.ok("PUT", "/api/workflows/moved", json=wish)["settings"] == {"concurrency": {"limit": 7}}


def test_a_jurisdiction_is_ignored(rig: Rig, api: Api) -> None:
    """There is one place here, and the baseline's clients say where they want to be."""
    register(rig, Nightly)
    told = api.ok("PUT", NIGHTLY, json={**CLASS, "jurisdiction": "eu"})
    assert "jurisdiction" not in told | told["settings"]


def test_too_many_schedules_are_refused(rig: Rig, api: Api) -> None:
    """By the same limit as those of classes."""
    register(rig, Nightly, Errand)
    told = {"script_name": Errand.__module__, "class_name": "Errand"}
    crons = [{"cron": f"{minute} * * * *"} for minute in range(60)] + [{"cron": f"{n} 1 * * *"} for n in range(40)]
    found = api.refusal("PUT", "/api/workflows/errand", json={**told, "schedules": crons})
    assert found == (409, 10419, "workflows.api.error.workflow.too_many_schedules")
    api.ok("PUT", "/api/workflows/errand", json={**told, "schedules": crons[1:]})


def test_a_workflow_does_not_come_to_be_by_its_settings(api: Api) -> None:
    """Workers register classes; there is nothing to set before."""
    assert api.refusal("PUT", "/api/workflows/nope", json=CLASS)[:2] == (404, 10200)
    assert api.refusal("PUT", "/api/workflows/nope", json={})[:2] == (400, 10002)


def test_settings_and_a_registration_at_the_same_time_both_hold(rig: Rig, api: Api) -> None:
    """Whoever comes second looks again: neither the version of the one nor the wish of the other is lost."""
    classes = versions("raced", *map(str, range(1, 13)))
    register(rig, classes[0])
    told = {"script_name": classes[0].__module__, "class_name": "raced"}
    for number, cls in enumerate(classes[1:], 2):
        registering = rig.in_thread(rig.workers[0].catalog.register, cls)
        api.ok("PUT", "/api/workflows/raced", json={**told, "concurrency": {"limit": number}})
        registering.result(10)
        found = api.ok("GET", "/api/workflows/raced")
        assert (found["version"], found["settings"]) == (str(number), {"concurrency": {"limit": number}})
        assert rig.sql("select concurrency from wf.workflow") == [(number,)]


def test_settings_do_not_undo_a_registration_that_was_half_done_when_they_were_read(
    rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer version is in force at the end: the wish was for the older one, so it is looked at again."""
    old, new = versions("halfway", "1", "2")
    register(rig, old)
    settle, rows = statements()["workflow_settle"], Database.rows
    arrived, go_on = {True: Signal(), False: Signal()}, {True: Signal(), False: Signal()}

    def stop(self: Database, sql: Any, params: Any = None) -> Any:
        if sql == settle:
            by_worker = params["actor"] is None
            arrived[by_worker].set()
            assert go_on[by_worker].wait(10)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", stop)
    registering = rig.in_thread(rig.workers[0].catalog.register, new)
    assert arrived[True].wait(10)
    wish = {"script_name": old.__module__, "class_name": "halfway", "concurrency": {"limit": 7}}
    setting = rig.in_thread(lambda: api.ok("PUT", "/api/workflows/halfway", json=wish))
    assert arrived[False].wait(10)
    go_on[True].set()
    registering.result(10)
    go_on[False].set()
    assert setting.result(10)["version_id"] == "2"
    found = api.ok("GET", "/api/workflows/halfway")
    assert (found["version"], found["settings"]) == ("2", {"concurrency": {"limit": 7}})
