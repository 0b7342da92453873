"""Values in the journal: one version byte, then JSON in UTF-8.

JSON's own types stand for themselves (NaN and the infinities as Python writes them). Every other value is an object
``{"~": kind, "v": content}``, with the class as ``"c": "module:qualname"`` where there is one. Decoding gives back a
value that equals the original in type and value, and never runs a constructor: fields are put back as they were,
`__post_init__` and validators do not run a second time. Objects referenced twice come back as two equal ones.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import cached_property
from importlib import import_module
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from wf.errors import PayloadTooLarge, SerializationError, WfError

_VERSION = b"\x01"
_TAG = "~"
_MAX_DEPTH = 100
_BIG = 2_000  # bits; Python refuses to write or read decimal integers of more than 640 to 4,300 digits
_SCALARS = frozenset({str, int, float, bool, type(None)})
_STR = frozenset({str})
_MICROSECOND = timedelta(microseconds=1)

_dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class CodecError(WfError, ValueError):
    """Stored bytes cannot be read: they are damaged, of another release, or name a class that is gone."""

    code = "payload.unreadable"


def encode(value: object, *, what: str = "value", limit: int | None = None) -> bytes:
    """Write a value for the journal.

    Args:
        value: Anything made of the types of the module's docstring.
        what: What the value is for; the error about its size begins with it.
        limit: Largest size of the result in bytes; None for any.

    Raises:
        SerializationError: Some part of the value cannot be stored; the error names the path to it.
        PayloadTooLarge: The result is larger than `limit`.
    """
    try:
        data = _VERSION + _dumps(value).encode() if _is_plain(value, 0) else _encode_any(value)
    except ValueError:  # lone surrogates and very long integers, which JSON cannot carry
        data = _encode_any(value)
    if limit is not None and len(data) > limit:
        raise PayloadTooLarge(what, len(data), limit)
    return data


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Read what `encode` wrote.

    Raises:
        CodecError: The bytes are damaged, of an unknown version, or name a class that cannot be found.
    """
    if bytes(data[:1]) != _VERSION:
        raise CodecError(
            f"Stored data begins with {bytes(data[:1])!r}, this release reads version {_VERSION!r}. "
            f"It is damaged, or was written by a newer release."
        )
    try:
        text = str(data[1:], "utf-8")
        value, end = (_TAGGED if '"~"' in text else _UNTAGGED).raw_decode(text)
    except CodecError:
        raise
    except Exception as error:  # damaged data can trip any part of the decoder
        raise CodecError(f"Stored data cannot be read ({type(error).__name__}: {error}).") from error
    if end != len(text):
        raise CodecError(f"Stored data has {len(text) - end} characters after its end; it is damaged.")
    return value


def class_ref(cls: type) -> str:
    """The text `module:qualname` under which every process finds a class.

    Raises:
        CodecError: No other process could find it; the message says what to do.
    """
    ref = f"{cls.__module__}:{cls.__qualname__}"
    if "<locals>" in ref:
        raise CodecError(f"class {ref} is defined inside a function; define it at the top of its module")
    if cls.__module__ == "__main__":
        raise CodecError(f"class {ref} is defined in the script itself; other processes find it only in a module")
    if find_class(ref) is not cls:
        raise CodecError(f"{ref} is another object than the value's class; give the class a name of its own")
    return ref


def find_class(ref: str) -> type:
    """The class behind the text of `class_ref`; imports its module if need be.

    Raises:
        CodecError: There is no such class.
    """
    module, _, qualname = ref.partition(":")
    try:
        found: Any = sys.modules.get(module) or import_module(module)
        for name in qualname.split("."):
            found = getattr(found, name)
    except Exception as error:  # importing runs the module's own code, which may raise anything
        raise CodecError(f"class {ref} cannot be imported ({type(error).__name__}: {error})") from error
    if not isinstance(found, type):
        raise CodecError(f"{ref} is not a class")
    return found


