"""The alarm: every instance whose due_at has come gets a nudge, whoever runs it and however often."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import START, Rig, RowLock, wait_until
from tests.support.errands import Errand
from wf import WorkflowEntrypoint
from wf.dispatch import Dispatcher, connect
from wf_tasks.alarm import AHEAD
from wf_tasks.runtime import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.facts import Wake
    from wf.settings import Settings


def sleepers(rig: Rig, dues: Iterable[float]) -> None:
    """Instances, named by the seconds from now until they are due."""
    for due in dues:
        rig.sql(
            "insert into wf.instance (workflow, id, version, status, due_at, rev)"
            " values ('errand', %s, '1', 'waiting', to_timestamp(%s), 4)",
            f"{due:g}",
            START + due,
        )


def due(rig: Rig, *, ahead: float = 0.0, limit: int = 100) -> list[Wake]:
    return rig.workers[0].journal.due(ahead=ahead, limit=limit, renudge=rig.settings.renudge)


def take(rig: Rig, number: int) -> None:
    """Take so many messages out of the queue."""
    for _ in range(number):
        assert rig.redis.rpop(rig.settings.broker_prefix + rig.settings.queue) is not None


def due_after(rig: Rig) -> list[float]:
    """Seconds from the start until each instance is due, soonest first."""
    rows = rig.sql("select extract(epoch from due_at)::float8 from wf.instance order by due_at")
    return [at - START for (at,) in rows]


def test_it_wakes_what_is_due_and_nothing_else(rig: Rig) -> None:
    """Overdue and just due instances are taken, later ones left as they are."""
    sleepers(rig, [-50, 0, 1, 60])
    assert sorted(wake.id for wake in due(rig)) == ["-50", "0"]
    assert due_after(rig) == [1, 30, 30, 60]


def test_the_longest_overdue_come_first(rig: Rig) -> None:
    """When not all fit into one batch, those that have waited longest are in it."""
    sleepers(rig, [-1, -300, -20, -4])
    assert {wake.id for wake in due(rig, limit=2)} == {"-300", "-20"}
    assert {wake.id for wake in due(rig, limit=2)} == {"-4", "-1"}
    assert due(rig) == []


def test_a_wake_tells_where_the_instance_is(rig: Rig) -> None:
    """What the nudge needs comes with it, so that nothing else must be read."""
    sleepers(rig, [0])
    (wake,) = due(rig)
    key = rig.sql("select key from wf.instance")[0][0]
    assert wake == (key, 1, 4, "errand", "0", 0.0)


def test_looking_ahead_gives_the_delay_of_each(rig: Rig) -> None:
    """What is due before the next tick is taken now, with the seconds that are still to go."""
    sleepers(rig, [-3, 0.25, 1.25, 1.75])
    delays = {wake.id: wake.delay for wake in due(rig, ahead=1.5)}
    assert delays == pytest.approx({"-3": 0.0, "0.25": 0.25, "1.25": 1.25})


def test_the_end_of_a_lease_is_not_looked_at_ahead(rig: Rig) -> None:
    """A nudge with a countdown would wait in a worker, perhaps in the one that dies, so it is sent when it is due."""
    sleepers(rig, [1])
    rig.sql("update wf.instance set status = 'running'")
    assert due(rig, ahead=1.5) == []
    rig.clock.advance(1)
    assert [wake.delay for wake in due(rig, ahead=1.5)] == [0.0]


def test_what_was_woken_is_due_again_later_and_later(rig: Rig) -> None:
    """A nudge without effect is repeated after 30 s, then after twice as long each time, up to 64 times that."""
    sleepers(rig, [0])
    waits = []
    for _ in range(9):
        assert len(due(rig)) == 1
        (at,) = due_after(rig)
        waits.append(at - (rig.clock.now() - START))
        assert due(rig) == []
        rig.clock.advance(waits[-1])
    assert waits == [30, 60, 120, 240, 480, 960, 1_920, 1_920, 1_920]


def test_progress_makes_the_alarm_patient_no_longer(rig: Rig) -> None:
    """After a commit the next repeated nudge comes as soon as the first one did."""
    instance = rig.create(Errand, params={"do": "sleep"})
    rig.lose_messages()
    for _ in range(3):
        rig.clock.advance(1_000)
        assert rig.workers[0].alarm.run_once() == 1
        rig.lose_messages()
    assert rig.sql("select nudges from wf.instance") == [(3,)]
    rig.pass_time(1_000)
    assert rig.sql("select nudges, status from wf.instance") == [(0, "waiting")]
    assert instance.describe().steps[0].name == "nap-1"


def test_a_batch_is_followed_by_the_next_one_when_the_queue_has_room(rig: Rig) -> None:
    """A tick wakes one batch, and goes on when half of that has been worked off, with as many as there is room for."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4})) as small:
        alarm = small.workers[0].alarm
        sleepers(rig, range(-7, 0))
        assert (alarm.run_once(), alarm.is_behind, small.queued()) == (4, True, 4)
        take(small, 1)
        assert alarm.wake_more() == 0
        take(small, 2)
        assert (alarm.wake_more(), small.queued()) == (3, 4)
        take(small, 4)
        assert (alarm.wake_more(), alarm.is_behind, small.queued()) == (0, False, 0)


