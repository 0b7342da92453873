"""How the runner of a job finds its instances: in bounded batches, and by an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig
from tests.support.errands import Errand
from tests.support.jobs import fill, statuses, work
from tests.support.plans import plan_of, scans
from wf.database import Database
from wf.sql import statements
from wf_reaper.jobs import JobRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


@pytest.fixture
def rig(settings: Settings) -> Iterator[Rig]:
    """Two workers, and small batches."""
    with Rig(settings.model_copy(update={"job_batch": 10}), workers=2) as made:
        made.workers[0].catalog.register(Errand)
        yield made


def test_thousands_are_moved_in_bounded_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No look takes more than a batch, and each is noted before the next one."""
    fill(rig, "complete", 1000)
    order: list[str] = []
    names = {text: name for name, text in statements().items()}
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        order.append(names.get(sql, "look" if "LATERAL" in sql else ""))
        return rows(self, sql, params)

    job = rig.client.jobs.start("errand", "delete")
    with monkeypatch.context() as patched:
        patched.setattr(Database, "rows", listen)
        assert work(rig, seconds=300) == 1000
    batches = "".join({"look": "L", "instance_delete": "d", "job_note": "N"}.get(name, "") for name in order)
    assert batches == ("L" + "d" * 10 + "N") * 100
    assert (rig.client.jobs.get(job.id).done, statuses(rig).total()) == (1000, 0)


def test_every_look_goes_by_an_index(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting and looking with every filter, and all that a job writes, however big the journal is."""
    texts: set[str] = set()
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        texts.add(sql)
        return rows(self, sql, params)

    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at)"
        " select case when mod(n, 3) = 0 then 'errand' else 'other' end, 'i-' || n, '1',"
        " case when mod(n, 50) = 0 then 'waiting' else 'complete' end, case when mod(n, 50) = 0 then now() end"
        " from generate_series(1, 6000) n"
    )
    rig.sql("insert into wf.audit (actor, action, workflow, instance) select 'a', 'b', workflow, id from wf.instance")
    monkeypatch.setattr(Database, "rows", listen)
    jobs = rig.client.jobs
    for filter in ({}, {"status": "waiting"}, {"version": "1"}, {"ids": ["i-3"]}, {"ids": ["i-3"], "trigger": "cron"}):
        jobs.preview("errand", "restart", filter)
        jobs.start("errand", "terminate", filter)
        work(rig, seconds=60)
    for table in ("instance", "audit"):
        rig.sql(f"vacuum analyze wf.{table}")
    named = {text: name for name, text in statements().items()}
    assert {named.get(text, "") for text in texts} >= {"job_newest", "job_look", "job_note", "job_take", "job_end"}
    small = {"job", "workflow", "schedule", "slot"}
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plans = {named.get(text, text): plan_of(connection, text) for text in texts}
    assert {name: read for name, plan in plans.items() if (read := set(scans(plan)) - small)} == {}
    looks = [str(plan) for name, plan in plans.items() if "LATERAL" in name]
    assert len(looks) == 4, "two ways to count, two to look: with and without a look into the rows"
    assert [plan for plan in looks if "'Index Name': 'instance_status'" not in plan] == []
    counts = [str(plan) for name, plan in plans.items() if "LATERAL" in name and "count" in name]
    assert any("Index Only Scan" in plan for plan in counts), "counting by status needs no look at the rows"


def test_a_look_ends_however_few_fit(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that fits nothing is done in steps of a bounded size, too."""
    monkeypatch.setattr("wf.filters.LOOK", 100)
    fill(rig, "complete", 250)
    fill(rig, "complete", 2, prefix="rare", version="2")
    fill(rig, "errored", 1, prefix="rarer", version="2")
    seen: list[int] = []
    note = JobRunner._note

    def noted(self: Any, job: Any, progress: Any) -> Any:
        seen.append(progress.done)
        return note(self, job, progress)

    monkeypatch.setattr(JobRunner, "_note", noted)
    rig.client.jobs.start("errand", "delete", {"version": "2"})
    assert work(rig, seconds=60) == 3
    assert seen == [0, 0, 3]
    assert statuses(rig) == {"complete": 250}
