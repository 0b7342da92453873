"""Log lines of steps: how they come into the journal, wait, are moved, and go."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography.fernet import Fernet

from tests.support import Rig, RowLock, wait_until
from tests.support.attempts import Held, one_step
from tests.support.errands import RefusedError
from tests.support.lines import of, rows, run, shop, standing
from tests.support.plans import plan_of, scans
from wf import InstanceNotFound, WorkflowEntrypoint
from wf.errors import StepOutputNotFound
from wf.leftovers import clear
from wf.listing import LOOK, InvalidQuery
from wf.sql import statements
from wf_reaper.retention import Retention

if TYPE_CHECKING:
    from wf.settings import Settings


def test_the_thread_writes_while_the_attempt_still_runs(rig: Rig) -> None:
    """Within about half a second, without anybody asking for it."""
    held = Held()

    def work() -> None:
        shop.info("begun")
        held.stand()

    cls = one_step(work, "slow")
    rig.create(cls, "r-17")
    working = rig.in_thread(rig.settle)
    assert held.begun.wait(10)
    wait_until(lambda: bool(rows(rig)), what="the line is in the journal")
    held.gate.set()
    working.result(10)


def test_closing_a_worker_writes_what_is_left(settings: Settings) -> None:
    """Its last lines are not lost."""
    with Rig(settings) as rig:
        rig.create(one_step(lambda: shop.info("last words"), "closing"), "r-17")
        rig.settle()
    with Rig(settings) as rig:
        assert len(rows(rig)) == 1


def test_lines_of_instances_that_are_gone_or_begun_again_are_dropped(rig: Rig) -> None:
    """They reach neither the id's next instance nor the next generation."""
    for wish in ("delete", "restart"):
        cls = one_step(lambda: shop.info("late"), wish)
        instance = rig.create(cls, "r-17")
        with RowLock(rig.settings.database_url) as lock:  # keeps the thread from writing
            nudges = rig.take()
            working = rig.in_thread(lambda nudges=nudges: [rig.advance(nudge) for nudge in nudges])
            lock.release()
            working.result(10)
        getattr(instance, wish)()
        rig.take()
        of(rig).flush()
        assert rows(rig) == []


def test_lines_wait_for_whoever_is_at_work_on_their_instance(rig: Rig) -> None:
    """Nobody waits for a lock; other instances' lines are written meanwhile."""
    cls = one_step(lambda: shop.info("patient"), "busy")
    rig.create(cls, "r-17")
    rig.settle()
    lines = of(rig)
    lines.flush()
    rig.sql("delete from wf.line")
    logged = lines.of(*standing(rig))
    assert logged is not None
    with RowLock(rig.settings.database_url) as lock:
        logged.put(logging.INFO, "shop", "one more")
        assert lines.flush() == 1
        assert rows(rig) == []
        lock.release()
        wait_until(lambda: lines.flush() == 0, what="the line is written")
    assert rows(rig) == [(1, 1, 1)]


def test_messages_are_sealed(settings: Settings) -> None:
    """With WF_ENCRYPTION_KEYS no text of the author's stands in the table; readers with the key see it."""
    keys = Fernet.generate_key().decode()
    with Rig(settings.model_copy(update={"encryption_keys": keys})) as rig:
        (line,) = run(rig, lambda: shop.info("a secret"))
        assert line.message == "a secret"
        ((data,),) = rig.sql("select message from wf.line")
    assert b"secret" not in data
    assert data[:1] == b"\x02"


class Chatty(WorkflowEntrypoint, name="chatty"):
    """Three steps that log; the last one fails at first."""

    async def run(self, event: Any, step: Any) -> None:
        def fail() -> None:
            shop.info("third")
            raise RefusedError(1)

        await step.do("one", lambda: shop.info("first"))
        await step.do("two", lambda: shop.info("second"))
        await step.do("three", fail, config={"retries": {"limit": 0}})


def chat(rig: Rig) -> Any:
    instance = rig.create(Chatty, "c-1")
    rig.settle()
    of(rig).flush()
    assert rows(rig) == [(1, 1, 1), (1, 2, 1), (1, 3, 1)]
    return instance


def test_a_restart_keeps_the_lines_of_the_steps_that_it_keeps(rig: Rig) -> None:
    """From a step, and by the reaper from what failed; from the start none are kept."""
    instance = chat(rig)
    instance.restart(from_step={"name": "two"})
    assert rows(rig) == [(2, 1, 1)]
    rig.settle()
    of(rig).flush()
    assert rows(rig) == [(2, 1, 1), (2, 4, 1), (2, 5, 1)]
    assert [line.message for line in rig.client.catalog.lines("chatty", "c-1", "one-1")] == ["first"]
    instance.restart()
    assert rows(rig) == []


