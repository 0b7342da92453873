-- What tests of workflows ask (wf.testing).

-- testing_instance: Where an instance stands.
select key, status, generation, rev, started_at is not null
from wf.instance
where workflow = %(workflow)s and id = %(id)s

-- testing_step: How far a step has come.
select step.status, step.output, step.error, step.config
from wf.step
join wf.instance on instance.key = step.instance and instance.generation = step.generation
where instance.key = %(key)s and step.kind = 'do' and step.name = %(name)s and step.count = %(count)s

-- testing_open: What an instance waits for, in the order in which `run` asked.
select step.kind, step.name, step.count, step.status, extract(epoch from step.wake_at)::float8, step.config->>'type'
from wf.step
join wf.instance on instance.key = step.instance and instance.generation = step.generation
where instance.key = %(key)s and step.status in ('ready', 'running', 'retrying', 'waiting')
order by step.seq
limit 5

-- testing_created: The instances of a workflow that were created after another one.
select key, id from wf.instance where workflow = %(workflow)s and key > %(after)s order by key

-- testing_newest: The last instance that was created.
select coalesce(max(key), 0) from wf.instance

-- testing_due: When something is to be done next by itself: an instance is due, is restarted by the reaper, or is created
-- by a schedule.
select extract(epoch from least(
  (select min(due_at) from wf.instance where due_at is not null),
  (select min(restart_at) from wf.instance where restart_at is not null),
  (select min(next_at) from wf.schedule)
))::float8

-- testing_lease_end: The worker of an attempt is dead, so its lease is over now instead of later.
with ended as (
  update wf.step set wake_at = to_timestamp(%(now)s) where lease = %(lease)s returning instance
)
update wf.instance set due_at = to_timestamp(%(now)s) from ended where key = ended.instance and due_at is not null

-- testing_reset: A journal without instances, as for the next test; the workflows that are kept stay registered.
with
  gone_instances as (delete from wf.instance returning key),
  gone_payloads as (delete from wf.payload returning instance),
  gone_steps as (delete from wf.step returning instance),
  gone_attempts as (delete from wf.attempt returning instance),
  gone_lines as (delete from wf.line returning instance),
  gone_events as (delete from wf.event returning id),
  gone_transitions as (delete from wf.transition returning instance),
  free_slots as (update wf.slot set instance = null where instance is not null returning number),
  gone_schedules as (delete from wf.schedule returning cron),
  gone_ticks as (delete from wf.tick returning name),
  gone_audit as (delete from wf.audit returning id),
  gone_jobs as (delete from wf.job returning id),
  gone_sessions as (delete from wf.session returning hash),
  gone_tokens as (delete from wf.token returning id),
  gone_workers as (delete from wf.worker returning name),
  gone_metrics as (delete from wf.metric returning workflow),
  gone_versions as (delete from wf.version where workflow <> all(%(kept)s) returning workflow)
delete from wf.workflow where name <> all(%(kept)s) or overrides <> '{}' or breaker is not null returning name

-- testing_unschedule: No schedule fires.
delete from wf.schedule returning cron

-- testing_seed: What an instance draws its random numbers from.
update wf.payload set seed = %(seed)s
from wf.instance
where payload.instance = instance.key and workflow = %(workflow)s and instance.id = %(id)s
returning payload.instance

-- testing_owed: The types of event for which an instance waits while none is on its way, and how many mocked ones it has had.
select
  open.type,
  (
    select count(*) from wf.event
    where event.instance = %(key)s and event.type = open.type and starts_with(event.event_id, %(prefix)s)
  )
from (
  select distinct step.config ->> 'type' as type
  from wf.step
  join wf.instance on instance.key = step.instance and instance.generation = step.generation
  where instance.key = %(key)s and step.kind = 'waitForEvent' and step.status = 'waiting'
) open
where not exists (
  select 1 from wf.event where event.instance = %(key)s and event.type = open.type and consumed_by is null
)

-- testing_passed: Whether an instance has come by a status since a fact of it.
select exists (select 1 from wf.transition where instance = %(key)s and rev > %(rev)s and status = %(status)s)
