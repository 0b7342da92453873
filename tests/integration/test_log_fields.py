"""What log lines of workers and clients are about: instance, workflow, generation, step and attempt, as fields."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.support.attempts import LIMIT, Held, one_step
from tests.support.web import free_port
from wf import WorkflowEntrypoint
from wf.dispatch import connect
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig

NOW_AND_AGAIN = {"retries": {"limit": 1, "delay": 1}}


class RefusedError(Exception):
    """What a step fails with."""


@contextmanager
def heard() -> Iterator[list[Any]]:
    """Every line that is said meanwhile, with what structlog merges into it."""
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


def fields(line: Any) -> dict[str, Any]:
    """What a line is about."""
    return {name: line[name] for name in ("workflow", "instance", "generation", "step", "attempt") if name in line}


def of(name: str, id: str, step: str | None = None, attempt: int = 1, generation: int = 1) -> dict[str, Any]:
    """What a line should be about."""
    about: dict[str, Any] = {"workflow": name, "instance": id, "generation": generation}
    return about if step is None else about | {"step": step, "attempt": attempt}


def test_failures_and_ends_name_their_attempt(rig: Rig) -> None:
    """Each failed attempt, the handler that undoes a step, and the instance; a result that cannot be stored, too."""

    class Fails(WorkflowEntrypoint, name="fields-fails"):
        async def run(self, event: Any, step: Any) -> None:
            def refuse(*_: Any) -> None:
                raise RefusedError

            await step.do("hold", lambda: 1, rollback=refuse, rollback_config={"retries": {"limit": 0}})
            await step.do("work", refuse, config=NOW_AND_AGAIN)

    with heard() as lines:
        rig.create(Fails, "f-1")
        rig.settle()
        rig.pass_time(1)
        rig.create(one_step(object, "fields-odd"), "o-1")
        rig.settle()
    assert [(line["event"], fields(line)) for line in lines] == [
        ("attempt failed", of("fields-fails", "f-1", "work-1", 1)),
        ("attempt failed", of("fields-fails", "f-1", "work-1", 2)),
        ("attempt failed", of("fields-fails", "f-1", "rollback of hold-1")),
        ("instance errored", of("fields-fails", "f-1")),
        ("attempt failed", of("heartbeat-fields-odd", "o-1", "work-1")),
        ("instance errored", of("heartbeat-fields-odd", "o-1")),
    ]


def test_lost_and_stopped_attempts_are_named(rig: Rig) -> None:
    """By whoever finds the one, and by the minder of the other, on a thread of its own."""
    held = Held()
    cls = one_step(held.stand, "fields-stopped")
    with heard() as lines:
        rig.create(cls, "s-1")
        running = rig.in_thread(rig.settle)
        assert held.begun.wait(LIMIT)
        rig.client.workflow(cls).get("s-1").terminate()
        rig.workers[0].engine.runner.attempts.look()
        held.gate.set()
        running.result(LIMIT)

        def die() -> None:
            raise SystemExit

        frail = one_step(die, "fields-frail")
        rig.create(frail, "l-1")
        try:
            rig.settle()
        except SystemExit:
            rig.clock.advance(rig.settings.lease + 1)
            rig.workers[0].alarm.run_once()
            try:
                rig.settle()
            except SystemExit:
                lines.append({"event": "over"})
    assert [(line["event"], fields(line)) for line in lines] == [
        ("not wanted any more; attempt stopped", of("heartbeat-fields-stopped", "s-1", "work-1")),
        ("attempt lost with its worker", of("heartbeat-fields-frail", "l-1", "work-1")),
        ("over", {}),
    ]


def test_the_last_lost_attempt_is_not_said_to_be_tried_again(rig: Rig) -> None:
    """With `at_most_once` the first one is the last."""

    def die() -> None:
        raise SystemExit

    for id, once in (("again", False), ("once", True)):
        rig.create(one_step(die, f"fields-{id}", at_most_once=once), id)
        with pytest.raises(SystemExit):
            rig.settle()
    rig.clock.advance(rig.settings.lease + 1)
    rig.workers[0].alarm.run_once()
    nudges = sorted(rig.take(), key=lambda nudge: nudge.key)
    with heard() as lines:
        with pytest.raises(SystemExit):
            rig.advance(nudges[0])
        rig.advance(nudges[1])
    said = {line["instance"]: line["again"] for line in lines if line["event"] == "attempt lost with its worker"}
    assert said == {"again": True, "once": False}


def test_lines_from_below_name_the_instance_of_their_caller(rig: Rig) -> None:
    """Redis is away: the mailbox knows no ids, but whoever asks it does; a nudge of one instance names it."""

    class Waits(WorkflowEntrypoint, name="fields-waits"):
        async def run(self, event: Any, step: Any) -> None:
            await step.wait_for_event("go", "go")

    away = connect(rig.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}"}))
    instance = rig.create(Waits, "w-1")
    rig.settle()
    for mailbox in (rig.client.mailbox, rig.workers[0].mailbox):
        mailbox._redis.close()
        mailbox._redis = away
    with heard() as lines:
        instance.send_event("go", 1)
        rig.pass_time(2)
        rig.client.dispatcher._redis, kept = away, rig.client.dispatcher._redis
        instance.restart()
        instance.delete()
        kept.close()
    about = {"workflow": "fields-waits", "instance": "w-1"}
    assert [(line["event"], fields(line)) for line in lines] == [
        ("event not put into the mailbox; Postgres has it", about),
        ("mailbox not read; Postgres is", about | {"generation": 1}),
        ("mailbox not deleted; Redis forgets it in time", about | {"generation": 1}),
        ("nudge not sent; the alarm will do it", about | {"generation": 2}),
        ("mailbox not deleted; Redis forgets it in time", about),
    ]


def test_restarts_of_the_reaper_are_named(rig: Rig) -> None:
    """Under the names that all lines have."""

    class Again(WorkflowEntrypoint, name="fields-again", restart={"limit": 1, "delay": 1}):
        async def run(self, event: Any, step: Any) -> None:
            raise RefusedError

    rig.create(Again, "a-1")
    rig.settle()
    rig.clock.advance(2)
    with heard() as lines:
        Restarts(rig.workers[0]).run_once()
    ((event, about),) = [(line["event"], fields(line)) for line in lines]
    assert (event, about) == ("instance restarted", of("fields-again", "a-1", generation=2))


def test_what_a_callback_logs_carries_the_fields(rig: Rig) -> None:
    """Through structlog and through `logging`, on its thread and on the loop, in tasks and threads of `asyncio`."""
    records: list[logging.LogRecord] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    shop, keeps = logging.getLogger("tests.fields"), Keeps()

    def say() -> None:
        shop.warning("by logging")
        structlog.get_logger("tests.fields").warning("by structlog")

    async def say_often() -> None:
        await asyncio.gather(asyncio.create_task(asyncio.to_thread(say)))

    class Speaks(WorkflowEntrypoint, name="fields-speaks"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("sync", say)
            await step.do("async", say_often)

    shop.addHandler(keeps)
    try:
        with heard() as lines:
            rig.create(Speaks, "s-1")
            rig.settle()
            say()
    finally:
        shop.removeHandler(keeps)
    expected = [of("fields-speaks", "s-1", "sync-1"), of("fields-speaks", "s-1", "async-1"), {}]
    assert [fields(line) for line in lines] == expected
    carried = [{name: value for name, value in vars(record).items() if name.startswith("wf_")} for record in records]
    assert carried == [{f"wf_{name}": value for name, value in about.items()} for about in expected]


def test_what_an_author_adds_to_a_record_is_no_clash(rig: Rig) -> None:
    """`extra=` with the names of our fields is the author's own."""

    def say() -> None:
        logging.getLogger("tests.fields").warning("mine", extra={"step": "mine", "instance": "mine", "attempt": 7})

    instance = rig.create(one_step(say, "fields-extra"), "e-1")
    rig.settle()
    assert instance.status().status == "complete"


def test_a_step_pays_little_for_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields are bound once for a task of the worker and once for an attempt, however much is logged."""
    bound: list[int] = []
    bind = structlog.contextvars.bind_contextvars

    def counted(**fields: Any) -> Any:
        bound.append(len(fields))
        return bind(**fields)

    monkeypatch.setattr("wf.logfields.bind_contextvars", counted)
    rig.create(one_step(lambda: None, "fields-cheap"), "c-1")
    rig.settle()
    assert sorted(bound) == [2, 3]
