"""Log lines of steps: what attempts log is kept, in order and bounded, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import structlog

from tests.support import Rig
from tests.support.attempts import one_step
from tests.support.errands import RefusedError, moment
from tests.support.lines import of, rows, run, shop
from wf import WorkflowEntrypoint, lines
from wf.logged import MESSAGE

if TYPE_CHECKING:
    import pytest

    from wf.settings import Settings


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


def test_what_is_not_kept_is_not_rendered(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is too fine nor what is too much: text and traceback are made for lines that have room."""
    made: list[str] = []

    class Dear:
        def __repr__(self) -> str:
            made.append("again")
            return "dear"

    def work() -> None:
        part = lines._CURRENT.get()
        assert part is not None
        for level in (logging.DEBUG, logging.INFO, logging.INFO):
            record = logging.LogRecord("shop", level, "", 1, "%r", (Dear(),), None)
            lines._HANDLER.emit(record)
        for method in ("debug", "info", "info"):
            part.keep(None, method, {"event": "sold", "what": Dear()})

    monkeypatch.setattr(of(rig), "limit", 3)
    assert [line.message for line in run(rig, work)][:3] == ["dear", "dear", "sold what=dear"]
    assert len(made) == 3


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
