"""Who did what."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from wf.audit import Audit
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE
from wf_api.envelope import answered
from wf_api.models import examples
from wf_api.models.common import Json, Listed, Moment, Told, like

router = APIRouter(prefix="/api/audit", tags=["audit"], responses=EVERYWHERE)


class Entry(Told):
    """What somebody did."""

    model_config = like(examples.ENTRY)

    id: int
    actor: str
    action: str
    workflow: str
    instance: str
    detail: dict[str, Json]
    at: Moment


@router.get("", summary="List what was done", response_model=Listed[Entry])
def list_audit(
    caller: Reader,
    workflow: Annotated[str | None, Query(max_length=64)] = None,
    instance: Annotated[str | None, Query(max_length=271)] = None,
    actor: Annotated[str | None, Query(max_length=200, description="As `api:<token>`, `cli`, `reaper`.")] = None,
    action: Annotated[str | None, Query(max_length=64, description="As `terminate`.")] = None,
    cursor: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """By people, programs and the engine itself, the newest first.

    A page that is short, or empty, may have a cursor: it leads to older entries, which were not looked at.
    """
    if workflow is not None:
        caller.check(workflow)
    found = Audit(caller.client.database).list(
        workflow=workflow, instance=instance, actor=actor, action=action, only=caller.principal.workflows,
        cursor=cursor, limit=per_page,
    )  # fmt: skip
    return answered(list(found), info={"count": len(found), "per_page": per_page, "cursor": found.cursor})