def test_new_work_without_end_does_not_keep_sleepers_asleep(rig: Rig) -> None:
    """Though the queue is full whenever the alarm ticks, it wakes somebody."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4})) as small:
        for n in range(6):
            small.create(Errand, f"new-{n}")
        sleepers(rig, range(-7, 0))
        assert small.workers[0].alarm.run_once() == 1
        assert small.workers[0].alarm.wake_more() == 0


def test_what_comes_to_be_due_does_not_wait_for_a_crowd(rig: Rig) -> None:
    """Half of a batch have waited longest, the other half have just come to be due."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4})) as small:
        sleepers(rig, [-9, -8, -7, -6, -5, -4])
        assert small.workers[0].alarm.run_once() == 4
        assert due_after(rig)[:2] == [-7, -6]


def test_a_crowd_that_is_due_soon_is_not_sent_ahead(rig: Rig) -> None:
    """Between two ticks nothing gets a countdown, which takes no room in the queue: a crowd would come of it."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4})) as small:
        sleepers(rig, [0.5 + n / 100 for n in range(7)])
        assert small.workers[0].alarm.run_once() == 4
        small.take()
        assert small.workers[0].alarm.wake_more() == 0
        rig.clock.advance(1)
        small.clock.advance(1)
        assert small.workers[0].alarm.wake_more() == 3


def test_nobody_is_woken_while_redis_is_away(rig: Rig) -> None:
    """What could not be nudged stays due, as it was."""
    sleepers(rig, [-3])
    with Rig(rig.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as cut_off:
        assert cut_off.workers[0].alarm.run_once() == 0
    assert due_after(rig) == [-3]


def test_the_feeder_works_a_crowd_off_between_two_ticks(rig: Rig) -> None:
    """After one tick everybody is woken, a batch at a time, as room comes to be."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4, "alarm_tick": 30.0})) as small:
        sleepers(rig, range(-21, 0))
        owner, taken = small.workers[0], 0
        owner.tick()
        while taken < 21:
            wait_until(lambda: small.queued() > 0, what="there are nudges")
            assert small.queued() <= 4
            taken += len(small.take())
        assert taken == 21


def test_nothing_is_fed_while_redis_is_away(rig: Rig) -> None:
    """The next tick looks again; a feeder would only say the same once more, over and over."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4})) as small:
        alarm, dispatcher = small.workers[0].alarm, small.workers[0].dispatcher
        sleepers(rig, range(-9, 0))
        assert (alarm.run_once(), alarm.is_behind) == (4, True)
        with connect(rig.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as away:
            kept, dispatcher._redis = dispatcher._redis, away
            assert (alarm.run_once(), alarm.is_behind) == (0, False)
            dispatcher._redis = kept


def test_a_feeder_that_is_stopped_sends_what_it_has_taken(own_redis_settings: Settings) -> None:
    """Or a worker that ends in order would make a whole batch of sleepers late."""
    with Rig(own_redis_settings.model_copy(update={"alarm_batch": 4, "alarm_tick": 30.0})) as rig:
        sleepers(rig, range(-7, 0))
        owner = rig.workers[0]
        assert owner.alarm.run_once() == 4
        rig.take()
        rig.redis.client_pause(200, all=False)
        owner.feeder.go_on()
        wait_until(lambda: min(due_after(rig)) > 0, what="the others are taken")
        owner.feeder.stop()
        assert rig.queued() == 3


def test_a_feeder_without_a_thread_begins_at_the_next_tick(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be out of threads for a moment; its alarm must not be slow for ever."""
    with Rig(rig.settings.model_copy(update={"alarm_batch": 4, "alarm_tick": 30.0})) as small:
        sleepers(rig, range(-21, 0))
        owner = small.workers[0]
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", out_of_threads)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                owner.tick()
        taken = len(small.take())
        owner.tick()
        while taken < 21:  # two ticks wake no more than eight
            wait_until(lambda: small.queued() > 0, what="there are nudges")
            taken += len(small.take())


def out_of_threads(_: threading.Thread) -> None:
    """What Python says then."""
    raise RuntimeError("can't start new thread")


def test_the_alarm_publishes_with_a_countdown_what_is_not_due_yet(rig: Rig) -> None:
    """A message for an instance that is due within the next tick is held back by its countdown."""
    sleepers(rig, [0, rig.settings.alarm_tick * AHEAD - 0.1])
    rig.workers[0].alarm.run_once()
    assert len(rig.take()) == 1
    assert [at - START for at, _ in rig._delayed] == [pytest.approx(1.4, abs=0.3)]


def test_rows_that_somebody_holds_are_skipped(rig: Rig) -> None:
    """An instance whose row is locked is being moved on anyhow; the others do not wait for it."""
    sleepers(rig, [-2, -1])
    with psycopg.connect(rig.settings.database_url) as holder:
        holder.execute("select 1 from wf.instance where id = '-2' for update")
        assert [wake.id for wake in due(rig)] == ["-1"]
    assert [wake.id for wake in due(rig)] == ["-2"]


