"""Transactions that must not commit, and those whose COMMIT is refused, lost or late."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import IntegrityError

from tests.support import Rig, wait_until
from tests.support.booking import entries, in_transaction, make_table, put
from wf import WorkflowEntrypoint
from wf.dispatch import Nudge
from wf.errors import AttemptStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf import Event, Step, StepContext

LIMIT = 10.0


@pytest.fixture
def app(rig: Rig) -> Rig:
    """The rig, with a table of an app beside the journal."""
    make_table(rig)
    return rig


def test_a_commit_that_postgres_refuses_is_a_failure(app: Rig) -> None:
    """A deferred constraint speaks at COMMIT: nothing is in, the next attempt may do better."""

    def twice(connection: Connection, ctx: StepContext) -> int:
        put(connection, "once")
        if ctx.attempt == 1:
            put(connection, "once")
        return ctx.attempt

    class Deferred(WorkflowEntrypoint, name="transaction-deferred"):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.transaction("write", twice, config={"retries": {"limit": 1, "delay": 5}})

    instance = app.create(Deferred)
    app.settle()
    assert entries(app) == []
    assert instance.describe().steps[0].attempts[0].error.name == IntegrityError.__name__
    app.pass_time(5)
    assert instance.status().output == 2
    assert entries(app) == ["once"]


def test_an_attempt_whose_lease_is_lost_commits_nothing(app: Rig) -> None:
    """The late one finds its lease gone in the very transaction, and rolls back; the second attempt's writes stay."""
    inside, gate = threading.Event(), threading.Event()

    def slow(connection: Connection, ctx: StepContext) -> int:
        put(connection, f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            inside.set()
            assert gate.wait(LIMIT)
        return ctx.attempt

    instance = app.create(in_transaction(slow))
    (nudge,) = app.take()
    late = app.in_thread(app.advance, nudge)
    assert inside.wait(LIMIT)
    app.clock.advance(app.settings.lease + 1)
    app.workers[0].alarm.run_once()
    app.settle()
    assert instance.status().output == 2
    gate.set()
    assert late.result(LIMIT).steps == 1
    assert entries(app) == ["attempt 2"]
    assert instance.status().output == 2


def test_a_timeout_that_was_recorded_rolls_back(app: Rig) -> None:
    """The late callback is stopped at its next statement, and what it wrote before is gone."""
    inside, gate, stopped = threading.Event(), threading.Event(), threading.Event()

    def slow(connection: Connection, ctx: StepContext) -> str:
        put(connection, "early")
        inside.set()
        assert ctx.cancelled.wait(LIMIT)
        assert gate.wait(LIMIT)
        try:
            put(connection, "late")
        except AttemptStopped:
            stopped.set()
            raise
        return "late"

    instance = app.create(in_transaction(slow, timeout=0.3))
    running = app.in_thread(app.advance, app.take()[0])
    assert inside.wait(LIMIT)
    wait_until(app.queued, what="the timeout is recorded and announced")
    app.settle()
    assert instance.status().output == "WorkflowTimeoutError: Execution timed out after 300ms"
    gate.set()
    running.result(LIMIT)
    assert stopped.is_set()
    assert entries(app) == []


def test_terminate_during_a_transaction_rolls_it_back(app: Rig) -> None:
    """What the callback wrote is gone, because nobody wants its result."""
    inside, gate = threading.Event(), threading.Event()

    def slow(connection: Connection) -> str:
        put(connection, "never")
        inside.set()
        assert gate.wait(LIMIT)
        return "late"

    instance = app.create(in_transaction(slow))
    running = app.in_thread(app.advance, app.take()[0])
    assert inside.wait(LIMIT)
    instance.terminate()
    gate.set()
    running.result(LIMIT)
    assert entries(app) == []
    assert instance.status().status == "terminated"


def test_results_that_have_no_room_are_rolled_back(app: Rig) -> None:
    """Siblings may have used up what an instance may keep: the transaction that comes later fails for good."""
    inside, gate = threading.Event(), threading.Event()

    def big(connection: Connection) -> str:
        put(connection, "never")
        inside.set()
        assert gate.wait(LIMIT)
        return "x" * 1000

    instance = app.create(in_transaction(big))
    running = app.in_thread(app.advance, app.take()[0])
    assert inside.wait(LIMIT)
    app.sql("update wf.instance set size = %s", app.settings.max_state)
    gate.set()
    running.result(LIMIT)
    app.settle()
    assert instance.status().output.startswith("StateLimitError: ")
    assert entries(app) == []


def transactions_of(app: Rig) -> Engine:
    """The engine from which transactions get their connections."""
    owner = app.workers[0].engine.runner._transactions
    owner.connect().close()
    assert owner._engine is not None
    return owner._engine


def break_commit(
    app: Rig, monkeypatch: pytest.MonkeyPatch, how: Callable[[Any, Callable[[], None]], None]
) -> list[str]:
    """Let the first COMMIT of a transaction go wrong in a certain way."""
    broken: list[str] = []
    dialect = transactions_of(app).dialect
    commit = dialect.do_commit

    def do_commit(connection: Any) -> None:
        if broken:
            commit(connection)
        else:
            broken.append("broken")
            how(connection, lambda: commit(connection))

    monkeypatch.setattr(dialect, "do_commit", do_commit)
    return broken


def test_a_commit_whose_answer_is_lost_counts(app: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection dies after the server has committed: the journal says so, and the callback is not run again."""

    def how(connection: Any, commit: Callable[[], None]) -> None:
        commit()
        app.sql("select pg_terminate_backend(%s)", connection.driver_connection.info.backend_pid)
        connection.driver_connection.execute("select 1")  # which finds out

    broken = break_commit(app, monkeypatch, how)
    calls: list[int] = []

    def write(connection: Connection) -> str:
        calls.append(1)
        put(connection, "once")
        return "written"

    instance = app.create(in_transaction(write))
    app.settle()
    assert instance.status().output == "written"
    assert (entries(app), calls, broken) == (["once"], [1], ["broken"])


def test_a_commit_that_never_arrived_is_a_failure(app: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection dies before COMMIT: nothing is in, for certain, so the step is tried again."""

    def how(connection: Any, commit: Callable[[], None]) -> None:
        app.sql("select pg_terminate_backend(%s)", connection.driver_connection.info.backend_pid)
        commit()

    break_commit(app, monkeypatch, how)

    def write(connection: Connection, ctx: StepContext) -> int:
        put(connection, f"attempt {ctx.attempt}")
        return ctx.attempt

    instance = app.create(in_transaction(write, retries={"limit": 1, "delay": 5}))
    app.settle()
    assert entries(app) == []
    assert "nothing was committed" in instance.describe().steps[0].attempts[0].error.message
    app.pass_time(5)
    assert instance.status().output == 2
    assert entries(app) == ["attempt 2"]


def test_a_commit_that_is_merely_late_is_waited_for(app: Rig) -> None:
    """The server is still at work on COMMIT when the connection is cut: nobody tries again before that has ended."""
    app.sql(
        "create function public.dawdle() returns trigger language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock(7); return null; end $$"
    )
    app.sql(
        "create constraint trigger dawdle after insert on public.entry deferrable initially deferred"
        " for each row execute function public.dawdle()"
    )
    sockets: list[int] = []

    def write(connection: Connection) -> str:
        put(connection, "once")
        sockets.append(os.dup(cast("Any", connection.connection.driver_connection).fileno()))
        return "written"

    def waits_for(event: str) -> int:
        return len(
            app.sql("select 1 from pg_stat_activity where datname = current_database() and wait_event = %s", event)
        )

    instance = app.create(in_transaction(write))
    with psycopg.connect(app.settings.database_url) as dawdler:
        dawdler.execute("select pg_advisory_xact_lock(7)")
        running = app.in_thread(app.advance, app.take()[0])
        wait_until(lambda: waits_for("advisory"), what="the server is at work on COMMIT")
        with socket.socket(fileno=sockets[0]) as line:
            line.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: waits_for("transactionid"), what="the worker waits for the end of the transaction")
        app.clock.advance(app.settings.lease + 1)
        [[key]] = app.sql("select key from wf.instance")
        heir = app.in_thread(app.advance, Nudge(key, 1, 0))
        wait_until(lambda: waits_for("tuple") + waits_for("transactionid") > 1, what="so does whoever would try again")
    assert running.result(LIMIT).steps == 1
    assert heir.result(LIMIT).steps == 0
    app.settle()
    assert instance.status().output == "written"
    assert (entries(app), len(sockets)) == (["once"], 1)


def test_postgres_away_at_the_beginning_is_a_failure_like_any(app: Rig) -> None:
    """Without a connection the callback does not run, and the step is retried."""
    engine = transactions_of(app)
    engine.dispose()
    refusals: list[int] = []

    def refuse(*_: object) -> None:
        if not refusals:
            refusals.append(1)
            raise psycopg.OperationalError("nobody there")

    event.listen(engine, "do_connect", refuse)

    def write(connection: Connection, ctx: StepContext) -> int:
        put(connection, "written")
        return ctx.attempt

    instance = app.create(in_transaction(write, retries={"limit": 1, "delay": 5}))
    app.settle()
    assert instance.status().status == "waiting"
    app.pass_time(5)
    assert instance.status().output == 2
    assert entries(app) == ["written"]
