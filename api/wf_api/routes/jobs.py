"""Actions on many instances at once, and the jobs that do them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from wf import wire
from wf.answers import Answer
from wf.errors import JobActive, JobNotFound
from wf.job_actions import JobAction
from wf.lifecycle import Stoppable
from wf.listing import KEY_MAX
from wf_api.access import Admin, Caller, Reader, Scope, Writer
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models import jobs as models
from wf_api.models.common import Envelope, Listed

router = APIRouter(prefix="/api", tags=["jobs"], responses=EVERYWHERE)

JobId = Annotated[int, Path(ge=1, le=KEY_MAX)]


@router.post(
    "/workflows/{name}/instances/bulk", summary="Act on many instances", status_code=202,
    response_model=Envelope[models.Job],
    responses=refusals(404, 409) | {200: {"model": Envelope[models.Preview], "description": "With `dry_run`."}},
)  # fmt: skip
def act_on_many(name: str, wish: models.Wish, caller: Writer) -> Response:
    """Pause, resume, terminate, restart or delete the instances that fit a filter, in the background.

    Instances that are created later are not meant. One job of an action at a time works on a workflow.
    """
    caller.check(name)
    jobs = caller.client.jobs
    if wish.dry_run:
        return answered(wire.job(jobs.preview(name, wish.action, wish.filter)))
    options = wish.options.model_dump(exclude_none=True)
    return answered(wire.job(jobs.start(name, wish.action, wish.filter, options)), status=202)


@router.put(
    "/workflows/{name}/instances/terminate", summary="Terminate all instances",
    response_model=Envelope[models.Terminator], responses=refusals(404, 409),
)  # fmt: skip
def terminate_all(name: str, caller: Writer, status: Annotated[Stoppable | None, Query()] = None) -> Response:
    """Those in a status, or all that have not ended, in the background; those that roll back are left to it.

    Asked again, it is done once; a job that terminates others of them must have ended first.
    """
    caller.check(name)
    return answered(caller.client.jobs.terminate_all(name, status))


@router.delete(
    "/workflows/{name}", summary="Remove a workflow with its instances", response_model=Envelope[models.Removal],
    responses=refusals(404),
)  # fmt: skip
def delete_workflow(name: str, caller: Admin) -> Response:
    """All instances first, in the background; running ones may take minutes to stop.

    The code stays where it is: a worker that starts later makes the workflow known again.
    """
    caller.check(name)
    try:
        job = caller.client.jobs.start(name, JobAction.DELETE_WORKFLOW).id
    except JobActive as error:
        job = error.job
    return answered({"status": "ok", "success": None, "job_id": job})


@router.get("/jobs", summary="List jobs", response_model=Listed[models.Job])
def list_jobs(
    caller: Reader,
    workflow: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[int | None, Query(ge=0, le=KEY_MAX)] = None,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """The newest first."""
    if workflow is not None:
        caller.check(workflow)
    found = caller.client.jobs.list(
        workflow, only=caller.principal.workflows, cursor=None if cursor is None else str(cursor), limit=per_page
    )
    info = {"count": len(found), "per_page": per_page, "cursor": found.cursor}
    return answered([wire.job(job) for job in found], info=info)


@router.get("/jobs/{id}", summary="Show a job", response_model=Envelope[models.Job], responses=refusals(404))
def show_job(id: JobId, caller: Reader) -> Response:
    """How far it has come, and the first few instances that it could not move."""
    return answered(wire.job(visible_job(caller, id)))


@router.delete("/jobs/{id}", summary="Cancel a job", response_model=Envelope[models.Job], responses=refusals(404))
def cancel_job(id: JobId, caller: Writer) -> Response:
    """What it has moved stays moved. One that has ended stays as it is.

    The removal of a workflow needs the scope admin, as it does to begin it.
    """
    if visible_job(caller, id).action == JobAction.DELETE_WORKFLOW:
        caller.check_scope(Scope.ADMIN)
    return answered(wire.job(caller.client.jobs.cancel(id)))


def visible_job(caller: Caller, id: int) -> Answer:
    """A job that the caller may see.

    Raises:
        JobNotFound: There is none, or it is about a workflow that they may not touch.
    """
    job = caller.client.jobs.get(id)
    if not caller.sees(job.workflow):
        raise JobNotFound(id)
    return job