def test_a_restart_from_what_failed_keeps_the_lines_before_it(rig: Rig) -> None:
    """As it keeps the steps and their attempts."""
    chat(rig)
    rig.workers[0].journal.database.rows(
        statements()["instance_restart"],
        {
            "key": 1, "generation": 1, "rev": rig.sql("select rev from wf.instance")[0][0], "now": rig.clock.now(),
            "keep": "failed", "from_seq": 0, "counted": 1, "detail": psycopg.types.json.Jsonb({}), "actor": "test",
            "due_in": 1,
        },
    )  # fmt: skip
    ((generation, rev),) = rig.sql("select generation, rev from wf.instance")
    clear(rig.workers[0].database, 1, generation, rev)
    assert rows(rig) == [(2, 1, 1), (2, 2, 1)]


def test_lines_go_with_their_instance(rig: Rig) -> None:
    """Deleted by people, one by one or many, or by retention."""
    chat(rig).delete()
    assert rows(rig) == []
    rig.create(Chatty, "c-2")
    rig.settle()
    of(rig).flush()
    assert len(rows(rig)) == 3
    rig.client.workflow(Chatty).delete_batch(["c-2"])
    assert rows(rig) == []
    rig.create(Chatty, "c-3")
    rig.settle()
    of(rig).flush()
    assert len(rows(rig)) == 3
    rig.clock.advance(rig.settings.error_retention + 1)
    assert Retention(rig.workers[0]).run_once() == 1
    assert rows(rig) == []


def test_lines_written_while_their_instance_was_deleted_go_too(rig: Rig) -> None:
    """The deletion waits for the writer, whose lines its own look did not see; it looks again."""
    instance = chat(rig)
    with psycopg.connect(rig.settings.database_url) as writer:
        writer.execute("select 1 from wf.instance for key share")
        deleting = rig.in_thread(instance.delete)
        wait_for_lock(rig)
        writer.execute("insert into wf.line (instance, generation, seq, attempt, at, level, logger, message)"
                       " values (1, 1, 1, 1, now(), 20, 'shop', '')")  # fmt: skip
        writer.commit()
    deleting.result(10)
    assert rows(rig) == []


def wait_for_lock(rig: Rig) -> None:
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    wait_until(lambda: bool(rig.sql(query)), what="somebody waits for a row")


def test_pages_of_lines_give_each_once(rig: Rig) -> None:
    """Of all attempts or of one; a page of one attempt among very many lines ends early, with a cursor."""

    def work() -> None:
        for n in range(7):
            shop.info("line %d", n)

    run(rig, work)
    read = rig.client.catalog.lines
    found, cursor = [], None
    while True:
        page = read("heartbeat-lines", "r-17", "work-1", limit=3, cursor=cursor)
        found += [line.message for line in page]
        if (cursor := page.cursor) is None:
            break
    assert found == [f"line {n}" for n in range(7)]
    rig.sql(
        "insert into wf.line (instance, generation, seq, attempt, at, level, logger, message) select instance,"
        f" generation, seq, 2, at, level, logger, message from wf.line, generate_series(1, {LOOK // 7})"
    )
    rig.sql("update wf.step set attempt = 3")
    page = read("heartbeat-lines", "r-17", "work-1", attempt=3)
    assert page == []
    assert read("heartbeat-lines", "r-17", "work-1", attempt=3, cursor=page.cursor).cursor is None
    rig.sql("insert into wf.line (instance, generation, seq, attempt, at, level, logger, message) select n, 1, 1, 1,"
            " now(), 20, 'shop', '' from generate_series(100, 9000) n")  # fmt: skip
    rig.sql("analyze wf.line")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for name in ("lines_page", "lines_looked", "lines_forget", "lines_carry"):
            assert "line" not in set(scans(plan_of(connection, statements()[name]))), name


def test_what_cannot_be_asked_for_is_refused(rig: Rig) -> None:
    """Instances, steps and attempts that are not there; cursors and limits that no page has."""
    chat(rig)
    read = rig.client.catalog.lines
    with pytest.raises(InstanceNotFound):
        read("chatty", "nope", "one-1")
    for step, more in (("one", {}), ("one-2", {}), ("one-1", {"type": "rollback"}), ("one-1", {"attempt": 2})):
        with pytest.raises(StepOutputNotFound):
            read("chatty", "c-1", step, **more)
    for wrong in ({"cursor": "x"}, {"limit": 0}, {"limit": 1001}):
        with pytest.raises(InvalidQuery):
            read("chatty", "c-1", "one-1", **wrong)
