"""One workflow: its numbers, the diagram of its code and who stands where in it, its versions, settings, schedules."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from wf.breakers import listed
from wf.errors import WorkflowNotFound
from wf.status import Status
from wf.versions import CAP
from wf_api.access import Reader, Scope
from wf_api.diagram import diagram, outline, unplaced
from wf_api.pages.render import path, view
from wf_api.pictures import failures, throughput
from wf_api.problems import UnknownVersion

router: APIRouter = APIRouter(include_in_schema=False)

RANGE = "1h"


@router.get("/workflows/{name}")
def workflow(request: Request, name: str, caller: Reader, version: Annotated[str, Query(max_length=100)] = "") -> Any:
    """The newest version, or another one."""
    caller.check(name)
    catalog, parts = caller.client.catalog, caller.parts
    found = next(iter(catalog.describe_workflows(only=[name])), None)
    if found is None:
        raise WorkflowNotFound(name, catalog.workflows())
    shown = version or found.version
    versions = catalog.versions(name, exact=False)
    if version and version not in {one.version for one in versions}:
        raise UnknownVersion(f"Workflow {name!r} has no version {version!r:.60}; its page lists those that there are.")
    graph = catalog.graph(name, shown)
    standing = parts.standing.look(name, version or None)
    breaker = next(iter(listed(catalog.database, [name], with_closed=True)), None)
    counted = parts.charts.series(RANGE, name)

    def leads_to(status: str) -> str:
        return path("workflows", name, "instances", status=status, version=version or None)

    return view(
        request, caller, "workflow.html", here="workflows", name=name, workflow=found, version=shown,
        versions=versions, cap=CAP, statuses=list(Status), standing=standing, counted=counted,
        pictures=[throughput(counted), failures(counted)], chosen=version,
        picture=None if graph is None else diagram(graph, standing, href=leads_to),
        outline=[] if graph is None else outline(graph, standing, href=leads_to),
        breaker=breaker if breaker and (breaker.policy or breaker.state != "closed") else None,
        elsewhere=standing.steps if graph is None else unplaced(graph, standing),
        may_write=caller.principal.scope >= Scope.WRITE, may_configure=caller.principal.scope >= Scope.ADMIN,
    )  # fmt: skip
