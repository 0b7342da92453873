"""What begins by itself, and when."""

from fastapi import APIRouter, Response

from wf import wire
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models import examples
from wf_api.models.common import Envelope, like
from wf_api.models.workflows import Schedule

router = APIRouter(prefix="/api", tags=["schedules"], responses=EVERYWHERE)


class OneSchedule(Schedule):
    """A schedule with its workflow."""

    model_config = like(examples.SCHEDULE)

    workflow_id: str


@router.get("/schedules", summary="List schedules", response_model=Envelope[list[OneSchedule]])
def list_schedules(caller: Reader) -> Response:
    """Those of all workflows, the next to fire first."""
    found = [schedule for schedule in caller.client.catalog.schedules() if caller.sees(schedule.workflow)]
    return answered([wire.schedule(schedule) for schedule in found])


@router.get(
    "/workflows/{name}/schedules", summary="List the schedules of a workflow",
    response_model=Envelope[list[OneSchedule]], responses=refusals(404),
)  # fmt: skip
def list_schedules_of_workflow(name: str, caller: Reader) -> Response:
    """The next to fire first."""
    caller.check(name)
    return answered([wire.schedule(schedule) for schedule in caller.client.catalog.schedules(name)])
