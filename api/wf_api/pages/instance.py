"""One instance: what it does, what it waits for, what it did, and each step of it in full."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from wf.answers import Answer
from wf.descriptions import to_show
from wf.inside import LINES, SEARCH
from wf.lifecycle import Action, offered
from wf.plain import plain
from wf.status import STEP_ENDED, TERMINAL, Status, StepStatus
from wf_api.access import Caller, Reader, Scope
from wf_api.flower_links import instance_link, step_link
from wf_api.pages.render import view
from wf_api.paths import ONE
from wf_api.timeline import timeline

router = APIRouter(prefix="/workflows/{name}/instances", include_in_schema=False)

PER_PAGE = 100
NOW = 10
"""Steps that are told of as going on now."""

CHARACTERS = 20_000
"""Of params, output and error on the page; the API tells the rest."""

_BY_HARM = ("resume", "pause", "send_event", "fork", "restart", "terminate", "delete")

_OPEN = sorted(frozenset(StepStatus) - STEP_ENDED)


@router.get(ONE)
def instance(
    request: Request,
    name: str,
    id: str,
    caller: Reader,
    after: Annotated[str, Query(max_length=100)] = "",
    step: Annotated[str, Query(max_length=SEARCH)] = "",
    step_status: Annotated[str, Query(max_length=20)] = "",
) -> Any:
    """Its head, what goes on now, and a page of its timeline."""
    caller.check(name)
    catalog = caller.client.catalog
    one = catalog.describe(name, id, read=plain, extent=to_show(CHARACTERS, steps=False))
    steps = catalog.steps(
        name, id, after=after or None, limit=PER_PAGE, search=step or None, status=step_status or None, outputs=False
    )
    going_on = [] if one.status in TERMINAL else catalog.steps(
        name, id, limit=NOW, status=_OPEN, newest_first=True, outputs=False
    )  # fmt: skip
    now, main = datetime.fromtimestamp(catalog.clock.now(), UTC), _main(one.status, going_on)
    return view(
        request, caller, "instance.html", here="workflows", name=name, one=one, now_steps=going_on,
        timeline=timeline(steps, now), cursor=steps.cursor, after=after, step=step, step_status=step_status,
        step_statuses=list(StepStatus), offered=_offered(caller, one.status, main), main=main,
        flower=instance_link(caller.parts.settings, name, id),
    )  # fmt: skip


@router.get(ONE + "/steps/{seq}")
def one_step(
    request: Request, name: str, id: str, caller: Reader, seq: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Any:
    """A step in full: configuration, output, every attempt."""
    caller.check(name)
    catalog, settings = caller.client.catalog, caller.parts.settings
    found = catalog.step(name, id, seq)
    logs = found.type in {"step", "rollback"} and found.attempt > 0
    lines = catalog.lines(name, id, found.name, found.type, limit=LINES) if logs else []
    flower = {
        attempt.attempt: step_link(settings, name, id, found.generation, seq, rev=attempt.rev)
        for attempt in found.attempts
    }
    return view(
        request, caller, "step.html", here="workflows", name=name, id=id, step=found, lines=lines, flower=flower,
        may_write=caller.principal.scope >= Scope.WRITE,
    )  # fmt: skip


def _offered(caller: Caller, status: str, main: str) -> list[str]:
    """What the reader may do and what makes sense: the main action first, what is worst as a mistake last."""
    if caller.principal.scope < Scope.WRITE:
        return []
    return sorted([*offered(status), "fork"], key=lambda action: (action != main, _BY_HARM.index(action)))


def _main(status: str, going_on: Sequence[Answer]) -> str:
    """The action that is most likely wanted."""
    if status in TERMINAL:
        return Action.RESTART
    if Action.RESUME in offered(status):
        return Action.RESUME
    waits = any(step.type == "waitForEvent" for step in going_on)
    return Action.SEND_EVENT if waits and status != Status.ROLLING_BACK else Action.PAUSE
