"""Jobs: what is done to many instances, how far it is, and how to call it off."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from wf.job_actions import JobAction
from wf.listing import KEY_MAX
from wf_api.access import Caller, Reader, Scope, Writer
from wf_api.pages.render import path, view
from wf_api.routes.jobs import JobId, visible_job

router = APIRouter(prefix="/jobs", include_in_schema=False)

ENDED = ("complete", "cancelled")


@router.get("")
def job_list(
    request: Request, caller: Reader, workflow: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[int | None, Query(ge=0, le=KEY_MAX)] = None,
) -> Any:  # fmt: skip
    """The newest first."""
    if workflow:
        caller.check(workflow)
    found = caller.client.jobs.list(
        workflow or None, only=caller.principal.workflows, cursor=None if cursor is None else str(cursor)
    )
    return view(request, caller, "jobs.html", here="jobs", jobs=found, workflow=workflow, cursor=cursor, ended=ENDED)


@router.get("/{id}")
def job_page(request: Request, id: JobId, caller: Reader) -> Any:
    """How far it has come."""
    job = visible_job(caller, id)
    return view(
        request, caller, "job.html", here="jobs", job=job, ended=ENDED, may_cancel=_may_cancel(caller, job.action)
    )


@router.get("/{id}/cancel")
def ask_to_cancel(request: Request, id: JobId, caller: Writer) -> Any:
    """Say what it means to call it off."""
    job = visible_job(caller, id)
    _check(caller, job.action)
    return view(
        request, caller, "job_cancel.html", here="jobs", job=job, fault="", where=path("jobs", id, "cancel"),
        back=path("jobs", id), possible=job.status not in ENDED, why=f"It has ended: it is {job.status}.",
    )  # fmt: skip


@router.post("/{id}/cancel")
def cancel_job_by_page(id: JobId, caller: Writer) -> Any:
    """Call it off."""
    _check(caller, visible_job(caller, id).action)
    ended = caller.client.jobs.cancel(id).status
    return RedirectResponse(path("jobs", id, said="cancelled" if ended == "cancelled" else None), 303)


def _may_cancel(caller: Caller, action: str) -> bool:
    """Whether they may call off such a job: who may not begin the removal of a workflow may not end it, either."""
    return caller.principal.scope >= (Scope.ADMIN if action == JobAction.DELETE_WORKFLOW else Scope.WRITE)


def _check(caller: Caller, action: str) -> None:
    if action == JobAction.DELETE_WORKFLOW:
        caller.check_scope(Scope.ADMIN)
