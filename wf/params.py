"""Typed params: payloads that a pydantic model describes.

What is stored is plain data under the names that the model reads, so that the journal needs no class. `run` gets a
model made from it at each replay. So validators run again and again: like `run` itself they must not depend on the
time, on chance, or on anything outside the payload.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError, to_jsonable_python

from wf.errors import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import WithDefaultSchema

_PLAIN = frozenset(
    {type(None), bool, int, float, str, bytes, date, datetime, time, timedelta, Decimal, UUID},
)
"""Types that the codec stores and every model reads."""


def plain_payload(workflow: str, model: type[BaseModel], payload: Any, event: str | None = None) -> Any:
    """A payload that fits the model, defaults filled in, as data to store.

    Args:
        workflow: Its workflow, for the error.
        model: What `params=` of the class says, or `events=`.
        payload: A mapping, or an instance of the model.
        event: The type of the event that it belongs to, for the error.

    Raises:
        InvalidPayload: It does not fit, or the model could not read it again.
    """
    stored = _plain(payload_model(workflow, model, payload, event))
    payload_model(workflow, model, stored, event)  # better now than in `run`
    return stored


def payload_model(workflow: str, model: type[BaseModel], payload: Any, event: str | None = None) -> BaseModel:
    """The model of a payload, a new one each time.

    Raises:
        InvalidPayload: The payload does not fit.
    """
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    raise InvalidPayload(workflow, model.__name__, faults, event)  # not from the error, whose text holds the values


class _Quiet(GenerateJsonSchema):
    """A default that is no JSON is left out without a word: nobody at a worker's start can do anything about it."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # pydantic's own annotation


class _Discreet(_Quiet):
    """Without defaults, which may come from anywhere, such as the environment."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def json_schema(model: type[BaseModel], *, defaults: bool = True) -> dict[str, Any] | None:
    """What JSON fits a model; None if that cannot be said in JSON schema, or not be stored.

    Args:
        model: The model.
        defaults: Whether the defaults of its fields may be told.
    """
    try:
        schema = model.model_json_schema(schema_generator=_Quiet if defaults else _Discreet)
        text = json.dumps(schema, allow_nan=False, ensure_ascii=False)
        text.encode()  # half a character cannot be stored
    except Exception:  # pydantic has many for this, and authors' own hooks may raise anything
        return None
    return None if "\\u0000" in text else schema  # for which Postgres has no place


def _plain(value: Any) -> Any:
    """What the model would have to be given to become what it is."""
    if type(value) in _PLAIN or hasattr(value, "get_secret_value"):
        return value  # a secret is refused by the codec, which names the path: none gets into the journal by mistake
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    for base, plain in _FAMILIES:
        if isinstance(value, base):
            return plain(value)
    try:
        return to_jsonable_python(value)  # the text of urls, addresses and the like
    except PydanticSerializationError:
        return value  # the codec tells what it cannot store, and where


def _plain_model(value: BaseModel) -> Any:
    model = type(value)
    by_alias = model.model_config.get("validate_by_alias", True)
    plain: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in value.__dict__:
            _put(plain, _path(name, field) if by_alias else [name], _plain(value.__dict__[name]))
    return plain | _plain(value.__pydantic_extra__ or {})


def _path(name: str, field: FieldInfo) -> list[str | int]:
    """Where the model looks for a field."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), alias.choices[0])
    return alias.path if isinstance(alias, AliasPath) else [alias or name]


def _put(plain: dict[str, Any], path: list[str | int], value: Any) -> None:
    """Set `plain[first][second]...`, making lists and mappings on the way."""
    place: Any = plain
    for part, following in zip(path, [*path[1:], None], strict=True):
        if isinstance(part, int):
            place.extend([None] * (part + 1 - len(place)))
        known = place[part] if isinstance(part, int) else place.get(part)
        if following is None:
            place[part] = value
        elif known is None:
            place[part] = [] if isinstance(following, int) else {}
        place = place[part]


_FAMILIES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (RootModel, lambda value: _plain(value.root)),
    (BaseModel, _plain_model),
    (Enum, lambda value: _plain(value.value)),
    (PurePath, str),
    (dict, lambda value: {_plain(key): _plain(item) for key, item in value.items()}),
    *((kind, lambda value, kind=kind: kind(map(_plain, value))) for kind in (list, tuple, set, frozenset)),
)
