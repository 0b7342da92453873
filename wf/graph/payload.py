"""The shape of a workflow's params."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Sequence


def shape(model: type[BaseModel], within: Sequence[type] = ()) -> dict[str, Any]:
    """The fields of a model, and those of models in it."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in (*within, model)
        fields[name] = shape(kind, (*within, model)) if inner else {"type": "unknown"}  # type: ignore[arg-type]
    return {"type": "object", "fields": fields}
