"""What goes on now."""

from pydantic import ConfigDict

from wf_api.models.common import Json, Moment, Told

_AT = "2026-01-31T09:00:00Z"
_EXAMPLE: dict[str, Json] = {
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


class Worker(Told):
    """A worker process; `running` is how many steps it runs now."""

    name: str
    alive: bool
    running: int
    concurrency: int
    queue: str
    pool: str
    workflows: dict[str, list[str]]
    release: str
    started_at: Moment
    seen_at: Moment


class Queue(Told):
    """Messages in a queue; null while Redis is away."""

    name: str
    length: int | None


class RunningStep(Told):
    """An attempt that runs; its worker holds it until `lease_until`, and longer if it is alive then."""

    workflow: str
    instance: str
    step: str
    attempt: int
    worker: str | None
    since: Moment
    lease_until: Moment


class Running(Told):
    """How many steps run, and the newest of them."""

    total: int
    steps: list[RunningStep]


class WaitsFor(Told):
    """The step in which an instance waits."""

    type: str
    step: str
    wake_at: Moment | None


class WakeUp(Told):
    """An instance that wakes up at `due_at`, if no event comes first."""

    workflow: str
    instance: str
    due_at: Moment
    waits_for: WaitsFor | None


class WakeUps(Told):
    """How many instances are due `late`, within a `minute`, `hour` or `day`, and `later`; and the next of them."""

    counts: dict[str, int]
    next: list[WakeUp]


class Alarm(Told):
    """When the alarm last ran."""

    ticked_at: Moment | None
    late: bool


class Seen(Told):
    """Everything. Numbers that are as high as `cap` mean "or more"."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    at: Moment
    workers: list[Worker]
    queues: list[Queue]
    running: Running
    wake_ups: WakeUps
    alarm: Alarm
    instances: dict[str, int]
    cap: int
