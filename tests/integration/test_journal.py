"""The journal's fences: whoever comes too late, or is not the holder, changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from tests.support import START, RowLock
from tests.support.commits import commit_of, instance_of, journal_of
from tests.support.errands import Errand
from wf.codec import encode
from wf.core import Key, Kind
from wf.facts import End, InstanceRow, StepRow
from wf.faults import encode_error
from wf.status import LIVE, TERMINAL, StepStatus

if TYPE_CHECKING:
    from tests.support import Rig

LEASE = 30.0
EVERYTHING = (
    "select to_jsonb(i) from wf.instance i",
    "select to_jsonb(s) from wf.step s",
    "select to_jsonb(a) from wf.attempt a",
)


def everything(rig: Rig) -> list[Any]:
    return [rig.sql(query) for query in EVERYTHING]


def running_step(rig: Rig, seq: int = 1) -> StepRow:
    """A row of a step whose attempt has just been claimed."""
    key = Key(Kind.DO, "step", seq)
    return StepRow(seq, key, StepStatus.RUNNING, seq, attempt=1, lease=uuid4(), wake_at=rig.clock.now() + LEASE)


def claimed(rig: Rig) -> tuple[InstanceRow, StepRow]:
    """An instance with a running attempt."""
    rig.create(Errand)
    row = running_step(rig)
    assert journal_of(rig).commit(commit_of(instance_of(rig), row))
    return instance_of(rig), row


def done(row: StepRow, value: Any = 1) -> StepRow:
    return replace(row, status=StepStatus.COMPLETE, output=encode(value), ended_at=START + 1, wake_at=None, lease=None)


def test_a_commit_moves_the_instance_and_its_rows_in_one_go(rig: Rig) -> None:
    """Rev, seq, status, due_at and the step row are written together, and read back the same."""
    instance, row = claimed(rig)
    found = journal_of(rig).load(instance.key)
    assert found is not None
    assert (instance.rev, instance.seq, instance.status, instance.due_at) == (1, 1, "running", START + 60)
    assert found.rows == [row]


@pytest.mark.parametrize("change", [{"rev": 7}, {"rev": -1}, {"generation": 2}, {"key": 4_711}])
@pytest.mark.parametrize("end", [None, End(output=encode("stolen"))], ids=["goes on", "ends"])
def test_a_commit_from_another_place_writes_nothing(rig: Rig, change: dict[str, int], end: End | None) -> None:
    """With another rev, another generation or another instance there is no row of it, anywhere."""
    instance, row = claimed(rig)
    before = everything(rig)
    failed = replace(done(row), failure=encode_error(KeyError()))
    commit = commit_of(instance, failed, running_step(rig, 2), end=end, **change)
    if end is not None:
        commit = replace(commit, status="complete", due_at=None, keep_from=None)
    assert not journal_of(rig).commit(commit)
    assert everything(rig) == before
    assert rig.client.workflow(Errand).get("i-1").status().output is None


def test_of_two_commits_from_the_same_rev_one_wins(rig: Rig) -> None:
    """At the same moment, one is written whole and the other one not at all."""
    rig.create(Errand)
    instance = instance_of(rig)
    rows = [running_step(rig), running_step(rig)]
    with RowLock(rig.settings.database_url) as lock:
        commits = [rig.in_thread(journal_of(rig).commit, commit_of(instance, row)) for row in rows]
        lock.wait_for(2)
        lock.release()
        won = [commit.result(timeout=10) for commit in commits]
    assert sorted(won) == [False, True]
    assert rig.sql("select lease from wf.step") == [(rows[won.index(True)].lease,)]


def test_a_commit_whose_event_is_taken_already_writes_nothing(rig: Rig) -> None:
    """Events are consumed once: a wait that comes second gets nothing, and its instance does not move."""
    instance = rig.create(Errand)
    instance.send_event("go", 1)
    found = instance_of(rig)
    ((event,),) = rig.sql("select id from wf.event")
    rig.sql("update wf.event set consumed_by = 9")
    before = everything(rig)
    assert not journal_of(rig).commit(commit_of(found, done(running_step(rig)), events=[(event, 1)]))
    assert everything(rig) == before
    assert rig.sql("select consumed_by from wf.event") == [(9,)]


def test_a_due_at_that_is_soon_enough_is_left_alone(rig: Rig) -> None:
    """Between keep_from and due_at the old value stays, which spares the index; outside it is replaced."""
    rig.create(Errand)
    for given, keep_from, kept in ((START + 60, START + 60, START + 60), (START + 80, START + 20, START + 60)):
        assert journal_of(rig).commit(commit_of(instance_of(rig), due_at=given, keep_from=keep_from))
        assert instance_of(rig).due_at == kept
    assert journal_of(rig).commit(commit_of(instance_of(rig), due_at=START + 50, keep_from=START + 10))
    assert instance_of(rig).due_at == START + 50


def test_a_record_needs_the_lease_and_not_the_rev(rig: Rig) -> None:
    """The holder may write the end of its attempt although siblings have moved the instance on meanwhile."""
    instance, row = claimed(rig)
    assert journal_of(rig).commit(commit_of(instance, running_step(rig, 2), rev_after=5, seq=2))
    assert row.lease is not None
    assert journal_of(rig).record(instance, done(row, "mine"), row.lease, due_in=30) == 6
    assert rig.sql("select status, output, lease, rev from wf.step where seq = 1") == [
        ("complete", encode("mine"), None, 6)
    ]


def test_a_record_with_a_foreign_lease_writes_nothing(rig: Rig) -> None:
    """Neither the row, nor the instance's rev, nor a failed attempt."""
    instance, row = claimed(rig)
    before = everything(rig)
    failed = replace(done(row), failure=encode_error(KeyError()))
    assert journal_of(rig).record(instance, failed, uuid4(), due_in=30) is None
    assert journal_of(rig).record(instance._replace(generation=2), failed, row.lease or uuid4(), due_in=30) is None
    assert everything(rig) == before


