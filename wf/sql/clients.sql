-- What clients run: create, send, look.

-- instance_create: A new instance with its parameters, due at once or when its nudge must be repeated. Without a
-- version it gets the newest one that workers registered.
with made as (
  insert into wf.instance (workflow, id, version, trigger, created_at, due_at)
  select
    %(workflow)s, %(id)s, version, %(trigger)s, coalesce(to_timestamp(%(now)s), now()),
    coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
  from (
    select coalesce(%(version)s, (select version from wf.workflow where name = %(workflow)s)) as version
  ) as chosen
  where version is not null
  on conflict (workflow, id) do nothing
  returning key
)
insert into wf.payload (instance, params)
select key, %(params)s from made
returning instance

-- event_accept: An event for a live instance: stored, counted, and the instance due at once, in one commit.
with live as (
  select key from wf.instance
  where workflow = %(workflow)s and id = %(id)s and status = any(cast(%(accepting)s as text[]))
  for update
), stored as (
  insert into wf.event (instance, type, payload, event_id, accepted_at)
  select key, %(type)s, %(payload)s, %(event_id)s, coalesce(to_timestamp(%(now)s), now()) from live
  on conflict (instance, event_id) where event_id is not null do nothing
  returning id, instance, accepted_at
)
update wf.instance
set
  rev = rev + 1, inbox = inbox + 1,
  due_at = case
    when due_at is null then null
    else least(due_at, coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s))
  end
from stored
where key = stored.instance
returning stored.id, key, generation, rev, extract(epoch from stored.accepted_at)::float8

-- workflow_register: A worker knows this workflow, in this version.
insert into wf.workflow (name, version, versions, settings)
values (
  %(name)s, %(version)s, jsonb_build_object(%(version)s::text, extract(epoch from now())), %(settings)s
)
on conflict (name) do update
set versions = workflow.versions || excluded.versions, modified_at = now()
returning versions

-- workflow_newest: This version is the newest; nothing happens if another one has been registered meanwhile.
update wf.workflow
set version = %(version)s, settings = %(settings)s
where name = %(name)s and versions = %(versions)s
returning name

-- workflow_known: Every workflow that a worker has registered, with its newest version.
select name, version, versions, settings from wf.workflow order by name

-- instance_key: The key of an instance.
select key, status, generation, rev from wf.instance where workflow = %(workflow)s and id = %(id)s

-- instance_read: Everything about an instance but its steps.
select
  i.key, i.workflow, i.id, i.version, i.status, i.trigger, i.generation, i.rev, i.restarts, i.due_at, i.restart_at,
  i.created_at, i.started_at, i.ended_at, p.params, p.output, p.error, p.warnings
from wf.instance i join wf.payload p on p.instance = i.key
where i.workflow = %(workflow)s and i.id = %(id)s

-- instance_outcome: What an instance has come to, without its params: they may be big.
select i.status, p.output, p.error
from wf.instance i join wf.payload p on p.instance = i.key
where i.workflow = %(workflow)s and i.id = %(id)s

-- step_list: The steps of an instance in the order in which they were asked for.
select
  seq, kind, name, count, status, config, attempt, lost, worker, output, error, wake_at, started_at, attempt_at, ended_at
from wf.step
where instance = %(key)s and generation = %(generation)s
order by seq

-- attempt_list: The failed and lost attempts of an instance.
select seq, attempt, outcome, error, worker, started_at, ended_at, retry_at
from wf.attempt
where instance = %(key)s and generation = %(generation)s
order by seq, attempt
