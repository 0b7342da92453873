-- Breakers: a workflow whose instances fail too often pauses. `wf.workflow.breaker` holds the last change, and in
-- `admits` how many instances may run at once (slots.sql). What happens when stands in wf/breaker.py; a change is fenced
-- by the one before it, so two reapers at once make it once. These statements lock a row of wf.workflow and no other.

-- breaker_look: The workflows that have a breaker, or had one when it was not closed, with what was counted since it
-- changed, or within the window if that begins later. It reads a row a minute, of the window or, at most, of six hours.
with clock as materialized (
  select coalesce(to_timestamp(%(now)s), now()) as at
), guarded as (
  select
    name, settings -> 'breaker' as policy, breaker, extract(epoch from clock.at)::float8 as now,
    to_timestamp(floor(extract(epoch from clock.at) / 60) * 60) as running,
    to_timestamp(floor((breaker ->> 'since')::float8 / 60) * 60) as changed,
    to_timestamp(floor(greatest(
      (breaker ->> 'since')::float8,
      case
        when breaker ->> 'state' = 'probing' then null
        else extract(epoch from clock.at)::float8 - (settings -> 'breaker' ->> 'within')::float8
      end
    ) / 60) * 60) as start
  from wf.workflow, clock
  where (settings -> 'breaker' is not null or breaker is not null)
    and (%(workflow)s::text is null or name = %(workflow)s)
)
select g.name, g.policy, g.breaker, g.now, m.errored, m.completed, m.errored_now, m.completed_now
from guarded g cross join lateral (
  select
    -- what had been counted when it changed, in the minute in which it did, was before
    coalesce(sum(
      greatest(errored - case when at = g.changed then (g.breaker ->> 'errored')::bigint else 0 end, 0)
    ), 0)::bigint as errored,
    coalesce(sum(
      greatest(completed - case when at = g.changed then (g.breaker ->> 'completed')::bigint else 0 end, 0)
    ), 0)::bigint as completed,
    coalesce(sum(errored) filter (where at = g.running), 0)::bigint as errored_now,
    coalesce(sum(completed) filter (where at = g.running), 0)::bigint as completed_now
  from wf.metric
  where span = 60 and workflow = g.name and at >= g.start
) m
order by g.name

-- breaker_change: A breaker opens, probes, closes, or is forgotten, unless it has changed since it was looked at.
with changed as (
  update wf.workflow
  set breaker = %(after)s
  where name = %(workflow)s and breaker is not distinct from %(seen)s::jsonb
  returning name
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select %(actor)s, %(action)s, name, '', %(detail)s from changed where %(action)s::text is not null
)
select name from changed

-- breaker_list: Breakers that are not closed, or the one of a workflow, with how many instances wait, up to a cap.
select
  w.name, coalesce(w.breaker ->> 'state', 'closed'), to_timestamp((w.breaker ->> 'since')::float8),
  to_timestamp((w.breaker ->> 'until')::float8), coalesce((w.breaker ->> 'failures')::integer, 0),
  coalesce((w.breaker ->> 'times')::integer, 0), w.settings -> 'breaker', q.number
from wf.workflow w cross join lateral (
  select count(*) as number
  from (
    select from wf.instance where workflow = w.name and queued_at is not null
    order by queue_class, queued_at, key
    limit %(cap)s
  ) waiting
) q
where (%(only)s::text[] is null or w.name = any(%(only)s))
  and (%(closed)s or w.breaker ->> 'state' in ('open', 'probing'))
order by w.name
