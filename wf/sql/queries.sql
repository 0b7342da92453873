-- The statements of the engine. One statement is one round trip and one commit.
--
-- Lock order, everywhere: instance, then step, then event, then payload. A statement that locks rows of several instances
-- does not wait for any (`skip locked`), so that no order among them is needed: `alarm_due` takes what is free, and
-- `lease_extend`, the only one to lock steps without their instance, leaves alone what is just being written.
-- Time is coalesce(to_timestamp(%(now)s), now()): the database's clock, or the one a test injects.
-- Fences: `generation` and `rev` of the instance, the `lease` token of an attempt. No row back means "not mine any more".

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

-- instance_load: The hot row, and the step rows that changed since the cached pass; with the params if nothing has run.
select
  i.workflow, i.id, i.version, i.status, i.generation, i.rev, i.seq, i.inbox, i.restarts,
  extract(epoch from i.due_at)::float8, extract(epoch from i.created_at)::float8,
  extract(epoch from coalesce(to_timestamp(%(now)s), clock_timestamp()))::float8,
  s.seq, s.kind, s.name, s.count, s.status, s.config, s.attempt, s.lost, s.lease,
  extract(epoch from s.wake_at)::float8, extract(epoch from s.ended_at)::float8, s.rev, s.output, s.error,
  case when %(seen)s = 0 and s.seq is null then (select p.params from wf.payload p where p.instance = i.key) end
from wf.instance i
left join wf.step s
  on s.instance = i.key and s.generation = i.generation and s.seq >= %(from_seq)s
  and (s.rev > %(seen)s or s.lease is not null)  -- a heartbeat is no fact and leaves rev alone
where i.key = %(key)s
order by s.rev

-- instance_params: What `run` is handed, read when a pass begins.
select params from wf.payload where instance = %(key)s

-- commit_fence: First part of every commit by `advance`: the instance moves from one rev to the next, or nothing happens.
with fence as (
  update wf.instance
  set
    rev = %(rev_after)s, seq = %(seq)s, status = %(status)s, inbox = inbox - %(taken)s, nudges = 0,
    due_at = case
      when due_at between to_timestamp(%(keep_from)s) and to_timestamp(%(due_at)s) then due_at
      else to_timestamp(%(due_at)s)
    end,
    started_at = coalesce(
      started_at, case when %(rev_after)s > %(rev)s or %(ended_at)s::float8 is not null then to_timestamp(%(at)s) end
    ),
    ended_at = to_timestamp(%(ended_at)s),
    restart_at = to_timestamp(%(restart_at)s), restart_from_start = %(restart_from_start)s, last_rev = %(last_rev)s
  where key = %(key)s and generation = %(generation)s and rev = %(rev)s

-- commit_unconsumed: A condition more, when events are consumed: each must still be there.
    and (
      select count(*) from wf.event where id = any(%(events)s) and instance = %(key)s and consumed_by is null
    ) = %(taken)s

-- commit_fenced: End of the first part.
  returning key, generation
)

-- commit_rows: Middle part: the step rows that changed. The journal fills in VALUES with a few rows, or `commit_many`.
, rows (
  seq, kind, name, count, status, config, attempt, lost, lease, output, error, wake_at, ended_at, rev, failure
) as (/* rows */)
, written as (
  insert into wf.step as s (
    instance, generation, seq, kind, name, count, status, config, attempt, lost, lease, output, error,
    wake_at, ended_at, started_rev, rev, started_at, worker, attempt_at
  )
  select
    fence.key, fence.generation, seq, kind, name, count, status, config, attempt, lost, lease, output, error,
    to_timestamp(wake_at), to_timestamp(ended_at), rev, rev, to_timestamp(%(at)s),
    case when status = 'running' then %(worker)s end, case when status = 'running' then to_timestamp(%(at)s) end
  from fence, rows
  on conflict (instance, generation, seq) do update
  set
    status = excluded.status, attempt = excluded.attempt, lost = excluded.lost, lease = excluded.lease,
    output = excluded.output, error = excluded.error, wake_at = excluded.wake_at, ended_at = excluded.ended_at,
    rev = excluded.rev, worker = coalesce(excluded.worker, s.worker),
    attempt_at = coalesce(excluded.attempt_at, s.attempt_at)
  returning seq as of_seq, worker, attempt_at
)

