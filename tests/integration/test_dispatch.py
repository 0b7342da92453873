"""Nudges: ids only, one push for any number, in the shape that Celery reads."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from kombu import Connection

from wf.dispatch import TASK, Dispatcher, Nudge
from wf_tasks.defaults import celery_settings
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from tests.support import Rig
    from wf.settings import Settings

NUDGE = Nudge(17, 2, 9, 4, attempt=3, workflow="report", id="r-17", step="upload")


@pytest.fixture
def dispatcher(settings: Settings) -> Iterator[Dispatcher]:
    made = Dispatcher(settings)
    yield made
    made.close()


def messages(rig: Rig) -> list[dict[str, Any]]:
    """What stands in the queue, oldest first."""
    redis: Redis = rig.redis
    found: Any = redis.lrange(rig.settings.key_prefix + rig.settings.queue, 0, -1)
    return [json.loads(message) for message in reversed(found)]


def test_a_nudge_carries_four_numbers(rig: Rig, dispatcher: Dispatcher) -> None:
    """Instance, generation, rev and step are the arguments of `wf.advance`, and there are no others."""
    assert dispatcher.publish([NUDGE])
    (message,) = messages(rig)
    assert json.loads(message["body"]) == [[17, 2, 9, 4], {}, {}]
    assert message["headers"]["task"] == TASK
    assert message["properties"]["delivery_info"]["routing_key"] == rig.settings.queue


def test_flower_shows_names_instead_of_numbers(rig: Rig, dispatcher: Dispatcher) -> None:
    """The task's id names workflow and instance, its shadow workflow and step, and its retries are the attempts."""
    dispatcher.publish([NUDGE, Nudge(17, 2, 9), Nudge(17, 2, 9, workflow="report", id="r-17")])
    first, bare, start = (message["headers"] for message in messages(rig))
    assert (first["id"], first["shadow"], first["retries"]) == ("report:r-17:2.4.9", "report/upload", 3)
    assert first["argsrepr"] == "(17, 2, 9, 4)"
    assert (bare["id"], bare["shadow"]) == ("17:2.0.9", None)
    assert start["shadow"] == "report"


def test_nudges_are_taken_in_the_order_in_which_they_were_sent(rig: Rig, dispatcher: Dispatcher) -> None:
    """First in, first out, each with a tag of its own."""
    dispatcher.publish([Nudge(key, 1, 0) for key in range(5)])
    dispatcher.publish([Nudge(5, 1, 0)])
    assert [json.loads(message["body"])[0][0] for message in messages(rig)] == [0, 1, 2, 3, 4, 5]
    assert len({message["properties"]["delivery_tag"] for message in messages(rig)}) == 6


def test_a_delay_becomes_a_countdown(rig: Rig, dispatcher: Dispatcher) -> None:
    """A nudge that shall wait carries the moment until which Celery holds it back; the others carry none."""
    dispatcher.publish([Nudge(1, 1, 0, delay=60), Nudge(2, 1, 0)])
    delayed, prompt = (message["headers"] for message in messages(rig))
    assert 55 < (datetime.fromisoformat(delayed["eta"]) - datetime.now(UTC)).total_seconds() <= 60
    assert "eta" not in prompt


def test_countdowns_go_by_the_clock_of_the_database(
    rig: Rig, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose own clock is two hours fast does not make others hold back a nudge for two hours."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 7_200)
    with closing(Runtime(settings)) as worker:
        worker.journal.ticked()  # what it asks Postgres tells it the time
        worker.dispatcher.publish([Nudge(1, 1, 0, delay=60)])
    (message,) = messages(rig)
    assert 50 < (datetime.fromisoformat(message["headers"]["eta"]) - datetime.now(UTC)).total_seconds() <= 61


def test_no_nudge_is_no_message(rig: Rig, dispatcher: Dispatcher) -> None:
    """Publishing nothing succeeds without asking Redis."""
    assert dispatcher.publish([])
    assert rig.queued() == 0


def test_publishing_without_redis_is_no_error(settings: Settings) -> None:
    """The alarm will do it, so the caller is told by the answer, not by an exception."""
    down = Dispatcher(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    assert not down.publish([NUDGE])


def test_kombu_reads_what_we_push(settings: Settings, dispatcher: Dispatcher) -> None:
    """The hand-built message is one that Celery's transport takes for its own."""
    configured = celery_settings(settings)
    dispatcher.publish([NUDGE])
    with Connection(
        settings.redis_url,
        transport=configured["broker_transport"],
        transport_options=configured["broker_transport_options"],
    ) as connection:
        message = connection.default_channel.basic_get(settings.queue)
    assert message.payload == [[17, 2, 9, 4], {}, {}]
    assert message.headers["shadow"] == "report/upload"
    assert message.content_type == "application/json"
