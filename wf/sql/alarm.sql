-- What the alarm runs.

-- alarm_due: Wake what is due, and what waits and will be due before the next tick; look again later if that has no effect.
-- The end of a lease is not looked at ahead: a nudge with a countdown would wait in the memory of a worker, and perhaps of
-- the one that is about to be killed. Both ends of what is due are taken: whatever comes to be due while a crowd is worked
-- off does not wait for all of it.
with oldest as (
  select key, due_at as was from wf.instance
  where due_at <= coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(ahead)s)
    and (status = 'waiting' or due_at <= coalesce(to_timestamp(%(now)s), now()))
  order by due_at
  limit %(oldest)s
  for update skip locked
), latest as (
  select key, due_at as was from wf.instance
  where due_at <= coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(ahead)s)
    and (status = 'waiting' or due_at <= coalesce(to_timestamp(%(now)s), now()))
  order by due_at desc
  limit %(latest)s
  for update skip locked
), due as (
  select key, was from oldest
  union
  select key, was from latest
)
update wf.instance
set
  nudges = nudges + 1,
  due_at = greatest(due.was, coalesce(to_timestamp(%(now)s), now()))
    + make_interval(secs => %(renudge)s * power(2, least(nudges, 6)))
from due
where instance.key = due.key
  and instance.key = any(array(select key from due))  -- else the planner, who cannot see the limit, reads the whole table
returning
  instance.key, instance.generation, instance.rev, instance.workflow, instance.id,
  greatest(extract(epoch from due.was - coalesce(to_timestamp(%(now)s), now())), 0)::float8

-- alarm_undo: The nudges could not be published: due again at the next tick, as if nobody had looked.
update wf.instance
set
  nudges = greatest(nudges - 1, 0),
  due_at = least(due_at, coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s))
where key in (select key from wf.instance where key = any(%(keys)s) and due_at is not null for update skip locked)

-- alarm_ticked: The alarm has run, or another task of beat; the answer is when.
insert into wf.tick (name, ticked_at) values (%(name)s, coalesce(to_timestamp(%(now)s), now()))
on conflict (name) do update set ticked_at = excluded.ticked_at
returning extract(epoch from ticked_at)::float8

-- alarm_silent: Whether the alarm has not run for so many seconds.
select not exists (
  select 1 from wf.tick
  where name = 'alarm' and ticked_at > coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(silence)s)
)
