"""Workflows, their versions and schedules."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Response

from wf import wire
from wf.answers import Answer
from wf.job_actions import JobAction
from wf_api.access import Admin, Caller, Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models import workflows as models
from wf_api.models.common import Envelope, Listed
from wf_api.problems import UnknownVersion, as_given

T = TypeVar("T")

router = APIRouter(prefix="/api/workflows", tags=["workflows"], responses=EVERYWHERE)


@router.get("", summary="List workflows", response_model=Listed[models.Workflow])
def list_workflows(
    caller: Reader,
    search: Annotated[str | None, Query(description="Only those whose name holds this.", max_length=64)] = None,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """By name. Only those on the page are looked at, and of each the instances are counted up to a point."""
    names = [
        name
        for name in caller.client.catalog.workflows()
        if caller.sees(name) and (search is None or search.casefold() in name.casefold())
    ]

    def describe(shown: list[str]) -> list[dict[str, object]]:
        return [wire.workflow(found) for found in caller.client.catalog.describe_workflows(only=shown)]

    return _paged(names, page, per_page, describe)


@router.get("/{name}", summary="Show a workflow", response_model=Envelope[models.Workflow], responses=refusals(404))
def describe_workflow(name: str, caller: Reader) -> Response:
    """Its versions, settings, schedules, and how many instances are in each status."""
    caller.check(name)
    (found,) = caller.client.catalog.describe_workflows(name)
    return answered(wire.workflow(found))


@router.put(
    "/{name}", summary="Set something over the class keywords", response_model=Envelope[models.Configured],
    responses=refusals(404, 409),
)  # fmt: skip
def configure_workflow(name: str, wanted: models.Settings, caller: Admin) -> Response:
    """At once and until it is set again. What is left out is as the class says: an empty wish takes everything back.

    A workflow comes to be when a worker registers its class, not here.
    """
    caller.check(name)
    plain = {"limits", "concurrency", "default_retention", "restart"}
    given = wanted.model_dump(include=plain, exclude_none=True, by_alias=True)
    if wanted.schedules is not None:
        given["schedules"] = [schedule.cron for schedule in wanted.schedules]
    client = caller.client
    with as_given():
        client.catalog.configure(
            name, given, module=wanted.script_name, class_name=wanted.class_name, actor=client.actor,
            max_schedules=client.settings.max_schedules,
        )  # fmt: skip
    (found,) = client.catalog.describe_workflows(name)
    told = {key: value for key, value in wire.workflow(found).items() if key in models.Configured.model_fields}
    running = int(client.jobs.active(name, JobAction.TERMINATE) is not None)
    return answered(told | {"version_id": found.version, "is_deleted": 0, "terminator_running": running})


@router.get("/{name}/versions", summary="List versions", response_model=Listed[models.Version], responses=refusals(404))
def list_versions(
    name: str,
    caller: Reader,
    exact: Annotated[
        bool, Query(description="`false`: look at 1000 in each status, the newest and the oldest, which is quick.")
    ] = True,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Every version that is registered or has instances in flight, the newest first."""
    caller.check(name)
    found = caller.client.catalog.versions(name, exact=exact)
    return _paged(found, page, per_page, lambda shown: list(map(wire.version, shown)))


@router.get(
    "/{name}/versions/{version}", summary="Show a version", response_model=Envelope[models.Version],
    responses=refusals(404),
)  # fmt: skip
def describe_version(name: str, version: str, caller: Reader) -> Response:
    """One of them."""
    return answered(wire.version(_version(caller, name, version)))


@router.get(
    "/{name}/versions/{version}/graph", summary="Show the diagram of a version", response_model=Envelope[models.Graph],
    responses=refusals(404),
)  # fmt: skip
def describe_graph(name: str, version: str, caller: Reader) -> Response:
    """The steps, sleeps, waits, branches, loops and parallel parts of `run`, read from its source.

    Steps have their `line`, and a `pattern` if their name is put together; `starts` and `resolves` number the moments
    at which something is begun and awaited elsewhere. `graph` is null if no worker has registered the version, or its
    code could not be read.
    """
    found = wire.version(_version(caller, name, version)) | {"graph": caller.client.catalog.graph(name, version)}
    return answered({key: found.get(key) for key in models.Graph.model_fields})


def _version(caller: Caller, name: str, version: str) -> Answer:
    caller.check(name)
    for found in caller.client.catalog.versions(name):
        if found.version == version:
            return found
    raise UnknownVersion(f"Workflow {name!r} has no version {version!r:.60}; see /api/workflows/{name}/versions.")


def _paged(found: list[T], page: int, per_page: int, told: Callable[[list[T]], list[dict[str, object]]]) -> Response:
    first = (page - 1) * per_page
    shown = told(found[first : first + per_page])
    info = {"count": len(shown), "per_page": per_page, "page": page, "total_count": len(found)}
    return answered(shown, info=info)