def test_an_attempt_is_recorded_once(rig: Rig) -> None:
    """The lease ends with the attempt: a second record of the same one finds nothing."""
    instance, row = claimed(rig)
    assert row.lease is not None
    assert journal_of(rig).record(instance, done(row, "first"), row.lease, due_in=30) is not None
    assert journal_of(rig).record(instance, done(row, "second"), row.lease, due_in=30) is None
    assert rig.sql("select output from wf.step") == [(encode("first"),)]


def test_a_record_brings_the_alarm_forward_and_never_back(rig: Rig) -> None:
    """After a record the instance is due within the given time, or earlier if it was."""
    instance, row = claimed(rig)
    assert row.lease is not None
    assert journal_of(rig).record(instance, done(row), row.lease, due_in=5) is not None
    assert instance_of(rig).due_at == START + 5
    again = running_step(rig, 2)
    assert journal_of(rig).commit(commit_of(instance_of(rig), again, due_at=START + 3, keep_from=START, seq=2))
    assert journal_of(rig).record(instance, done(again), again.lease or uuid4(), due_in=5) is not None
    assert instance_of(rig).due_at == START + 3


def test_an_attempt_is_lost_only_when_the_databases_clock_says_so(rig: Rig) -> None:
    """A worker that believes the lease to be over, but is early, changes nothing; later, it is over once."""
    instance, row = claimed(rig)
    before = everything(rig)
    rig.clock.advance(LEASE - 0.001)
    assert not journal_of(rig).lose(instance, row)
    assert everything(rig) == before
    rig.clock.advance(0.001)
    assert not journal_of(rig).lose(instance, replace(row, lease=uuid4()))
    assert not journal_of(rig).lose(instance._replace(rev=99), row)
    assert everything(rig) == before
    assert journal_of(rig).lose(instance, row)
    assert not journal_of(rig).lose(instance_of(rig), row)
    assert rig.sql("select status, attempt, lost, lease from wf.step") == [("retrying", 1, 1, None)]
    assert rig.sql("select attempt, outcome from wf.attempt") == [(1, "lost")]
    assert instance_of(rig).rev == instance.rev + 1


