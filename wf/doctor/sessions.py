"""Checks of what goes on in Postgres: long transactions, locks, tables that nobody cleans up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.doctor.findings import note, well, wrong
from wf.durations import about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

LONG = 30.0
"""Seconds after which an open transaction on tables of the journal is too long: we end our own after as many."""

AGES = 600.0
"""Seconds after which any transaction is too long: nothing that was deleted since can be cleaned up."""

WAITED = 1.0
"""Seconds that somebody must have waited for a lock."""

LISTED = 20
"""Sessions that are looked at."""

DEAD = 50_000
"""Dead rows, and more of them than living ones, by which cleaning up is behind."""


def transactions(subject: Subject) -> Iterator[Finding]:
    """Whether somebody holds a transaction open, and with it rows or what should be cleaned up."""
    with subject.postgres() as connection:
        rows = subject.ask(connection, "doctor_transactions", after=min(LONG, AGES), limit=LISTED)
    long = [row for row in rows if row[5] or row[4] >= AGES]
    for pid, user, application, state, age, ours in long:
        yield wrong(
            "transactions",
            f"{_who(pid, user, application)} has had a transaction open for {about(age)} ({state})"
            f"{' on tables of the journal' if ours else ''}.",
            _end(pid), pid=pid, user=user, application=application, state=state, seconds=age, ours=ours,
        )  # fmt: skip
    if not long:
        yield well("transactions", "No transaction has been open for long.")


def locks(subject: Subject) -> Iterator[Finding]:
    """Whether somebody makes others wait."""
    with subject.postgres() as connection:
        rows = subject.ask(connection, "doctor_blockers", after=WAITED, limit=LISTED)
    for pid, user, application, state, age, waiting, waited in rows:
        since = "" if age is None else f", in a transaction of {about(age)} ({state})"
        yield wrong(
            "locks",
            f"{_who(pid, user, application)} makes {waiting} other(s) wait for a lock, for {about(waited)}{since}.",
            _end(pid), pid=pid, user=user, application=application, state=state, waiting=waiting, waited=waited,
        )  # fmt: skip
    if not rows:
        yield well("locks", "Nobody waits for a lock.")


def _who(pid: int, user: str | None, application: str | None) -> str:
    names = " ".join(name for name in (application, user and f"as {user}") if name)
    return f"Backend {pid}{f' ({names})' if names else ''}"


def _end(pid: int) -> str:
    return f"Let it commit, or end it: select pg_terminate_backend({pid})"


def tables(subject: Subject) -> Iterator[Finding]:
    """How big the journal is, and whether Postgres keeps up with cleaning it up."""
    with subject.postgres() as connection:
        rows = subject.ask(connection, "doctor_tables")
    if not rows:
        return
    behind = [row for row in rows if row[2] >= DEAD and row[2] > row[1]]
    for name, live, dead, _, cleaned in behind:
        last = "never" if cleaned is None else f"last at {cleaned:%Y-%m-%d %H:%M} UTC"
        yield wrong(
            "tables", f"wf.{name} has {dead:,} dead rows beside {live:,} living ones; it was cleaned up {last}.",
            f"Run `vacuum (analyze) wf.{name}`; if the rows stay, end old transactions and unused replication slots.",
            table=name, live=live, dead=dead,
        )  # fmt: skip
    size = sum(row[3] for row in rows)
    biggest = ", ".join(f"{name} {_bytes(bytes)}" for name, _, _, bytes, _ in rows[:3] if bytes)
    facts = {"bytes": size, "tables": {name: bytes for name, _, _, bytes, _ in rows}}
    told = note if behind else well
    yield told("size", f"The journal takes about {_bytes(size)}{f' ({biggest})' if biggest else ''}.", **facts)


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB"
