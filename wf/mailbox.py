"""The mailbox: events on their way to an instance, in Redis.

An event is in Postgres before its sender is answered; the mailbox only spares `advance` the reading. It may vanish at
any moment: whoever finds fewer events in it than the instance's `inbox` counts refills it from Postgres. Payloads are
sealed here as they are there.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from wf.dispatch import connect
from wf.facts import PendingEvent

if TYPE_CHECKING:
    from redis import Redis

    from wf.journal import Journal
    from wf.settings import Settings

KEPT = 7 * 86_400
"""Seconds after which Redis may forget an untouched mailbox; Postgres does not."""

log = structlog.get_logger("wf")


class Mailbox:
    """One list in Redis for each instance that has events to come."""

    def __init__(self, settings: Settings, journal: Journal, redis: Redis | None = None) -> None:
        self._redis = redis or connect(settings)
        self._prefix = f"{settings.key_prefix}mailbox:"
        self._journal = journal
        self._cipher = journal.database.cipher

    def put(self, key: int, event: PendingEvent) -> bool:
        """Deliver an event that is in Postgres already.

        Returns:
            Whether Redis took it.
        """
        try:
            self._push(key, [event])
        except RedisError as error:
            log.warning("event not put into the mailbox; Postgres has it", reason=str(error))
            return False
        return True

    def read(self, key: int, expected: int) -> list[PendingEvent]:
        """The events that no wait has taken, oldest first.

        Args:
            key: The instance.
            expected: How many there are, by the instance's row.
        """
        try:
            found = self._redis.lrange(self._prefix + str(key), 0, -1)
        except RedisError as error:
            log.warning("mailbox not read; Postgres is", reason=str(error))
            return self._journal.pending_events(key)
        try:
            events = {event.id: event for event in map(self._opened, found)}  # type: ignore[arg-type]  # redis types sync and async alike
            if len(events) == expected:
                return [events[id] for id in sorted(events)]
        except (ValueError, TypeError) as error:  # another release wrote it, or somebody who does not belong here
            log.warning("mailbox not understood; refilled", reason=str(error))
        return self.refill(key)

    def refill(self, key: int) -> list[PendingEvent]:
        """Make the mailbox what Postgres says it is."""
        events = [event._replace(entry=self._entry(event)) for event in self._journal.pending_events(key)]
        try:
            self._redis.delete(self._prefix + str(key))
            self._push(key, events)
        except RedisError as error:
            log.warning("mailbox not refilled; Postgres has the events", reason=str(error))
        return events

    def remove(self, key: int, events: list[PendingEvent]) -> None:
        """Take out events that are in the journal now."""
        try:
            for event in events:
                self._redis.lrem(self._prefix + str(key), 1, self._entry(event))  # type: ignore[arg-type]  # takes bytes, too
        except RedisError as error:
            log.warning("mailbox not cleared; it will be refilled", reason=str(error))

    def close(self) -> None:
        """Close the connection to Redis."""
        self._redis.close()

    def forget(self, *keys: int) -> None:
        """These instances have ended and take no more events."""
        try:
            if keys:
                self._redis.delete(*[self._prefix + str(key) for key in keys])
        except RedisError as error:
            log.warning("mailbox not deleted; Redis forgets it in time", reason=str(error))

    def _push(self, key: int, events: list[PendingEvent]) -> None:
        if events:
            name = self._prefix + str(key)
            self._redis.rpush(name, *map(self._entry, events))
            self._redis.expire(name, KEPT)

    def _entry(self, event: PendingEvent) -> bytes:
        """What stands for an event in Redis. Sealed twice it would be two texts, so it is kept once it is known."""
        if event.entry is not None:
            return event.entry
        return _dump(event if self._cipher is None else event._replace(payload=self._cipher.seal(event.payload)))

    def _opened(self, entry: bytes) -> PendingEvent:
        event = _load(entry)
        return event if self._cipher is None else event._replace(payload=self._cipher.open(event.payload))


def _dump(event: PendingEvent) -> bytes:
    payload = base64.b64encode(event.payload).decode("ascii")
    return json.dumps([event.id, event.type, payload, event.accepted_at]).encode()


def _load(entry: bytes) -> PendingEvent:
    id, type, payload, accepted_at = json.loads(entry)
    return PendingEvent(id, type, base64.b64decode(payload, validate=True), accepted_at, entry)
