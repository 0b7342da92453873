"""What is logged as a line of text: with its values, its traceback, and no longer than it may be."""

from __future__ import annotations

import sys
import traceback
from typing import Any

MESSAGE = 4_096
"""Characters of one line at most."""

_BOUND = frozenset({"workflow", "instance", "step", "attempt", "exc_info", "stack_info", "stack"})


def rendered(event: dict[str, Any]) -> tuple[str, str]:
    """What structlog is about to say: the text with its values, and the traceback."""
    more = [f"{name}={value!r}" for name, value in event.items() if name != "event" and name not in _BOUND]
    error = event.get("exc_info")
    if isinstance(error, tuple):
        error = error[1]
    elif error and not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    return " ".join([str(event.get("event", "")), *more]), trace_of(error or None)


def trace_of(error: BaseException | None) -> str:
    """The traceback of an error, its causes first; nothing if there is none."""
    return "" if error is None else "".join(traceback.format_exception(error)).rstrip()


def bounded(text: str, trace: str) -> str:
    """A message with the traceback below it. The end of a traceback says most, so that is what stays of a long one."""
    if not trace:
        return text[:MESSAGE]
    text = text[: MESSAGE // 2]
    room = MESSAGE - len(text) - 1
    if len(trace) > room:
        last = trace.rpartition("\n")[2]
        trace = f"[...]\n{trace[-(room - 6) :]}" if len(last) < room - 6 else last[:room]
    return f"{text}\n{trace}"
