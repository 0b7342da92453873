"""Fork an instance."""

from fastapi import APIRouter, Response

from wf.forks import TRIGGER, UNSET
from wf.status import Status
from wf_api.access import Writer
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Envelope
from wf_api.models.forks import Fork
from wf_api.models.instances import Created
from wf_api.paths import ONE
from wf_api.problems import as_given

router = APIRouter(
    prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404, 409)
)


@router.post(ONE + "/fork", summary="Create an instance as a copy of this one", response_model=Envelope[Created])
def fork_instance(name: str, id: str, caller: Writer, wanted: Fork | None = None) -> Response:
    """Of the same version, from the start or from a step, with the same params or others; this one stays as it is."""
    wanted = wanted or Fork()
    params = wanted.params if "params" in wanted.model_fields_set else UNSET
    from_step = None if wanted.from_ is None else wanted.from_.model_dump()
    instance = caller.workflow(name).get(id)
    if params is not UNSET:
        caller.parts.payloads.check_params(name, params, instance.version)
    with as_given():
        forked = instance.fork(wanted.id, from_step=from_step, params=params)
    return answered(
        {
            "id": forked.id, "status": Status.QUEUED, "version_id": forked.version, "workflow_id": forked.workflow,
            "trigger_source": TRIGGER,
        }
    )  # fmt: skip
