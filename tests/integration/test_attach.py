"""What `wf_tasks.attach` leaves alone in a team's app, and what it refuses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from kombu import Queue

from tests.support import wait_until
from wf.dispatch import Dispatcher, Nudge, connect
from wf.settings import InvalidSettings, Settings
from wf_tasks import attach
from wf_tasks.fitting import fitted
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from tests.support import Rig

PLAIN = Settings(queue_prefix="", redis_url="redis://127.0.0.1:6379/0")
"""As they fit an app that says nothing of its broker but where it is."""


def team(broker: str = "redis://127.0.0.1:6379/0", **conf: Any) -> Celery:
    """An app that is nobody's current one."""
    app = Celery("team", broker=broker, set_as_current=False)
    app.conf.update(conf)
    return app


def refusal(app: Celery, settings: Settings = PLAIN) -> str:
    """Why workers of this app do not start."""
    with pytest.raises(InvalidSettings) as caught:
        fitted(app, settings)
    return str(caught.value)


def test_no_setting_of_the_app_changes_but_its_schedule() -> None:
    """Attaching and finalizing adds the ticks to the schedule; every other setting is what it was."""
    own = {"greet": {"task": "team.greet", "schedule": 60.0}, "wf.retention": {"task": "wf.retention", "schedule": 9.0}}
    app = team(task_acks_late=True, task_routes={"*": {"queue": "team"}}, task_time_limit=5, beat_schedule=own)
    before = dict(app.conf)
    attach(app, settings=PLAIN)
    attach(app, settings=PLAIN)
    ticks = {"wf.alarm", "wf.restart_errored", "wf.jobs", "wf.breakers", "wf.retention"}
    assert {"wf.advance", *ticks} <= set(app.tasks)
    after = dict(app.conf)
    schedule = after.pop("beat_schedule")
    assert after == {name: value for name, value in before.items() if name != "beat_schedule"}
    assert set(schedule) == {"greet", *ticks}
    assert schedule | own == schedule, "the team's own entries win"


def test_no_tick_writes_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """What beat sends for us would drown the team's own log; the team's own tasks, and warnings, are told of."""
    attach(app := team(beat_schedule={"greet": {"task": "team.greet", "schedule": 60.0}}), settings=PLAIN)
    app.finalize()
    beat = logging.getLogger("celery.beat")
    with caplog.at_level(logging.INFO, beat.name):
        for name, entry in app.conf.beat_schedule.items():
            beat.info("Scheduler: Sending due task %s (%s)", name, entry["task"])
        beat.warning("%s is late", "wf.jobs")
    assert caplog.messages == ["Scheduler: Sending due task greet (team.greet)", "wf.jobs is late"]


def test_attaching_reads_no_configuration_too_early() -> None:
    """An app may be configured after it was attached to, as it may be by a framework whose settings come later."""
    app = Celery("team", set_as_current=False)
    attach(app, settings=PLAIN)
    assert not app.configured
    app.conf.task_default_queue = "late"
    assert app.amqp.default_queue.name == "late"


def test_an_app_that_is_finalized_already_is_mounted_on_at_once() -> None:
    """It makes no difference when the app was attached to."""
    app = team()
    app.finalize()
    attach(app, settings=PLAIN)
    assert "wf.alarm" in app.tasks
    assert "wf.alarm" in app.conf.beat_schedule


def test_other_apps_get_none_of_our_tasks() -> None:
    """Celery shares tasks among all apps of a process; ours are the attached app's alone."""
    attach(team(), settings=PLAIN)
    other = team()
    assert [name for name in other.tasks if name.startswith("wf.")] == []
    assert other.conf.beat_schedule == {}


def test_what_the_app_says_about_all_its_tasks_does_not_hold_for_ours() -> None:
    """Late acknowledgement, limits, rates, results and retries of the app are not those of a nudge."""
    app = team(
        task_acks_late=True, task_time_limit=5, task_soft_time_limit=4, task_default_rate_limit="1/m",
        task_ignore_result=False, task_store_errors_even_if_ignored=True, task_serializer="yaml",
        task_track_started=True, task_annotations={"*": {"acks_late": True, "rate_limit": "2/m", "time_limit": 6}},
    )  # fmt: skip
    app.Task.autoretry_for = (Exception,)
    attach(app, settings=PLAIN)
    task = app.tasks["wf.advance"]
    assert (task.acks_late, task.rate_limit, task.time_limit, task.soft_time_limit) == (False, 0, 0, 0)
    assert (task.ignore_result, task.store_errors_even_if_ignored, task.track_started) == (True, False, False)
    assert (task.serializer, task.max_retries, hasattr(task, "_orig_run")) == ("json", None, False)


@pytest.mark.parametrize("create", [True, False])
def test_our_queues_are_consumed_by_those_who_are_told_to(create: bool) -> None:
    """`-Q celery,wf,wf.alarm` finds the queues, whatever queues the app has; a worker without it takes none of them."""
    app = team(task_queues=[Queue("own")], task_create_missing_queues=create)
    attach(app, settings=PLAIN)
    app.finalize()
    assert set(app.amqp.queues.consume_from) == {"own"}
    app.amqp.queues.select(["own", "wf", "wf.alarm"])
    assert set(app.amqp.queues.consume_from) == {"own", "wf", "wf.alarm"}


