"""Nudges: Celery messages that say "look at this instance", and nothing more.

A nudge carries ids, never user data. Losing, repeating or reordering it costs latency, never correctness, so it is
pushed without ceremony: one LPUSH of a protocol-2 message, for any number of nudges, from any process. Web apps need
no Celery app for it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from wf.errors import BrokerUnavailable
from wf.urls import redis_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wf.settings import Settings

TASK = "wf.advance"

log = structlog.get_logger("wf")


@dataclass(frozen=True, slots=True)
class Nudge:
    """Look at an instance.

    Attributes:
        key: The instance's key in the journal.
        generation: Its generation count, as far as the sender knows.
        rev: Its rev, as far as the sender knows.
        seq: The step to run first, or 0.
        delay: Seconds to wait before looking.
        attempt: Attempts of the step so far; only for show.
        workflow: Only for show, as are `id` and `step`.
    """

    key: int
    generation: int
    rev: int
    seq: int = 0
    delay: float = 0.0
    attempt: int = 0
    workflow: str = ""
    id: str = ""
    step: str = ""


def alarm_queue(settings: Settings) -> str:
    """The queue of alarm and reaper: never behind a long queue of nudges."""
    return f"{settings.queue}.alarm"


def connect(settings: Settings) -> Redis:
    """A client of the configured Redis that gives up soon.

    Raises:
        BrokerUnavailable: There is no URL, or it cannot be read.
    """
    if not settings.redis_url:
        raise BrokerUnavailable("no Redis is configured: set WF_REDIS_URL=redis://...")
    try:
        return Redis.from_url(
            redis_url(settings.redis_url),
            socket_timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_timeout,
            health_check_interval=25,
            # Once more after a connection that died while idle: twice the same nudge does no harm. Not after a silence:
            # whoever hangs would cost the timeout again.
            retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
        )
    except ValueError:  # whose text may hold a password
        raise BrokerUnavailable("WF_REDIS_URL cannot be read as redis://host:port/number or unix://path") from None


class Dispatcher:
    """Publishes nudges to the workers' queue.

    Args:
        settings: Where Redis is, and which queue.
        redis: A client of it, in place of one of its own.
        wall: The time from which countdowns are counted, in seconds since the epoch: of a machine whose own clock is
            fast, every sleep would be late.
    """

    def __init__(
        self, settings: Settings, redis: Redis | None = None, *, wall: Callable[[], float] | None = None
    ) -> None:
        self._redis, self._wall = redis or connect(settings), wall or time.time
        self._key = settings.broker_prefix + settings.queue
        self._queue = settings.queue
        self._origin = uuid4().hex[:12]
        self._tags = count()

    def publish(self, nudges: Sequence[Nudge]) -> bool:
        """Push the nudges; if Redis is down say so in the log, because the alarm will find the instances anyway.

        Returns:
            Whether Redis took them.
        """
        if not nudges:
            return True
        try:
            self._redis.lpush(self._key, *[self._message(nudge) for nudge in nudges])
        except RedisError as error:
            log.warning("nudge not sent; the alarm will do it", **_about(nudges), reason=str(error))
            return False
        return True

    def publish_task(self, task: str) -> bool:
        """Ask for a task without arguments on the queue of alarm and reaper, which no long queue of nudges delays.

        Returns:
            Whether Redis took it; if not, beat will ask for it.
        """
        queue = f"{self._queue}.alarm"
        task_id = str(uuid4())
        headers = {"lang": "py", "task": task, "id": task_id, "root_id": task_id, "retries": 0, "ignore_result": True}
        try:
            self._redis.lpush(f"{self._key}.alarm", self._envelope(queue, task_id, headers, []))
        except RedisError as error:
            log.warning("task not sent; beat will do it", task=task, reason=str(error))
            return False
        return True

    def queued(self) -> int:
        """Nudges that no worker has taken yet.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        try:
            return int(self._redis.llen(self._key))
        except RedisError as error:
            raise BrokerUnavailable(error) from None

    def ping(self) -> None:
        """Ask Redis for a sign of life.

        Raises:
            BrokerUnavailable: It gives none.
        """
        try:
            self._redis.ping()
        except RedisError as error:
            raise BrokerUnavailable(error) from None

    def close(self) -> None:
        """Close the connection to Redis."""
        self._redis.close()

    def _message(self, nudge: Nudge) -> str:
        # Two workflows may have instances of the same id. What this says, `TaskId` reads.
        whose = f"{nudge.workflow}:{nudge.id}" if nudge.workflow and nudge.id else nudge.id or str(nudge.key)
        task_id = f"{whose}:{nudge.generation}.{nudge.seq}.{nudge.rev}"
        headers: dict[str, Any] = {
            "lang": "py",
            "task": TASK,
            "id": task_id,
            "root_id": task_id,
            "retries": nudge.attempt,
            "ignore_result": True,
            "shadow": f"{nudge.workflow}/{nudge.step}" if nudge.step else nudge.workflow or None,
            "argsrepr": f"({nudge.key}, {nudge.generation}, {nudge.rev}, {nudge.seq})",
            "kwargsrepr": f"{{'instance': {nudge.id!r}, 'step': {nudge.step!r}}}",
        }
        if nudge.delay > 0:
            headers["eta"] = datetime.fromtimestamp(self._wall() + nudge.delay, UTC).isoformat()
        return self._envelope(self._queue, task_id, headers, [nudge.key, nudge.generation, nudge.rev, nudge.seq])

    def _envelope(self, queue: str, task_id: str, headers: dict[str, Any], args: list[int]) -> str:
        tag = f"{self._origin}-{next(self._tags)}"
        return json.dumps(
            {
                "body": json.dumps([args, {}, {}]),
                "content-encoding": "utf-8",
                "content-type": "application/json",
                "headers": headers,
                "properties": {
                    "correlation_id": task_id,
                    "delivery_mode": 2,
                    "delivery_info": {"exchange": "", "routing_key": queue},
                    "priority": 0,
                    "delivery_tag": tag,
                },
            }
        )


def _about(nudges: Sequence[Nudge]) -> dict[str, Any]:
    """What to say of nudges that were not sent: how many, and of which instance, if it is one."""
    one, *others = nudges
    named = {"workflow": one.workflow, "instance": one.id, "generation": one.generation}
    return {"nudges": len(nudges)} | ({} if any(other.key != one.key for other in others) else named)
