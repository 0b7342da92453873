"""Whether the process lives, and whether it can do its work: for load balancers, without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from wf_api.envelope import to_json

if TYPE_CHECKING:
    from wf_api.parts import Parts

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Any:
    """Always the same; a process that does not answer should be started again."""
    return Response(to_json({"status": "ok"}), media_type="application/json")


@router.get("/readyz", summary="Whether Postgres and Redis answer", responses={503: {"description": "Not ready."}})
async def readyz(request: Request) -> Any:
    """Ready is who reaches a journal of the right schema. Without Redis all goes on, but later: it is only told."""
    parts: Parts = request.app.state.parts
    checks = await parts.readiness.checks()
    ready = checks["journal"] == "ok"
    headers = {} if ready else {"Retry-After": "2"}
    body = to_json({"status": "ok" if ready else "unavailable", **checks})
    return Response(body, 200 if ready else 503, headers, media_type="application/json")