@pytest.mark.parametrize("broker", ["amqp://127.0.0.1", "memory://", "sentinel://127.0.0.1:26379"])
def test_only_redis_is_a_broker_for_nudges(broker: str) -> None:
    """Another broker, and a Redis that is found by Sentinel, are refused by their scheme."""
    text = refusal(team(broker))
    assert f"has a broker of {broker.split(':', maxsplit=1)[0]}://" in text
    assert "broker_url must be redis://" in text


def test_a_prefix_that_differs_is_named_with_the_variable_to_set() -> None:
    """Whether the app has none or one of its own, the error says what WF_QUEUE_PREFIX must be."""
    text = refusal(team(), PLAIN.model_copy(update={"queue_prefix": None}))
    assert "has the global_keyprefix '', but nudges go to the key 'wf:wf'" in text
    assert 'Set WF_QUEUE_PREFIX=""' in text
    assert 'Set WF_QUEUE_PREFIX="t:"' in refusal(team(broker_transport_options={"global_keyprefix": "t:"}))
    assert fitted(team(broker_transport_options={"global_keyprefix": "wf:"}), Settings(redis_url=PLAIN.redis_url))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("redis://127.0.0.1:6379/1", "redis://:secret@127.0.0.1:6379/0"),
        ("redis://127.0.0.1:6380", "redis://127.0.0.1"),
        ("redis://elsewhere", "redis://127.0.0.1"),
        ("unix:///run/redis.sock", "redis+socket:///run/other.sock"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=2"),
    ],
)
def test_another_redis_is_refused(ours: str, theirs: str) -> None:
    """Host, port, socket and number of the database must be the app's; no password is shown."""
    text = refusal(team(theirs), PLAIN.model_copy(update={"redis_url": ours}))
    assert "Set WF_REDIS_URL to the app's broker" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("redis://localhost/0", "redis://:secret@127.0.0.1:6379//"),
        ("rediss://h/1?ssl_cert_reqs=none", "rediss://h:6379/1?ssl_cert_reqs=CERT_NONE"),
        ("unix:///run/redis.sock?db=2", "redis+socket:///run/redis.sock?virtual_host=2"),
    ],
)
def test_the_same_redis_may_be_written_in_another_way(ours: str, theirs: str) -> None:
    """Celery and redis-py write URLs differently; what counts is where they lead."""
    assert fitted(team(theirs), PLAIN.model_copy(update={"redis_url": ours})).redis_url == ours


def test_without_a_url_the_broker_of_the_app_is_taken() -> None:
    """A team need not write its broker's URL twice for its workers; TLS and several brokers are not guessed at."""
    unset = PLAIN.model_copy(update={"redis_url": ""})
    assert fitted(team("redis://:p%40w@h:6380/3"), unset).redis_url == "redis://:p%40w@h:6380/3"
    assert fitted(team("redis+socket:///run/r.sock?virtual_host=2"), unset).redis_url == "unix:///run/r.sock?db=2"
    assert "set WF_REDIS_URL=rediss://" in refusal(team("rediss://h/1?ssl_cert_reqs=CERT_NONE"), unset)
    assert "has 2 brokers" in refusal(team("redis://a;redis://b"), unset)


def test_an_app_that_refuses_json_is_refused() -> None:
    """Nudges are JSON, and a worker would throw them away."""
    assert "add 'json' to accept_content" in refusal(team(accept_content=["yaml"]))
    fitted(team(accept_content=["yaml", "application/json"]), PLAIN)


@pytest.mark.parametrize(("value", "prefix"), [(None, "wf:"), ("", ""), ("team:", "team:")])
def test_the_prefix_of_the_queue(monkeypatch: pytest.MonkeyPatch, value: str | None, prefix: str) -> None:
    """Unset, it is the prefix of all keys; an empty variable means no prefix."""
    monkeypatch.delenv("WF_QUEUE_PREFIX", raising=False)
    if value is not None:
        monkeypatch.setenv("WF_QUEUE_PREFIX", value)
    assert Settings().broker_prefix == prefix


def test_nothing_is_connected_when_children_are_forked(rig: Rig) -> None:
    """A worker that has prepared itself holds no connection that a child would share with it."""
    prepared = Runtime(rig.settings)
    prepared.prepare()
    query = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'wf'"
    wait_until(lambda: rig.sql(query) == [(0,)], what="no connection of ours is open")
    prepared.close()


def test_nudges_go_to_the_queue_of_the_app(settings: Settings) -> None:
    """With a prefix of the queue of its own, that is where a client pushes; other keys keep theirs."""
    own = settings.model_copy(update={"queue_prefix": ""})
    dispatcher = Dispatcher(own)
    with connect(own) as redis:
        assert dispatcher.publish([Nudge(1, 1, 0)])
        assert redis.llen(own.queue) == 1
        assert redis.llen(settings.key_prefix + settings.queue) == 0
    dispatcher.close()
