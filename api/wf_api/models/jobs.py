"""Jobs: actions on many instances at once."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from wf.filters import Filter
from wf_api.models.common import FromStep, Given, Moment, Told

Action = Literal["pause", "resume", "terminate", "restart", "delete"]
Counts = dict[str, int]

_FILTER = {"status": ["waiting"], "version": "2"}
_FAULT = {"id": "r-17", "code": "instance.cannot_restart", "message": 'Step "upload" not found in execution history'}


class Options(Given):
    """How it is done."""

    rollback: bool | None = Field(default=None, description="terminate: undo the steps first.")
    from_step: FromStep | None = Field(default=None, description="restart: keep what was asked for before this step.")


class Wish(Given):
    """An action on many instances."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "terminate", "filter": {"status": ["waiting"]}, "options": {"rollback": True}},
                {"action": "restart", "filter": {"status": "errored", "version": "2"}, "dry_run": True},
            ]
        }
    )

    action: Action
    filter: Filter = Field(default_factory=Filter, description="Which instances; without anything, all.")
    options: Options = Field(default_factory=Options)
    dry_run: bool = Field(default=False, description="Only tell what would be moved.")


class Fault(Told):
    """An instance that a job could not move."""

    id: str
    code: str
    message: str


class Job(Told):
    """A job."""

    id: int = Field(examples=[7])
    workflow: str
    action: Literal["pause", "resume", "terminate", "restart", "delete", "delete_workflow"]
    filter: dict[str, Any] = Field(examples=[_FILTER])
    options: dict[str, Any] = Field(examples=[{"rollback": True}])
    actor: str = Field(description="Who started it.", examples=["api:ada"])
    status: Literal["queued", "running", "complete", "cancelled"]
    total: int = Field(description="Instances to move when it was made.", examples=[300])
    done: int = Field(description="Instances that need nothing more from it.", examples=[120])
    failed: int = Field(description="Instances that it could not move.", examples=[1])
    percent: int = Field(examples=[40])
    errors: list[Fault] = Field(description="The first few that failed.", examples=[[_FAULT]])
    created_on: Moment
    started_on: Moment | None
    ended_on: Moment | None


class Preview(Told):
    """What an action would move now."""

    workflow: str
    action: str
    filter: dict[str, Any] = Field(examples=[_FILTER])
    total: int = Field(description="Instances that would be moved.", examples=[12])
    matching: Counts = Field(
        description="Instances that fit the filter, by status.", examples=[{"waiting": 12, "complete": 5}]
    )
    affected: Counts = Field(description="Those of them that would be moved.", examples=[{"waiting": 12}])
    no_effect: Counts = Field(
        description="Those in a status in which the action does nothing.", examples=[{"complete": 5}]
    )
    sample: list[str] = Field(description="The first ids that would be moved.", examples=[["r-17"]])


class Terminator(Told):
    """A job that terminates all instances."""

    status: Literal["ok", "already_running"]
    job_id: int = Field(examples=[7])


class Removal(Told):
    """A job that removes a workflow with its instances."""

    status: Literal["ok"]
    success: bool | None = Field(description="Null: it is being done; the job tells the end.")
    job_id: int = Field(examples=[7])
