"""Look at instances, move them, send them events."""

from datetime import UTC, datetime, time
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response

from wf import wire
from wf.descriptions import CHARACTERS_MAX, shortened, to_show
from wf.instance import Instance
from wf.listing import ID_BEGINS, TEXT_MAX, InvalidQuery, Listing, read_moment
from wf.plain import plain
from wf.status import Status
from wf_api.access import Caller, Reader, Writer
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models import instances as models
from wf_api.models.common import Envelope, Listed, Payload
from wf_api.paths import ONE
from wf_api.problems import InvalidRequest, as_given

router = APIRouter(prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404))


@router.get("", summary="List instances", response_model=Listed[models.Instance])
def list_instances(
    name: str,
    caller: Reader,
    status: Annotated[Status | None, Query()] = None,
    version: Annotated[str | None, Query(max_length=100)] = None,
    id: Annotated[str | None, Query(pattern=ID_BEGINS, description="How their ids begin.")] = None,
    error: Annotated[str | None, Query(min_length=1, max_length=TEXT_MAX, description="In name or message.")] = None,
    search: Annotated[str | None, Query(min_length=1, max_length=TEXT_MAX, description="In params or output.")] = None,
    date_start: Annotated[str | None, Query(description="ISO 8601, UTC unless it says otherwise.")] = None,
    date_end: Annotated[str | None, Query(description="The same; a date without a time means all of that day.")] = None,
    page: Annotated[int | None, Query(ge=1)] = None,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,100}$", description="As the page before has told.")] = None,
    direction: Annotated[Literal["asc", "desc"], Query(description="`desc`: the newest first.")] = "desc",
) -> Response:
    """Page by page: by `cursor`, which costs the same however far it leads, or by the number of the page.

    A version is looked for among 10000 instances, and so is the beginning of ids if more than 5000 have it; the text of
    `error` or `search` among 1000, values above 64 KiB left out: a page that is short, or empty, may have a cursor that
    leads on. `error` means errored ones alone. `search` looks at values as JSON, and capitals make no difference.
    """
    caller.check(name)
    listing = Listing(
        status=status, version=version, id=id, error=error, search=search,
        since=_moment("date_start", date_start, time.min), until=_moment("date_end", date_end, time.max),
        cursor=cursor, page=page, limit=per_page, oldest_first=direction == "asc",
    )  # fmt: skip
    found = caller.client.catalog.list(name, listing)
    info = {"count": len(found), "per_page": per_page, "page": page, "cursor": found.cursor}
    return answered([wire.instance(name, entry) for entry in found], info=info)


@router.get(ONE + "/step", summary="All that a step gave", response_model=Envelope[models.StepOutput])
def read_step(
    name: str,
    id: str,
    caller: Reader,
    step: Annotated[str, Query(alias="name", description="With its counter, as in `upload-1`.", max_length=300)],
    type: Annotated[Literal["step", "waitForEvent"], Query()] = "step",
    attempt: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The last one by default.")] = None,
) -> Response:
    """Its output is whole, however long it is; what is sensitive is `[REDACTED]`."""
    caller.check(name)
    return answered(caller.client.catalog.step_output(name, id, step, type, attempt))


@router.patch(
    ONE + "/status", summary="Pause, resume, terminate or restart", response_model=Envelope[models.Moved],
    responses=refusals(409),
)  # fmt: skip
def change_instance(name: str, id: str, caller: Writer, change: models.Change) -> Response:
    """Pause and resume have no effect where they make no sense; an ended instance cannot be terminated."""
    instance = _instance(caller, name, id)
    match change:
        case models.Pause():
            instance.pause()
        case models.Resume():
            instance.resume()
        case models.Terminate():
            instance.terminate(rollback=change.rollback)
        case models.Restart():
            with as_given():
                instance.restart(from_step=None if change.from_ is None else change.from_.model_dump())
    return answered({"status": caller.client.catalog.status_of(name, id), "timestamp": _now(caller)})


@router.post(
    ONE + "/events/{event_type}", summary="Send an event", response_model=Envelope[models.Sent],
    responses=refusals(409),
)  # fmt: skip
def send_event(
    name: str,
    id: str,
    event_type: str,
    caller: Writer,
    payload: Annotated[
        Payload, Body(description="What the wait gives as its payload.", examples=[{"stars": 5}])
    ] = None,
    event_id: Annotated[str | None, Query(description="Your own id: sent twice, the event counts once.")] = None,
) -> Response:
    """It is in the journal when this answers; a wait of its type gets it, now or later."""
    instance = _instance(caller, name, id)
    caller.parts.payloads.check_event(name, instance.version, event_type, payload)
    with as_given():
        instance.send_event(event_type, payload, event_id=event_id)
    return answered({"instanceId": id, "timestamp": _now(caller)})


@router.get(ONE, summary="Show an instance", response_model=Envelope[models.Details])
def describe_instance(
    name: str,
    id: str,
    caller: Reader,
    order: Annotated[Literal["asc", "desc"], Query(description="Of the steps.")] = "asc",
    simple: Annotated[Literal["true", "false"], Query(description="`true`: without the steps.")] = "false",
    output_limit: Annotated[int, Query(ge=0, le=CHARACTERS_MAX, description="Characters of one step's output.")] = 5000,
) -> Response:
    """Its steps, the newest attempts of each, what it waits for and until when.

    Of steps with more outputs than one answer can hold, the oldest ones' are left out.
    """
    caller.check(name)
    extent = to_show(output_limit, steps=simple == "false")
    known = caller.client.catalog.describe(name, id, read=plain, extent=extent)
    found = wire.details(known, lambda output: shortened(output, output_limit))
    if simple == "true":
        del found["steps"]
    elif order == "desc":
        found["steps"].reverse()
    return answered(found)


@router.delete(ONE, summary="Remove an instance", response_model=Envelope[models.DeletedOne])
def delete_instance(name: str, id: str, caller: Writer) -> Response:
    """With all its data; what runs is stopped without rollback. Its id is free again."""
    _instance(caller, name, id).delete()
    return answered({"id": id})


def _instance(caller: Caller, name: str, id: str) -> Instance:
    return caller.workflow(name).get(id)


def _now(caller: Caller) -> datetime:
    return datetime.fromtimestamp(caller.client.catalog.clock.now(), UTC)


def _moment(what: str, text: str | None, day_part: time) -> datetime | None:
    """A bound of a list; a date alone means the beginning or the end of that day."""
    try:
        return None if text is None else read_moment(what, text, day_part)
    except InvalidQuery as error:
        raise InvalidRequest(str(error)) from None
