-- What goes on now, at a price that does not grow with the number of instances: every part looks at `cap` rows at most.
-- `only` names the workflows that the asker may see; null means all. A status is written as a range, and ordered
-- by, so that nothing but the index on (workflow, status, key) will do: in the order of keys alone, the few instances
-- that run would be looked for among all that ever did.

-- overview_statuses: How many instances are in each of some statuses.
select s.status, c.number
from unnest(%(statuses)s::text[]) as s (status) cross join lateral (
  select count(*) as number
  from (
    select
    from wf.workflow w cross join lateral (
      select from wf.instance i
      where i.workflow = w.name and i.status >= s.status and i.status <= s.status
      order by i.status, i.key
      limit %(cap)s
    ) found
    where %(only)s::text[] is null or w.name = any(%(only)s)
    limit %(cap)s
  ) counted
) c
where c.number > 0

-- overview_due: How many instances are due between two times, in seconds from now.
select span.name, c.number
from unnest(%(names)s::text[], %(froms)s::float8[], %(tos)s::float8[]) as span (name, since, until)
cross join lateral (
  select count(*) as number
  from (
    select from wf.instance
    where due_at >= coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => span.since)
      and due_at < coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => span.until)
    order by due_at
    limit %(cap)s
  ) due
) c

-- overview_wakes: Who wakes up next, and from what, if one of its newest steps tells.
select i.workflow, i.id, i.due_at, s.kind, s.name, s.count, s.wake_at
from (
  select key, generation, workflow, id, status, due_at
  from wf.instance
  where due_at is not null
  order by due_at
  limit %(cap)s
) i
left join lateral (
  select kind, name, count, wake_at
  from (
    select kind, name, count, status, wake_at
    from wf.step
    where instance = i.key and generation = i.generation
    order by seq desc
    limit 100
  ) newest
  where status in ('waiting', 'retrying')
  order by wake_at
  limit 1
) s on true
where i.status = 'waiting' and (%(only)s::text[] is null or i.workflow = any(%(only)s))
order by i.due_at
limit %(limit)s

-- overview_steps: The steps that run, the newest ones in full; how many each worker runs, and how many instances of each
-- workflow were looked at, stand in every row.
with live as (
  select i.*
  from wf.workflow w cross join unnest(%(statuses)s::text[]) as s (status) cross join lateral (
    select key, generation, workflow, id
    from wf.instance
    where workflow = w.name and status >= s.status and status <= s.status
    order by status desc, key desc
    limit %(cap)s
  ) i
  where %(only)s::text[] is null or w.name = any(%(only)s)
  limit %(cap)s
), running as materialized (
  select l.workflow, l.id, s.name, s.count, s.attempt, s.worker, s.attempt_at, s.wake_at
  from live l cross join lateral (
    select * from wf.step
    -- A range, as above: where a few instances have most of the steps, the planner would read the whole table for each.
    where instance between l.key and l.key and generation = l.generation and status = 'running'
    offset 0  -- one look-up an instance: else the planner, who does not know how few run, reads the whole table
  ) s
)
select
  workflow, id, name, count, attempt, worker, attempt_at, wake_at,
  (select jsonb_object_agg(worker, number) from (select worker, count(*) as number from running group by 1) each)
from running
order by attempt_at desc
limit %(limit)s

-- overview_tick: The time, and when the alarm last ran.
select coalesce(to_timestamp(%(now)s), now()), (select ticked_at from wf.tick where name = 'alarm')
