-- Slots: how many instances of a workflow may run at once. A slot is a row, so the limit holds whatever else happens, and
-- a free one is given by rank: who came back from a wait goes before who never ran, then first come, first served.
--
-- The number that may run is everywhere `coalesce((breaker ->> 'admits')::integer, concurrency)`: none while the breaker
-- of the workflow is open, one while it probes (breakers.sql), else the limit; null means any number.

-- slot_sync: The slots of a workflow are as many as its limit says; more that are in use go when they are given back.
with wanted as (
  select name, coalesce((breaker ->> 'admits')::integer, concurrency) as number
  from wf.workflow
  where name = %(workflow)s
), surplus as (
  delete from wf.slot using wanted
  where slot.workflow = wanted.name and slot.number > coalesce(wanted.number, 0) and instance is null
), unlimited as (
  update wf.instance
  set queued_at = null, queue_class = null, due_at = coalesce(to_timestamp(%(now)s), now())
  from wanted
  where wanted.number is null and instance.workflow = wanted.name and queued_at is not null
)
insert into wf.slot (workflow, number)
select name, generate_series(1, number) from wanted
on conflict do nothing

-- slot_take: The slot that an instance holds already, or a free one if nobody waits for it. Without a limit none is needed:
-- the workflow only has a breaker, an older version asks that had a limit, or the workflow was removed meanwhile.
with mine as (
  select number from wf.slot where instance = %(key)s
), free as (
  select slot.workflow, slot.number
  from wf.slot
  where slot.workflow = %(workflow)s and instance is null
    and slot.number <= (
      select coalesce((breaker ->> 'admits')::integer, concurrency) from wf.workflow where name = %(workflow)s
    )
    and not exists (select 1 from mine)
    and (  -- ordered, so that nothing but the index of the queue will do, however many wait in other workflows
      select true from wf.instance
      where workflow = %(workflow)s and queued_at is not null
      order by queue_class, queued_at, key
      limit 1
    ) is null
  order by slot.number
  limit 1
  for update skip locked
), taken as (
  update wf.slot
  set instance = %(key)s, taken_at = coalesce(to_timestamp(%(now)s), now())
  from free
  where slot.workflow = free.workflow and slot.number = free.number
  returning slot.number
)
select number from mine
union all
select number from taken
union all
select 0
where not exists (
  select 1 from wf.workflow
  where name = %(workflow)s and coalesce((breaker ->> 'admits')::integer, concurrency) is not null
)

-- slot_wait: No slot is free: the instance is queued until it is given one.
with fence as (
  select key, status from wf.instance where key = %(key)s and rev = %(rev)s for update
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, %(rev)s + 1, 'queued', coalesce(to_timestamp(%(now)s), now()) from fence where status <> 'queued'
)
update wf.instance
set
  rev = rev + case when fence.status = 'queued' then 0 else 1 end, status = 'queued', nudges = 0,
  queued_at = coalesce(queued_at, to_timestamp(%(now)s), now()),
  queue_class = case when started_at is null then 1 else 0 end,
  due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
from fence
where instance.key = fence.key
returning instance.rev

-- slot_grant: Give the free slots of a workflow to those who have waited; they are nudged.
with free as (
  select number, row_number() over (order by number) as place
  from (
    select number from wf.slot
    where workflow = %(workflow)s and instance is null
      and number <= (
        select coalesce((breaker ->> 'admits')::integer, concurrency) from wf.workflow where name = %(workflow)s
      )
    order by number
    for update skip locked
  ) as slots
), next as (
  select key, row_number() over (order by queue_class, queued_at, key) as place
  from (
    select key, queue_class, queued_at from wf.instance
    where workflow = %(workflow)s and queued_at is not null and status = 'queued'
    order by queue_class, queued_at, key
    limit (select count(*) from free)
    for update skip locked
  ) as waiting
), given as (
  update wf.slot
  set instance = next.key, taken_at = coalesce(to_timestamp(%(now)s), now())
  from free join next using (place)
  where slot.workflow = %(workflow)s and slot.number = free.number
  returning slot.instance as key
)
update wf.instance
set
  queued_at = null, queue_class = null,
  due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
from given
where instance.key = given.key and instance.key = any(array(select key from given))
returning instance.key, instance.generation, instance.rev, instance.workflow, instance.id, 0::float8

-- slot_release: Those who wait although any number may run go on, in their order, so many at once: a breaker has closed.
with next as (
  select key from wf.instance
  where workflow = %(workflow)s and queued_at is not null
    and (
      select coalesce((breaker ->> 'admits')::integer, concurrency) is null from wf.workflow where name = %(workflow)s
    )
  order by queue_class, queued_at, key
  limit %(limit)s
  for update skip locked
), released as (
  update wf.instance
  set
    queued_at = null, queue_class = null,
    due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
  from next
  where instance.key = next.key and instance.key = any(array(select key from next))
  returning instance.key, instance.generation, instance.rev, instance.workflow, instance.id
)
select key, generation, rev, workflow, id, 0::float8
from released join (select key, row_number() over () as place from next) as ranked using (key)
order by place

-- slot_sweep: Workflows that have a free slot and somebody who waits for one: a nudge or a worker was lost. Slots that
-- nobody uses any more are given back first, and the second one of an instance that took two at the same moment.
with healed as (
  update wf.slot
  set instance = null
  where instance is not null
    and (
      number > (select min(first.number) from wf.slot as first where first.instance = slot.instance)
      -- One that waits may have taken it to begin a step. What has ended was moved while a worker took it, seconds ago.
      or taken_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(
        -- a subquery that gives a value is looked up slot by slot; a join might read all instances
        secs => case when (select status from wf.instance where key = slot.instance) = 'waiting' then %(idle)s else 1 end
      )
      and coalesce((select status from wf.instance where key = slot.instance), 'gone') = any(%(idle_statuses)s::text[])
    )
  returning workflow
)
select distinct slot.workflow
from wf.slot
where (instance is null or workflow in (select workflow from healed))
  and (select true from wf.instance where workflow = slot.workflow and queued_at is not null limit 1)
