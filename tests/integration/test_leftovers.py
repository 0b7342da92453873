"""What restarts and removals leave behind: many log lines, which go over or go, and hold nobody up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from tests.support.plans import plan_of, scans
from wf import WorkflowEntrypoint
from wf.leftovers import clear
from wf.sql import statements
from wf_reaper.retention import Retention

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig
    from wf import Instance


class Three(WorkflowEntrypoint, name="three"):
    """Three steps, of which the tests keep the first one."""

    async def run(self, event: Any, step: Any) -> None:
        for name in ("one", "two", "three"):
            await step.do(name, lambda: None)


def logged(rig: Rig, lines: int) -> Instance:
    """An instance that has ended, with so many lines of each of its steps."""
    instance = rig.create(Three, "t-1")
    rig.settle()
    say(rig, 1, lines)
    return instance


def say(rig: Rig, generation: int, lines: int) -> None:
    rig.sql(
        "insert into wf.line (instance, generation, seq, attempt, at, level, logger, message)"
        f" select 1, {generation}, seq, 1, now(), 20, 'shop', message from generate_series(1, 3) seq,"
        f" generate_series(1, {lines}), (select params as message from wf.payload limit 1) stored"
    )


def counted(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.sql("select generation, seq, count(*) from wf.line group by 1, 2 order by 1, 2")


def test_a_restart_carries_many_lines_in_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the kept step, all of them and in their order; no statement writes more than a batch."""
    instance = logged(rig, 700)
    monkeypatch.setattr("wf.leftovers.BATCH", 100)
    rig.sql(
        "create function wf.few() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from olds) > 100 then raise 'too many lines at once'; end if; return null; end $$"
    )
    for what in ("update", "delete"):
        rig.sql(
            f"create trigger few_{what} after {what} on wf.line referencing old table as olds"
            " for each statement execute function wf.few()"
        )
    before = rig.sql("select id from wf.line where seq = 1 order by id")
    instance.restart(from_step="two")
    assert counted(rig) == [(2, 1, 700)]
    assert rig.sql("select id from wf.line order by id") == before
    instance.restart()
    assert counted(rig) == []


def test_a_restart_waits_for_no_line(rig: Rig) -> None:
    """It commits whatever becomes of the lines, which is logged; the next one clears away what is left."""
    instance = logged(rig, 2)
    with psycopg.connect(rig.settings.database_url) as other, structlog.testing.capture_logs() as said:
        other.execute("lock table wf.line in exclusive mode")
        instance.restart(from_step="two")
    assert [entry["log_level"] for entry in said if "before a restart" in entry["event"]] == ["warning"]
    assert instance.status().status == "queued"
    rig.settle()
    assert instance.status().status == "complete"
    assert counted(rig) == [(1, 1, 2), (1, 2, 2), (1, 3, 2)]
    instance.restart(from_step="two")
    assert counted(rig) == []


def test_lines_that_somebody_holds_are_left_alone(rig: Rig) -> None:
    """A deletion that has some and wants all must not meet a restart that waits for those while it has the others."""
    instance = logged(rig, 2)
    with psycopg.connect(rig.settings.database_url) as other:
        other.execute("select 1 from wf.line where seq = 1 order by id limit 1 for update")
        instance.restart(from_step="two")
        assert counted(rig) == [(1, 1, 1), (2, 1, 1)]


def test_no_step_gets_the_lines_of_another_one(rig: Rig) -> None:
    """A restart from the start numbers its steps anew; it may have begun before it is cleared up."""
    instance = logged(rig, 1)
    with psycopg.connect(rig.settings.database_url) as other:
        other.execute("lock table wf.line in exclusive mode")
        instance.restart()
    (restarted,) = rig.sql("select key, generation, rev from wf.instance")
    rig.settle()
    assert counted(rig) == [(1, 1, 1), (1, 2, 1), (1, 3, 1)]
    clear(rig.workers[0].database, *restarted)
    assert counted(rig) == []


