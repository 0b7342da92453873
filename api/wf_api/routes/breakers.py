"""Breakers: workflows that pause because too many of their instances fail."""

from fastapi import APIRouter, Response

from wf import wire
from wf_api.access import Reader, Writer
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.breakers import Breaker, BreakerWish
from wf_api.models.common import Envelope

router = APIRouter(prefix="/api/workflows", tags=["workflows"], responses=EVERYWHERE)


@router.get(
    "/{name}/breaker", summary="Show the breaker of a workflow", response_model=Envelope[Breaker],
    responses=refusals(404, 409),
)  # fmt: skip
def show_breaker(name: str, caller: Reader) -> Response:
    """Whether new and waiting instances are held, since when, and how many are."""
    caller.check(name)
    return answered(wire.overview(caller.client.breakers.get(name)))


@router.post(
    "/{name}/breaker", summary="Close or open the breaker of a workflow", response_model=Envelope[Breaker],
    responses=refusals(404, 409),
)  # fmt: skip
def move_breaker(name: str, wish: BreakerWish, caller: Writer) -> Response:
    """Instances that run go on in any case.

    `close`: everybody goes on, and failures count from now on. `open`: nobody begins until the pause is over, which
    begins now, and a first instance has ended well.
    """
    caller.check(name)
    breakers = caller.client.breakers
    done = breakers.close(name) if wish.action == "close" else breakers.open(name)
    return answered(wire.overview(done))
