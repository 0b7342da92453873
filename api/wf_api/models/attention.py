"""What wants a human."""

from pydantic import ConfigDict, Field

from wf_api.models.breakers import EXAMPLE as _BREAKER
from wf_api.models.breakers import Breaker
from wf_api.models.common import Json, Moment, Told
from wf_api.models.overview import Alarm, Queue

_AT = "2026-01-31T09:00:00Z"
_EXAMPLE: dict[str, Json] = {
    "at": _AT,
    "errors": {
        "groups": [
            {
                "workflow": "welcome", "name": "ConnectionError", "message": "order 17 refused by 'mx-3'",
                "fingerprint": "5d41402abc4b", "text": "refused by", "count": 12, "restarting": 3,
                "newest_at": _AT, "oldest_at": "2026-01-30T21:00:00Z", "examples": ["w-9", "w-8", "w-5"],
            },
        ],
        "looked": 14, "capped": False,
    },
    "lost": {
        "total": 1,
        "attempts": [
            {
                "workflow": "welcome", "instance": "w-1", "step": "send mail-1", "attempt": 2, "worker": "host-1:4711",
                "at": _AT, "lost": 2,
            },
        ],
        "capped": False,
    },
    "poison": {
        "total": 1,
        "steps": [
            {
                "workflow": "welcome", "instance": "w-1", "step": "send mail-1", "lost": 2, "status": "running",
                "at": _AT,
            },
        ],
    },
    "waits": {
        "total": 1,
        "soonest": [
            {
                "workflow": "welcome", "instance": "w-2", "step": "answer-1", "event_type": "answered", "since": _AT,
                "deadline": "2026-02-01T09:00:00Z",
            },
        ],
        "capped": False,
    },
    "late": {
        "total": 1,
        "oldest": [
            {
                "workflow": "welcome", "instance": "w-3", "status": "waiting", "due_at": "2026-01-31T08:59:00Z",
                "nudges": 0, "late": 60.0,
            },
        ],
        "capped": False,
    },
    "workers": {
        "gone": [
            {
                "name": "host-1:4711", "queue": "wf", "workflows": {"welcome": ["1"]}, "release": "0.1.0",
                "started_at": _AT, "seen_at": _AT,
            },
        ],
    },
    "queues": [{"name": "wf", "length": 7}],
    "alarm": {"ticked_at": "2026-01-31T08:58:00Z", "late": True},
    "unserved": {"welcome": 3},
    "halted": {
        "total": 1,
        "instances": [
            {
                "workflow": "welcome", "instance": "w-4", "at": _AT, "name": "CodecError",
                "message": "Output of step 'send mail-1': Stored data cannot be read (...).",
            },
        ],
    },
    "paused": {"welcome": 1},
    "breakers": [_BREAKER],
    "cap": 1000,
}  # fmt: skip


class ErrorGroup(Told):
    """Errored instances of a workflow whose errors are the same but for numbers, ids and quoted texts."""

    workflow: str
    name: str
    message: str = Field(description="The first lines of one of them.")
    fingerprint: str = Field(description="Short for name and message without those.")
    text: str = Field(description="A part of all of them: lists of instances find them by it, as `error`.")
    count: int
    restarting: int = Field(description="How many of them will be restarted by themselves.")
    newest_at: Moment
    oldest_at: Moment
    examples: list[str] = Field(description="Ids of the newest of them.")


class Errors(Told):
    """Groups, the biggest first, of the `looked` newest errored instances; `capped` if there may be more."""

    groups: list[ErrorGroup]
    looked: int
    capped: bool


class LostAttempt(Told):
    """An attempt whose worker was lost; `lost` is how often its step was."""

    workflow: str
    instance: str
    step: str
    attempt: int
    worker: str | None
    at: Moment
    lost: int


class Lost(Told):
    """How many attempts were lost in the last day, the newest of them, and whether there may be more (`capped`)."""

    total: int
    attempts: list[LostAttempt]
    capped: bool = Field(description="Whether there were more, of all workflows, than are looked at.")


class PoisonousStep(Told):
    """A step that has lost its worker more than once, and the status of its instance; `at` is when it last did."""

    workflow: str
    instance: str
    step: str
    lost: int
    status: str
    at: Moment


class Poison(Told):
    """How many steps, among those that were lost, may kill their workers; and the worst of them."""

    total: int
    steps: list[PoisonousStep]


class Wait(Told):
    """A wait for an event that somebody must send before the deadline."""

    workflow: str
    instance: str
    step: str
    event_type: str
    since: Moment
    deadline: Moment | None


class Waits(Told):
    """How many waits, the soonest to end, and whether older ones may be missing (`capped`)."""

    total: int
    soonest: list[Wait]
    capped: bool


class LateInstance(Told):
    """An instance that should have been woken up `late` seconds ago."""

    workflow: str
    instance: str
    status: str
    due_at: Moment
    nudges: int = Field(description="Times that the alarm has woken it without effect.")
    late: float


class Late(Told):
    """How many instances are late, those that are it most, and whether there may be more (`capped`)."""

    total: int
    oldest: list[LateInstance]
    capped: bool = Field(description="Whether there were more, of all workflows, than are looked at.")


class HaltedInstance(Told):
    """An instance that was paused because what is stored of it cannot be read, or does not fit the code."""

    workflow: str
    instance: str
    at: Moment | None
    name: str
    message: str = Field(description="Which row, why, and what to do next.")


class Halted(Told):
    """How many of the newest paused instances were paused by the engine, and the newest of these."""

    total: int
    instances: list[HaltedInstance]


class GoneWorker(Told):
    """A worker process without a sign of life since `seen_at`."""

    name: str
    queue: str
    workflows: dict[str, list[str]]
    release: str
    started_at: Moment
    seen_at: Moment


class Workers(Told):
    """Workers that are gone; a day after its last sign of life one is forgotten."""

    gone: list[GoneWorker]


class Noticed(Told):
    """Everything. Numbers that are as high as `cap` mean "or more"."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    at: Moment
    errors: Errors
    lost: Lost
    poison: Poison
    waits: Waits
    late: Late
    workers: Workers
    queues: list[Queue] = Field(description="Those with messages that no living worker takes.")
    alarm: Alarm
    unserved: dict[str, int] = Field(description="Live instances by workflow, of those that no living worker knows.")
    halted: Halted
    paused: dict[str, int] = Field(description="Paused instances by workflow.")
    breakers: list[Breaker] = Field(description="Those that are not closed: they hold their workflow.")
    cap: int