def test_lines_are_carried_by_the_index(rig: Rig) -> None:
    """Each batch begins in the index where the one before has ended, and writes by place."""
    logged(rig, 3000)
    rig.sql("analyze wf.line")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plan = str(plan_of(connection, statements()["lines_carry"]))
    assert "ROW(generation, seq, id) > ROW(" in plan
    assert plan.count("'Tid Scan'") == 2


def test_lines_written_while_their_instance_expires_go_too(rig: Rig) -> None:
    """The statement that removes it does not see them; the reaper looks again."""
    logged(rig, 2)
    rig.sql(
        "create function wf.late() returns trigger language plpgsql as $$ begin insert into wf.line"
        " (instance, generation, seq, attempt, at, level, logger, message)"
        " values (old.key, 1, 1, 1, now(), 20, 'late', ''); return old; end $$"
    )
    rig.sql("create trigger late before delete on wf.instance for each row execute function wf.late()")
    rig.clock.advance(rig.settings.success_retention + 1)
    assert Retention(rig.workers[0]).run_once() == 1
    assert counted(rig) == []


def test_a_fork_has_no_lines_of_the_steps_that_it_keeps(rig: Rig) -> None:
    """They stay with the original, which ran them."""
    logged(rig, 2).fork("t-2", from_step="three")
    assert rig.client.catalog.lines("three", "t-2", "one-1") == []
    assert len(rig.client.catalog.lines("three", "t-1", "one-1")) == 2


def at_most(rig: Rig, lines: int) -> None:
    """Postgres refuses to delete more lines than so many in one statement."""
    rig.sql(
        "create function wf.few() returns trigger language plpgsql as $$ begin if (select count(*) from olds)"
        f" > {lines} then raise 'too many lines at once'; end if; return null; end $$"
    )
    rig.sql(
        "create trigger few after delete on wf.line referencing old table as olds"
        " for each statement execute function wf.few()"
    )


def test_an_instance_with_many_lines_is_deleted_in_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement deletes more than a batch of its lines, and none is left."""
    instance = logged(rig, 70)
    monkeypatch.setattr("wf.leftovers.BATCH", 50)
    at_most(rig, 50)
    instance.delete()
    assert (counted(rig), rig.sql("select count(*) from wf.instance")) == ([], [(0,)])


def test_expired_instances_with_many_lines_go_in_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same when their retention is over."""
    logged(rig, 70)
    monkeypatch.setattr("wf.leftovers.BATCH", 50)
    at_most(rig, 50)
    rig.clock.advance(rig.settings.success_retention + 1)
    assert Retention(rig.workers[0]).run_once() == 1
    assert (counted(rig), rig.sql("select count(*) from wf.instance")) == ([], [(0,)])


def test_what_is_not_to_go_keeps_its_lines(rig: Rig) -> None:
    """An instance that has moved on since it was looked at, or does not expire any more, loses none."""
    logged(rig, 5)
    (key, rev), now = rig.sql("select key, rev from wf.instance")[0], rig.clock.now()
    database, sql = rig.workers[0].database, statements()
    assert database.rows(sql["delete_lines"], {"key": key, "rev": rev - 1, "limit": 100}) == []
    assert database.rows(sql["retention_lines"], {"keys": [key], "limit": 100, "now": now}) == []
    assert len(rig.sql("select 1 from wf.line")) == 15


def test_lines_of_what_goes_are_found_by_the_index(rig: Rig) -> None:
    """However many lines other instances have, none of them is read."""
    logged(rig, 5)
    rig.sql(
        "insert into wf.line (instance, generation, seq, attempt, at, level, logger, message)"
        " select n, 1, 1, 1, now(), 20, 'shop', '' from generate_series(100, 9000) n"
    )
    rig.sql("analyze wf.line, wf.instance")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for name in ("delete_lines", "retention_lines"):
            assert "line" not in set(scans(plan_of(connection, statements()[name]))), name
