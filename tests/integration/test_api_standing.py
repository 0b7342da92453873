"""Where instances stand, over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.access import make_token
from tests.support.errands import Errand

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

STANDING = "/api/workflows/errand/standing"


def errands(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)
    for n, doing in enumerate(["sleep", "wait", "wait"]):
        rig.create(Errand, f"e-{n}", {"do": doing})
    rig.settle()


def test_it_is_told_where_instances_stand(rig: Rig, api: Api) -> None:
    """By step and by status, as the library tells it."""
    errands(rig)
    assert api.ok("GET", STANDING) == {
        "at": "2027-01-15T08:00:00Z", "instances": {"waiting": 3},
        "steps": [
            {"kind": "waitForEvent", "name": "permit", "instances": 2, "statuses": {"waiting": 2}, "mostly": "waiting"},
            {"kind": "sleep", "name": "nap", "instances": 1, "statuses": {"waiting": 1}, "mostly": "waiting"},
        ],
        "capped": False, "steps_capped": False, "truncated": False, "cap": 1000,
    }  # fmt: skip


def test_a_version_can_be_asked_for(rig: Rig, api: Api) -> None:
    """Of one that has no instances, nothing stands anywhere."""
    errands(rig)
    assert api.ok("GET", STANDING, params={"version": "1"})["instances"] == {"waiting": 3}
    none = api.ok("GET", STANDING, params={"version": "2"})
    assert (none["instances"], none["steps"]) == ({}, [])


def test_an_unknown_workflow_is_not_found(rig: Rig, api: Api) -> None:
    """It is not a workflow without instances."""
    assert api.refusal("GET", "/api/workflows/nobody/standing")[0] == 404


def test_a_token_for_another_workflow_is_refused(rig: Rig, api: Api) -> None:
    """Reading suffices, but of this workflow."""
    errands(rig)
    for only, status in (["errand"], 200), (["another"], 403):
        headers = make_token(rig, only[0], "read", workflows=only)
        assert api("GET", STANDING, headers=headers).status_code == status
    assert api("GET", STANDING).status_code == 401
