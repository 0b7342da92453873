"""Create instances, one or many, and remove many."""

from fastapi import APIRouter, Response

from wf.errors import InvalidPayload
from wf.http import PREFIX, number_of
from wf.instance import Instance
from wf_api.access import Writer
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.lean import LeanRoute
from wf_api.models.common import Envelope
from wf_api.models.instances import Batch, Created, Deleted, Ids, NewInstance
from wf_api.problems import as_given

router = APIRouter(
    prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404),
    route_class=LeanRoute,
)  # fmt: skip


@router.post("", summary="Create an instance", response_model=Envelope[Created], responses=refusals(409))
def create_instance(name: str, caller: Writer, new: NewInstance | None = None) -> Response:
    """It runs as soon as a worker is free. Its id is unique in the workflow for as long as it is kept."""
    workflow, new = caller.workflow(name), new or NewInstance()
    caller.parts.payloads.check_params(name, new.params)
    with as_given():
        created = workflow.create(_options(new), trigger="api")
    return answered(_created(created))


@router.post("/batch", summary="Create many instances", response_model=Envelope[list[Created]])
def create_instances(name: str, caller: Writer, batch: Batch) -> Response:
    """All in one commit, or none if one of them breaks a rule. Those whose ids exist or are repeated are left out."""
    workflow = caller.workflow(name)
    for index, new in enumerate(batch):
        try:
            caller.parts.payloads.check_params(name, new.params)
        except InvalidPayload as error:
            error.add_note(f"This is about entry {index} of the batch. Nothing of the batch was done.")
            raise
    with as_given():
        created = workflow.create_batch([_options(new) for new in batch], trigger="api")
    return answered([_created(instance) for instance in created])


@router.post("/batch/delete", summary="Remove many instances", response_model=Envelope[Deleted])
def delete_instances(name: str, caller: Writer, ids: Ids) -> Response:
    """What runs is stopped without rollback. Each has a commit of its own, and an entry in the answer."""
    done = caller.workflow(name).delete_batch(ids.instances)
    errors = [
        {"id": error.id, "code": number_of(error.code), "message": PREFIX + error.code, "detail": error.message}
        for error in done.errors
    ]
    return answered({"deleted": done.deleted, "errors": errors})


def _options(new: NewInstance) -> dict[str, object]:
    retention = new.instance_retention
    keep = None if retention is None else retention.model_dump(exclude_none=True)
    return {"id": new.instance_id, "params": new.params, "retention": keep}


def _created(instance: Instance) -> dict[str, object]:
    return {
        "id": instance.id, "status": "queued", "version_id": instance.version, "workflow_id": instance.workflow,
        "trigger_source": "api",
    }  # fmt: skip
