"""Callers of the API: tokens for them, and routes on which to try what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from wf.tokens import Tokens
from wf_api.access import Admin, Reader, Writer  # noqa: TC001  # FastAPI reads them when it runs
from wf_api.envelope import answered

if TYPE_CHECKING:
    from tests.support.rig import Rig

router = APIRouter(prefix="/api/trial")


@router.get("/read")
def read(caller: Reader) -> Any:
    return answered(caller.client.actor)


@router.post("/write")
def write(caller: Writer) -> Any:
    return answered(caller.client.actor)


@router.post("/admin")
def administer(caller: Admin) -> Any:
    return answered(caller.client.actor)


@router.post("/body")
def echo(caller: Writer, body: dict[str, Any]) -> Any:
    return answered(len(body))


@router.get("/of/{workflow}")
def of_workflow(caller: Reader, workflow: str) -> Any:
    return answered({"name": caller.workflow(workflow).name, "sees": caller.sees("other")})


@router.get("/broken")
def broken(caller: Reader) -> Any:
    raise KeyError("secret")


def make_token(rig: Rig, name: str, scope: str, **more: Any) -> dict[str, str]:
    """The header of somebody with a new token."""
    text = Tokens(rig.client.database, rig.clock).create(name, scope, created_by="test", **more)
    return {"Authorization": f"Bearer {text}"}
