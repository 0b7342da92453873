-- Restarts, by clients and by the reaper.

-- restart_due: Errored instances whose policy says: again, now.
select key, workflow, id, generation, restarts, restart_from_start
from wf.instance
where restart_at <= coalesce(to_timestamp(%(now)s), now())
order by restart_at, key
limit %(limit)s offset %(failed)s

-- instance_restart: A new generation of an ended instance, from the start or from what failed.
-- What is kept is a prefix of history: everything before the last failure or fired timeout. A prefix replays as it ran; a choice of rows by their status would give results to the wrong steps.
with target as (
  select key, generation, workflow, id, last_rev from wf.instance
  where key = %(key)s and generation = %(generation)s and status in ('complete', 'errored', 'terminated')
  for update
), history as (
  select step.rev, step.status, step.kind, step.config
  from wf.step join target on step.instance = target.key and step.generation = target.generation
  where step.status in ('complete', 'errored') and step.rev <= target.last_rev
), cut as (
  select coalesce(
    max(rev) filter (where status = 'errored' or (kind = 'timer' and config is not null)),
    9223372036854775807
  ) as rev
  from history
), kept as (
  update wf.step
  set generation = target.generation + 1
  from target, cut
  where %(keep)s and step.instance = target.key and step.generation = target.generation
    and step.status in ('complete', 'errored') and step.rev < cut.rev
  returning seq
), tried as (
  update wf.attempt
  set generation = target.generation + 1
  from target
  where attempt.instance = target.key and attempt.generation = target.generation and seq in (select seq from kept)
), released as (
  update wf.event
  set consumed_by = null
  from target
  where %(keep)s and event.instance = target.key and consumed_by is not null
    and consumed_by not in (select seq from kept)
  returning event.id
), forgotten as (
  delete from wf.event using target where not %(keep)s and event.instance = target.key
), wiped as (
  update wf.payload set output = null, error = null, warnings = null from target where payload.instance = target.key
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select %(actor)s, 'restart', workflow, id, %(detail)s from target
)
update wf.instance
set
  generation = target.generation + 1, rev = rev + 1, status = 'queued', nudges = 0, restarts = restarts + %(counted)s,
  seq = case when %(keep)s then seq else 0 end,
  inbox = case when %(keep)s then inbox + (select count(*) from released) else 0 end,
  due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s),
  restart_at = null, started_at = null, ended_at = null
from target
where instance.key = target.key
returning instance.generation, instance.rev

-- restart_forget: What the generations before the last restart left behind.
with gone as (
  delete from wf.step where instance = %(key)s and generation < %(generation)s
)
delete from wf.attempt where instance = %(key)s and generation < %(generation)s
