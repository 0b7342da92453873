"""Feeds, for tests: all of one, what is there now, and events in short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wf.answers import Answer
    from wf.feed import Subscription
    from wf.instance import Instance


class WorkerDiedError(SystemExit):
    """Ends a task in the middle of an attempt, as the order to stop does that reaches a worker's main thread."""


def drained(subscription: Subscription) -> list[Answer]:
    """The events that are there already."""
    found = []
    while (event := subscription._feed.take()) is not None:
        found.append(event)
    return found


def told(instance: Instance, **how: Any) -> list[Answer]:
    """All events of an instance, up to its end, or to now if it has not ended."""
    return drained(instance.subscribe(**how))


def names(events: list[Answer]) -> list[str]:
    """The types alone."""
    return [event.type for event in events]


def words(events: list[Answer]) -> list[str]:
    """Each event as its type and what it is about."""
    details = ("stepName", "attempt", "durationMs", "eventType")
    return [" ".join([e.type, *(str(e[name]) for name in details if name in e)]) for e in events]
