"""Every move of an instance over REST, from every status."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attempts import one_step
from tests.support.errands import Errand
from tests.support.parcels import Parcel, at

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PREFIX = "workflows.api.error."
NOT_FOUND = (404, 10400, PREFIX + "instance.not_found")

LIFE = ["queued", "running", "waiting", "waitingForPause", "paused", "complete", "errored", "terminated"]


class Life:
    """Brings an instance into any status."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.began, self.finish = rig, Signal(), Signal()
        self.cls = one_step(self._stand, "life")
        self.name = self.cls.workflow_name
        self._working: Any = None

    def _stand(self) -> int:
        self.began.set()
        assert self.finish.wait(10)
        return 1

    def bring(self, status: str) -> str:
        """The path of an instance in that status."""
        rig = self.rig
        if status in ("running", "waitingForPause"):
            instance = rig.create(self.cls, "r-17")
            self._working = rig.in_thread(rig.settle)
            assert self.began.wait(10)
            if status == "waitingForPause":
                instance.pause()
            return at("r-17", "", self.name)
        doing = {"complete": "", "errored": "fail"}.get(status, "wait")
        instance = rig.create(Errand, "r-17", {"do": doing})
        if status != "queued":
            rig.settle()
        if status == "paused":
            instance.pause()
        if status == "terminated":
            instance.terminate()
        return at("r-17", "", "errand")

    def close(self) -> None:
        self.finish.set()
        if self._working is not None:
            self._working.result(10)


MOVES: dict[str, dict[str, str | None]] = {
    "pause": {"running": "waitingForPause", "waiting": "paused"},
    "resume": {"waitingForPause": "running", "paused": "queued"},
    "terminate": dict.fromkeys(LIFE[:5], "terminated") | dict.fromkeys(LIFE[5:], None),
    "restart": dict.fromkeys(LIFE, "queued"),
}
"""Where each action leads from each status; elsewhere it has no effect, and None is refused."""


@pytest.mark.parametrize("status", LIFE)
@pytest.mark.parametrize("action", MOVES)
def test_every_action_has_its_effect_from_every_status(rig: Rig, api: Api, action: str, status: str) -> None:
    """As the table of the baseline says; the answer tells the new status and when."""
    life = Life(rig)
    path = life.bring(status)
    assert api.ok("GET", path)["status"] == status
    try:
        expected = MOVES[action].get(status, status)
        if expected is None:
            found = api.refusal("PATCH", f"{path}/status", json={"status": action})
            assert found == (409, 10404, PREFIX + "instance.cannot_terminate")
        else:
            done = api.ok("PATCH", f"{path}/status", json={"status": action})
            assert done == {"status": expected, "timestamp": "2027-01-15T08:00:00Z"}
        assert api.ok("GET", path)["status"] == (expected or status)
    finally:
        life.close()


@pytest.mark.parametrize("status", LIFE)
def test_an_instance_can_be_removed_from_every_status(rig: Rig, api: Api, status: str) -> None:
    """Then it is not there, and the audit says who did it."""
    life = Life(rig)
    path = life.bring(status)
    try:
        assert api.ok("DELETE", path) == {"id": "r-17"}
        assert api.refusal("GET", path) == NOT_FOUND
        assert api.refusal("DELETE", path) == NOT_FOUND
        (entry,) = api.ok("GET", "/api/audit?action=delete")
        assert (entry["actor"], entry["instance"]) == ("api:local", "r-17")
    finally:
        life.close()


def test_terminate_with_rollback_undoes_the_steps(rig: Rig, api: Api) -> None:
    """The answer says that this has begun; the description tells what came of it."""
    rig.create(Parcel, "r-17")
    rig.settle()
    done = api.ok("PATCH", at("r-17", "/status"), json={"status": "terminate", "rollback": True})
    assert done["status"] == "rollingBack"
    assert [entry["id"] for entry in api.ok("GET", at("")[:-1], params={"status": "rollingBack"})] == ["r-17"]
    rig.settle()
    shown = api.ok("GET", at("r-17"))
    assert (shown["status"], shown["rollback"]) == ("terminated", {"outcome": "complete", "error": None})
    assert [each["type"] for each in shown["steps"]][-2:] == ["rollback", "termination"]


def test_a_restart_from_a_step_keeps_what_began_before(rig: Rig, api: Api) -> None:
    """A step that its history has not is refused, and nothing changes."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    before = api.ok("GET", at("r-17"))
    for step in ({"name": "nope"}, {"name": "pack", "count": 2}, {"name": "nap"}):
        answer = api("PATCH", at("r-17", "/status"), json={"status": "restart", "from": step})
        (problem,) = answer.json()["errors"]
        assert (answer.status_code, problem["code"], problem["message"]) == (
            409, 10406, PREFIX + "instance.cannot_restart",
        )  # fmt: skip
        assert f'Step "{step["name"]}" not found in execution history' in problem["detail"]
    assert api.ok("GET", at("r-17")) == before
    from_nap = {"name": "nap", "count": 1, "type": "sleep"}
    assert api.ok("PATCH", at("r-17", "/status"), json={"status": "restart", "from": from_nap})["status"] == "queued"
    after = api.ok("GET", at("r-17"))
    assert (after["generation"], [each["name"] for each in after["steps"]]) == (2, ["secret-1", "pack-1"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "stop"}, "'pause', 'resume', 'terminate', 'restart'"),
        ({}, "status"),
        ([], "body"),
        ({"status": "pause", "rollback": True}, "body.pause.rollback"),
        ({"status": "terminate", "rollback": "yes"}, "body.terminate.rollback"),
        ({"status": "restart", "from": {}}, "body.restart.from.name: Field required"),
        ({"status": "restart", "from": "pack"}, "body.restart.from"),
        ({"status": "restart", "from": {"name": "pack", "count": 0}}, "body.restart.from.count"),
        ({"status": "restart", "from": {"name": "pack", "count": True}}, "body.restart.from.count"),
        ({"status": "restart", "from": {"name": "pack", "type": "timer"}}, "body.restart.from.type"),
        ({"status": "restart", "from_": {"name": "pack"}}, "body.restart.from_"),
    ],
)
def test_a_change_that_is_none_is_refused(rig: Rig, api: Api, body: Any, told: str) -> None:
    """With what could be instead; nothing changes."""
    rig.create(Parcel, "r-17")
    rig.settle()
    before = api.ok("GET", at("r-17"))
    answer = api("PATCH", at("r-17", "/status"), json=body)
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"]) == (400, 10002)
    assert told in problem["detail"]
    assert api.ok("GET", at("r-17")) == before


def test_a_restart_from_a_step_whose_name_nobody_can_have_is_refused(rig: Rig, api: Api) -> None:
    """Not looked for in Postgres, which keeps no NUL."""
    rig.create(Parcel, "r-17")
    rig.settle()
    for name in ("a\0", "", "x" * 10_000):
        answer = api("PATCH", at("r-17", "/status"), json={"status": "restart", "from": {"name": name}})
        assert answer.status_code in (400, 409), name
