"""create and send_event inside the caller's own transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from tests.support.errands import Errand
from wf import InstanceAlreadyExists, InstanceFinished, InstanceNotFound, WorkflowNotFound
from wf.instance import Instance
from wf.urls import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig


# Each begins a transaction: gives the argument for the client, and the object to commit, roll back and execute with.


@contextmanager
def sqlalchemy_connection(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield {"connection": connection}, connection


@contextmanager
def sqlalchemy_session(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with Session(engine) as session:
        yield {"session": session}, session


@contextmanager
def flask_session(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    engine = create_engine(database_url(url), poolclass=NullPool)
    session = scoped_session(sessionmaker(engine))
    try:
        yield {"session": session}, session
    finally:
        session.remove()


@contextmanager
def psycopg_connection(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    with psycopg.connect(url) as connection:
        yield {"connection": connection}, connection


@contextmanager
def psycopg_with_dicts(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        yield {"connection": connection}, connection


every_kind = pytest.mark.parametrize(
    "begin", [sqlalchemy_connection, sqlalchemy_session, flask_session, psycopg_connection, psycopg_with_dicts]
)
every_session = pytest.mark.parametrize("begin", [sqlalchemy_session, flask_session])
every_connection = pytest.mark.parametrize("begin", [sqlalchemy_connection, psycopg_connection])


def run(foreign: Any, statement: str) -> Any:
    """Execute the caller's own SQL in the transaction."""
    return foreign.execute(statement if isinstance(foreign, psycopg.Connection) else text(statement))


@every_kind
def test_an_instance_is_invisible_until_the_caller_commits(rig: Rig, begin: Any) -> None:
    """Before the commit there is neither row nor message; after it, the alarm's next tick finds the instance."""
    workflow = rig.client.workflow(Errand)
    with begin(rig.settings.database_url) as (where, foreign):
        instance = workflow.create("r-17", {"n": 1}, **where)
        with pytest.raises(InstanceNotFound):
            workflow.get("r-17")
        assert rig.queued() == 0
        foreign.commit()
    rig.lose_messages()
    assert instance.status().status == "queued"
    rig.pass_time(0)
    assert instance.result(timeout=1) == {"got": {"n": 1}}


@every_kind
def test_an_instance_is_gone_when_the_caller_rolls_back(rig: Rig, begin: Any) -> None:
    """Nothing of it is left, nobody is nudged, and the id can be used again."""
    workflow = rig.client.workflow(Errand)
    with begin(rig.settings.database_url) as (where, foreign):
        workflow.create("r-17", {"n": 1}, **where)
        foreign.rollback()
        assert rig.queued() == 0
        foreign.commit()
    assert rig.queued() == 0
    assert rig.sql("select (select count(*) from wf.instance), (select count(*) from wf.payload)") == [(0, 0)]
    workflow.create("r-17", {"n": 2})
    rig.settle()
    assert workflow.get("r-17").result(timeout=1) == {"got": {"n": 2}}


@every_kind
def test_the_callers_own_rows_and_the_instance_share_one_fate(rig: Rig, begin: Any) -> None:
    """What the caller writes beside create is committed with it, and only then."""
    rig.sql("create table public.orders (id text)")
    with begin(rig.settings.database_url) as (where, foreign):
        run(foreign, "insert into public.orders values ('lost')")
        rig.client.workflow(Errand).create("lost", **where)
        foreign.rollback()
        run(foreign, "insert into public.orders values ('kept')")
        rig.client.workflow(Errand).create("kept", **where)
        foreign.commit()
    assert rig.sql("select id from public.orders") == rig.sql("select id from wf.instance") == [("kept",)]


@every_session
def test_a_session_nudges_right_after_its_commit(rig: Rig, begin: Any) -> None:
    """With session= nobody waits for the alarm: the commit sends the nudges of everything in it, once."""
    with begin(rig.settings.database_url) as (where, foreign):
        rig.client.workflow(Errand).create("a", **where)
        rig.client.workflow(Errand).create("b", **where)
        assert rig.queued() == 0
        foreign.commit()
        assert rig.queued() == 2
        foreign.execute(text("select 1"))
        foreign.commit()
        assert rig.queued() == 2
    assert rig.settle() == 2
    assert [i.status for i in rig.client.workflow(Errand).list()] == ["complete", "complete"]


@every_session
def test_a_session_forgets_what_was_rolled_back(rig: Rig, begin: Any) -> None:
    """A later transaction of the same session nudges what it has created itself, and nothing else."""
    with begin(rig.settings.database_url) as (where, foreign):
        rig.client.workflow(Errand).create("lost", **where)
        foreign.rollback()
        rig.client.workflow(Errand).create("kept", **where)
        foreign.commit()
    assert rig.queued() == 1
    rig.settle()
    assert rig.client.workflow(Errand).get("kept").status().status == "complete"


@every_session
def test_a_savepoint_of_a_session_nudges_nobody_before_the_commit(rig: Rig, begin: Any) -> None:
    """The end of a nested transaction makes nothing visible, so it sends nothing either."""
    with begin(rig.settings.database_url) as (where, foreign):
        with foreign.begin_nested():
            rig.client.workflow(Errand).create("inner", **where)
        assert rig.queued() == 0
        foreign.commit()
    assert rig.queued() == 1


