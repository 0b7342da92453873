"""Log lines of steps: what attempts log is kept, bounded, fenced, sealed, and gone with its instance."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import structlog
from cryptography.fernet import Fernet

from tests.support import Rig, RowLock, wait_until
from tests.support.attempts import Held, one_step
from tests.support.errands import RefusedError, moment
from tests.support.plans import plan_of, scans
from wf import InstanceNotFound, WorkflowEntrypoint, lines
from wf.errors import JournalUnavailable, StepOutputNotFound
from wf.lines import MESSAGE, Lines
from wf.listing import LOOK, InvalidQuery
from wf.sql import statements
from wf_reaper.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.answers import Answer
    from wf.database import Database
    from wf.settings import Settings

shop = logging.getLogger("tests.shop")


@pytest.fixture(autouse=True)
def _talkative() -> Iterator[None]:
    """The author's logger lets everything through."""
    shop.setLevel(logging.DEBUG)
    yield
    shop.setLevel(logging.NOTSET)


def of(rig: Rig) -> Lines:
    return rig.workers[0].engine.runner.lines


def run(rig: Rig, callback: Callable[..., Any], name: str = "lines", **config: Any) -> list[Answer]:
    """What one step has logged that runs this callback."""
    rig.create(one_step(callback, name, **config), "r-17")
    rig.settle()
    assert of(rig).flush() == 0
    return list(rig.client.catalog.lines(f"heartbeat-{name}", "r-17", "work-1"))


