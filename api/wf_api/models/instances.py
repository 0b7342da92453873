"""Instances: created, listed, described, moved."""

from typing import Annotated, Literal

from pydantic import Field

from wf.status import Status, StepStatus
from wf_api.models import examples
from wf_api.models.common import Ended, FromStep, Given, Json, Moment, Payload, Told, like
from wf_api.models.workflows import Retention


class NewInstance(Given):
    """An instance to create."""

    model_config = like(examples.NEW_INSTANCE)

    instance_id: str | None = Field(default=None, description="A random one by default.", examples=["r-17"])
    params: Payload = Field(default=None, description="What `run` gets as `event.payload`; `{}` by default.")
    instance_retention: Retention | None = None
    location_hint: str | None = Field(default=None, description="Accepted and ignored: there is one place here.")


class Created(Told):
    """An instance that was created."""

    model_config = like(examples.CREATED)

    id: str = Field(examples=["r-17"])
    status: Status
    version_id: str
    workflow_id: str
    trigger_source: str


class Instance(Told):
    """An entry of a list."""

    model_config = like(examples.INSTANCE)

    id: str
    workflow_id: str
    version_id: str
    status: Status
    trigger_source: str
    created_on: Moment
    modified_on: Moment = Field(description="When its status or its last step changed.")
    started_on: Moment | None
    ended_on: Moment | None
    due_on: Moment | None = Field(description="When the alarm looks at it; null if it has ended or is paused.")


class Attempt(Told):
    """A try of a step."""

    attempt: int
    start: Moment | None
    end: Moment | None
    success: bool | None
    outcome: Literal["complete", "errored", "lost", "running"]
    error: Ended | None
    worker: str | None
    retryAt: Moment | None  # noqa: N815  # as in the clients
    rev: int | None = Field(description="That of the instance when it began.")


class Trigger(Told):
    """Where the wish came from."""

    source: str


class Step(Told):
    """A step of an instance."""

    name: str = Field(description="With the number of its occurrence.", examples=["upload-1"])
    type: Literal["step", "sleep", "waitForEvent", "rollback", "termination"]
    status: StepStatus
    start: Moment | None
    end: Moment | None
    success: bool | None
    finished: bool | None = Field(default=None, description="Of a sleep or a wait: whether it is over.")
    config: dict[str, Json] = Field(description="Durations in seconds.")
    output: Json = Field(description="Cut, as text, if it is long; the step route gives all of it.")
    error: Ended | None
    event_type: str | None
    attempts: list[Attempt] = Field(description="The newest 20, and the one that runs or has succeeded.")
    seq: int | None = Field(description="In the order in which `run` asked for the steps.")
    attempt: int = Field(description="How many there were: the number of the last one.")
    lost: int = Field(description="Attempts whose worker died.")
    heartbeat: Json = Field(description="What the last heartbeat told.")
    wakeAt: Moment | None = Field(description="When it goes on by itself.")  # noqa: N815  # as in the clients
    worker: str | None
    trigger: Trigger | None = Field(default=None, description="Of a termination: who wished it.")


class Rollback(Told):
    """What a rollback came to."""

    outcome: Literal["complete", "failed"]
    error: Ended | None


class Details(Told):
    """Everything about an instance."""

    model_config = like(examples.DETAILS)

    id: str
    workflow: str
    status: Status
    params: Json
    trigger: Trigger
    versionId: str  # noqa: N815  # the baseline's name
    queued: Moment
    start: Moment | None
    end: Moment | None
    success: bool | None
    error: Ended | None
    output: Json
    rollback: Rollback | None
    step_count: int
    schedule: dict[str, Json] | None
    steps: list[Step] | None = Field(default=None, description="Absent in the simple form.")
    warnings: list[Json]
    retries: int
    recoveries: int
    restarts: int
    generation: int
    rev: int = Field(description="Grows with every change.")
    nextWake: Moment | None = Field(description="When the next step goes on by itself.")  # noqa: N815  # as in the clients
    dueAt: Moment | None = Field(description="When the alarm looks at it.")  # noqa: N815
    restartAt: Moment | None = Field(description="When it is restarted by the policy of its class.")  # noqa: N815
    expireAt: Moment | None = Field(description="When it is removed.")  # noqa: N815


class StepOutput(Told):
    """All that a step gave."""

    model_config = like(examples.STEP_OUTPUT)

    status: Literal["running", "waiting", "complete", "errored"]
    output: Json
    error: Ended | None
    event_type: str | None = None


class Pause(Given):
    """Let no attempt begin any more."""

    model_config = like({"status": "pause"})

    status: Literal["pause"]


class Resume(Given):
    """Go on after a pause."""

    model_config = like({"status": "resume"})

    status: Literal["resume"]


class Terminate(Given):
    """Stop for good."""

    model_config = like({"status": "terminate", "rollback": True})

    status: Literal["terminate"]
    rollback: bool = Field(default=False, description="Undo its steps first, the last one first.")


class Restart(Given):
    """Begin again."""

    model_config = like({"status": "restart", "from": {"name": "upload", "count": 1}})

    status: Literal["restart"]
    from_: FromStep | None = Field(default=None, alias="from", description="Keep what began before this step.")


Change = Annotated[Pause | Resume | Terminate | Restart, Field(discriminator="status")]


class Moved(Told):
    """An instance after a change."""

    model_config = like(examples.MOVED)

    status: Status
    timestamp: Moment


class Sent(Told):
    """An event that is in the journal."""

    model_config = like(examples.SENT)

    instanceId: str  # noqa: N815  # the baseline's name
    timestamp: Moment


class Ids(Given):
    """Instances by their ids."""

    model_config = like(examples.IDS)

    instances: list[str] = Field(examples=[["r-17", "r-18"]])


class DeletedOne(Told):
    """An instance that is gone."""

    id: str


class NotDeleted(Told):
    """An instance that is still there, or was not."""

    id: str
    code: int
    message: str
    detail: str


class Deleted(Told):
    """What became of each."""

    model_config = like(examples.DELETED)

    deleted: list[DeletedOne]
    errors: list[NotDeleted]


Batch = Annotated[
    list[NewInstance],
    Field(description="1 to 100 instances; those whose ids exist are left out.", examples=[examples.BATCH]),
]