def test_a_heartbeat_saves_only_the_leases_that_are_still_held(rig: Rig) -> None:
    """Foreign, ended, expired and misdirected leases do not come back; the held one lasts longer."""
    rig.create(Errand)
    rows = [running_step(rig, seq) for seq in range(1, 5)]
    rows[3].wake_at = START
    assert journal_of(rig).commit(commit_of(instance_of(rig), *rows))
    instance = instance_of(rig)
    leases = [row.lease or uuid4() for row in rows]
    assert journal_of(rig).record(instance, done(rows[1]), leases[1], due_in=30) is not None
    rig.clock.advance(10)
    mine = [(instance.key, 1, row.seq, lease) for row, lease in zip(rows, leases, strict=True)]
    mine += [(instance.key, 2, 3, leases[2]), (instance.key, 1, 1, uuid4())]
    mine.remove((instance.key, 1, 3, leases[2]))
    assert journal_of(rig).extend(mine, LEASE) == {leases[0]}
    wakes = rig.sql("select seq, extract(epoch from wake_at)::float8 from wf.step where seq in (1, 3) order by seq")
    assert wakes == [(1, START + 10 + LEASE), (3, START + LEASE)]


def test_a_heartbeat_waits_for_nobody(rig: Rig) -> None:
    """A row that somebody is just writing stays ours and is left alone; the other leases are extended at once."""
    rig.create(Errand)
    rows = [running_step(rig, seq) for seq in (1, 2, 3)]
    assert journal_of(rig).commit(commit_of(instance_of(rig), *rows))
    leases = [row.lease or uuid4() for row in rows]
    mine = [(instance_of(rig).key, 1, row.seq, lease) for row, lease in zip(rows, leases, strict=True)]
    rig.clock.advance(10)
    wakes = "select extract(epoch from wake_at)::float8 from wf.step order by seq"
    with psycopg.connect(rig.settings.database_url) as writer:
        writer.execute("select from wf.step where seq = 2 for update")
        assert rig.in_thread(journal_of(rig).extend, mine, LEASE).result(timeout=3) == set(leases)
        assert [at for (at,) in rig.sql(wakes)] == [START + 40, START + 30, START + 40]
        writer.execute("update wf.step set lease = null where seq = 2")
    assert journal_of(rig).extend(mine, LEASE) == {leases[0], leases[2]}


def test_a_heartbeat_is_no_fact(rig: Rig) -> None:
    """Extending a lease leaves rev alone, so that it disturbs no commit; a later load sees the new time."""
    instance, row = claimed(rig)
    rig.clock.advance(10)
    journal_of(rig).extend([(instance.key, 1, 1, row.lease or uuid4())], LEASE)
    found = journal_of(rig).load(instance.key, seen=instance.rev, from_seq=1)
    assert found is not None
    assert found.instance.rev == instance.rev
    assert [r.wake_at for r in found.rows] == [START + 10 + LEASE]


def test_a_load_gives_only_what_is_new(rig: Rig) -> None:
    """Rows that the caller has seen, or that ended long ago, are not read again."""
    rig.create(Errand)
    rows = [done(running_step(rig, seq)) for seq in range(1, 4)]
    assert journal_of(rig).commit(commit_of(instance_of(rig), *rows))
    key = instance_of(rig).key
    for arguments, seqs in (({}, [1, 2, 3]), ({"seen": 2}, [3]), ({"from_seq": 2}, [2, 3]), ({"seen": 3}, [])):
        found = journal_of(rig).load(key, **arguments)
        assert found is not None
        assert [row.seq for row in found.rows] == seqs
    assert journal_of(rig).load(key + 1) is None


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_live_instance_without_a_due_at_is_impossible(rig: Rig, status: str) -> None:
    """Postgres itself refuses what the alarm could never find again."""
    rig.create(Errand)
    with pytest.raises(psycopg.errors.CheckViolation, match="live_is_due"):
        rig.sql("update wf.instance set status = %s, due_at = null", status)


@pytest.mark.parametrize("status", sorted({*TERMINAL, "paused"}))
def test_an_instance_at_rest_with_a_due_at_is_impossible(rig: Rig, status: str) -> None:
    """Nor can the alarm wake what has ended or is paused."""
    rig.create(Errand)
    with pytest.raises(psycopg.errors.CheckViolation, match="live_is_due"):
        rig.sql("update wf.instance set status = %s", status)