-- commit_many: The rows as one parameter, so that there is one text and one plan for any number; bytes are in base64.
select
  seq, kind, name, count, status, config, attempt, lost, lease, decode(output, 'base64'), decode(error, 'base64'),
  wake_at, ended_at, rev, decode(failure, 'base64')
from json_to_recordset(%(rows)s) as given (
  seq integer, kind text, name text, count integer, status text, config jsonb, attempt integer, lost integer, lease uuid,
  output text, error text, wake_at float8, ended_at float8, rev bigint, failure text
)

-- commit_failures: Middle part, when attempts have failed: each gets a row of its own.
, tried as (
  insert into wf.attempt (instance, generation, seq, attempt, outcome, error, worker, rev, started_at, ended_at, retry_at)
  select
    fence.key, fence.generation, seq, attempt, 'errored', failure, worker, rev, attempt_at, to_timestamp(%(at)s),
    to_timestamp(wake_at)
  from fence, rows join written on of_seq = seq
  where failure is not null
)

-- commit_events: Middle part: the events that waits took, and the seq of each wait.
, taken as (
  update wf.event
  set consumed_by = pair.seq
  from fence, unnest(%(events)s::bigint[], %(takers)s::integer[]) as pair (id, seq)
  where event.id = pair.id
)

-- commit_end: Last part when `run` has ended: its outcome, and an end to what it no longer wants.
, outcome as (
  update wf.payload
  set output = %(output)s, error = %(error)s, warnings = %(warnings)s
  from fence
  where payload.instance = fence.key
)
, dropped as (
  update wf.step
  set status = 'cancelled', lease = null, ended_at = to_timestamp(%(ended_at)s)
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.ended_at is null
    and step.seq <> all(%(seqs)s)
)

-- commit_close: The answer of a commit: the time, or no row if the fence was lost. Not now(): it may have waited for a lock.
select extract(epoch from coalesce(to_timestamp(%(now)s), clock_timestamp()))::float8 from fence

-- step_claim: An attempt begins beside others of its instance: fenced by its row, not by rev, so that siblings do not race.
with fence as (
  select key, generation, rev from wf.instance
  where key = %(key)s and generation = %(generation)s and status in ('queued', 'running', 'waiting')
  for update
), claimed as (
  update wf.step
  set
    status = 'running', attempt = attempt + 1, lease = %(lease)s, worker = %(worker)s, rev = fence.rev + 1,
    wake_at = to_timestamp(%(wake_at)s), attempt_at = to_timestamp(%(at)s)
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.seq = %(seq)s
    and step.rev = %(row_rev)s and step.status in ('ready', 'retrying')
  returning step.rev
)
update wf.instance
set
  rev = claimed.rev, status = 'running', nudges = 0, due_at = least(due_at, to_timestamp(%(wake_at)s)),
  started_at = coalesce(started_at, to_timestamp(%(at)s))
from claimed
where key = %(key)s
returning claimed.rev

-- attempt_record: The end of an attempt while others of the same instance run: fenced by its lease, not by rev.
with mine as (
  select 1 from wf.step
  where instance = %(key)s and generation = %(generation)s and seq = %(seq)s and lease = %(lease)s
), fence as (
  update wf.instance
  set
    rev = rev + 1,
    due_at = case
      when due_at is null then null
      else least(due_at, coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s))
    end
  from mine
  where key = %(key)s and generation = %(generation)s and status not in ('complete', 'errored', 'terminated')
  returning key, generation, rev
), written as (
  update wf.step
  set
    status = %(status)s, output = %(output)s, error = %(error)s, lease = null,
    wake_at = to_timestamp(%(wake_at)s), ended_at = to_timestamp(%(ended_at)s), rev = fence.rev
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.seq = %(seq)s
    and step.lease = %(lease)s
  returning fence.rev, step.attempt, step.worker, step.attempt_at
), tried as (
  insert into wf.attempt (instance, generation, seq, attempt, outcome, error, worker, rev, started_at, ended_at, retry_at)
  select
    %(key)s, %(generation)s, %(seq)s, attempt, 'errored', %(failure)s, worker, rev, attempt_at,
    to_timestamp(%(at)s), to_timestamp(%(wake_at)s)
  from written
  where %(failure)s::bytea is not null
)
select rev from written

