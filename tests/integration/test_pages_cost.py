"""What the pages of actions, jobs, the audit and settings cost: a handful of statements, each by an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from tests.support.jobs import fill
from tests.support.pages import Pages
from tests.support.parcels import Parcel
from tests.support.plans import plan_of, scans
from wf.database import Database
from wf.sql import statements

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig
    from tests.support.api import Api

ONE = "/workflows/parcel/instances/r-17"
PAGES = (
    *(f"{ONE}/{action}" for action in ("pause", "resume", "terminate", "restart", "delete", "send-event", "fork")),
    f"{ONE}/fork?from=pack", "/workflows/parcel/create",
    f"{ONE}/restart?from=pack", "/workflows/parcel/bulk?status=errored", "/workflows/parcel/settings",
    "/workflows/parcel/remove", "/workflows/parcel/breaker",
    "/jobs", "/jobs?workflow=parcel", "/jobs/1", "/jobs/1/cancel", "/audit",
    "/audit?workflow=parcel&instance=r-17", "/audit?actor=nobody",
)  # fmt: skip
HANDFUL = 5
SMALL = {"workflow", "version", "schedule", "tick", "job"}
"""Tables of a few rows, which may be read from end to end; jobs are removed 30 days after their end."""


def test_each_page_takes_a_handful_of_statements_that_go_by_an_index(
    rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However big the journal is."""
    rig.workers[0].catalog.register(Parcel)
    rig.create(Parcel, "r-17")
    rig.settle()
    for status in ("complete", "errored"):
        fill(rig, status, 3000, workflow="parcel")
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev)"
        " select key, 1, n, 'do', 's', n, 'complete', 1, 0, n, n from wf.instance, generate_series(11, 15) n"
    )
    rig.sql("insert into wf.audit (actor, action, workflow, instance) select 'a', 'b', workflow, id from wf.instance")
    rig.client.jobs.start("parcel", "pause")
    for table in ("instance", "step", "audit"):
        rig.sql(f"vacuum analyze wf.{table}")
    pages, rows = Pages(api), Database.rows
    pages.get("/jobs")  # whoever comes first is asked for tokens; then that is known for a while
    texts: list[str] = []

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        texts.append(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    ran: set[str] = set()
    for path in PAGES:
        texts.clear()
        pages.get(path)
        assert len(texts) <= HANDFUL, path
        ran.update(texts)
    named = {text: name for name, text in statements().items()}
    assert {named.get(text, "") for text in ran} >= {"prospect_look", "prospect_steps", "prospect_undone", "job_read"}
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        read = {named.get(text, text): set(scans(plan_of(connection, text))) - SMALL for text in ran}
    assert {name: tables for name, tables in read.items() if tables} == {}
