"""Migrations: once, twice, at the same moment, as a script; and never another schema than the one we declare."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.histories.upgrading import make_schema
from tests.support import wait_until
from wf.errors import JournalBusy, JournalUnavailable, SchemaMismatch
from wf.migrations import LOCK, REST, TURN, check, current, head, migrate, script
from wf.tables import metadata
from wf.urls import database_url as sqlalchemy_url

if TYPE_CHECKING:
    from tests.support import Databases

SHAPE = """
    select 'column', table_name || '.' || column_name, ordinal_position::text,
        concat_ws(' ', data_type, is_nullable, column_default, is_identity)
    from information_schema.columns where table_schema = 'wf'
    union all
    select 'index', tablename || '.' || indexname, indexdef, '' from pg_indexes where schemaname = 'wf'
    union all
    select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid), ''
    from pg_constraint where connamespace = 'wf'::regnamespace
    union all
    select 'table', relname, array_to_string(reloptions, ','), coalesce(obj_description(oid, 'pg_class'), '')
    from pg_class where relnamespace = 'wf'::regnamespace and relkind = 'r'
    union all
    select 'comment', c.relname, d.objsubid::text, d.description
    from pg_description d join pg_class c on c.oid = d.objoid
    where c.relnamespace = 'wf'::regnamespace and d.objsubid > 0
    order by 1, 2, 3
"""


def shape(url: str) -> list[tuple[Any, ...]]:
    """Everything there is to know about the schema of a database."""
    with psycopg.connect(url) as connection:
        return connection.execute(SHAPE).fetchall()


def version(url: str) -> str | None:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        return current(connection)


def test_a_migration_lets_others_have_their_turn_and_says_who_is_in_its_way(empty_database_url: str) -> None:
    """An open transaction that has only read keeps it off; who comes behind it waits for a moment, then works on."""
    make_schema(empty_database_url, "0002")
    worked = 0.0
    with (
        psycopg.connect(empty_database_url, application_name="a long report") as reader,
        psycopg.connect(empty_database_url, autocommit=True, options="-c lock_timeout=5s") as worker,
    ):
        reader.execute("select count(*) from wf.workflow")
        with ThreadPoolExecutor(1) as beside:
            migration = beside.submit(migrate, empty_database_url, patience=3)
            while not migration.done():
                began = time.monotonic()
                worker.execute("select count(*) from wf.workflow")
                if (took := time.monotonic() - began) < TURN / 4:
                    worked += took
        with pytest.raises(JournalBusy, match=r"a long report with pid \d+, idle in transaction for \d+ s"):
            migration.result()
        assert version(empty_database_url) == "0002"
        assert worked > REST / 2
        reader.rollback()
        migrate(empty_database_url)
    check(empty_database_url)


def test_a_migration_that_ends_in_a_deadlock_begins_again(empty_database_url: str) -> None:
    """An app that holds one table wants another one, which the migration holds: that may be the one to give way."""
    make_schema(empty_database_url, "0002")
    with (
        psycopg.connect(empty_database_url, options="-c deadlock_timeout=20s") as app,  # it will not give way
        psycopg.connect(empty_database_url, autocommit=True) as watcher,
        ThreadPoolExecutor(1) as beside,
    ):
        app.execute("select count(*) from wf.workflow")
        migration = beside.submit(migrate, empty_database_url)
        waiting = "select count(*) from pg_locks where not granted and relation = 'wf.workflow'::regclass"
        wait_until(lambda: watcher.execute(waiting).fetchone() == (1,), what="the migration waits for a table")
        app.execute("select count(*) from wf.version")
        app.rollback()
        migration.result(timeout=30)
    check(empty_database_url)


def test_migrate_makes_an_empty_database_fit(empty_database_url: str) -> None:
    """Before, the check refuses it; after, it is at the head, and the check is content."""
    with pytest.raises(SchemaMismatch, match="missing"):
        check(empty_database_url)
    migrate(empty_database_url)
    check(empty_database_url)
    assert version(empty_database_url) == head()


def test_migrate_twice_changes_nothing(database_url: str) -> None:
    """On a database that is up to date it is harmless, and its data stays."""
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into wf.workflow (name, version) values ('report', '1')")
    before = shape(database_url)
    migrate(database_url)
    assert shape(database_url) == before
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select name from wf.workflow").fetchall() == [("report",)]


def test_any_number_of_processes_may_migrate_at_once(empty_database_url: str) -> None:
    """All wait behind one lock until it is free; then one of them makes the schema, and all succeed."""
    errors: list[BaseException] = []

    def go() -> None:
        try:
            migrate(empty_database_url)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(6)]
    with psycopg.connect(empty_database_url) as holder:
        holder.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    assert version(empty_database_url) == head()


def test_the_migrations_add_up_to_the_declared_schema(database_url: str) -> None:
    """Alembic finds no difference between wf.tables and a migrated database."""
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_type": True,
                "compare_server_default": True,
                "version_table_schema": "wf",
                "include_name": lambda name, type_, _: type_ != "schema" or name == "wf",
            },
        )
        assert compare_metadata(context, metadata) == []


def test_what_alembic_does_not_compare_is_the_same_too(database_url: str, databases: Databases) -> None:
    """Checks, partial indexes, fill factors and comments are those of wf.tables."""
    with databases.clone("template1") as url:
        engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("create schema wf")
            metadata.create_all(connection)
        declared = shape(url)
    assert [row for row in shape(database_url) if "alembic_version" not in row[1]] == declared


def test_the_script_does_what_migrate_does(empty_database_url: str, database_url: str) -> None:
    """A database administrator may run the script instead; nobody could tell afterwards."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        psycopg.ClientCursor(connection).execute(script().encode())
    assert shape(empty_database_url) == shape(database_url)
    check(empty_database_url)


def test_migrate_refuses_the_schema_of_a_newer_release(database_url: str) -> None:
    """An old release must not touch what it does not know; the error names both versions."""
    with psycopg.connect(database_url) as connection:
        connection.execute("update wf.alembic_version set version_num = '9999'")
    before = shape(database_url)
    with pytest.raises(SchemaMismatch, match=f"'9999', this release needs '{head()}'"):
        migrate(database_url)
    assert (shape(database_url), version(database_url)) == (before, "9999")


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    """All of it is one transaction: a table in the way, and there is neither schema version nor half a schema."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create schema wf")
        connection.execute("create table wf.payload (mine int)")
    with pytest.raises(Exception, match="payload"):
        migrate(empty_database_url)
    assert version(empty_database_url) is None
    assert [row[1] for row in shape(empty_database_url)] == ["payload.mine", "payload"]


@pytest.mark.parametrize("call", [migrate, check])
def test_without_postgres_there_is_a_clear_error(call: Any) -> None:
    """JournalUnavailable names the variable to look at, and holds no password."""
    with pytest.raises(JournalUnavailable, match="WF_DATABASE_URL") as caught:
        call("postgresql://u:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(caught.value)
