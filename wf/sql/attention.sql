-- What wants a human, at a price that does not grow with the number of instances. `only` names the workflows that the
-- asker may see; null means all. Among the instances in a status the newest are taken, by keys alone, before any row is
-- read; a status is written as a range, and ordered by, so that nothing but the index on (workflow, status, key) will do.

-- attention_errors: The newest errored instances, so many of each workflow and so many in all, with what was stored of
-- their errors, unless that is too big.
select
  i.workflow, i.id, i.ended_at, i.restart_at,
  (select case when octet_length(p.error) <= %(bytes)s then p.error end from wf.payload p where p.instance = i.key),
  newest.place
from (
  select found.key, found.place
  from wf.workflow w cross join lateral (
    select key, row_number() over (order by status desc, key desc) as place
    from wf.instance
    where workflow = w.name and status >= 'errored' and status <= 'errored'
    order by status desc, key desc
    limit %(each)s
  ) found
  where %(only)s::text[] is null or w.name = any(%(only)s)
  order by found.key desc
  limit %(limit)s
) newest
cross join lateral (
  select workflow, id, key, status, ended_at, restart_at from wf.instance where key = newest.key
  offset 0  -- one look-up an instance: else the planner, who does not know how few they are, reads the whole table
) i
where i.status = 'errored'
order by i.key desc

-- attention_lost: Attempts that have lost their worker within so many seconds, the newest first, and how often their
-- steps have lost it. How many were looked at, of any workflow, stands in every row; without an attempt there is one row.
with newest as materialized (
  select instance, generation, seq, attempt, worker, ended_at
  from wf.attempt
  where outcome = 'lost' and ended_at >= coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(within)s)
  order by ended_at desc
  limit %(cap)s
), shown as (
  select i.workflow, i.id, i.status, s.name, s.count, a.attempt, a.worker, a.ended_at, s.lost
  from newest a
  cross join lateral (select workflow, id, status from wf.instance where key = a.instance offset 0) i
  cross join lateral (
    select name, count, lost from wf.step
    where instance = a.instance and generation = a.generation and seq = a.seq
    offset 0
  ) s
  where %(only)s::text[] is null or i.workflow = any(%(only)s)
)
select shown.*, (select count(*) from newest)
from (select 1) always left join shown on true
order by shown.ended_at desc

-- attention_waits: Waits for events, the soonest deadline first, of the newest instances that wait, and among the
-- `depth` newest steps of each and `budget` steps in all. The number of all these waits, and whether there may be others,
-- stand in every row; without a wait there is one row.
with newest as materialized (
  select found.key
  from wf.workflow w cross join lateral (
    select key
    from wf.instance
    where workflow = w.name and status >= 'waiting' and status <= 'waiting'
    order by status desc, key desc
    limit %(cap)s
  ) found
  where %(only)s::text[] is null or w.name = any(%(only)s)
  order by found.key desc
  limit %(cap)s
), looked as materialized (
  select i.*, sum(least(i.seq, %(depth)s)) over (order by i.key desc) as reads
  from newest
  cross join lateral (
    select key, generation, seq, workflow, id from wf.instance where key = newest.key and status = 'waiting' offset 0
  ) i
), open as materialized (
  select i.workflow, i.id, s.name, s.count, s.config, s.started_at, s.wake_at
  from looked i
  cross join lateral (
    select kind, name, count, config, status, started_at, wake_at
    from wf.step
    where instance = i.key and generation = i.generation
    order by seq desc
    limit %(depth)s
  ) s
  where i.reads <= %(budget)s and s.kind = 'waitForEvent' and s.status = 'waiting'
)
select
  o.workflow, o.id, o.name, o.count, o.config ->> 'type', o.started_at, o.wake_at,
  (select count(*) from open),
  (select count(*) from newest) = %(cap)s
  or exists (select from looked where seq > %(depth)s or reads > %(budget)s)
from (select 1) always left join (select * from open order by wake_at, workflow, id limit %(limit)s) o on true
order by o.wake_at, o.workflow, o.id

-- attention_late: Live instances that were due so many seconds ago, the longest ago first. How many were looked at, of
-- any workflow, stands in every row; without an instance there is one row.
with due as materialized (
  select workflow, id, status, due_at, nudges
  from wf.instance
  where due_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(after)s)
  order by due_at
  limit %(cap)s
), shown as (
  select * from due where %(only)s::text[] is null or workflow = any(%(only)s)
)
select shown.*, (select count(*) from due)
from (select 1) always left join shown on true
order by shown.due_at

-- attention_paused: Every workflow, and how many of its instances are paused, up to a cap.
select w.name, c.number
from wf.workflow w cross join lateral (
  select count(*) as number
  from (
    select
    from wf.instance i
    where i.workflow = w.name and i.status >= 'paused' and i.status <= 'paused'
    order by i.status, i.key
    limit %(cap)s
  ) counted
) c
where %(only)s::text[] is null or w.name = any(%(only)s)
order by w.name

-- attention_halted: The newest paused instances that hold an error, which is stored only when the engine has paused them.
with newest as materialized (
  select found.key
  from wf.workflow w cross join lateral (
    select key
    from wf.instance
    where workflow = w.name and status >= 'paused' and status <= 'paused'
    order by status desc, key desc
    limit %(cap)s
  ) found
  where %(only)s::text[] is null or w.name = any(%(only)s)
  order by found.key desc
  limit %(cap)s
)
select i.workflow, i.id, i.paused_at, p.error
from newest
cross join lateral (select workflow, id, paused_at from wf.instance where key = newest.key and status = 'paused' offset 0) i
cross join lateral (
  select case when octet_length(error) <= %(bytes)s then error end as error
  from wf.payload where instance = newest.key and error is not null
  offset 0
) p
order by newest.key desc
