"""`step.transaction`: an app's own writes and the step's result are committed together, or not at all."""

from __future__ import annotations

import os
import socket
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.support import Rig, wait_until
from wf import NonRetryableError, WorkflowEntrypoint
from wf.dispatch import Nudge
from wf.errors import AttemptStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf import Event, Step, StepContext

ONE_TRY = {"retries": {"limit": 0}}
LIMIT = 10.0

_NUMBERS = count()


@pytest.fixture
def app(rig: Rig) -> Rig:
    """The rig, with a table of an app beside the journal."""
    rig.sql("create table public.entry (what text not null, unique (what) deferrable initially deferred)")
    return rig


def put(connection: Connection, what: str) -> None:
    """A write of the app."""
    connection.execute(text("insert into public.entry (what) values (:what)"), {"what": what})


def entries(rig: Rig) -> list[str]:
    """What the app's table holds."""
    return [what for (what,) in rig.sql("select what from public.entry order by what")]


def in_transaction(callback: Callable[..., Any], **config: Any) -> type[WorkflowEntrypoint]:
    """A workflow of one transaction, whose failure it returns as a text."""

    class OneTransaction(WorkflowEntrypoint, name=f"transaction-{next(_NUMBERS)}"):
        async def run(self, event: Event, step: Step) -> Any:
            try:
                return await step.transaction("write", callback, config={**ONE_TRY, **config})
            except Exception as error:  # whatever it is, the test wants to see it
                return f"{type(error).__name__}: {error}"

    return OneTransaction


def test_all_forms_write_and_give_their_result(app: Rig) -> None:
    """Direct and decorated, with and without the context: the writes are there, and the results, and the next step."""

    class Forms(WorkflowEntrypoint, name="transaction-forms"):
        async def run(self, event: Event, step: Step) -> Any:
            def direct(connection: Connection) -> str:
                put(connection, "direct")
                return "a"

            @step.transaction("named", config={"timeout": 5})
            def named(ctx: StepContext, connection: Connection) -> Any:
                put(connection, f"{ctx.step.name} {ctx.attempt} {ctx.config['timeout']:g}")
                return "b"

            @step.transaction
            def bare(connection: Connection, /, *, ctx: StepContext) -> Any:
                put(connection, ctx.step.name)
                return "c"

            results = [await step.transaction("direct", direct), await named(), await bare()]
            return [*results, await step.do("after", lambda: "d")]

    instance = app.create(Forms)
    app.settle()
    assert instance.status().output == ["a", "b", "c", "d"]
    assert entries(app) == ["bare", "direct", "named 1 5"]
    assert [(s.name, s.status, s.attempt) for s in instance.describe().steps] == [
        (name, "complete", 1) for name in ("direct-1", "named-1", "bare-1", "after-1")
    ]


def test_parallel_transactions_each_commit_once(app: Rig) -> None:
    """Siblings do not get into each other's way; whoever is last brings the instance to its end."""

    class Several(WorkflowEntrypoint, name="transaction-siblings"):
        async def run(self, event: Event, step: Step) -> Any:
            def one(n: int) -> Callable[[Connection], int]:
                def write(connection: Connection) -> int:
                    put(connection, f"part {n}")
                    return n

                return write

            parts = [step.transaction(f"part {n}", one(n)) for n in range(4)]
            return [await part for part in parts]

    instance = app.create(Several)
    app.settle()
    assert instance.status().output == [0, 1, 2, 3]
    assert entries(app) == ["part 0", "part 1", "part 2", "part 3"]


