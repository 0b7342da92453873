"""The codec: what goes into the journal comes out equal in type and value, or is refused with the path to it."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, field_serializer, field_validator

from tests.support import values as kinds
from tests.support.values import (
    Box,
    Color,
    Crate,
    Employee,
    Frozen,
    Level,
    Mode,
    OldPoint,
    Point,
    Right,
    Shade,
    Weight,
    Word,
    same,
    values,
)  # fmt: skip
from wf.codec import decode, encode

made: list[object] = []


@dataclasses.dataclass
class Order:
    id: UUID
    lines: list[tuple[str, Decimal]]
    note: str = "-"
    total: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        made.append(self.id)
        self.total = len(self.lines)
        self.extra = "not a field"

    @cached_property
    def lock(self) -> object:
        return threading.Lock()


class Inner(BaseModel):
    at: datetime


class SpecialInner(Inner):
    why: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="allow")

    inner: Inner
    tags: set[str] = Field(default_factory=set)
    hidden: int = Field(1, exclude=True)
    count: int = 0
    _seen: int = PrivateAttr(0)

    @field_validator("count")
    @classmethod
    def double(cls, value: int) -> int:
        return value * 2

    @field_serializer("tags")
    def join(self, tags: set[str]) -> str:
        return ",".join(tags)

    @cached_property
    def lock(self) -> object:
        return threading.Lock()


class Ids(RootModel[list[int]]):
    pass


@settings(deadline=None)
@given(values)
def test_any_value_comes_back_equal(value: object) -> None:
    """Whatever the supported types are nested into, type and value survive."""
    assert same(decode(encode(value)), value)


@given(values)
@settings(deadline=None, max_examples=50)
def test_encoding_is_a_fixed_point(value: object) -> None:
    """A decoded value encodes to the same bytes again."""
    data = encode(value)
    assert encode(decode(data)) == data


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 10**50, 10**6_000, -(10**6_000), [10**6_000], 0.0, -0.0, math.inf, -math.inf, math.nan, 1e22,
        "", "\0", "é😀", "\ud800", "\ud83d\ude00", {"\udfff": 1}, {"~": 1},
        {"~": "tuple", "v": [1]}, {"a": {"~": None}},
        [], {}, (), ((),), [()], set(), frozenset(), {1, "a", None}, {(1, 2)}, {frozenset({1})}, b"", b"\xff\0",
        {1: "a", "1": "b", None: "c", (1, 2): "d", 1.5: "e", Color.RED: "f", b"k": "g", date(2024, 1, 1): "h"},
        {math.nan: 1, float("nan"): 2}, Decimal("1.10"), Decimal("-0"), Decimal("NaN"), Decimal("1E+999"),
        UUID(int=7), date.min, date.max, datetime.min, datetime.max, time.max, timedelta.min, timedelta.max,  # noqa: DTZ901
        timedelta(microseconds=-1), datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2024, 1, 1, fold=1), datetime(2024, 1, 1, tzinfo=UTC), time(1, 2, tzinfo=UTC, fold=1),  # noqa: DTZ001
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "GMT")), time(1, tzinfo=ZoneInfo("Asia/Tokyo")),
        *Color, Color.CRIMSON, Level.LOW, Word.YES, Shade.DARK, Weight.HALF, Right.READ | Right.WRITE, Right(0),
        Mode(12), Point(1, (2,)), {Shade.DARK: 1, Level.LOW: 2}, Crate([1], label="x"), Employee.model_construct(),
        OldPoint([1], {2}), Frozen(1, frozenset({2})), {Frozen(1)}, {Frozen(1): 1}, Box([1]), Box[int](1),
        Ids([1, 2]), SpecialInner(at=datetime(2024, 1, 1, tzinfo=UTC), why="x"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_examples_come_back_equal(value: object) -> None:
    """The corners of each type survive, alone and nested."""
    for whole in (value, [value], {"k": (value,)}):
        assert same(decode(encode(whole)), whole)


def test_the_order_of_a_dict_is_kept() -> None:
    """Keys come back in the order in which they were put in, whatever their types."""
    assert list(decode(encode({"b": 1, "a": 2}))) == ["b", "a"]
    assert list(decode(encode({2: 1, "a": 2, 1: 3}))) == [2, "a", 1]


def test_plain_values_are_plain_json() -> None:
    """JSON types are stored as their own JSON, so that people can read the journal."""
    assert (
        encode({"id": "r-17", "n": [1, None, True], "t": "é"}) == b'\x01{"id":"r-17","n":[1,null,true],"t":"\xc3\xa9"}'
    )


def test_the_stored_text_is_always_proper_utf8() -> None:
    """Even lone surrogates, which UTF-8 forbids, are stored as proper text."""
    assert encode(["\ud800", "é"])[1:].decode("utf-8")


def test_sets_are_stored_in_one_order() -> None:
    """Two processes with different hash seeds store the same bytes for the same set."""
    code = "from wf.codec import encode; print(encode({'a', 'b', 'c', 'd', ('e',), None}).hex())"
    path = os.pathsep.join(sys.path)
    outs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outs[0]
    assert outs[0] == outs[1]


def test_a_dataclass_comes_back_without_post_init() -> None:
    """Fields and other attributes are put back as they were; `__post_init__` does not run again."""
    order = Order(UUID(int=1), [("a", Decimal("1.0"))], note="n")
    order.total = 99
    assert order.lock is order.lock
    made.clear()
    back = decode(encode(order))
    assert back == order
    assert (back.total, back.extra, made) == (99, "not a field", [])
    assert "lock" not in vars(back)


def test_fields_gained_since_get_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal written before a class gained fields with defaults can still be read."""

    @dataclasses.dataclass(slots=True)
    class NewFrozen:
        a: int
        b: frozenset[int] = frozenset()
        c: list[int] = dataclasses.field(default_factory=list)
        d: str = "d"

    class NewInner(BaseModel):
        at: datetime
        more: list[int] = Field(default_factory=lambda: [1])

    old = encode([Frozen(1), Inner(at=datetime(2024, 1, 1, tzinfo=UTC))])
    monkeypatch.setattr(kinds, "Frozen", NewFrozen)
    monkeypatch.setattr(sys.modules[__name__], "Inner", NewInner)
    frozen, inner = decode(old)
    assert (frozen.c, frozen.d) == ([], "d")
    assert inner == NewInner(at=datetime(2024, 1, 1, tzinfo=UTC))


def test_a_model_comes_back_as_it_was() -> None:
    """Nested subclasses, extras, private and excluded fields survive; validators and serialisers do not run."""
    model = Outer(inner=SpecialInner(at=datetime(2024, 1, 1, tzinfo=UTC), why="x"), count=2, hidden=5, more=(1,))  # type: ignore[call-arg]
    model._seen = 3
    assert model.lock is model.lock
    back = decode(encode([model]))[0]
    assert type(back.inner) is SpecialInner
    assert (back.count, back.hidden, back.more, back._seen, back.tags) == (4, 5, (1,), 3, set())
    assert back.model_fields_set == model.model_fields_set
    assert "lock" not in vars(back)
    del model.lock
    assert back == model
