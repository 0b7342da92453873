"""Where the live instances of a workflow stand."""

from pydantic import ConfigDict, Field

from wf_api.models.common import Json, Moment, Told

_EXAMPLE: dict[str, Json] = {
    "at": "2026-01-31T09:00:00Z",
    "instances": {"running": 2, "waiting": 40},
    "steps": [
        {"kind": "waitForEvent", "name": "approval", "instances": 40, "statuses": {"waiting": 40}, "mostly": "waiting"},
        {
            "kind": "do",
            "name": "charge card",
            "instances": 2,
            "statuses": {"running": 1, "retrying": 1},
            "mostly": "running",
        },
    ],
    "capped": False,
    "steps_capped": False,
    "truncated": False,
    "cap": 1000,
}


class StandingAt(Told):
    """A step at which instances stand, its counter left out; each counts once, and under one status of the step."""

    kind: str = Field(description="do, sleep, waitForEvent, timer or rollback.")
    name: str
    instances: int
    statuses: dict[str, int] = Field(description="running, retrying, ready or waiting.")
    mostly: str = Field(description="The status that most of these instances are in themselves.")


class StandingSeen(Told):
    """Live instances by status, and the open steps at which they stand, the most populated first."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    at: Moment
    instances: dict[str, int]
    steps: list[StandingAt]
    capped: bool = Field(description="Only the newest `cap` instances of a status were looked at: there may be more.")
    steps_capped: bool = Field(description="Of some instances only the newest steps were looked at.")
    truncated: bool = Field(description="There are more steps than are told of.")
    cap: int
