"""What goes on now, in one look."""

from fastapi import APIRouter, Response

from wf import wire
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE
from wf_api.envelope import answered
from wf_api.models.common import Envelope
from wf_api.models.overview import Seen

router = APIRouter(prefix="/api", tags=["overview"], responses=EVERYWHERE)


@router.get("/overview", summary="What goes on now", response_model=Envelope[Seen])
def overview(caller: Reader) -> Response:
    """Workers, queues, steps that run, wake-ups to come. Cheap, however many instances there are.

    Steps, wake-ups, counts of instances and names are of the workflows that the caller may see, and so are workers and
    their queues; the counts of wake-ups and the lengths of queues are of all.
    """
    return answered(wire.overview(caller.parts.overview.look(caller.principal.workflows)))