@every_session
def test_a_savepoint_that_is_rolled_back_takes_no_nudge_of_the_others_along(rig: Rig, begin: Any) -> None:
    """What stands outside of it is still nudged at the commit; what stood inside does not exist."""
    with begin(rig.settings.database_url) as (where, foreign):
        rig.client.workflow(Errand).create("outer", **where)
        savepoint = foreign.begin_nested()
        rig.client.workflow(Errand).create("inner", **where)
        savepoint.rollback()
        foreign.commit()
    rig.settle()
    assert [(i.id, i.status) for i in rig.client.workflow(Errand).list()] == [("outer", "complete")]


@every_connection
def test_a_bare_connection_leaves_the_nudge_to_the_alarm(rig: Rig, begin: Any) -> None:
    """Nobody can tell when it commits; the instance is due at once, so the next tick finds it."""
    with begin(rig.settings.database_url) as (where, foreign):
        rig.client.workflow(Errand).create("r-17", **where)
        foreign.commit()
    assert rig.queued() == 0
    assert rig.workers[0].alarm.run_once() == 1


@every_kind
def test_an_event_arrives_if_the_caller_commits(rig: Rig, begin: Any) -> None:
    """Before the commit the wait goes on and the mailbox is empty; after it the event is taken within a tick."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    with begin(rig.settings.database_url) as (where, foreign):
        instance.send_event("go", "yes", **where)
        rig.settle()
        assert instance.status().status == "waiting"
        foreign.commit()
    rig.pass_time(0)
    assert instance.result(timeout=1) == "yes"


@every_kind
def test_an_event_is_gone_when_the_caller_rolls_back(rig: Rig, begin: Any) -> None:
    """No event, no count of it, and the wait runs into its deadline."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    before = rig.sql("select rev, inbox, due_at from wf.instance")
    with begin(rig.settings.database_url) as (where, foreign):
        instance.send_event("go", "yes", **where)
        foreign.rollback()
    assert rig.sql("select rev, inbox, due_at from wf.instance") == before
    rig.pass_time(3_600)
    with pytest.raises(TimeoutError, match="Execution timed out"):
        instance.result(timeout=1)


@every_session
def test_a_session_delivers_its_event_right_after_its_commit(rig: Rig, begin: Any) -> None:
    """With session= the event wakes its wait without the alarm."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    with begin(rig.settings.database_url) as (where, foreign):
        instance.send_event("go", "yes", **where)
        foreign.commit()
    rig.settle()
    assert instance.result(timeout=1) == "yes"


@every_kind
def test_a_refusal_leaves_the_callers_transaction_usable(rig: Rig, begin: Any) -> None:
    """A taken id, an unknown workflow, an ended instance and a repeated event_id abort nothing of the caller's."""
    rig.sql("create table public.orders (id text)")
    rig.workers[0].catalog.register(Errand)
    ended, waiting = rig.create(Errand, "ended"), rig.create(Errand, "waiting", {"do": "wait"})
    rig.settle()
    with begin(rig.settings.database_url) as (where, foreign):
        run(foreign, "insert into public.orders values ('mine')")
        with pytest.raises(InstanceAlreadyExists):
            rig.client.workflow(Errand).create("ended", **where)
        assert rig.client.workflow(Errand).create("ended", if_exists="return", **where).id == "ended"
        with pytest.raises(WorkflowNotFound, match="'errand'"):
            rig.client.workflow("errant").create("new", **where)
        with pytest.raises(InstanceFinished):
            ended.send_event("go", **where)
        with pytest.raises(InstanceNotFound):
            Instance(rig.client, "errand", "nobody").send_event("go", **where)
        waiting.send_event("go", 1, event_id="e-1", **where)
        waiting.send_event("go", 2, event_id="e-1", **where)
        foreign.commit()
    assert rig.sql("select id from public.orders") == [("mine",)]
    assert rig.sql("select count(*) from wf.event") == [(1,)]


@every_kind
def test_an_event_id_that_another_transaction_sends_meanwhile_counts_once(rig: Rig, begin: Any) -> None:
    """The second sender waits for the first one's transaction, and is answered without an error."""
    instance = rig.create(Errand, params={"do": "sleep"})
    rig.settle()
    with begin(rig.settings.database_url) as (where, foreign), begin(rig.settings.database_url) as (other, second):
        instance.send_event("go", 1, event_id="e-1", **where)
        later = rig.in_thread(lambda: instance.send_event("go", 2, event_id="e-1", **other))
        foreign.commit()
        assert later.result(timeout=10) is None
        run(second, "select 1")
        second.commit()
    assert rig.sql("select count(*) from wf.event") == [(1,)]
    assert rig.sql("select inbox from wf.instance") == [(1,)]


def test_by_name_the_version_is_read_in_the_callers_transaction(rig: Rig) -> None:
    """A workflow that the same transaction has made known can be created by its name."""
    with psycopg.connect(rig.settings.database_url) as connection:
        connection.execute("insert into wf.workflow (name, version) values ('fresh', '7')")
        instance = rig.client.workflow("fresh").create("r-17", connection=connection)
    assert instance.describe().version_id == "7"


def test_something_else_than_a_connection_is_refused(rig: Rig) -> None:
    """The error says what may be passed, and what it got."""
    with pytest.raises(TypeError, match="SQLAlchemy Connection or Session, or a psycopg Connection, not Rig"):
        rig.client.workflow(Errand).create("r-17", connection=rig)
    assert rig.sql("select count(*) from wf.instance") == [(0,)]
