"""What a workflow is set to, and by whom."""

from fastapi import APIRouter, Response

from wf import wire
from wf_api.access import Admin, Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Envelope, Json, Told, like
from wf_api.models.workflows import SettingsChange
from wf_api.problems import as_given

router = APIRouter(prefix="/api/workflows", tags=["workflows"], responses=EVERYWHERE)

_CLASS = {"limits": {"steps": 50}, "concurrency": {"limit": 2}, "schedules": ["0 9 * * MON-FRI"]}
_OVER = {
    "concurrency": {"limit": 9},
    "restart": {"limit": 0, "delay": 60.0, "backoff": "exponential", "on": [], "from": "failed"},
}


class SettingsInForce(Told):
    """Settings of a workflow, by where they come from; what nobody has said is absent."""

    model_config = like(
        {
            "workflow_id": "report", "version_id": "2", "script_name": "shop.workflows", "class_name": "Report",
            "declared": _CLASS, "overrides": _OVER, "settings": _CLASS | _OVER,
        }
    )  # fmt: skip

    workflow_id: str
    version_id: str
    script_name: str | None
    class_name: str | None
    declared: dict[str, Json]
    overrides: dict[str, Json]
    settings: dict[str, Json]


@router.get(
    "/{name}/settings", summary="Show the settings of a workflow", response_model=Envelope[SettingsInForce],
    responses=refusals(404),
)  # fmt: skip
def show_settings(name: str, caller: Reader) -> Response:
    """What the newest class declares, what operators have set over it, and what is in force."""
    caller.check(name)
    return answered(wire.settings(caller.client.overrides.get(name)))


@router.patch(
    "/{name}/settings", summary="Set some of it over the class", response_model=Envelope[SettingsInForce],
    responses=refusals(404, 409),
)  # fmt: skip
def change_settings(name: str, wanted: SettingsChange, caller: Admin) -> Response:
    """At once. What is not named stays as it is, whoever sets that at the same time; null takes a setting back."""
    caller.check(name)
    changes = wanted.model_dump(exclude_unset=True, by_alias=True)
    if wanted.schedules is not None:
        changes["schedules"] = [schedule.cron for schedule in wanted.schedules]
    with as_given():
        found = caller.client.overrides.change(name, changes)
    return answered(wire.settings(found))


@router.delete(
    "/{name}/settings", summary="Take back what is set over the class", response_model=Envelope[SettingsInForce],
    responses=refusals(404, 409),
)  # fmt: skip
def take_back_settings(name: str, caller: Admin) -> Response:
    """All of it: everything is as the class says."""
    caller.check(name)
    with as_given():
        found = caller.client.overrides.take_back(name)
    return answered(wire.settings(found))
