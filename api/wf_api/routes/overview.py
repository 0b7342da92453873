"""What goes on now, in one look."""

from contextlib import closing
from datetime import datetime
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from wf.overview import Overview
from wf_api.access import Reader
from wf_api.envelope import answered

router = APIRouter(prefix="/api", tags=["overview"])

Result = TypeVar("Result")


class Model(BaseModel):
    """Reads what the library answers, and writes the API's names."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=False)


class Worker(Model):
    """A worker process; `running` is how many steps it runs now."""

    name: str
    alive: bool
    running: int
    concurrency: int
    queue: str
    pool: str
    workflows: dict[str, list[str]]
    release: str
    started_at: datetime
    seen_at: datetime


class Queue(Model):
    """Messages in a queue; null while Redis is away."""

    name: str
    length: int | None


class RunningStep(Model):
    """An attempt that runs; its worker holds it until `lease_until`, and longer if it is alive then."""

    workflow: str
    instance: str
    step: str
    attempt: int
    worker: str | None
    since: datetime
    lease_until: datetime


class Running(Model):
    """How many steps run, and the newest of them."""

    total: int
    steps: list[RunningStep]


class WaitsFor(Model):
    """The step in which an instance waits."""

    type: str
    step: str
    wake_at: datetime | None


class WakeUp(Model):
    """An instance that wakes up at `due_at`, if no event comes first."""

    workflow: str
    instance: str
    due_at: datetime
    waits_for: WaitsFor | None


class WakeUps(Model):
    """How many instances are due `late`, within a `minute`, `hour` or `day`, and `later`; and the next of them."""

    counts: dict[str, int]
    next: list[WakeUp]


class Alarm(Model):
    """When the alarm last ran."""

    ticked_at: datetime | None
    late: bool


class Seen(Model):
    """Everything. Numbers that are as high as `cap` mean "or more"."""

    at: datetime
    workers: list[Worker]
    queues: list[Queue]
    running: Running
    wake_ups: WakeUps
    alarm: Alarm
    instances: dict[str, int]
    cap: int


class Enveloped(BaseModel, Generic[Result]):
    """The envelope around every answer."""

    success: bool
    errors: list[Any]
    messages: list[Any]
    result: Result


_AT = "2026-01-31T09:00:00Z"
_EXAMPLE = {
    "at": _AT,
    "workers": [
        {
            "name": "host-1:4711", "alive": True, "running": 1, "concurrency": 10, "queue": "wf", "pool": "threads",
            "workflows": {"welcome": ["1"]}, "release": "0.1.0", "started_at": _AT, "seen_at": _AT,
        },
    ],
    "queues": [{"name": "wf", "length": 0}, {"name": "wf.alarm", "length": 0}],
    "running": {
        "total": 1,
        "steps": [
            {
                "workflow": "welcome", "instance": "w-1", "step": "send mail-1", "attempt": 1, "worker": "host-1:4711",
                "since": _AT, "lease_until": "2026-01-31T09:00:30Z",
            },
        ],
    },
    "wake_ups": {
        "counts": {"late": 0, "minute": 1, "hour": 0, "day": 0, "later": 1000},
        "next": [
            {
                "workflow": "welcome", "instance": "w-2", "due_at": "2026-01-31T09:00:20Z",
                "waits_for": {"type": "sleep", "step": "look around-1", "wake_at": "2026-01-31T09:00:20Z"},
            },
        ],
    },
    "alarm": {"ticked_at": _AT, "late": False},
    "instances": {"running": 1, "waiting": 1000},
    "cap": 1000,
}  # fmt: skip
_ANSWER = {"success": True, "errors": [], "messages": [], "result": _EXAMPLE}


@router.get(
    "/overview", summary="What goes on now", response_model=Enveloped[Seen],
    responses={200: {"content": {"application/json": {"example": _ANSWER}}}},
)  # fmt: skip
def overview(caller: Reader) -> Response:
    """Workers, queues, steps that run, wake-ups to come. Cheap, however many instances there are.

    Steps, wake-ups, counts of instances and names are of the workflows that the caller may see; the counts of wake-ups
    and the lengths of queues are of all.
    """
    only = caller.principal.workflows
    client = caller.client
    with closing(Overview(client.database, client.catalog.clock, caller.parts.settings)) as looking:
        return answered(Seen.model_validate(looking.look(only)).model_dump())
