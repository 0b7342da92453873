"""Replay checks ask the right instances, say what is wrong, and write nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy

from tests.support.replaying import check, declare, finished, only, order
from wf import JournalUnavailable
from wf.database import Database
from wf.replaying import replay_check
from wf.replayreport import ReplayCheckFailed
from wf.settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from tests.support import Databases, Rig
    from wf.core import Event, Step


def test_which_instances_are_checked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have not ended come first, a page at a time, up to the limit; or those of a status, or of some ids."""
    monkeypatch.setattr("wf.replaying.PAGE", 2)
    cls = declare("replayed-many", order)
    for number in range(5):
        rig.create(cls, f"open-{number}")
    rig.settle()
    for number in range(3):
        finished(rig, cls, f"done-{number}")

    async def none(_: Event, __: Step) -> Any:
        return 0

    other = declare("replayed-many", none)

    def ids(**keywords: Any) -> list[str]:
        return [failure.id for failure in check(rig, other, **keywords).failures]

    opened, done = ([f"{what}-{number}" for number in range(many)][::-1] for what, many in (("open", 5), ("done", 3)))
    assert ids() == opened + done
    assert ids(limit=6) == [*opened, done[0]]
    assert ids(limit=3) == opened[:3]
    assert ids(statuses=["complete"]) == done
    report = check(rig, other, ids=["open-1", "done-1", "open-3", "gone"], limit=1)
    assert {failure.id for failure in report.failures} == {"open-1", "open-3", "done-1"}
    assert [str(one) for one in report.skipped] == ['replayed-many "gone": there is no such instance']


def test_wrong_questions_are_refused(rig: Rig) -> None:
    """A status that there is not, a limit of nothing, and a journal that nobody names."""
    cls = declare("replayed-refused", order)
    with pytest.raises(ValueError, match="There is no status 'done'"):
        check(rig, cls, statuses=["done"])
    with pytest.raises(ValueError, match="limit must be a whole number from 1"):
        check(rig, cls, limit=0)
    with pytest.raises(InvalidSettings, match="WF_DATABASE_URL"):
        replay_check(cls, database_url="")


def test_an_exit_in_run_ends_no_check(rig: Rig) -> None:
    """`sys.exit()` in `run` is an error of that run, as on a worker."""

    async def leave(_: Event, step: Step) -> Any:
        await step.do("reserve", lambda: 1)
        raise SystemExit(0)

    rig.create(declare("replayed-exit", order))
    rig.settle()
    failure = only(check(rig, declare("replayed-exit", leave)))
    assert "`run` raises SystemExit: 0" in failure.explanation


def test_a_report_reads_well(rig: Rig) -> None:
    """It raises an assertion whose text has the numbers and the first failures in full."""
    cls = declare("replayed-report", order)
    for number in range(7):
        rig.create(cls, f"i-{number}")
    rig.settle()

    async def other(_: Event, step: Step) -> Any:
        await step.do("other", lambda: 1)

    with pytest.raises(ReplayCheckFailed, match="7 checked, 7 do not replay") as caught:
        check(rig, declare("replayed-report", other)).raise_for_failures()
    text = str(caught.value)
    assert text.count("the code asks for now") == 5
    assert text.endswith("… and 2 more.")
    assert len(caught.value.report.failures) == 7


def everything(rig: Rig) -> list[Any]:
    """All rows of all tables."""
    tables = rig.sql("select tablename from pg_tables where schemaname = 'wf' order by 1")
    return [(name, rig.sql(f"select t::text from wf.{name} t order by 1")) for (name,) in tables]


def test_nothing_is_written(rig: Rig) -> None:
    """Not even where a worker would pause a strict instance, settle a pause or write a warning."""
    instance = rig.create(declare("replayed-strict", order))
    rig.settle()
    rig.create(declare("replayed-loose", order))
    rig.settle()
    instance.pause()

    async def other(_: Event, step: Step) -> Any:
        await step.do("other", lambda: 1)

    before = everything(rig)
    strict = declare("replayed-strict", other, strict=True)
    report = check(rig, strict, declare("replayed-loose", other))
    assert len(report.failures) == 2
    assert everything(rig) == before


def test_a_strict_instance_is_paused_with_both_sides(rig: Rig) -> None:
    """The error shows where the sides part, with the line of the call, in fewer than 2,000 characters."""
    name = "x" * 200
    long = [f"{name}-{number}" for number in range(12)]

    async def many(_: Event, step: Step) -> Any:
        await asyncio.gather(*[step.do(each, lambda: 1) for each in long])
        await step.wait_for_event("word", "word")

    async def other(_: Event, step: Step) -> Any:
        await asyncio.gather(*[step.do(f"other {each}", lambda: 1) for each in long])

    instance = rig.create(declare("replayed-halted", many))
    rig.settle()
    rig.workers[0].engine.passes.clear()
    declare("replayed-halted", other, strict=True)
    instance.send_event("word")
    rig.settle()
    found = instance.status()
    assert (found.status, found.error.name) == ("paused", "NonDeterminismError")
    assert "> #1 do" in found.error.message
    assert f"test_replaying_reads.py:{other.__code__.co_firstlineno + 1}" in found.error.message
    assert len(found.error.message) < 2_000


def test_postgres_itself_refuses_to_write(settings: Settings) -> None:
    """The connections of the check are read-only."""
    database = Database(settings, read_only=True)
    try:
        with pytest.raises(JournalUnavailable, match="read-only"):
            database.rows("update wf.instance set rev = 0")
    finally:
        database.close()


def test_a_role_that_may_only_read_is_enough(rig: Rig, databases: Databases) -> None:
    """Who checks needs no right to write."""
    cls = declare("replayed-role", order)
    finished(rig, cls)
    role = f"reader_{uuid4().hex}"
    rig.sql(f"create role {role} login password 'reads'")
    rig.sql(f"grant usage on schema wf to {role}")
    rig.sql(f"grant select on all tables in schema wf to {role}")
    try:
        url = as_role(rig.settings.database_url, role, "reads")
        with psycopg.connect(url) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("update wf.instance set rev = 0")
        assert replay_check(cls, database_url=url).checked == 1
    finally:
        rig.sql(f"drop owned by {role}")
        rig.sql(f"drop role {role}")


def as_role(url: str, role: str, password: str) -> str:
    """The same database, for another role."""
    changed = sqlalchemy.make_url(url).set(username=role, password=password)
    return changed.render_as_string(hide_password=False)