def _is_plain(value: object, depth: int) -> bool:
    """Whether JSON alone gives the value back; deep nesting (or a cycle) is left to the slow way, which explains."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if depth > _MAX_DEPTH:
        return False
    if kind is dict and _STR.issuperset(map(type, value)) and _TAG not in value:  # type: ignore[call-overload, operator]
        value = value.values()  # type: ignore[attr-defined]
    elif kind is not list:
        return False
    if _SCALARS.issuperset(map(type, value)):  # type: ignore[call-overload]
        return True
    return all(_is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]


def _encode_any(value: object) -> bytes:
    try:
        return _VERSION + _dumps(_Packer().pack(value)).encode()
    except RecursionError:
        raise SerializationError("$", "it is nested too deeply") from None


class _Member:
    """A part of a path that has neither index nor name: a key, or a member of a set."""

    def __init__(self, value: object) -> None:
        self.value = value


class _Packer:
    """One value on its way to JSON; knows where in it the work is."""

    def __init__(self) -> None:
        self.path: list[object] = []
        self.open: set[int] = set()

    def pack(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PACKERS:
            return _PACKERS[kind](self, value)
        for base, packer in _FAMILIES:
            if isinstance(value, base):
                return packer(self, value)
        if dataclasses.is_dataclass(kind):
            return self.dataclass(value)
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self.namedtuple(value)
        near = next((base for base in kind.__mro__[1:] if base in _PACKERS), None)
        hint = f"convert it to {near.__name__} first" if near else "return plain data, or a path or id to it"
        return self.refuse(f"{kind.__module__}.{kind.__qualname__} is not a type the journal knows; {hint}")

    def refuse(self, problem: str) -> NoReturn:
        raise SerializationError("$" + "".join(map(_step, self.path)), problem)

    @contextmanager
    def inside(self, value: object) -> Iterator[None]:
        """Guard against cycles and deep nesting while the parts of a value are packed."""
        if id(value) in self.open:
            self.refuse("it contains itself")
        if len(self.path) >= _MAX_DEPTH:
            self.refuse(f"it is nested more than {_MAX_DEPTH} levels deep")
        self.open.add(id(value))
        yield
        self.open.discard(id(value))

    def part(self, step: object, value: object) -> Any:
        self.path.append(step)
        packed = self.pack(value)
        self.path.pop()
        return packed

    def ref(self, cls: type) -> str:
        try:
            return class_ref(cls)
        except CodecError as error:
            self.refuse(str(error))

    # One method a type; all give what JSON can carry.

    def plain(self, value: object) -> object:
        return value

    def int(self, value: int) -> object:
        return value if value.bit_length() < _BIG else {_TAG: "int", "v": hex(value)}

    def str(self, value: str) -> object:
        if _is_text(value):
            return value
        return {_TAG: "str", "v": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}

    def list(self, value: Iterable[object]) -> list[Any]:
        with self.inside(value):
            return [self.part(index, item) for index, item in enumerate(value)]

    def dict(self, value: dict[Any, Any]) -> object:
        with self.inside(value):
            if _TAG not in value and all(type(key) is str and _is_text(key) for key in value):
                return {key: self.part(key, item) for key, item in value.items()}
            return {_TAG: "dict", "v": [[self.part(_Member(k), k), self.part(k, item)] for k, item in value.items()]}

    def set(self, value: set[Any] | frozenset[Any]) -> object:
        with self.inside(value):
            # Sorted, because the order of a set differs from process to process and the bytes should not.
            members = sorted((self.part(_Member(item), item) for item in value), key=_dumps)
        return {_TAG: type(value).__name__, "v": members}

    def tuple(self, value: tuple[Any, ...]) -> object:
        return {_TAG: "tuple", "v": self.list(value)}

    def namedtuple(self, value: tuple[Any, ...]) -> object:
        if getattr(value, "__dict__", None):
            self.refuse(f"{type(value).__qualname__} is a tuple with attributes of its own; use a dataclass")
        return {_TAG: "namedtuple", "c": self.ref(type(value)), "v": self.list(value)}

    def enum(self, value: Enum) -> object:
        cls = type(value)
        by_name = cls.__members__.get(value.name) is value
        if not by_name and not isinstance(value, Flag):
            self.refuse(f"{value!r:.120} is no longer a member of its Enum")
        content = {"v": value.name} if by_name else {"flags": value.value}
        return {_TAG: "enum", "c": self.ref(cls), **content}

    def model(self, value: BaseModel) -> object:
        state = BaseModel.__getstate__(value)
        kept = {"v": state["__dict__"], "x": state["__pydantic_extra__"], "p": state["__pydantic_private__"]}
        with self.inside(value):
            packed = {key: self.attributes(value, attrs) for key, attrs in kept.items() if attrs is not None}
            fields_set = sorted(state["__pydantic_fields_set__"])
        return {_TAG: "model", "c": self.ref(type(value)), **packed, "set": fields_set}

    def dataclass(self, value: object) -> object:
        cls = type(value)
        try:
            object.__new__(cls)
            state = object.__getstate__(value)  # past a __getstate__ of the class: its __dict__ and its slots
        except TypeError:
            self.refuse(f"dataclass {cls.__qualname__} is also a built-in container or exception; store its fields")
        parts = state if isinstance(state, tuple) else (state,)
        with self.inside(value):
            packed = self.attributes(value, {name: part[name] for part in parts if part for name in part})
        return {_TAG: "dataclass", "c": self.ref(cls), "v": packed}

    def attributes(self, owner: object, attrs: dict[str, Any]) -> list[Any]:
        # A cached property is computed again when asked for; __orig_class__ is a mark of `Class[int](...)`.
        return [
            [name, self.part(name, item)]
            for name, item in attrs.items()
            if name != "__orig_class__" and not isinstance(getattr(type(owner), name, None), cached_property)
        ]

    def bytes(self, value: bytes) -> object:
        return {_TAG: "bytes", "v": base64.b64encode(value).decode()}

    def moment(self, value: datetime | time) -> object:
        zone = value.tzinfo
        if isinstance(zone, ZoneInfo) and zone.key:
            return {_TAG: type(value).__name__, "v": value.replace(tzinfo=None, fold=0).isoformat(), "z": zone.key}
        return zone

    def timedelta(self, value: timedelta) -> object:
        return {_TAG: "timedelta", "v": value // _MICROSECOND}

    def as_text(self, value: date | Decimal | UUID) -> object:
        return {_TAG: type(value).__name__, "v": str(value)}
