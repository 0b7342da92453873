"""Whether the process lives, and whether it can do its work: for load balancers, without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError

from wf.dispatch import connect
from wf.errors import BrokerUnavailable, JournalUnavailable, SchemaMismatch
from wf_api.envelope import to_json

if TYPE_CHECKING:
    from wf_api.parts import Parts

router = APIRouter(tags=["health"])

log = structlog.get_logger("wf")


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Any:
    """Always the same; a process that does not answer should be started again."""
    return Response(to_json({"status": "ok"}), media_type="application/json")


@router.get("/readyz", summary="Whether Postgres and Redis answer", responses={503: {"description": "Not ready."}})
def readyz(request: Request) -> Any:
    """Ready is who reaches a journal of the right schema. Without Redis all goes on, but later: it is only told."""
    parts: Parts = request.app.state.parts
    checks = {"journal": _journal(parts), "broker": _broker(parts)}
    ready = checks["journal"] == "ok"
    headers = {} if ready else {"Retry-After": "2"}
    body = to_json({"status": "ok" if ready else "unavailable", **checks})
    return Response(body, 200 if ready else 503, headers, media_type="application/json")


def _journal(parts: Parts) -> str:
    try:
        parts.client.database.check_schema()
    except (JournalUnavailable, SchemaMismatch) as error:
        log.warning("not ready", reason=str(error))  # with names of hosts, which are not for everybody
        return error.code
    return "ok"


def _broker(parts: Parts) -> str:
    try:
        with connect(parts.settings) as redis:
            redis.ping()
    except (RedisError, BrokerUnavailable) as error:
        log.warning("broker away", reason=str(error))
        return BrokerUnavailable.code
    return "ok"
