"""Ids that callers choose: which ones are legal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wf.core.history import Key, Kind
from wf.errors import InvalidInstanceId

_INSTANCE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,99}")
ADDRESS = re.compile(r"[a-zA-Z0-9, */#_-]{1,271}")
_ADDRESS_RULE = "ids have 1 to 271 letters, digits, or any of '-', '_', ',', '*', '/', '#' and blank"
_RESERVED = frozenset({"batch", "terminate", "terminateAll"})
_EVENT_MAX = 200
_RESTARTABLE = (Kind.DO, Kind.SLEEP, Kind.WAIT)

FromStep = str | tuple[Any, ...] | Mapping[str, Any]
"""A step to restart from: its name, `(name, count)`, `(name, count, kind)` or `{"name":, "count":, "type":}`."""


def check_instance_id(id: object) -> str:
    """The instance id, if it is a legal one.

    Raises:
        InvalidInstanceId: It is not 1 to 100 letters, digits, '-' or '_', or begins with '-'.
    """
    if not isinstance(id, str) or not _INSTANCE.fullmatch(id):
        raise InvalidInstanceId(id)
    return id


def check_batch_id(id: object) -> str:
    """The instance id, if it is one that the object form of a batch may create.

    Raises:
        InvalidInstanceId: It is not legal, or is a word of the REST routes.
    """
    if (checked := check_instance_id(id)) in _RESERVED:
        raise InvalidInstanceId(id, f"a batch may not create {', '.join(sorted(_RESERVED))}: they are words of REST")
    return checked


def check_address(id: object) -> str:
    """The instance id, if some instance can have it: schedules make ids that `create` refuses.

    Raises:
        InvalidInstanceId: No instance can have it.
    """
    if not isinstance(id, str) or not ADDRESS.fullmatch(id):
        raise InvalidInstanceId(id, _ADDRESS_RULE)
    return id


def check_event_id(event_id: object) -> None:
    """Refuse a sender's own id that cannot be stored.

    Raises:
        ValueError: It is neither None nor 1 to 200 printable characters.
    """
    if event_id is not None and not (
        isinstance(event_id, str) and 0 < len(event_id) <= _EVENT_MAX and event_id.isprintable()
    ):
        raise ValueError(f"event_id {event_id!r:.120} is invalid: use 1 to {_EVENT_MAX} printable characters.")


def check_from_step(given: FromStep) -> Key:
    """The key of the step that a restart shall begin with.

    Raises:
        ValueError: It has none of the forms of `FromStep`, or a part of it makes no sense.
    """
    if isinstance(given, str):
        given = (given,)
    if isinstance(given, Mapping):
        if unknown := set(given) - {"name", "count", "type"}:
            raise ValueError(f"from_step: unknown key {min(unknown)!r}; known are name, count, type.")
        given = (given.get("name"), given.get("count"), given.get("type"))
    if not isinstance(given, tuple | list) or not 1 <= len(given) <= 3:
        raise ValueError(f"from_step must be a name, (name, count), (name, count, kind) or a dict, not {given!r:.120}.")
    name, count, kind = [*given, None, None][:3]
    count, kind = 1 if count is None else count, Kind.DO if kind is None else kind
    if not isinstance(name, str):
        raise ValueError(f"from_step: the name of a step is needed, not {name!r:.120}.")  # noqa: TRY004  # one class for bad input
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"from_step: count must be a whole number from 1, not {count!r:.120}.")
    if kind not in _RESTARTABLE:
        raise ValueError(f"from_step: type must be one of {', '.join(_RESTARTABLE)}, not {kind!r:.120}.")
    return Key(Kind(kind), name, count)
