"""Ids that callers choose: which ones are legal."""

from __future__ import annotations

import re

from wf.errors import InvalidInstanceId

_INSTANCE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,99}")
_EVENT_MAX = 200


def check_instance_id(id: object) -> str:
    """The instance id, if it is a legal one.

    Raises:
        InvalidInstanceId: It is not 1 to 100 letters, digits, '-' or '_', or begins with '-'.
    """
    if not isinstance(id, str) or not _INSTANCE.fullmatch(id):
        raise InvalidInstanceId(id)
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
