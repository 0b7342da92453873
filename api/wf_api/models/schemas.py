"""What payloads must look like."""

from pydantic import Field

from wf_api.models.common import Json, Told, like

_APPROVAL = {
    "title": "Approval", "type": "object", "required": ["stars"],
    "properties": {"stars": {"title": "Stars", "type": "integer", "maximum": 5}},
}  # fmt: skip


class Schemas(Told):
    """JSON schemas of payloads."""

    model_config = like({"params": None, "events": {"approved": _APPROVAL}})

    params: dict[str, Json] | None = Field(description="Of params; null: the class declares no model.")
    events: dict[str, dict[str, Json]] = Field(description="Of the payloads of events, by type.")
