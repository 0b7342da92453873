"""The codec: what it refuses, and what it says then."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections import Counter, OrderedDict, defaultdict
from contextlib import suppress
from datetime import datetime, timedelta, timezone, tzinfo
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from wf.codec import CodecError, decode, encode
from wf.errors import PayloadTooLarge, SerializationError

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    CRIMSON = "red"  # noqa: PIE796 - an alias
    BLUE = 2


class Point(NamedTuple):
    x: int
    y: object = None


class NamedBase(NamedTuple):
    x: int


class Loaded(NamedBase):
    """A named tuple whose objects have a `__dict__`."""


@dataclasses.dataclass
class Box:
    item: object


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Frozen:
    a: int
    b: frozenset[int] = frozenset()


@dataclasses.dataclass
class ListLike(list[int]):
    a: int = 1


@dataclasses.dataclass
class Handle:
    handle: object
    files: list[Any] = dataclasses.field(default_factory=list)


class Inner(BaseModel):
    at: datetime


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Envelope(BaseModel, Generic[T]):
    body: T


class Stubborn(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta | None:
        raise ValueError("no")

    def dst(self, _: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _: datetime | None) -> str | None:
        return None


class HalfHour(Stubborn):
    def utcoffset(self, _: datetime | None) -> timedelta | None:
        return timedelta(minutes=30)


class Odd(str):
    __slots__ = ()


class Number(float):
    pass


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        (object(), "$", "builtins.object"),
        ({"files": [1, 2, 3, Handle(io.StringIO())]}, "$.files[3].handle", "_io.StringIO"),
        ({"odd key": {1}.__iter__()}, '$["odd key"]', "set_iterator"),
        ({3: {"a": lambda: None}}, "$[3].a", "function"),
        ({(1, Handle): 1}, "$<tuple>[1]", "builtins.type"),
        ({frozenset({Odd("x")})}, "$<frozenset><Odd>", "str(...)"),
        (("a", [Odd("x")]), "$[1][0]", "str(...)"),
        ([Number(1)], "$[0]", "float(...)"),
        ({Odd("x"): 1}, "$<Odd>", "str(...)"),
        (defaultdict(int), "$", "dict(...)"),
        ([OrderedDict()], "$[0]", "dict(...)"),
        (Counter(), "$", "dict(...)"),
        (bytearray(b"x"), "$", "bytearray"),
        (1j, "$", "complex"),
        (ValueError("x"), "$", "ValueError"),
        (ListLike(1), "$", "built-in type"),
        (Envelope[int](body=1), "$", "class Name(Envelope[int])"),
        (Open(more=[print]), "$.more[0]", "builtin_function"),  # type: ignore[call-arg]
        ([datetime(2024, 1, 1, tzinfo=Stubborn())], "$[0]", "Stubborn"),
        (Color, "$", "enum.EnumType"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("$") else "",
)  # fmt: skip
def test_what_cannot_be_stored_is_named_with_its_path(value: object, path: str, problem: str) -> None:
    """The error tells the path to the value and what is wrong with it; nothing is flattened silently."""
    with pytest.raises(SerializationError) as caught:
        encode(value)
    assert caught.value.path == path
    assert problem in caught.value.problem


def test_attributes_do_not_slip_through_named_tuples() -> None:
    """A subclass of a named tuple that carries attributes of its own is refused, not stripped."""
    loaded = Loaded(1)
    loaded.more = 2  # type: ignore[attr-defined]
    with pytest.raises(SerializationError, match="attributes of its own"):
        encode(loaded)


def test_classes_that_others_cannot_find_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class inside a function, in the script itself or hidden by another name is refused when encoding."""

    @dataclasses.dataclass
    class Local:
        a: int = 1

    class LocalEnum(Enum):
        A = 1

    for value in (Local(), LocalEnum.A):
        with pytest.raises(SerializationError, match="inside a function"):
            encode(value)
    frozen = Frozen(1)
    monkeypatch.setattr(sys.modules[__name__], "Frozen", Box)
    with pytest.raises(SerializationError, match="another object"):
        encode(frozen)
    monkeypatch.setattr(Box, "__module__", "__main__")
    with pytest.raises(SerializationError, match="script itself"):
        encode(Box(1))


