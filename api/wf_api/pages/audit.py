"""Who did what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from wf.audit import LOOK, Audit
from wf.listing import KEY_MAX
from wf_api.access import Reader
from wf_api.pages.render import view

router = APIRouter(include_in_schema=False)

PER_PAGE = 50


@router.get("/audit")
def audit(
    request: Request,
    caller: Reader,
    workflow: Annotated[str, Query(max_length=64)] = "",
    instance: Annotated[str, Query(max_length=271)] = "",
    actor: Annotated[str, Query(max_length=200)] = "",
    action: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[int | None, Query(ge=0, le=KEY_MAX)] = None,
) -> Any:
    """The newest first."""
    if workflow:
        caller.check(workflow)
    asked = {"workflow": workflow, "instance": instance, "actor": actor, "action": action}
    found = Audit(caller.client.database).list(
        **{name: value.strip() or None for name, value in asked.items()}, only=caller.principal.workflows,
        cursor=cursor, limit=PER_PAGE,
    )  # fmt: skip
    return view(request, caller, "audit.html", here="audit", entries=found, asked=asked, cursor=cursor, look=LOOK)