def test_what_a_failed_callback_wrote_is_rolled_back_and_the_step_retried(app: Rig) -> None:
    """The writes of an attempt that raises are gone; those of the next one stay."""

    def flaky(connection: Connection, ctx: StepContext) -> int:
        put(connection, f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            raise ConnectionError("the bank is closed")
        return ctx.attempt

    instance = app.create(in_transaction(flaky, retries={"limit": 1, "delay": 5}))
    app.settle()
    assert entries(app) == []
    app.pass_time(5)
    assert instance.status().output == 2
    assert entries(app) == ["attempt 2"]
    assert [a.outcome for a in instance.describe().steps[0].attempts] == ["errored", "complete"]


@pytest.mark.parametrize(
    ("result", "name"), [(object(), "SerializationError"), ("x" * 2_000_000, "PayloadTooLarge")], ids=["kind", "size"]
)
def test_a_result_that_cannot_be_stored_fails_at_once_and_leaves_nothing(app: Rig, result: Any, name: str) -> None:
    """There is no retry, and the writes are rolled back."""

    def unstorable(connection: Connection) -> Any:
        put(connection, "never")
        return result

    instance = app.create(in_transaction(unstorable, retries={"limit": 5, "delay": 1}))
    app.settle()
    assert instance.status().output.startswith(f"{name}: ")
    assert entries(app) == []


def test_a_coroutine_as_result_is_refused(app: Rig) -> None:
    """A sync function that gives something to await is found out when it has given it; its writes are rolled back."""

    async def later() -> None:
        raise AssertionError("nobody awaits this")

    def sly(connection: Connection) -> Any:
        put(connection, "never")
        return later()

    instance = app.create(in_transaction(sly))
    app.settle()
    assert "coroutine" in instance.status().output
    assert entries(app) == []


async def _async(connection: Connection) -> None:
    raise AssertionError("never called")


class _AsyncObject:
    async def __call__(self, connection: Connection) -> None:
        raise AssertionError("never called")


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        (_async, "requires a sync callback"),
        (_AsyncObject(), "requires a sync callback"),
        (lambda: None, "takes a SQLAlchemy connection"),
        (lambda ctx: None, "takes a SQLAlchemy connection"),
        (lambda connection, other: None, "takes a SQLAlchemy connection"),
        ("text", "requires a callback function"),
    ],
    ids=["async", "async object", "no parameter", "only ctx", "two parameters", "not callable"],
)
@pytest.mark.parametrize("decorated", [False, True])
def test_a_callback_that_cannot_be_one_is_refused_at_the_call(
    app: Rig, callback: Any, says: str, decorated: bool
) -> None:
    """`run` gets a TypeError that names the step and says what is wanted; no attempt begins."""

    class Refused(WorkflowEntrypoint, name=f"transaction-{next(_NUMBERS)}"):
        async def run(self, event: Event, step: Step) -> str:
            try:
                if decorated:
                    step.transaction("bad one")(callback)
                else:
                    step.transaction("bad one", callback)
            except TypeError as error:
                return str(error)
            return "taken"

    instance = app.create(Refused)
    app.settle()
    assert says in instance.status().output
    assert "'bad one'" in instance.status().output


@pytest.mark.parametrize("way", ["connection", "begin"])
def test_a_callback_cannot_commit_on_its_own(app: Rig, way: str) -> None:
    """Its writes would be in without its result: the attempt fails for good, with a hint at savepoints."""

    def hasty(connection: Connection) -> None:
        put(connection, "too early")
        if way == "connection":
            connection.commit()
        else:
            root = connection.get_transaction()
            assert root is not None
            root.commit()

    instance = app.create(in_transaction(hasty, retries={"limit": 5, "delay": 1}))
    app.settle()
    assert "must not commit" in instance.status().output
    assert entries(app) == []


def test_savepoints_and_sessions_work_inside(app: Rig) -> None:
    """A savepoint can be rolled back alone, and a Session on the connection may commit: that ends its own part only."""

    def careful(connection: Connection) -> str:
        put(connection, "kept")
        with connection.begin_nested() as savepoint:
            put(connection, "taken back")
            savepoint.rollback()
        with Session(bind=connection) as session:
            session.execute(text("insert into public.entry (what) values ('by session')"))
            session.commit()
        return "done"

    instance = app.create(in_transaction(careful))
    app.settle()
    assert instance.status().output == "done"
    assert entries(app) == ["by session", "kept"]


def test_an_error_that_was_swallowed_fails_the_attempt(app: Rig) -> None:
    """After a failed statement Postgres refuses the rest of a transaction; that is an ordinary failure."""

    def swallows(connection: Connection) -> str:
        put(connection, "before")
        try:
            connection.execute(text("select 1 / 0"))
        except Exception:  # as authors do
            return "fine"
        return "no error"

    instance = app.create(in_transaction(swallows))
    app.settle()
    assert "InFailedSqlTransaction" in instance.status().output
    assert entries(app) == []


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


def test_the_time_limits_of_the_connection_allow_for_the_step(app: Rig) -> None:
    """A database that ends idle transactions and slow statements early leaves a step its own timeout."""
    [[name]] = app.sql("select current_database()")
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
        app.sql(f"alter database {name} set {limit} = 1000")

    def look(connection: Connection) -> list[str]:
        names = ("statement_timeout", "idle_in_transaction_session_timeout")
        return [str(connection.execute(text("select current_setting(:name)"), {"name": n}).scalar()) for n in names]

    instance = app.create(in_transaction(look, timeout="3 minutes"))
    app.settle()
    assert instance.status().output == ["185s", "185s"]


def transactions_of(app: Rig) -> Engine:
    """The engine from which transactions get their connections."""
    owner = app.workers[0].engine._transactions
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


def test_payloads_do_not_stand_in_errors(app: Rig) -> None:
    """The values of a statement that failed are not in the journal's error text."""

    def fails(connection: Connection) -> None:
        connection.execute(text("select cast(:secret as integer)"), {"secret": 5_000_000_000})

    instance = app.create(in_transaction(fails))
    app.settle()
    assert "out of range" in instance.status().output
    assert "[SQL parameters hidden" in instance.status().output


def test_a_final_error_ends_the_retries(app: Rig) -> None:
    """NonRetryableError does in a transaction what it does in any step, and the writes are gone."""

    def refuses(connection: Connection) -> None:
        put(connection, "never")
        raise NonRetryableError("account closed")

    instance = app.create(in_transaction(refuses, retries={"limit": 5, "delay": 1}))
    app.settle()
    assert instance.status().output == "NonRetryableError: account closed"
    assert entries(app) == []
