"""What the doctor finds wrong with workers and the queues that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from tests.support.doctor import Examined, staff
from tests.support.errands import Errand, versions
from wf.doctor import workers
from wf.overview import GONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig


@pytest.fixture
def examined(rig: Rig) -> Iterator[Examined]:
    """All is well, until the test comes."""
    rig.workers[0].catalog.register(Errand)
    staff(rig)
    made = Examined(rig)
    assert made.wrong() == {}
    yield made
    made.close()


def test_without_workers_nothing_runs(rig: Rig, examined: Examined) -> None:
    """Nobody has ever come, or all are gone; then the alarm is silent, too, and who waits is served by nobody."""
    rig.create(Errand, "waits", {"do": "wait"})
    rig.settle()
    rig.clock.advance(GONE + 1)
    found = examined.wrong()
    assert found.keys() == {"workers", "alarm", "unserved"}
    assert found["unserved"].facts == {"errand": 1}
    assert found["alarm"].facts["seconds"] == GONE + 1
    assert examined.notes()["workers gone"].facts["workers"] == [rig.workers[0].journal.worker]
    rig.sql("delete from wf.worker")
    rig.sql("delete from wf.tick")
    assert "never" in examined.wrong()["alarm"].what
    assert examined.wrong().keys() == found.keys()


def test_a_queue_that_nobody_takes_is_wrong(rig: Rig, examined: Examined) -> None:
    """Workers take another one than clients fill."""
    staff(rig, queue="elsewhere")
    assert examined.wrong()["workers"].facts == {"queue": rig.settings.queue, "taken": ["elsewhere"]}
    rig.create(Errand)
    assert examined.wrong()["queues"].facts == {"queue": rig.settings.queue, "length": 1}


def test_workers_of_several_releases_are_a_note(rig: Rig, examined: Examined) -> None:
    """As during a deployment."""
    staff(rig, name="other:1", release="0.0.1")
    assert "0.0.1" in examined.notes()["releases"].facts["releases"]


def test_a_long_queue_is_a_note(rig: Rig, examined: Examined, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many messages for each step that may run at once."""
    monkeypatch.setattr(workers, "LOADED", 0.1)
    for n in range(2):
        rig.create(Errand, f"i-{n}")
    assert examined.notes()["queues"].facts == {"queue": rig.settings.queue, "length": 2}


def test_a_version_that_no_worker_knows_is_a_note(rig: Rig, examined: Examined) -> None:
    """Live instances are of it; the newest version runs them."""
    old, new = versions("doctor-aged", "1", "2")
    for cls in (old, new):
        rig.workers[0].catalog.register(cls)
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at) values"
        " ('doctor-aged', 'i-1', '1', 'waiting', to_timestamp(%s))", rig.clock.now() + 60,
    )  # fmt: skip
    staff(rig, workflows=Jsonb({"doctor-aged": ["2"]}))
    assert examined.notes()["versions"].facts == {"workflow": "doctor-aged", "version": "1", "instances": 1}


def test_workflows_and_queues_may_have_any_name(rig: Rig, examined: Examined) -> None:
    """Also one that means something to the doctor."""
    rig.sql("insert into wf.workflow (name, version) values ('what', '1'), ('remedy', '1')")
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at) select name, 'i-1', '1', 'waiting',"
        " to_timestamp(%s) from wf.workflow", rig.clock.now() + 60,
    )  # fmt: skip
    staff(rig, queue="check")
    assert {"what", "remedy"} <= examined.wrong()["unserved"].facts.keys()