def rows(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.sql("select generation, seq, attempt from wf.line order by id")


def test_what_a_sync_callback_logs_is_kept_in_its_order(rig: Rig) -> None:
    """From INFO on, with logger, level, time by the journal's clock, and number of the attempt."""

    def work() -> None:
        shop.debug("too fine")
        shop.info("%d of %d", 3, 7)
        logging.getLogger("tests.shop.deep").warning("careful")

    first, second = run(rig, work)
    assert first == {
        "at": moment(0), "level": "INFO", "logger": "tests.shop", "message": "3 of 7", "attempt": 1,
    }  # fmt: skip
    assert (second.level, second.logger, second.message) == ("WARNING", "tests.shop.deep", "careful")


def test_what_an_async_callback_and_its_tasks_log_is_kept(rig: Rig) -> None:
    """Also from `asyncio.to_thread`; a thread that the author starts is nobody's, but for `ctx.log`."""

    async def child(n: int) -> None:
        await asyncio.sleep(0)
        shop.info("child %d", n)

    async def work(ctx: Any) -> None:
        shop.info("begin")
        await asyncio.gather(child(1), child(2))
        await asyncio.to_thread(shop.info, "aside")
        for call in (lambda: shop.info("astray"), lambda: ctx.log.info("by context")):
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()

    assert [line.message for line in run(rig, work)] == ["begin", "child 1", "child 2", "aside", "by context"]


def test_each_of_two_attempts_at_a_time_has_its_own_lines(rig: Rig) -> None:
    """Coroutines share a loop, and their lines do not mix."""

    class Two(WorkflowEntrypoint, name="two"):
        async def run(self, event: Any, step: Any) -> None:
            async def say(n: int) -> None:
                for _ in range(3):
                    await asyncio.sleep(0.01)
                    shop.info("from %d", n)

            await asyncio.gather(*[step.do(f"part {n}", lambda n=n: say(n)) for n in range(2)])

    rig.create(Two, "t-1")
    for working in [rig.in_thread(rig.advance, nudge) for nudge in rig.take()]:
        working.result(10)
    rig.settle()
    of(rig).flush()
    for n in range(2):
        found = rig.client.catalog.lines("two", "t-1", f"part {n}-1")
        assert [line.message for line in found] == [f"from {n}"] * 3


def test_the_contexts_own_logger_is_kept_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its values, not with those that every line would have; also if structlog itself hands on to `logging`."""

    def work(ctx: Any) -> None:
        ctx.log.debug("too fine")
        ctx.log.info("uploaded", file="a.txt", size=3)

    (line,) = run(rig, work)
    assert (line.level, line.logger, line.message) == ("INFO", "wf.step", "uploaded file='a.txt' size=3")
    config = structlog.get_config()
    try:
        structlog.configure(
            processors=[structlog.stdlib.render_to_log_kwargs], logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )  # fmt: skip
        logging.getLogger("wf.step").setLevel(logging.INFO)

        def both(ctx: Any) -> None:
            work(ctx)
            structlog.get_logger("tests.shop").info("by structlog")

        assert [line.message for line in run(rig, both, "again")] == ["uploaded file='a.txt' size=3", "by structlog"]
    finally:
        logging.getLogger("wf.step").setLevel(logging.NOTSET)
        structlog.configure(**config)


def test_an_error_is_kept_with_its_traceback_and_its_last_line(rig: Rig) -> None:
    """However long the traceback is; a message is cut."""

    class Long(Exception):
        """One with a long text."""

    def dig(depth: int) -> None:
        if depth:
            dig(depth - 1)
        raise Long("x" * 3000)

    def fail() -> None:
        raise RefusedError(3)

    def work(ctx: Any) -> None:
        try:
            fail()
        except RefusedError:
            shop.exception("no luck")
            ctx.log.exception("no luck", order=3)
        try:
            dig(1)
        except Long:
            shop.exception("y" * 5000)
        shop.info("z" * 5000)

    plain, by_context, cut, long = [line.message for line in run(rig, work)]
    assert plain.startswith("no luck\nTraceback (most recent call last):\n")
    assert plain.endswith("RefusedError: order 3 refused")
    assert by_context.startswith("no luck order=3\nTraceback")
    assert by_context.endswith("RefusedError: order 3 refused")
    assert len(cut) <= MESSAGE
    assert cut.startswith("y" * (MESSAGE // 2) + "\n")
    assert "Long: xxx" in cut
    assert long == "z" * MESSAGE


def test_a_line_that_cannot_be_rendered_harms_nobody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step goes on, and so do the other lines; odd characters come back as they were."""
    monkeypatch.setattr(logging, "raiseExceptions", False)

    class Sour:
        def __repr__(self) -> str:
            raise RefusedError(1)

    def work(ctx: Any) -> None:
        shop.info("%d", "x")
        ctx.log.bind(sour=Sour())
        shop.info("odd \0 \ud800 \u202e")
        logging.getLogger("odd \0 \ud800").warning("fine")

    odd, fine = run(rig, work)
    assert odd.message == "odd \0 \\ud800 \u202e"
    assert (fine.logger, fine.message) == ("odd \\0 \\ud800", "fine")


def test_of_too_many_lines_the_first_are_kept_and_the_others_counted(settings: Settings) -> None:
    """Each attempt has its own room; 0 keeps none."""

    def work(ctx: Any) -> None:
        for n in range(5 if ctx.attempt == 1 else 3):
            shop.info("line %d", n)
        if ctx.attempt == 1:
            raise RefusedError(1)

    with Rig(settings.model_copy(update={"step_lines": 3})) as rig:
        cls = one_step(work, "many", retries={"limit": 1, "delay": 1})
        rig.create(cls, "r-17")
        rig.settle()
        rig.pass_time(1)
        of(rig).flush()
        found = rig.client.catalog.lines(cls.workflow_name, "r-17", "work-1")
    assert [(line.attempt, line.message) for line in found] == [
        (1, "line 0"), (1, "line 1"), (1, "line 2"),
        (1, "2 more line(s) of this attempt were not kept (WF_STEP_LINES is 3)."),
        (2, "line 0"), (2, "line 1"), (2, "line 2"),
    ]  # fmt: skip
    with Rig(settings.model_copy(update={"step_lines": 0})) as rig:
        assert run(rig, work, "none") == []
        assert rig.sql("select count(*) from wf.line where attempt > 2") == [(0,)]


def test_steps_of_transactions_and_rollbacks_have_lines(rig: Rig) -> None:
    """Also those of a transaction that was rolled back; a handler's are its own."""

    class Pays(WorkflowEntrypoint, name="pays"):
        async def run(self, event: Any, step: Any) -> None:
            def pay(connection: Any, ctx: Any) -> None:
                shop.info("attempt %d pays", ctx.attempt)
                if ctx.attempt == 1:
                    raise RefusedError(1)

            config = {"retries": {"limit": 1, "delay": 1}}
            await step.do("book", lambda: shop.info("books"), rollback=lambda: shop.info("unbooks"))
            await step.transaction("pay", pay, config=config)
            raise RefusedError(2)

    rig.create(Pays, "p-1")
    rig.settle()
    rig.pass_time(1)
    of(rig).flush()
    catalog = rig.client.catalog
    assert catalog.status_of("pays", "p-1") == "errored"
    assert [line.message for line in catalog.lines("pays", "p-1", "pay-1")] == ["attempt 1 pays", "attempt 2 pays"]
    assert [line.message for line in catalog.lines("pays", "p-1", "book-1")] == ["books"]
    assert [line.message for line in catalog.lines("pays", "p-1", "book-1", "rollback")] == ["unbooks"]
    assert [line.message for line in catalog.lines("pays", "p-1", "pay-1", attempt=2)] == ["attempt 2 pays"]


def test_lines_outside_of_callbacks_are_not_kept(rig: Rig) -> None:
    """Neither what `run` logs nor what others log in the process of a worker."""

    class Talks(WorkflowEntrypoint, name="talks"):
        async def run(self, event: Any, step: Any) -> None:
            shop.warning("from run")
            await step.do("quiet", lambda: None)
            shop.warning("from run again")

    rig.create(Talks, "t-1")
    rig.settle()
    shop.warning("from the test")
    of(rig).flush()
    assert rows(rig) == []
    assert of(rig)._thread is None


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
        logged.take(logging.INFO, "shop", "one more")
        assert lines.flush() == 1
        assert rows(rig) == []
        lock.release()
        wait_until(lambda: lines.flush() == 0, what="the line is written")
    assert rows(rig) == [(1, 1, 1)]


def standing(rig: Rig) -> Any:
    """The only instance and its first step, as an attempt has them."""
    found = rig.workers[0].journal.load(rig.sql("select max(key) from wf.instance")[0][0])
    assert found is not None
    return found.instance, found.rows[0]


def test_lines_outlast_an_outage_for_a_while_and_are_counted_then(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are tried again, in their order; after a minute, or beyond the bounds, they are dropped, which is said."""
    rig.create(one_step(lambda: None, "outage"), "r-17")
    rig.settle()
    database = Gone(rig.workers[0].database)
    lines = Lines(database, rig.clock, 200)  # type: ignore[arg-type]  # as far as it is asked
    monkeypatch.setattr("wf.lines.EVERY", 3600.0)  # the test writes, not the thread
    part = lines.of(*standing(rig))
    assert part is not None
    for n in range(3):
        part.take(logging.INFO, "shop", f"line {n}")
    assert lines.flush() == 3
    part.take(logging.INFO, "shop", "line 3")
    database.away = False
    assert lines.flush() == 0
    found = rig.client.catalog.lines("heartbeat-outage", "r-17", "work-1")
    assert [line.message for line in found] == [f"line {n}" for n in range(4)]
    database.away = True
    with structlog.testing.capture_logs() as said:
        monkeypatch.setattr("wf.lines.BUFFER", 5)
        for n in range(7):
            part.take(logging.INFO, "shop", f"line {n}")
        assert lines.flush() == 5
        monkeypatch.setattr("wf.lines.PATIENCE", 0.0)
        assert lines.flush() == 0
    assert [entry["lines"] for entry in said] == [2, 5]


class Gone:
    """A database that can be away."""

    def __init__(self, database: Database) -> None:
        self.database, self.away = database, True

    def rows(self, *args: Any) -> Any:
        if self.away:
            raise JournalUnavailable("away")
        return self.database.rows(*args)


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
    assert rig.sql("select generation, count(*) from wf.line group by 1 order by 1") == [(1, 1), (2, 2)]


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
    run(rig, lambda: [shop.info("line %d", n) for n in range(7)])
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
        for name in ("lines_page", "lines_looked", "lines_forget", "instance_restart", "restart_forget"):
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


def test_the_handler_comes_back_when_somebody_sets_up_logging(rig: Rig) -> None:
    """As Celery does in a worker that has begun: it throws out every handler, and its task loggers go their own way."""
    root, tasks = logging.getLogger(), logging.getLogger("celery.task")
    before, own, propagate = list(root.handlers), list(tasks.handlers), tasks.propagate
    try:
        root.handlers, tasks.propagate = [], False
        tasks.setLevel(logging.INFO)

        def work() -> None:
            shop.info("to the root")
            logging.getLogger("celery.task.shop").info("to Celery")
            logging.getLogger("celery.redirected").warning("printed")

        assert [line.message for line in run(rig, work)] == ["to the root", "to Celery"]
        assert lines._HANDLER in root.handlers
    finally:
        root.handlers, tasks.handlers, tasks.propagate = before, own, propagate
        tasks.setLevel(logging.NOTSET)
