"""Checks of Redis: whether it answers and takes writes, what it forgets, and who else uses our queues."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from wf.dispatch import TASK, alarm_queue
from wf.doctor.findings import note, well, wrong
from wf.durations import about
from wf.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from redis import Redis

    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

OLDEST = (6, 2)
"""The oldest version of Redis on which Celery's transport is tried."""

SLOW = 0.01
"""Seconds of a round trip from which on sending nudges takes noticeably longer."""

FULL = 0.9
"""The share of maxmemory from which on Redis is nearly full."""

SAMPLE = 20
"""Messages that are looked at of a queue, the oldest ones."""

TICKS = 50
"""Messages in the alarm's queue from which on nobody takes them: beat sends a handful in each tick."""

STALE = 60.0
"""Seconds after its end at which a tick still lies in the queue because nobody takes it."""

UNACKED = "unacked"
"""Where Celery's transport keeps what a worker has taken and not yet acknowledged."""


def reach(subject: Subject) -> Iterator[Finding]:
    """Whether Redis answers, and how fast."""
    try:
        with subject.redis() as redis:
            redis.ping()
            trips = min(_trip(redis) for _ in range(3))
            name, version, numbers = _version(_info(redis, "server"))
    except (RedisError, BrokerUnavailable) as error:
        reason = error.reason if isinstance(error, BrokerUnavailable) else " ".join(str(error).split())
        yield wrong(
            "redis", f"Redis does not answer: {reason}",
            "Start the server, or set WF_REDIS_URL right; until then the alarm cannot nudge, and nothing is lost.",
        )  # fmt: skip
        return
    facts = {"version": version, "round_trip": round(trips, 6)}
    if numbers and numbers < OLDEST:
        yield wrong("redis", f"{name} {version} is too old.", "Upgrade it to 6.2 or later, or to Valkey.", **facts)
    elif trips > min(SLOW, subject.settings.redis_timeout / 4):
        yield note(
            "redis", f"{name} {version} answers, but a round trip takes {about(trips)}.",
            "Run it near the workers, or see what keeps it busy: redis-cli --latency, SLOWLOG GET.", **facts,
        )  # fmt: skip
    else:
        yield well("redis", f"{name} {version}, a round trip takes {about(trips)}.", **facts)


def _version(info: Mapping[str, Any]) -> tuple[str, str, tuple[int, ...]]:
    """Name and version of the server, and with which version of Redis it claims to be compatible."""
    compatible = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in compatible.split(".")[:2] if part.isdigit())
    if "valkey_version" in info:
        return "Valkey", str(info["valkey_version"]), numbers
    return "Redis", compatible, numbers


def _trip(redis: Redis) -> float:
    began = time.perf_counter()
    redis.ping()
    return time.perf_counter() - began


def _info(redis: Redis, section: str) -> Mapping[str, Any]:
    found: Any = redis.info(section)
    return dict(found)


def memory(subject: Subject) -> Iterator[Finding]:
    """Whether Redis forgets messages when its memory is full, and whether it soon is."""
    with subject.redis() as redis:
        info = _info(redis, "memory")
    policy, most, used = (
        info.get("maxmemory_policy", "noeviction"),
        info.get("maxmemory", 0),
        info.get("used_memory", 0),
    )
    facts = {"policy": policy, "most": most, "used": used}
    if policy != "noeviction":
        yield wrong(
            "redis memory", f"When its memory is full, Redis throws away keys ({policy}): queues may vanish.",
            "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf or with your provider.", **facts,
        )  # fmt: skip
    if most and used >= most * FULL:
        yield wrong(
            "redis memory", f"Redis uses {used / most:.0%} of its maxmemory ({most / 2**20:.0f} MiB).",
            "Raise maxmemory, or see what fills it: redis-cli --bigkeys.", **facts,
        )  # fmt: skip
    elif policy == "noeviction":
        yield well("redis memory", f"Redis uses {used / 2**20:.0f} MiB, and throws nothing away.", **facts)


def writes(subject: Subject) -> Iterator[Finding]:
    """Whether Redis takes writes, and whether messages outlive a restart of it."""
    with subject.redis() as redis:
        role, info = _info(redis, "replication").get("role"), _info(redis, "persistence")
    if role == "slave":
        yield wrong("redis writes", "This Redis is a replica and takes no writes.", "Set WF_REDIS_URL to the primary.")
    if "err" in (info.get("rdb_last_bgsave_status"), info.get("aof_last_write_status")):
        yield wrong(
            "redis writes", "Redis could not write its data to disk, and refuses writes until it can.",
            "See its log, and whether its disk is full or may not be written to.",
        )  # fmt: skip
    if not info.get("aof_enabled"):
        yield note(
            "redis writes", "Redis keeps no log of its writes: when it restarts, nudges are gone, and instances move "
            f"again up to {about(subject.settings.renudge)} later (WF_RENUDGE).",
            "Set appendonly yes if that is too late; nothing is lost either way.",
        )  # fmt: skip
    else:
        yield well("redis writes", "Redis takes writes, and keeps them on disk.")