def test_two_alarms_at_once_wake_each_instance_once(rig: Rig) -> None:
    """However many alarms run at the same moment, no instance is taken twice."""
    sleepers(rig, range(-60, 0))
    alarms = [rig.in_thread(lambda: due(rig, limit=7)) for _ in range(8)]
    taken = [wake.id for alarm in alarms for wake in alarm.result(timeout=10)]
    taken += [wake.id for wake in due(rig)]
    assert sorted(taken, key=int) == [str(n) for n in range(-60, 0)]


def test_an_alarm_that_dies_before_it_publishes_loses_nothing(rig: Rig) -> None:
    """What it had taken is due again a little later."""
    instance = rig.create(Errand)
    rig.lose_messages()
    rig.clock.advance(rig.settings.renudge)
    assert len(due(rig)) == 1
    rig.pass_time(rig.settings.renudge)
    assert instance.status().status == "complete"


def test_an_instance_that_has_ended_is_never_due(rig: Rig) -> None:
    """Complete, errored or terminated: the alarm does not see it."""
    for id, doing in (("a", ""), ("b", "fail"), ("c", "sleep")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    rig.client.workflow(Errand).get("c").terminate()
    rig.clock.advance(1_000_000)
    assert rig.workers[0].alarm.run_once() == 0


def test_a_worker_stands_in_for_a_silent_alarm(rig: Rig) -> None:
    """Nobody has ever run it, or not for three ticks: then the worker's watch runs it, and goes on every tick."""
    sleepers(rig, [-1])
    watch = Watch(rig.workers[0])
    watch.look()
    assert (rig.queued(), watch._standing_in) == (1, True)
    sleepers(rig, [0.5])
    rig.clock.advance(rig.settings.alarm_tick)
    watch.look()
    assert rig.queued() == 2


@pytest.mark.parametrize("phase", range(10))
def test_a_worker_stands_in_within_four_ticks(rig: Rig, phase: int) -> None:
    """At whatever moment between two looks beat has died: a single worker notices in time."""
    watch, tick = Watch(rig.workers[0]), rig.settings.alarm_tick
    rig.workers[0].alarm.run_once()
    died = rig.clock.now()
    rig.clock.advance(watch.pause * phase / 10)
    watch.look()
    while not watch._standing_in:
        rig.clock.advance(watch.pause)
        watch.look()
    assert 2.5 * tick < rig.clock.now() - died <= 4 * tick


def test_a_worker_leaves_the_alarm_to_beat_while_it_ticks(rig: Rig) -> None:
    """A tick within the last three keeps the watch from running the alarm."""
    rig.workers[0].alarm.run_once()
    sleepers(rig, [-1])
    rig.clock.advance(2 * rig.settings.alarm_tick)
    watch = Watch(rig.workers[0])
    watch.look()
    assert (rig.queued(), watch._standing_in) == (0, False)
    rig.clock.advance(rig.settings.alarm_tick)
    watch.look()
    assert (rig.queued(), watch._standing_in) == (1, True)


def test_a_worker_stops_standing_in_when_beat_is_back(rig: Rig) -> None:
    """Once somebody else has ticked since its own last tick, the watch leaves the alarm to them."""
    watch = Watch(rig.workers[0])
    watch.look()
    assert watch._standing_in
    rig.clock.advance(rig.settings.alarm_tick * 0.95)
    rig.workers[0].journal.ticked()
    rig.clock.advance(rig.settings.alarm_tick * 0.05)
    watch.look()
    assert not watch._standing_in


def test_of_many_workers_one_stands_in_each_tick(rig: Rig) -> None:
    """A tick by one worker's watch silences the watches of the others."""
    watches = [Watch(rig.workers[0]) for _ in range(3)]
    for watch in watches:
        watch.look()
    assert [watch._standing_in for watch in watches] == [True, False, False]


def test_an_alarm_does_not_wait_for_a_journal_that_is_busy(rig: Rig) -> None:
    """With every row locked a tick wakes nobody, and returns at once."""
    sleepers(rig, [-1])
    with RowLock(rig.settings.database_url):
        assert rig.in_thread(rig.workers[0].alarm.run_once).result(timeout=5) == 0


def test_a_lost_publish_is_repeated_by_a_later_tick(rig: Rig) -> None:
    """Redis away while the alarm publishes: however long that takes, the next tick after it wakes the instance."""

    class Nap(WorkflowEntrypoint, name="alarm-nap"):
        async def run(self, event: Any, step: Any) -> None:
            await step.sleep("nap", 60)

    instance = rig.create(Nap)
    rig.settle()
    alarm = rig.workers[0].alarm
    away = rig.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    rig.clock.advance(60)
    alarm._dispatcher, kept = Dispatcher(away), alarm._dispatcher
    for _ in range(20):
        assert alarm.run_once() == 0
        rig.clock.advance(30)
    alarm._dispatcher = kept
    rig.pass_time(rig.settings.alarm_tick)
    assert instance.status().status == "complete"
