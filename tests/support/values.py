"""Values of every type that the journal keeps, nested at will, and what it means that two are the same."""

from __future__ import annotations

import dataclasses
import math
from collections import namedtuple
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr
from pydantic_core import TzInfo

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    CRIMSON = "red"  # noqa: PIE796  # an alias
    BLUE = 2
    MIXED = (1, "two")


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Shade(str, Enum):  # noqa: UP042  # the old form must work as well
    DARK = "dark"


class Weight(float, Enum):
    HALF = 0.5


class Right(Flag):
    READ = auto()
    WRITE = auto()


class Mode(IntFlag):
    FAST = auto()
    LOUD = auto()


class Point(NamedTuple):
    x: int
    y: object = None


OldPoint = namedtuple("OldPoint", "x y")  # noqa: PYI024  # the old form must work as well


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Frozen:
    a: int
    b: frozenset[int] = frozenset()


@dataclasses.dataclass
class Box(Generic[T]):
    item: T


@dataclasses.dataclass(kw_only=True)
class Crate(Box[Any]):
    label: str = "-"


class Person(BaseModel):
    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    name: str
    more: Any = None
    _seen: Any = PrivateAttr(None)


class Employee(Person):
    since: datetime


def same(a: Any, b: Any) -> bool:
    """Equal in type and value all the way down, with NaN equal to NaN and -0.0 apart from 0.0."""
    if type(a) is not type(b):
        return False
    match a:
        case Enum():
            return a is b or bool(isinstance(a, Flag) and a == b)
        case float():
            return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
        case list() | tuple():
            return len(a) == len(b) and all(map(same, a, b))
        case dict():
            return len(a) == len(b) and all(same(*pair) for pair in zip(a.items(), b.items(), strict=True))
        case set() | frozenset():
            return len(a) == len(b) and sorted(map(repr, a)) == sorted(map(repr, b))
        case datetime() | time():
            return repr(a) == repr(b)
        case Decimal():
            return bool(a.as_tuple() == b.as_tuple())
        case BaseModel():
            parts = ("__dict__", "__pydantic_extra__", "__pydantic_private__")
            return a.model_fields_set == b.model_fields_set and all(same(getattr(a, p), getattr(b, p)) for p in parts)
        case _:
            pass
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    return bool(a == b)


def _person(name: str, more: Any, seen: Any, extra: Any) -> Person:
    person = Person(name=name, more=more, **({} if extra is None else {"extra": extra}))
    person._seen = seen
    return person


ZONES = [
    None, UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(seconds=-1), "odd"), ZoneInfo("UTC"),
    ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"),
    TzInfo(0), TzInfo(-12_600),
]  # fmt: skip

texts = st.text(st.characters(codec=None, exclude_categories=[]), max_size=20)
"""With lone surrogates and NUL."""

enums = st.sampled_from([*Color, *Level, *Word, *Shade, *Weight, *Right, *Mode, Right(0), Right.READ | Right.WRITE])
enums |= st.sampled_from([Mode(0), Mode.FAST | Mode.LOUD, Mode(12)])
huge = st.sampled_from([2**63, -(2**64), 10**700, -(10**4_000), 1 << 14_000])
moments = st.datetimes(timezones=st.sampled_from(ZONES), allow_imaginary=True)

atoms = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=20) | st.uuids()
    | moments | st.dates() | st.timedeltas() | st.times(timezones=st.sampled_from(ZONES)) | st.decimals() | enums
)  # fmt: skip
keys = atoms.filter(lambda v: not (isinstance(v, Decimal) and v.is_snan())) | st.tuples(st.integers(), texts)
keys |= st.frozensets(st.integers(), max_size=3) | st.builds(Frozen, st.integers(), st.frozensets(st.integers()))
values = st.recursive(
    atoms | huge | st.sets(st.integers() | texts) | st.frozensets(st.dates()) | st.frozensets(enums, max_size=3),
    lambda v: (
        st.lists(v, max_size=4) | st.dictionaries(texts, v, max_size=4) | st.dictionaries(keys, v, max_size=4)
        | st.dictionaries(st.just("~") | texts, v, max_size=3) | st.lists(v, max_size=4).map(tuple)
        | st.builds(Point, st.integers(), v) | st.builds(OldPoint, v, v) | st.builds(Box, v)
        | st.builds(Crate, v, label=texts) | st.builds(_person, st.text(max_size=5), v, v, v)
        | st.builds(Employee, name=st.text(max_size=5), since=moments, more=v)
    ),
    max_leaves=20,
)  # fmt: skip
"""Anything that SPEC lists, nested at will."""
