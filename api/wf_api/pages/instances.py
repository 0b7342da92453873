"""The instances of a workflow: a list with filters, a page at a time."""

from datetime import datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from wf.answers import Page
from wf.listing import InvalidQuery, Listing, read_moment
from wf.status import Status
from wf_api.access import Caller, Reader, Scope
from wf_api.pages.render import view

router = APIRouter(include_in_schema=False)

PER_PAGE = 50
TEXT_MAX = 200


@router.get("/workflows/{name}/instances")
def instances(
    request: Request,
    name: str,
    caller: Reader,
    status: Annotated[str, Query(max_length=40)] = "",
    version: Annotated[str, Query(max_length=100)] = "",
    since: Annotated[str, Query(max_length=60)] = "",
    until: Annotated[str, Query(max_length=60)] = "",
    id: Annotated[str, Query(max_length=100)] = "",
    error: Annotated[str, Query(max_length=TEXT_MAX)] = "",
    search: Annotated[str, Query(max_length=TEXT_MAX)] = "",
    cursor: Annotated[str, Query(max_length=100)] = "",
    oldest: Annotated[str, Query(max_length=5)] = "",
) -> Any:
    """Those that fit; what cannot be understood is said beside the filters, and nothing is listed."""
    caller.check(name)
    wanted = {
        "status": status, "version": version, "since": since, "until": until, "id": id, "error": error,
        "search": search, "oldest": oldest,
    }  # fmt: skip
    found, fault = _found(caller, name, wanted, cursor)
    return view(
        request, caller, "instances.html", here="workflows", name=name, found=found, fault=fault, wanted=wanted,
        statuses=list(Status), filtered=any(wanted.values()), cursor=cursor, status=400 if fault else 200,
        query={key: value or None for key, value in wanted.items()},
        may_write=caller.principal.scope >= Scope.WRITE,
        by_filter=not fault and not any(wanted[key] for key in ("id", "error", "search")),
    )  # fmt: skip


def _found(caller: Caller, name: str, wanted: dict[str, str], cursor: str) -> tuple[Page | None, str]:
    """The page of the list, or what is wrong with the filters."""
    try:
        listing = Listing(
            status=wanted["status"] or None, version=wanted["version"] or None,
            since=_moment("From", wanted["since"], time.min), until=_moment("To", wanted["until"], time.max),
            id=wanted["id"] or None, error=wanted["error"] or None, search=wanted["search"] or None,
            cursor=cursor or None, limit=PER_PAGE, oldest_first=wanted["oldest"] == "yes",
        )  # fmt: skip
        return caller.client.catalog.list(name, listing), ""
    except InvalidQuery as error:
        return None, str(error)


def _moment(what: str, text: str, day_part: time) -> datetime | None:
    return read_moment(what, text, day_part) if text else None
