"""What Prometheus reads."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from wf_api.access import Reader
from wf_api.documented import refusals

router = APIRouter(tags=["health"], responses=refusals(400, 401, 403, 429))

_TOLD: dict[int | str, dict[str, Any]] = {
    200: {"description": "In the text format of Prometheus.", "content": {"text/plain": {}}}
}


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, responses=_TOLD)
def metrics(request: Request, caller: Reader) -> Response:
    """Requests and feeds of this process; instances, queues, workers and the alarm of the whole deployment.

    It needs a token for all workflows, because it tells of them all.
    """
    caller.check_unrestricted()
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(caller.parts.metrics.registry), headers={"Content-Type": content_type})
