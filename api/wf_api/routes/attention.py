"""What wants a human, in one look."""

from fastapi import APIRouter, Response

from wf import wire
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE
from wf_api.envelope import answered
from wf_api.models.attention import Noticed
from wf_api.models.common import Envelope

router = APIRouter(prefix="/api", tags=["attention"], responses=EVERYWHERE)


@router.get("/attention", summary="What wants a human", response_model=Envelope[Noticed])
def attention(caller: Reader) -> Response:
    """Errors by kind, attempts and workers lost, waits for events, what is late, unserved or paused.

    Cheap, however many instances there are: errors are those of the newest 200 errored instances of each workflow, 1000
    in all; waits those of the newest 1000 waiting ones; lost attempts the newest 1000 of the last day. All of it is of
    the workflows that the caller may see, and so are workers and their queues.
    """
    return answered(wire.overview(caller.parts.attention.look(caller.principal.workflows)))
