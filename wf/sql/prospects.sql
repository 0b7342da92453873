-- What an action would come to, for people who are about to do it. Each statement reads rows of one instance by their
-- primary key; an instance has WF_MAX_STEPS of them at most.

-- prospect_look: Where an instance stands.
select key, version, status, generation from wf.instance where workflow = %(workflow)s and id = %(id)s

-- prospect_running: The steps that run now, in the order in which they were asked for; and how many there are.
select kind, name, count, status, count(*) over ()
from wf.step
where instance = %(key)s and generation = %(generation)s and status = 'running'
  and wake_at > coalesce(to_timestamp(%(now)s), now())
order by seq
limit %(limit)s

-- prospect_undone: The steps whose rollback handlers a rollback would run, in that order; and how many there are.
select kind, name, count, status, count(*) over ()
from wf.step
where instance = %(key)s and generation = %(generation)s and kind = 'do' and attempt > 0
  and config ->> 'rollback' = 'true'
order by seq desc
limit %(limit)s

-- prospect_steps: The steps from which it can be restarted, the newest first.
select kind, name, count, status
from wf.step
where instance = %(key)s and generation = %(generation)s and kind in ('do', 'sleep', 'waitForEvent')
  and status <> 'cancelled'
order by seq desc
limit %(limit)s

-- prospect_failed: The one of them that failed last.
select kind, name, count, status
from wf.step
where instance = %(key)s and generation = %(generation)s and kind in ('do', 'sleep', 'waitForEvent')
  and status = 'errored'
order by rev desc
limit 1

-- prospect_step: One of them.
select kind, name, count, status
from wf.step
where instance = %(key)s and generation = %(generation)s and kind = %(kind)s and name = %(name)s
  and count = %(count)s and status <> 'cancelled'

-- prospect_waits: The waits for events that are open, in the order in which they were asked for.
select config ->> 'type', name, count, wake_at
from wf.step
where instance = %(key)s and generation = %(generation)s and kind = 'waitForEvent' and status = 'waiting'
order by seq
limit %(limit)s

-- prospect_params: Its params, as they are stored.
select params from wf.payload where instance = %(key)s

-- prospect_room: How many instances of a workflow may run at once, null for any number; and whether a new one would get
-- a slot now, as slot_take gives it.
select
  w.concurrency,
  exists (
    select from wf.slot where workflow = w.name and instance is null and number <= w.concurrency
  ) and not exists (select from wf.instance where workflow = w.name and queued_at is not null)
from wf.workflow w
where w.name = %(workflow)s
