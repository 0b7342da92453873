"""Events that instances have received."""

from pydantic import Field

from wf_api.models.common import Json, Moment, Told, like


class Received(Told):
    """An event that an instance has received."""

    model_config = like(
        {
            "id": 71, "type": "approval", "payload": {"by": "ada"}, "event_id": "e-1",
            "accepted_at": "2026-11-26T09:30:00.120000Z", "consumed_by": "wait for approval-1",
        }
    )  # fmt: skip

    id: int
    type: str
    payload: Json = Field(description="Cut, as text, if it is long.")
    event_id: str | None = Field(description="The sender's own id.")
    accepted_at: Moment
    consumed_by: str | None = Field(description="The wait that took it; null while none has.")
