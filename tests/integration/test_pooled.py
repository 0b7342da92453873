"""Behind a pooler that gives each transaction another connection: the real PgBouncer, and a stand-in for all others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.support.pgbouncer import pooled
from tests.support.pooler import Pooler
from tests.support.rig import Rig
from wf import WorkflowEntrypoint
from wf.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Settings

AT_ONCE = 8
TIMES = 40


@pytest.fixture(params=["pgbouncer", "stand-in"])
def behind(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Settings]:
    """The settings of a deployment with a pooler."""
    if request.param == "pgbouncer":
        with pooled(settings.database_url) as url:
            yield settings.model_copy(update={"database_url": url})
    else:
        with Pooler(settings.database_url, shared=True) as pooler:
            yield settings.model_copy(update={"database_url": pooler.url})


def test_statements_of_many_clients_do_not_meet(behind: Settings) -> None:
    """Each client repeats its own statement, more often than psycopg waits to prepare it, and gets its own answer."""

    def ask(number: int) -> set[Any]:
        database = Database(behind)
        try:
            return {row for _ in range(TIMES) for row in database.rows(f"select {number}")}
        finally:
            database.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert list(threads.map(ask, range(AT_ONCE))) == [{(number,)} for number in range(AT_ONCE)]


class Counted(WorkflowEntrypoint, name="pooled-counted"):
    """Parallel steps and transactions, more of them than psycopg waits for."""

    async def run(self, event: Any, step: Any) -> int:
        for n in range(12):
            await step.transaction(
                f"add {n}", lambda c: c.execute(text("insert into public.added values (1)")).rowcount
            )
            await step.do(f"do {n}", lambda: None)
        return 12


def test_steps_and_transactions_run_behind_a_pooler(behind: Settings) -> None:
    """Two workers in turn: both have connections that are another one each time."""
    with Rig(behind, workers=2) as rig:
        rig.sql("create table public.added (n integer)")
        instances = [rig.create(Counted, f"i-{n}") for n in range(4)]
        while nudges := rig.take():
            done = [rig.in_thread(rig.advance, nudge, n % 2) for n, nudge in enumerate(nudges)]
            for one in done:
                one.result()
        assert [instance.result(timeout=0) for instance in instances] == [12] * 4
        assert rig.sql("select count(*) from public.added") == [(48,)]


def test_without_a_pooler_statements_are_prepared(settings: Settings) -> None:
    """The mark by which a pooler is known is not there, and what is repeated is planned once."""
    database = Database(settings)
    for _ in range(10):
        database.rows("select 7")
    assert ("select 7",) in database.rows("select statement from pg_prepared_statements")
    database.close()
