"""Breakers of workflows."""

from typing import Literal

from pydantic import Field

from wf_api.models.common import Given, Json, Moment, Told, like

EXAMPLE: dict[str, Json] = {
    "workflow": "welcome", "state": "open", "since": "2026-01-31T09:00:00Z", "until": "2026-01-31T09:10:00Z",
    "failures": 12, "times": 1, "policy": {"failures": 10, "within": 300.0, "pause": 600.0}, "queued": 40,
}  # fmt: skip


class Policy(Told):
    """What the class of the workflow declares; durations in seconds."""

    failures: int = Field(description="So many instances errored open it,")
    within: float = Field(description="if it happened in that time.")
    pause: float = Field(description="How long nobody begins before one is let through to see.")


class Breaker(Told):
    """How the breaker of a workflow stands."""

    model_config = like(EXAMPLE)

    workflow: str
    state: Literal["closed", "open", "probing"] = Field(description="`probing`: one instance at a time goes on.")
    since: Moment | None = Field(description="When it changed; null if it has been closed for long.")
    until: Moment | None = Field(description="When a probe begins, if it is open.")
    failures: int = Field(description="What opened it; 0: somebody did.")
    times: int = Field(description="How often it was opened in a row; the pause is doubled each time, up to 8 times.")
    policy: Policy | None = Field(description="null: the newest version declares none; it closes in seconds.")
    queued: int = Field(description="Instances that wait for their turn; 1000 means or more.")


class BreakerWish(Given):
    """What shall become of it."""

    model_config = Given.model_config | like({"action": "close"})

    action: Literal["close", "open"]
