"""The breaker of a workflow: a page that says how it stands, and the form on it that closes or opens it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from wf.breakers import CAP
from wf_api.access import Reader, Scope, Writer
from wf_api.pages.render import path, view

router = APIRouter(prefix="/workflows/{name}/breaker", include_in_schema=False)

_NOT_YOURS = "Your token may read, and not change anything: somebody who may write can open or close it."


@router.get("")
def ask_to_move_breaker(request: Request, name: str, caller: Reader) -> Any:
    """Say how it stands, and what the button would do."""
    caller.check(name)
    found = caller.client.breakers.get(name)
    may = caller.principal.scope >= Scope.WRITE
    return view(
        request, caller, "breaker.html", here="workflows", name=name, found=found, cap=CAP, possible=may,
        why="" if may else _NOT_YOURS, fault="", where=path("workflows", name, "breaker"), back=path("workflows", name),
    )  # fmt: skip


@router.post("")
def move_breaker_by_page(
    name: str, caller: Writer, action: Annotated[Literal["close", "open"], Form()]
) -> RedirectResponse:
    """Do it, and lead back to the workflow."""
    caller.check(name)
    breakers = caller.client.breakers
    if action == "close":
        breakers.close(name)
    else:
        breakers.open(name)
    said = "breaker-closed" if action == "close" else "breaker-open"
    return RedirectResponse(path("workflows", name, said=said), 303)