def queues(subject: Subject) -> Iterator[Finding]:
    """Whether our queues hold our messages alone, and whether the ticks in them are taken."""
    settings = subject.settings
    troubles: list[Finding] = []
    with subject.redis() as redis:
        for name in (settings.queue, alarm_queue(settings)):
            troubles += _queue(redis, settings.broker_prefix + name)
        troubles += _alarm(redis, settings.broker_prefix + alarm_queue(settings))
        troubles += _unacked(redis, settings.broker_prefix)
    yield from troubles
    if not troubles:
        yield well(
            "redis keys", f"The queues {settings.broker_prefix}{settings.queue}(.alarm) hold our messages alone."
        )


def strangers(subject: Subject) -> Iterator[Finding]:
    """Whether nudges are of our journal: none is sent before its instance has a key there."""
    key = subject.settings.broker_prefix + subject.settings.queue
    try:
        with subject.redis() as redis:
            nudged = {_instance(message) for message in _sample(redis, key)}
    except (RedisError, BrokerUnavailable):
        return  # as another check says
    ((last,),) = subject.journal("doctor_last_key")  # asked later: keys that were given meanwhile are no trouble
    if beyond := sorted(one for one in nudged if one is not None and last is not None and one > last):
        yield wrong(
            "redis keys", f"The queue {key} holds nudges of instances that this journal has never had: another "
            "deployment with a database of its own uses it.",
            "Set another WF_KEY_PREFIX for one of them, for its workers and clients.", key=key, keys=beyond,
        )  # fmt: skip


def _queue(redis: Redis, key: str) -> Iterator[Finding]:
    kind: Any = redis.type(key)
    if kind not in (b"list", b"none"):
        yield wrong(
            "redis keys", f"The key {key} is no queue but a {kind.decode()}: another application uses it.",
            "Set another WF_KEY_PREFIX or WF_QUEUE, for workers and clients.", key=key,
        )  # fmt: skip
        return
    tasks = {_task(message) for message in _oldest(redis, key)}
    if foreign := sorted(task for task in tasks if not task.startswith("wf.")):
        yield wrong(
            "redis keys", f"The queue {key} holds messages that are not ours ({', '.join(foreign)}): our workers would "
            "drop them.", "Give each application a queue of its own: WF_QUEUE, or task_default_queue of the other one.",
            key=key, tasks=foreign,
        )  # fmt: skip


def _alarm(redis: Redis, key: str) -> Iterator[Finding]:
    """Ticks are taken at once, or dropped when the next one is due: they must not pile up."""
    length: Any = redis.llen(key) if redis.type(key) == b"list" else 0
    ages = [age for message in _oldest(redis, key) if (age := _stale(message)) is not None] if length else []
    age = max(ages, default=0.0)
    if length >= TICKS or age > STALE:
        since = f", the oldest for {about(age)}" if age > 0 else ""
        yield wrong(
            "redis keys", f"{length} ticks lie in the alarm's queue {key}{since}: no worker takes them.",
            "Start workers that take this queue, or more of them (-Q wf,wf.alarm for workers of an app of yours).",
            key=key, length=length, seconds=age,
        )  # fmt: skip


def _unacked(redis: Redis, prefix: str) -> Iterator[Finding]:
    """Workers of a team's own app list what they have taken; it is given back after the visibility timeout."""
    if redis.type(prefix + UNACKED) != b"hash":
        return
    number: Any = redis.hlen(prefix + UNACKED)
    first: Any = redis.zrange(f"{prefix}{UNACKED}_index", 0, 0, withscores=True)
    age = time.time() - first[0][1] if first else 0.0
    if number:
        yield note(
            "redis keys", f"{number} message(s) are taken and not acknowledged, the oldest for {about(age)}.",
            "Those of killed workers come back after visibility_timeout; ours move again by the alarm before that.",
            number=number, seconds=age,
        )  # fmt: skip


def _oldest(redis: Redis, key: str) -> list[Mapping[str, Any]]:
    """Headers of the messages that are taken next; of what cannot be read, none."""
    return [_headers(message) for message in _sample(redis, key)]


def _sample(redis: Redis, key: str) -> list[bytes]:
    if redis.type(key) != b"list":
        return []
    found: Any = redis.lrange(key, -SAMPLE, -1)
    return list(found)


def _instance(message: bytes) -> int | None:
    """The key of the instance that a nudge is for; None if it is none of ours."""
    try:
        envelope = json.loads(message)
        return int(json.loads(envelope["body"])[0][0]) if envelope["headers"]["task"] == TASK else None
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def _headers(message: bytes) -> Mapping[str, Any]:
    try:
        headers = json.loads(message)["headers"]
    except (ValueError, TypeError, KeyError):
        return {}
    return headers if isinstance(headers, dict) else {}


def _task(headers: Mapping[str, Any]) -> str:
    return str(headers.get("task") or "what nobody can read")


def _stale(headers: Mapping[str, Any]) -> float | None:
    """For how many seconds a message has been too old to be of use; None if it does not tell."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(headers["expires"])).total_seconds()
    except (KeyError, TypeError, ValueError):  # ours tell with their time zone
        return None
