-- Worker processes, for people to see.

-- worker_seen: A sign of life. Whoever has not given one for a day is forgotten.
with forgotten as (
  delete from wf.worker
  where seen_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(kept)s) and name <> %(name)s
)
insert into wf.worker (name, queue, pool, concurrency, workflows, release, started_at, seen_at)
select
  %(name)s, %(queue)s, %(pool)s, %(concurrency)s, %(workflows)s, %(release)s, at, at
from coalesce(to_timestamp(%(now)s), now()) as at
on conflict (name) do update
set
  queue = excluded.queue, pool = excluded.pool, concurrency = excluded.concurrency, workflows = excluded.workflows,
  release = excluded.release, seen_at = excluded.seen_at

-- worker_gone: It has stopped in order.
delete from wf.worker where name = %(name)s

-- worker_list: Every worker that has been seen of late.
select
  name, queue, pool, concurrency, workflows, release, started_at, seen_at,
  seen_at > coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(silence)s)
from wf.worker
order by name
