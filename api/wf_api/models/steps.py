"""Instances in parts: pages of steps, one step, and what all of them come to."""

from typing import Literal

from pydantic import Field

from wf.status import StepStatus
from wf_api.models import examples
from wf_api.models.common import Ended, Json, Moment, Told, like
from wf_api.models.instances import Attempt, Step

_DETAILS: dict[str, Json] = examples.DETAILS
_BEGUN, _ENDED = _DETAILS["start"], _DETAILS["end"]


class FullStep(Step):
    """A step of an instance."""

    model_config = like(_DETAILS["steps"][0] | {"generation": 1})

    generation: int = Field(description="How often its instance has begun.")
    output: Json = Field(description="Whole, however long it is; what is sensitive is `[REDACTED]`.")
    attempts: list[Attempt] = Field(description="The newest 100, and the one that runs or has succeeded.")


class PagedAttempt(Attempt):
    """A try of a step."""

    error: Ended | None = Field(default=None, description="Absent with `outputs=false`.")


class PagedStep(Step):
    """A step on a page; configuration, output, error and heartbeat are absent with `outputs=false`."""

    model_config = like(_DETAILS["steps"][0])

    config: dict[str, Json] = Field(default_factory=dict, description="Durations in seconds.")
    output: Json = Field(default=None, description="Cut, as text, if it is long; the step's own route gives all of it.")
    error: Ended | None = None
    heartbeat: Json = Field(default=None, description="What the last heartbeat told.")
    attempts: list[PagedAttempt] = Field(  # type: ignore[assignment]  # an attempt whose error may be absent
        description="The newest 20, and the one that runs or has succeeded."
    )


class Termination(Told):
    """Who ended an instance, and when."""

    at: Moment | None
    source: str = Field(description="Where the wish came from.", examples=["api"])


class Summary(Told):
    """All steps together."""

    model_config = like(
        {"at": _ENDED, "start": _BEGUN, "end": _ENDED, "steps": {"complete": 1}, "total": 1, "termination": None}
    )

    at: Moment = Field(description="The time now, by the clock of the journal.")
    start: Moment | None = Field(description="Of the first step.")
    end: Moment | None = Field(description="Of the last step that has ended.")
    steps: dict[StepStatus, int] = Field(description="How many are in which status.")
    total: int
    termination: Termination | None = Field(description="Null if it was not terminated.")


Direction = Literal["asc", "desc"]