def test_cycles_are_named() -> None:
    """A value that contains itself is refused with the path at which it begins anew."""
    value: dict[str, Any] = {"a": [1]}
    value["a"].append({"b": value["a"]})
    with pytest.raises(SerializationError, match="contains itself") as caught:
        encode(value)
    assert caught.value.path == "$.a[1].b"
    handle = Handle(None)
    handle.handle = handle
    with pytest.raises(SerializationError, match="contains itself") as caught:
        encode(handle)
    assert caught.value.path == "$.handle"


@pytest.mark.parametrize("depth", [101, 5_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """Nesting below the limit is stored, deeper nesting is an error of ours and never a RecursionError."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    with pytest.raises(SerializationError, match="levels deep"):
        encode(value)


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {1: v}, lambda v: (v,), Box, lambda v: {"~": v}])
def test_the_deepest_allowed_nesting_comes_back(wrap: Any) -> None:
    """A hundred levels of any container can be stored and read."""
    value: Any = 1
    for _ in range(100):
        value = wrap(value)
    assert repr(decode(encode(value))) == repr(value)


def test_too_large_values_are_refused_with_their_size() -> None:
    """The limit counts stored bytes; the error names what, size and limit."""
    assert encode("x" * 7, limit=10) == b'\x01"xxxxxxx"'
    with pytest.raises(PayloadTooLarge) as caught:
        encode("x" * 8, what="Result of step 'a'", limit=10)
    assert (caught.value.what, caught.value.size, caught.value.limit) == ("Result of step 'a'", 11, 10)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x01", b"\x02null", b"null", b"\x01nul", b"\x01null null", b"\x01\xff", b'\x01{"~":"pickle","v":1}',
        b'\x01{"~":["x"]}', b'\x01{"~":"dataclass","c":"os:system","v":[]}',
        b'\x01{"~":"dataclass","c":"io:StringIO","v":[]}',
        b'\x01{"~":"enum","c":"no.such.module:X","v":"A"}', b'\x01{"~":"date","v":"yesterday"}',
        b'\x01{"~":"set","v":[[]]}',
        b'\x01{"~":"model","c":"uuid:UUID","v":[],"set":[]}', b'\x01{"~":"namedtuple","c":"builtins:tuple","v":[]}',
        b"\x01" + b"[" * 100_000, b"\x01" + b"9" * 5_000,
    ],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
def test_damaged_data_is_a_codec_error(data: bytes) -> None:
    """Bytes that are cut, foreign or newer, or that name unfit classes, raise `CodecError`, a `ValueError`."""
    with pytest.raises(CodecError) as caught:
        decode(data)
    assert isinstance(caught.value, ValueError)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_no_bytes_break_the_decoder(head: bytes, tail: bytes) -> None:
    """Any bytes either decode or raise `CodecError`."""
    whole = encode({"a": (1, "x"), "b": {2: None}})
    for data in (head, b"\x01" + head, whole[: len(head)] + tail):
        with suppress(CodecError):
            assert decode(data) != NotImplemented


def test_other_time_zones_become_fixed_offsets() -> None:
    """A moment in a time zone of the author's own class comes back as the same moment at its offset."""
    value = datetime(2024, 1, 1, 12, tzinfo=HalfHour())
    back = decode(encode(value))
    assert back == value
    assert back.tzinfo == timezone(timedelta(minutes=30))


def test_members_that_are_gone_are_named() -> None:
    """An Enum member or field count that the class no longer has is named in the error."""
    with pytest.raises(CodecError, match="has no member 'GONE'"):
        decode(encode(Color.BLUE).replace(b"BLUE", b"GONE"))
    with pytest.raises(CodecError, match="has 2 fields now, 1 were stored"):
        decode(encode(Point(7, 8)).replace(b"7,8", b"7"))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_read(kind: Any) -> None:
    """The database driver may hand over bytes or a memoryview."""
    assert decode(kind(encode({"a": (1,)}))) == {"a": (1,)}
