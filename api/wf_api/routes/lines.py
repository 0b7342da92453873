"""What the attempts of a step have logged."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from wf.inside import LINES, LINES_MAX
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Listed
from wf_api.models.lines import Line
from wf_api.paths import ONE

router = APIRouter(prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404))


@router.get(ONE + "/step/lines", summary="List what a step has logged", response_model=Listed[Line])
def list_lines(
    name: str,
    id: str,
    caller: Reader,
    step: Annotated[str, Query(alias="name", description="With its counter, as in `upload-1`.", max_length=300)],
    type: Annotated[Literal["step", "rollback"], Query(description="`rollback`: the handler that undoes it.")] = "step",
    attempt: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="All of them by default.")] = None,
    per_page: Annotated[int, Query(ge=1, le=LINES_MAX)] = LINES,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,100}$", description="As the page before has told.")] = None,
) -> Response:
    """The first lines of each attempt (WF_STEP_LINES), half a second after they were logged.

    With `attempt`, 10000 lines are looked at: a page that is short, or empty, may have a cursor that leads on.
    """
    caller.check(name)
    found = caller.client.catalog.lines(name, id, step, type, attempt=attempt, cursor=cursor, limit=per_page)
    return answered(list(found), info={"count": len(found), "per_page": per_page, "cursor": found.cursor})
