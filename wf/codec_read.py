"""How the codec reads back what `codec_write` wrote.

No constructor runs: the attributes of dataclasses and models are put back as they were, so neither `__post_init__`
nor a validator runs a second time. Fields that a class has gained since get their defaults.
"""

from __future__ import annotations

import base64
import dataclasses
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic_core import TzInfo

from wf.classes import find_class
from wf.codec_write import MODEL_STATE, TAG

if TYPE_CHECKING:
    from collections.abc import Callable


def unpack(packed: dict[str, Any]) -> Any:
    """The value of a JSON object whose own parts have been unpacked already.

    Raises:
        ValueError: The object has a kind that this release does not know.
        ImportError: It names a class that is not there.
    """
    if TAG not in packed:
        return packed
    read = _READERS.get(packed[TAG])
    if read is None:
        raise ValueError(f"unknown kind {packed[TAG]!r:.60}; a newer release wrote it")
    return read(packed)


def _find(packed: dict[str, Any], fits: Callable[[type], bool], family: str) -> Any:
    cls = find_class(packed["c"])
    if not fits(cls):
        raise ImportError(f"class {packed['c']} is not {family} any more")
    return cls


def _read_moment(cls: type[datetime | time]) -> Callable[[dict[str, Any]], Any]:
    def read(packed: dict[str, Any]) -> Any:
        value, zone = cls.fromisoformat(packed["v"]), packed.get("zone")
        if isinstance(zone, str):
            value = value.replace(tzinfo=ZoneInfo(zone))
        elif isinstance(zone, int):
            value = value.replace(tzinfo=TzInfo(zone))
        elif zone is not None:
            value = value.replace(tzinfo=timezone(timedelta(microseconds=zone[0]), zone[1]))
        return value.replace(fold=1) if "fold" in packed else value

    return read


def _read_namedtuple(packed: dict[str, Any]) -> Any:
    cls = _find(packed, lambda cls: issubclass(cls, tuple) and hasattr(cls, "_fields"), "a named tuple")
    if len(cls._fields) != len(packed["v"]):
        raise ValueError(f"named tuple {packed['c']} has {len(cls._fields)} fields now, {len(packed['v'])} were stored")
    return tuple.__new__(cls, packed["v"])


def _read_enum(packed: dict[str, Any]) -> Any:
    cls = _find(packed, lambda cls: issubclass(cls, Enum), "an Enum")
    if "bits" in packed:
        return cls(packed["bits"])
    if packed["v"] not in cls.__members__:
        raise ValueError(f"Enum {packed['c']} has no member {packed['v']!r} any more")
    return cls.__members__[packed["v"]]


def _read_model(packed: dict[str, Any]) -> Any:
    cls = _find(packed, lambda cls: issubclass(cls, BaseModel), "a pydantic model")
    state = {slot: dict(packed[key]) if key in packed else None for key, slot in MODEL_STATE.items()}
    attrs = state["__dict__"] or {}
    for name, field in cls.model_fields.items():
        if name not in attrs and not field.is_required():
            attrs[name] = field.get_default(call_default_factory=True, validated_data=attrs)
    model = object.__new__(cls)
    BaseModel.__setstate__(model, state | {"__dict__": attrs, "__pydantic_fields_set__": set(packed["set"])})
    return model


def _read_dataclass(packed: dict[str, Any]) -> Any:
    cls = _find(packed, dataclasses.is_dataclass, "a dataclass")
    value = object.__new__(cls)
    attrs = dict(packed["v"])
    for field in dataclasses.fields(cls):
        if field.name not in attrs and not hasattr(value, field.name):
            if field.default is not dataclasses.MISSING:
                attrs[field.name] = field.default
            elif field.default_factory is not dataclasses.MISSING:
                attrs[field.name] = field.default_factory()
    for name, item in attrs.items():
        object.__setattr__(value, name, item)  # past the __setattr__ of a frozen class
    return value


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "int": lambda packed: int(packed["v"], 16),
    "str": lambda packed: base64.b64decode(packed["v"]).decode("utf-8", "surrogatepass"),
    "bytes": lambda packed: base64.b64decode(packed["v"]),
    "tuple": lambda packed: tuple(packed["v"]),
    "set": lambda packed: set(packed["v"]),
    "frozenset": lambda packed: frozenset(packed["v"]),
    "dict": lambda packed: dict(packed["v"]),
    "datetime": _read_moment(datetime),
    "time": _read_moment(time),
    "date": lambda packed: date.fromisoformat(packed["v"]),
    "timedelta": lambda packed: timedelta(microseconds=packed["v"]),
    "Decimal": lambda packed: Decimal(packed["v"]),
    "UUID": lambda packed: UUID(packed["v"]),
    "namedtuple": _read_namedtuple,
    "enum": _read_enum,
    "model": _read_model,
    "dataclass": _read_dataclass,
}
