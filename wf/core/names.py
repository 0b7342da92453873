"""The names that authors may give: of steps, and of events."""

from __future__ import annotations

import re

from wf.errors import InvalidEventType

NAME_MAX = 256

_BAD_NAME = re.compile(r"[\x00-\x1f\ud800-\udfff]")
_EVENT_TYPE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,99}")


def check_event_type(type: object) -> str:
    """The event type, if it is a legal one.

    Raises:
        InvalidEventType: It is not 1 to 100 letters, digits, '-' or '_'.
    """
    if not isinstance(type, str) or not _EVENT_TYPE.fullmatch(type):
        raise InvalidEventType(type)
    return type


def check_name(name: object) -> str:
    """The name of a step, if it is a legal one.

    Raises:
        TypeError: It is not text.
        ValueError: It is too long, or has control characters.
    """
    if not isinstance(name, str):
        raise TypeError(f"A step's name must be text, not {name!r}.")
    if len(name) > NAME_MAX or not (name.isprintable() or _BAD_NAME.search(name) is None):
        raise ValueError(
            f"Step name {name!r:.300} exceeds max length ({NAME_MAX} chars) or invalid characters found: "
            f"control characters and lone surrogates are not allowed."
        )
    return name
