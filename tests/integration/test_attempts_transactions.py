"""`step.transaction`: an app's own writes and the step's result are committed together, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from tests.support import Rig
from tests.support.booking import NUMBERS, entries, in_transaction, make_table, put
from wf import NonRetryableError, WorkflowEntrypoint
from wf.cipher import SEAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf import Event, Step, StepContext
    from wf.settings import Settings


@pytest.fixture
def app(rig: Rig) -> Rig:
    """The rig, with a table of an app beside the journal."""
    make_table(rig)
    return rig


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

    class Refused(WorkflowEntrypoint, name=f"transaction-{next(NUMBERS)}"):
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
    """The attempt fails for good, with a hint at savepoints; it keeps no lock, and the next transaction is not hurt."""

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
    after = app.create(in_transaction(lambda connection: put(connection, "too early")))
    app.settle()
    assert after.describe().steps[0].error is None
    assert entries(app) == ["too early"]


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


def test_results_are_sealed_in_a_transaction_too(settings: Settings) -> None:
    """With keys set, the result of a transaction is encrypted at rest, and read back by whoever has them."""
    sealing = settings.model_copy(update={"encryption_keys": Fernet.generate_key().decode()})
    with Rig(sealing) as rig:
        make_table(rig)
        instance = rig.create(in_transaction(lambda connection: "secret"))
        rig.settle()
        assert instance.status().output == "secret"
        [[stored]] = rig.sql("select output from wf.step")
        assert bytes(stored)[:1] == SEAL
