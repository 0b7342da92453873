"""How the codec writes what JSON cannot: ``{"~": kind, "v": content}``, with ``"c": "module:qualname"`` for classes."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic_core import TzInfo

from wf.answers import Answer
from wf.classes import class_ref
from wf.core.history import Fields
from wf.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TAG = "~"
MAX_DEPTH = 100
_BIG = 2_000  # bits; Python may refuse decimal integers of more than 640 digits
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


class Member:
    """A step of a path that has neither index nor name: a key, or a member of a set."""

    def __init__(self, value: object) -> None:
        self.value = value


class Packer:
    """One value on its way to JSON.

    Attributes:
        path: The steps from the whole value to the part at work.
        trail: The ids of the values along the path, the whole one first.
    """

    def __init__(self, whole: object) -> None:
        self.path: list[object] = []
        self.trail = [id(whole)]

    def pack(self, value: Any) -> Any:
        """What JSON can carry for a value.

        Raises:
            SerializationError: The value, or a part of it, cannot be stored.
        """
        kind = type(value)
        pack = _PACKERS.get(kind) or next((pack for base, pack in _FAMILIES if issubclass(kind, base)), None)
        if pack is None and dataclasses.is_dataclass(kind):
            pack = _pack_dataclass
        if pack is None and issubclass(kind, tuple) and hasattr(kind, "_fields"):
            pack = _pack_namedtuple
        if pack is None:
            near = next((base for base in kind.__mro__ if base in _PACKERS), None)
            hint = f"convert it with {near.__name__}(...)" if near else "return plain data, or a path or id instead"
            self.refuse(f"the journal does not know the type {kind.__module__}.{kind.__qualname__}; {hint}.")
        return pack(self, value)

    def part(self, step: object, value: object) -> Any:
        """Pack a part of the current value; `step` is its index, its name, or a `Member`."""
        self.path.append(step)
        self.trail.append(id(value))
        if len(self.path) > MAX_DEPTH:
            self._refuse_depth()
        packed = self.pack(value)
        self.path.pop()
        self.trail.pop()
        return packed

    def parts(self, items: Iterable[object]) -> list[Any]:
        """Pack the items of a sequence."""
        return [self.part(index, item) for index, item in enumerate(items)]

    def attributes(self, owner: object, attrs: dict[str, Any]) -> list[Any]:
        """Pack attributes, without cached properties (computed anew) and the mark that `Class[int](...)` leaves."""
        return [
            [self.pack(name), self.part(name, item)]
            for name, item in attrs.items()
            if name != "__orig_class__" and not isinstance(getattr(type(owner), name, None), cached_property)
        ]

    def ref(self, cls: type) -> str:
        """The name of a class that other processes can import."""
        try:
            return class_ref(cls)
        except ImportError as error:
            self.refuse(f"{error}.")

    def refuse(self, problem: str) -> NoReturn:
        """Raise the error that names the current path."""
        raise SerializationError("$" + "".join(map(_step_text, self.path)), problem)

    def _refuse_depth(self) -> NoReturn:
        for index, seen in enumerate(self.trail):
            if seen in self.trail[:index]:
                del self.path[index:]
                self.refuse("it contains itself, and JSON has no cycles.")
        del self.path[10:]
        self.refuse(f"below this it is nested more than {MAX_DEPTH} levels deep.")


def _step_text(step: object) -> str:
    if type(step) is str:
        return f".{step}" if step.isidentifier() else f"[{json.dumps(step)}]"
    value = step.value if isinstance(step, Member) else step
    # The repr of anything else could be the author's own code, or endless.
    shown = f"{value!r:.60}" if type(value) in _SHOWN else type(value).__qualname__
    return f"<{shown}>" if isinstance(step, Member) else f"[{shown}]"


# Writing: one function a type.


def _is_text(value: str) -> bool:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return True


def _pack_plain(_: Packer, value: Any) -> Any:
    return value


def _pack_int(_: Packer, value: int) -> Any:
    return value if value.bit_length() < _BIG else {TAG: "int", "v": hex(value)}


def _pack_str(_: Packer, value: str) -> Any:
    return value if _is_text(value) else {TAG: "str", "v": base64.b64encode(value.encode(*_LOSSLESS)).decode()}


def _pack_bytes(_: Packer, value: bytes) -> Any:
    return {TAG: "bytes", "v": base64.b64encode(value).decode()}


def _pack_text(_: Packer, value: date | Decimal | UUID) -> Any:
    return {TAG: type(value).__name__, "v": str(value)}


def _pack_timedelta(_: Packer, value: timedelta) -> Any:
    return {TAG: "timedelta", "v": value // _MICROSECOND}


def _offset(value: datetime | time) -> timedelta | None:
    try:
        return value.utcoffset()
    except Exception:  # a time zone is the author's own code
        return None


def _pack_moment(packer: Packer, value: datetime | time) -> Any:
    packed: dict[str, Any] = {TAG: type(value).__name__}
    zone = value.tzinfo
    if type(zone) is ZoneInfo and zone.key:
        packed["zone"] = zone.key
        value = value.replace(tzinfo=None)
    elif zone is not None:
        offset = _offset(value)
        if offset is None:
            packer.refuse(f"its time zone, a {type(zone).__qualname__}, tells no offset; use zoneinfo or timezone.utc.")
        plain = timezone(offset)
        if type(zone) is TzInfo:  # what pydantic makes of an offset or a Z
            packed["zone"] = offset // _SECOND
            value = value.replace(tzinfo=None)
        elif isinstance(zone, timezone) and zone.tzname(None) != plain.tzname(None):
            packed["zone"] = [offset // _MICROSECOND, zone.tzname(None)]
            value = value.replace(tzinfo=None)
        else:
            value = value.replace(tzinfo=plain)
    return packed | {"v": value.isoformat()} | ({"fold": 1} if value.fold else {})


def _pack_list(packer: Packer, value: list[Any]) -> Any:
    return packer.parts(value)


def _pack_tuple(packer: Packer, value: tuple[Any, ...]) -> Any:
    return {TAG: "tuple", "v": packer.parts(value)}


def _pack_set(packer: Packer, value: set[Any] | frozenset[Any]) -> Any:
    # Sorted, because the order of a set differs from process to process and the bytes should not.
    members = sorted((packer.part(Member(item), item) for item in value), key=json.dumps)
    return {TAG: type(value).__name__, "v": members}


def _pack_dict(packer: Packer, value: dict[Any, Any]) -> Any:
    if TAG not in value and all(type(key) is str and _is_text(key) for key in value):
        return {key: packer.part(key, item) for key, item in value.items()}
    return {TAG: "dict", "v": [[packer.part(Member(key), key), packer.part(key, item)] for key, item in value.items()]}


def _pack_namedtuple(packer: Packer, value: tuple[Any, ...]) -> Any:
    if getattr(value, "__dict__", None):
        packer.refuse(f"{type(value).__qualname__} is a tuple with attributes of its own; use a dataclass.")
    return {TAG: "namedtuple", "c": packer.ref(type(value)), "v": packer.parts(value)}


def _pack_enum(packer: Packer, value: Enum) -> Any:
    cls = type(value)
    packed = {TAG: "enum", "c": packer.ref(cls)}
    if cls.__members__.get(value._name_) is value:
        return packed | {"v": value._name_}
    if not isinstance(value, Flag):
        packer.refuse(f"{value!r:.60} is not among the members of {cls.__qualname__}.")
    return packed | {"bits": value._value_}


def _pack_model(packer: Packer, value: BaseModel) -> Any:
    packed: dict[str, Any] = {TAG: "model", "c": packer.ref(type(value))}
    state = BaseModel.__getstate__(value)
    packed["set"] = packer.pack(sorted(state["__pydantic_fields_set__"]))
    for key, slot in MODEL_STATE.items():
        if state[slot] is not None:
            packed[key] = packer.attributes(value, state[slot])
    return packed


def _pack_dataclass(packer: Packer, value: object) -> Any:
    cls = type(value)
    try:
        object.__new__(cls)  # what reading will do
    except TypeError:
        packer.refuse(f"dataclass {cls.__qualname__} is also a built-in type; store its fields.")
    # Past a __getstate__ of the class: its __dict__ and its slots, whatever set them.
    state: Any = object.__getstate__(value)
    held = state if isinstance(state, tuple) else (state,)
    attrs = {name: item for part in held if part for name, item in part.items()}
    return {TAG: "dataclass", "c": packer.ref(cls), "v": packer.attributes(value, attrs)}


_LOSSLESS = ("utf-8", "surrogatepass")
MODEL_STATE = {"v": "__dict__", "extra": "__pydantic_extra__", "private": "__pydantic_private__"}
_SHOWN = frozenset({type(None), bool, int, float, str, bytes, date, datetime, Decimal, UUID})
_PACKERS: dict[type, Callable[[Packer, Any], Any]] = {
    type(None): _pack_plain,
    bool: _pack_plain,
    float: _pack_plain,
    int: _pack_int,
    str: _pack_str,
    bytes: _pack_bytes,
    list: _pack_list,
    dict: _pack_dict,
    tuple: _pack_tuple,
    set: _pack_set,
    frozenset: _pack_set,
    datetime: _pack_moment,
    time: _pack_moment,
    date: _pack_text,
    Decimal: _pack_text,
    UUID: _pack_text,
    timedelta: _pack_timedelta,
}
_FAMILIES: tuple[tuple[type, Callable[[Packer, Any], Any]], ...] = (
    (Enum, _pack_enum),
    (BaseModel, _pack_model),
    # Our own mappings, which authors are handed and hand on; they come back as plain dicts.
    (Fields, _pack_dict),
    (Answer, _pack_dict),
)
