"""Checks of Postgres itself: whether it answers and takes writes, how it is set, what stands between, who may what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from psycopg.pq import ExecStatus

from wf.doctor.findings import note, well, wrong
from wf.durations import about
from wf.errors import JournalBusy, JournalUnavailable, SchemaMismatch
from wf.migrations import head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.database import Connection
    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

OLDEST = 14
"""The oldest major version of Postgres that its makers still mend."""

SLOW = 0.02
"""Seconds of a round trip from which on every step takes noticeably longer."""

CROWDED = 0.9
"""The share of all connections from which on there is no room for another worker."""

HASTY = 5.0
"""Seconds of idleness after which a server that ends a transaction may end one that still does its work."""

_TRIPS = 3

_SESSIONS = "select usename, application_name, count(*) from pg_stat_activity group by 1, 2"

_REMEDIES = {
    "too many c": f"It runs, and has no connection left. Raise the limit, lower WF_POOL_SIZE, or end some: {_SESSIONS}",
    "connection slots": f"It runs, and has no connection left. Raise max_connections, or end some: {_SESSIONS}",
    "authentication": "It runs, but does not know us: set user and password in WF_DATABASE_URL right.",
    "role ": "It runs, but does not let us in: set the user in WF_DATABASE_URL right, or create the role.",
    "does not exist": "It runs, but has no such database: set WF_DATABASE_URL right, or create it, then `wf migrate`.",
    "starting up": "Wait until it has recovered; that may take minutes after a crash.",
    "shutting down": "Wait until it is up again.",
}
"""What to do, by what a server says that does not let us in, the first that fits; Postgres gives no codes for it."""

_START = "Start the server, or set WF_DATABASE_URL right; until then nothing moves, and nothing is lost."


def reach(subject: Subject) -> Iterator[Finding]:
    """Whether Postgres answers, how fast, and which it is."""
    try:
        with subject.postgres() as connection:
            trips = min(_trip(connection) for _ in range(_TRIPS))
            ((number, version, *_),) = subject.ask(connection, "doctor_server")
    except (psycopg.Error, JournalUnavailable) as error:
        reason = error.reason if isinstance(error, JournalUnavailable) else " ".join(str(error).split())
        remedy = next((known for said, known in _REMEDIES.items() if said in reason), _START)
        yield wrong("postgres", f"Postgres does not let us in: {reason}", remedy)
        return
    facts = {"version": version, "round_trip": round(trips, 6)}
    if number < OLDEST * 10_000:
        yield wrong("postgres", f"PostgreSQL {version} is too old.", f"Upgrade it to {OLDEST} or later.", **facts)
    elif trips > SLOW:
        yield note(
            "postgres", f"PostgreSQL {version} answers, but a round trip takes {about(trips)}.",
            "Run workers near the database: each step takes several round trips.", **facts,
        )  # fmt: skip
    else:
        yield well("postgres", f"PostgreSQL {version}, a round trip takes {about(trips)}.", **facts)


def _trip(connection: Connection) -> float:
    began = time.perf_counter()
    connection.execute("select 1")
    return time.perf_counter() - began


def settings(subject: Subject) -> Iterator[Finding]:
    """Settings of the server that hurt, and whether there is room for more connections."""
    with subject.postgres() as connection:
        ((_, _, standby, read_only, most, used, idle, autovacuum, durable),) = subject.ask(connection, "doctor_server")
    if standby:
        yield wrong(
            "writes", "This Postgres is a standby and takes no writes.",
            "Set WF_DATABASE_URL to the primary, or promote this one; `target_session_attrs=read-write` in the URL "
            "with all hosts finds it.",
        )  # fmt: skip
    elif read_only:
        yield wrong(
            "writes", "Transactions are read-only here (default_transaction_read_only).",
            "Find out who has set it, often a provider whose disk is full; then `alter database ... reset "
            "default_transaction_read_only`.",
        )  # fmt: skip
    else:
        yield well("writes", "Postgres takes writes.")
    if used >= most * CROWDED:
        yield wrong(
            "connections", f"{used} of {most} connections to Postgres are in use.",
            f"Raise max_connections, lower WF_POOL_SIZE, or see who holds them: {_SESSIONS}",
            used=used, most=most,
        )  # fmt: skip
    else:
        yield well("connections", f"{used} of {most} connections to Postgres are in use.", used=used, most=most)
    if 0 < idle < HASTY:
        yield note(
            "settings of postgres", f"idle_in_transaction_session_timeout is {about(idle)}: the server ends "
            "transactions in which your application creates instances as soon as it pauses so long.",
            "Raise it to 30 s or so.", seconds=idle,
        )  # fmt: skip
    if not autovacuum:
        yield wrong(
            "settings of postgres", "autovacuum is off: tables of the journal grow until they are slow.",
            "Set autovacuum = on.",
        )  # fmt: skip
    if not durable:
        yield note(
            "settings of postgres", "fsync or synchronous_commit is off: a crash loses what Postgres confirmed.",
            "Set both on, unless this is a place for tests.",
        )  # fmt: skip


def pooler(subject: Subject) -> Iterator[Finding]:
    """Whether a pooler stands between, and what it takes away."""
    with subject.postgres() as one, subject.postgres() as other:
        ((backend, _),) = subject.ask(one, "doctor_backend")
        if backend == one.info.backend_pid:
            yield well("pooler", "No pooler stands between here and Postgres.")
            return
        shared, prepared = _is_shared(one, other)
    if shared and not prepared:
        yield note(
            "pooler", "A pooler gives each transaction another connection, and forgets prepared statements; celery-wf "
            "prepares none behind it.",
            "Connections of your own that you hand to a client (connection=) must prepare none either: "
            "prepare_threshold=None for psycopg.", transactions=shared,
        )  # fmt: skip
    else:
        mode = "each transaction gets another connection" if shared else "a session keeps its connection"
        yield note("pooler", f"A pooler stands between here and Postgres; {mode}.", transactions=shared)
    try:
        ((_, optional),) = subject.journal("doctor_backend")
    except JournalBusy:
        raise
    except JournalUnavailable as error:
        yield wrong(
            "pooler", f"The pooler does not let our connections in: {error.reason}",
            "Set ignore_startup_parameters = options, extra_float_digits in PgBouncer.",
        )  # fmt: skip
        return
    if not optional:
        yield note(
            "pooler", "The pooler drops the options of our connections (statement_timeout, lock_timeout, ...).",
            "Set them for the role: `alter role ... set lock_timeout = '5s'`, statement_timeout = '30s', "
            "idle_in_transaction_session_timeout = '30s', plan_cache_mode = force_generic_plan, jit = off.",
        )  # fmt: skip


def _is_shared(one: Connection, other: Connection) -> tuple[bool, bool]:
    """Whether a connection has another backend while somebody is in a transaction; whether its statements are kept."""
    name = f"wf_doctor_{uuid4().hex}".encode()
    one.pgconn.prepare(name, b"select pg_backend_pid()")
    before = one.pgconn.exec_prepared(name, None)
    with other.transaction():
        other.execute("select 1")  # only now has it a backend of its own
        after = one.pgconn.exec_prepared(name, None)
    if any(result.status != ExecStatus.TUPLES_OK for result in (before, after)):
        return True, False
    return before.get_value(0, 0) != after.get_value(0, 0), True


def rights(subject: Subject) -> Iterator[Finding]:
    """Whether the role may do what it must."""
    with subject.postgres() as connection:
        rows = subject.ask(connection, "doctor_rights")
    if not rows:
        return  # there is no schema, as the next check says
    ((role, usage, tables),) = rows
    if not usage:
        yield wrong(
            "rights", f"The role {role} may not use the schema wf.", f"grant usage on schema wf to {role}", role=role
        )
    elif tables:
        yield wrong(
            "rights", f"The role {role} may not read and write: {', '.join(tables)}.",
            f"grant select, insert, update, delete on all tables in schema wf to {role}", role=role, tables=tables,
        )  # fmt: skip
    else:
        yield well("rights", f"The role {role} may read and write the journal.", role=role)


def schema(subject: Subject) -> Iterator[Finding]:
    """Whether the journal is of the form that this release needs."""
    try:
        subject.database.check_schema()
    except SchemaMismatch as error:
        *what, remedy = str(error).split(". ")
        yield wrong("schema", ". ".join(what) + ".", remedy, found=error.found, needed=error.needed)
    else:
        yield well("schema", f"The journal's schema fits this release ({head()}).", found=head(), needed=head())
