"""The removal of a workflow with all its instances: whoever wants it types its name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from wf.errors import JobActive
from wf.job_actions import JobAction
from wf_api.access import Admin, Caller
from wf_api.pages.refusals import form
from wf_api.pages.render import path

router = APIRouter(prefix="/workflows/{name}/remove", include_in_schema=False)


@router.get("")
def ask_to_remove(request: Request, name: str, caller: Admin) -> Any:
    """Say what is removed."""
    return _form(request, caller, name)


@router.post("")
def remove_workflow_by_page(request: Request, name: str, caller: Admin, typed: Annotated[str, Form()] = "") -> Any:
    """Begin the job that does it, or lead to the one that is at it already."""
    if typed.strip() != name:
        return _form(request, caller, name, typed, "This is not the name of the workflow. Nothing was removed.")
    caller.check(name)
    try:
        job = caller.client.jobs.start(name, JobAction.DELETE_WORKFLOW).id
    except JobActive as error:
        job = error.job
    return RedirectResponse(path("jobs", job, said="started"), 303)


def _form(request: Request, caller: Caller, name: str, typed: str = "", wrong: str = "") -> HTMLResponse:
    caller.check(name)
    found = caller.client.jobs.preview(name, JobAction.DELETE_WORKFLOW)
    return form(
        request, caller, "remove.html", status=400 if wrong else 200, name=name, found=found, typed=typed, wrong=wrong,
        possible=True, why="", where=path("workflows", name, "remove"),
        back=path("workflows", name),
    )  # fmt: skip
