"""What a workflow is set to, and by whom."""

from fastapi import APIRouter, Response

from wf import wire
from wf.overrides import settings_of
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Envelope, Json, Told, like

router = APIRouter(prefix="/api/workflows", tags=["workflows"], responses=EVERYWHERE)

_CLASS = {"limits": {"steps": 50}, "concurrency": {"limit": 2}, "schedules": ["0 9 * * MON-FRI"]}
_OVER = {"concurrency": {"limit": 9}}


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
    """What the newest class declares, what operators have set over it by `PUT`, and what is in force."""
    caller.check(name)
    return answered(wire.settings(settings_of(caller.client.catalog, name)))