-- attempt_lose: An attempt whose lease has run out is over; its step may be claimed again. Only the database's clock counts.
with fence as (
  select key, generation, rev from wf.instance
  where key = %(key)s and generation = %(generation)s and rev = %(rev)s
  for update
), lost as (
  update wf.step
  set status = 'retrying', lost = step.lost + 1, lease = null, rev = fence.rev + 1,
    wake_at = coalesce(to_timestamp(%(now)s), now())
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.seq = %(seq)s
    and step.lease = %(lease)s and step.wake_at <= coalesce(to_timestamp(%(now)s), now())
  returning step.attempt, step.worker, step.attempt_at, step.rev
), moved as (
  update wf.instance
  set rev = lost.rev
  from lost
  where key = %(key)s
), tried as (
  insert into wf.attempt (instance, generation, seq, attempt, outcome, worker, rev, started_at, ended_at)
  select
    %(key)s, %(generation)s, %(seq)s, attempt, 'lost', worker, rev, attempt_at, coalesce(to_timestamp(%(now)s), now())
  from lost
)
select rev from lost

-- lease_extend: Heartbeat of a process: all its running attempts at once. What does not come back is lost. A row that
-- somebody else is just writing comes back without being extended: it ends, or the next heartbeat will do.
with mine as (
  select instance, generation, seq, lease
  from wf.step
  join unnest(%(keys)s::bigint[], %(generations)s::integer[], %(seqs)s::integer[], %(leases)s::uuid[])
    as held (instance, generation, seq, lease) using (instance, generation, seq, lease)
  where wake_at > coalesce(to_timestamp(%(now)s), now())
), free as (
  select instance, generation, seq
  from wf.step join mine using (instance, generation, seq, lease)
  for update of step skip locked
), extended as (
  update wf.step
  set wake_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(lease)s)
  from free
  where step.instance = free.instance and step.generation = free.generation and step.seq = free.seq
)
select lease from mine

-- event_accept: An event for a live instance: stored, counted, and the instance due at once, in one commit.
with live as (
  select key from wf.instance
  where workflow = %(workflow)s and id = %(id)s and status not in ('complete', 'errored', 'terminated')
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

-- event_pending: Accepted events that no wait has taken, oldest first.
select id, type, payload, extract(epoch from accepted_at)::float8
from wf.event
where instance = %(key)s and consumed_by is null
order by id

-- alarm_due: Wake what is due, or will be before the next tick, and look again later if that has no effect.
with due as (
  select key, due_at as was from wf.instance
  where due_at <= coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(ahead)s)
  order by due_at
  limit %(limit)s
  for update skip locked
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

-- alarm_ticked: The alarm has run.
insert into wf.tick (name, ticked_at) values ('alarm', coalesce(to_timestamp(%(now)s), now()))
on conflict (name) do update set ticked_at = excluded.ticked_at

-- alarm_silent: Whether the alarm has not run for so many seconds.
select not exists (
  select 1 from wf.tick
  where name = 'alarm' and ticked_at > coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(silence)s)
)

-- instance_terminate: Stop an instance for good, whatever it does; its running attempts lose their lease.
with fence as (
  update wf.instance
  set status = 'terminated', rev = rev + 1, due_at = null, restart_at = null,
    ended_at = coalesce(to_timestamp(%(now)s), now())
  where workflow = %(workflow)s and id = %(id)s and status not in ('complete', 'errored', 'terminated')
  returning key, generation
), dropped as (
  update wf.step
  set status = 'cancelled', lease = null, ended_at = coalesce(to_timestamp(%(now)s), now())
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.ended_at is null
), noted as (
  insert into wf.audit (actor, action, workflow, instance) select %(actor)s, 'terminate', %(workflow)s, %(id)s from fence
)
select key from fence

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
