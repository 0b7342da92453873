-- What `advance` runs: load, commit, claim, record, lose, extend.

-- instance_load: The hot row, and the step rows that changed since the cached pass; with the params if nothing has run.
select
  i.workflow, i.id, i.version, i.status, i.generation, i.rev, i.seq, i.inbox, i.restarts,
  extract(epoch from i.due_at)::float8, extract(epoch from i.created_at)::float8,
  extract(epoch from i.started_at)::float8, i.size, i.ends_as, w.concurrency is not null,
  extract(epoch from coalesce(to_timestamp(%(now)s), clock_timestamp()))::float8,
  s.seq, s.kind, s.name, s.count, s.status, s.config, s.attempt, s.lost, s.lease,
  extract(epoch from s.wake_at)::float8, extract(epoch from s.ended_at)::float8, s.rev, s.output, s.error,
  case when %(seen)s = 0 and s.seq is null then (select p.params from wf.payload p where p.instance = i.key) end,
  case
    when %(seen)s = 0 and s.seq is null and i.trigger in ('cron', 'fork')
    then (select p.schedule from wf.payload p where p.instance = i.key)
  end,
  case when %(seen)s = 0 and s.seq is null then (select p.seed from wf.payload p where p.instance = i.key) end
from wf.instance i
left join wf.workflow w on w.name = i.workflow
left join wf.step s
  on s.instance = i.key and s.generation = i.generation and s.seq >= %(from_seq)s
  and (s.rev > %(seen)s or s.lease is not null)  -- a heartbeat is no fact and leaves rev alone
where i.key = %(key)s
order by s.rev

-- instance_params: What `run` is handed, read when a pass begins.
select params, schedule, seed from wf.payload where instance = %(key)s

-- instance_error: What it has failed with, read when a rollback begins.
select error from wf.payload where instance = %(key)s

-- commit_fence: First part of every commit by `advance`: the instance moves from one rev to the next, or nothing happens.
with fence as (
  update wf.instance
  set
    rev = %(rev_after)s, seq = %(seq)s, status = %(status)s, inbox = inbox - %(taken)s, nudges = 0,
    size = size + %(bytes)s,
    due_at = case
      when due_at between to_timestamp(%(keep_from)s) and to_timestamp(%(due_at)s) then due_at
      else to_timestamp(%(due_at)s)
    end,
    started_at = coalesce(
      started_at,
      case when %(rev_after)s > %(rev)s or %(ended_at)s::float8 is not null then to_timestamp(%(started_at)s) end
    ),
    started_rev = coalesce(
      started_rev, case when %(rev_after)s > %(rev)s or %(ended_at)s::float8 is not null then %(rev)s + 1 end
    ),
    ended_at = to_timestamp(%(ended_at)s),
    expire_at = to_timestamp(%(ended_at)s)
      + make_interval(secs => coalesce(case %(status)s when 'errored' then keep_error else keep_success end, %(keep)s)),
    restart_at = to_timestamp(%(restart_at)s), restart_from_start = %(restart_from_start)s, last_rev = coalesce(%(last_rev)s, last_rev),
    ends_as = coalesce(%(ends_as)s, ends_as),
    queued_at = case when %(status)s = 'queued' then queued_at end  -- another nudge may have queued it meanwhile
  where key = %(key)s and generation = %(generation)s and rev = %(rev)s

-- commit_unconsumed: A condition more, when events are consumed: each must still be there.
    and (
      select count(*) from wf.event where id = any(%(events)s) and instance = %(key)s and consumed_by is null
    ) = %(taken)s

-- commit_fenced: End of the first part.
  returning key, generation, started_rev
)

-- commit_moved: Middle part, when the status changes: a row for the feed. That `run` begins, the hot row tells.
, moved as (
  insert into wf.transition (instance, rev, status, at)
  select
    key, case when %(status)s = 'running' then %(rev)s + 1 else %(rev_after)s end, %(status)s, to_timestamp(%(at)s)
  from fence
  where %(status)s <> 'running' or started_rev <= %(rev)s
)

-- commit_rows: Middle part: the step rows that changed. The journal fills in VALUES with a few rows, or `commit_many`.
, rows (
  seq, kind, name, count, status, config, attempt, lost, lease, output, error, wake_at, ended_at, rev, failure
) as (/* rows */)
, written as (
  insert into wf.step as s (
    instance, generation, seq, kind, name, count, status, config, attempt, lost, lease, output, error,
    wake_at, ended_at, started_rev, rev, started_at, worker, attempt_at, attempt_rev
  )
  select
    fence.key, fence.generation, seq, kind, name, count, status, config, attempt, lost, lease, output, error,
    to_timestamp(wake_at), to_timestamp(ended_at), rev, rev, to_timestamp(%(at)s),
    case when status = 'running' then %(worker)s end, case when status = 'running' then to_timestamp(%(at)s) end,
    case when status = 'running' then rev end
  from fence, rows
  on conflict (instance, generation, seq) do update
  set
    status = excluded.status, attempt = excluded.attempt, lost = excluded.lost, lease = excluded.lease,
    output = excluded.output, error = excluded.error, wake_at = excluded.wake_at, ended_at = excluded.ended_at,
    rev = excluded.rev, worker = coalesce(excluded.worker, s.worker),
    attempt_at = coalesce(excluded.attempt_at, s.attempt_at),
    attempt_rev = coalesce(excluded.attempt_rev, s.attempt_rev)
  returning seq as of_seq, worker, attempt_at, attempt_rev
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
  insert into wf.attempt (
    instance, generation, seq, attempt, outcome, error, worker, started_rev, rev, started_at, ended_at, retry_at
  )
  select
    fence.key, fence.generation, seq, attempt, 'errored', failure, worker, attempt_rev, rev, attempt_at,
    to_timestamp(%(failed_at)s), to_timestamp(wake_at)
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
  set
    output = %(output)s, error = coalesce(%(error)s, payload.error),
    warnings = coalesce(%(warnings)s, payload.warnings), rollback = %(rollback)s
  from fence
  where payload.instance = fence.key
)
, dropped as (
  update wf.step
  set status = 'cancelled', lease = null, ended_at = to_timestamp(%(at)s)
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.ended_at is null
    and step.seq <> all(%(seqs)s)
)

-- commit_freed: Middle part, when an instance of a workflow with a limit of concurrency does not run any more.
, freed as (
  update wf.slot set instance = null from fence where slot.instance = fence.key
)

-- commit_close: The answer of a commit: the time, or no row if the fence was lost. Not now(): it may have waited for a lock.
select extract(epoch from coalesce(to_timestamp(%(now)s), clock_timestamp()))::float8 from fence

-- step_claim: An attempt begins beside others of its instance: fenced by its row, not by rev, so that siblings do not race.
-- If the instance needs a slot it must still run: parked, it has given its slot away.
with fence as (
  select key, generation, rev, status, started_rev from wf.instance
  where key = %(key)s and generation = %(generation)s
    and (status = 'running' or (status in ('queued', 'waiting') and not %(limited)s))
  for update
), claimed as (
  update wf.step
  set
    status = 'running', attempt = attempt + 1, lease = %(lease)s, worker = %(worker)s, rev = fence.rev + 1,
    wake_at = to_timestamp(%(wake_at)s), attempt_at = to_timestamp(%(at)s), attempt_rev = fence.rev + 1
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.seq = %(seq)s
    and step.rev = %(row_rev)s and step.status in ('ready', 'retrying')
  returning step.rev
), moved as (
  insert into wf.transition (instance, rev, status, at)
  select fence.key, claimed.rev, 'running', to_timestamp(%(at)s)
  from fence, claimed
  where fence.status <> 'running' and fence.started_rev is not null
)
update wf.instance
set
  rev = claimed.rev, status = 'running', nudges = 0, queued_at = null, due_at = least(due_at, to_timestamp(%(wake_at)s)),
  started_at = coalesce(started_at, to_timestamp(%(at)s)), started_rev = coalesce(started_rev, claimed.rev)
from claimed
where key = %(key)s
returning claimed.rev

-- attempt_record: The end of an attempt while others of the same instance run: fenced by its lease, not by rev. A result
-- for which its siblings have left no room is refused. The lease is looked at again once the instance is ours.
with mine as (
  select 1 from wf.step
  where instance = %(key)s and generation = %(generation)s and seq = %(seq)s and lease = %(lease)s
), fence as (
  select key, generation, rev
  from wf.instance, mine
  where key = %(key)s and generation = %(generation)s and status not in ('complete', 'errored', 'terminated')
    and (%(bytes)s = 0 or size + %(bytes)s <= %(max_state)s)
  for update of instance
), written as (
  update wf.step
  set
    status = %(status)s, output = %(output)s, error = %(error)s, lease = null,
    wake_at = to_timestamp(%(wake_at)s), ended_at = to_timestamp(%(ended_at)s), rev = fence.rev + 1
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.seq = %(seq)s
    and step.lease = %(lease)s
  returning step.rev, step.attempt, step.worker, step.attempt_at, step.attempt_rev
), tried as (
  insert into wf.attempt (
    instance, generation, seq, attempt, outcome, error, worker, started_rev, rev, started_at, ended_at, retry_at
  )
  select
    %(key)s, %(generation)s, %(seq)s, attempt, 'errored', %(failure)s, worker, attempt_rev, rev, attempt_at,
    to_timestamp(%(failed_at)s), to_timestamp(%(wake_at)s)
  from written
  where cast(%(failure)s as bytea) is not null
)
update wf.instance
set
  rev = written.rev, nudges = 0, size = size + %(bytes)s,
  due_at = case
    when due_at is null then null
    else least(due_at, coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s))
  end
from written
where key = %(key)s
returning instance.rev

-- attempt_lose: An attempt whose lease has run out is over; its step may be claimed again. Only the database's clock counts.
-- Whoever looks for what a dead worker has left unfinished finds it in the audit.
with fence as (
  select key, generation, rev, workflow, id from wf.instance
  where key = %(key)s and generation = %(generation)s and rev = %(rev)s
  for update
), lost as (
  update wf.step
  set status = 'retrying', lost = step.lost + 1, lease = null, rev = fence.rev + 1,
    wake_at = coalesce(to_timestamp(%(now)s), now())
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.seq = %(seq)s
    and step.lease = %(lease)s and step.wake_at <= coalesce(to_timestamp(%(now)s), now())
  returning step.name, step.count, step.attempt, step.worker, step.attempt_at, step.attempt_rev, step.rev
), moved as (
  update wf.instance
  set rev = lost.rev
  from lost
  where key = %(key)s
), tried as (
  insert into wf.attempt (
    instance, generation, seq, attempt, outcome, worker, started_rev, rev, started_at, ended_at, retry_at
  )
  select
    %(key)s, %(generation)s, %(seq)s, attempt, 'lost', worker, attempt_rev, rev, attempt_at,
    coalesce(to_timestamp(%(now)s), now()), case when %(again)s then coalesce(to_timestamp(%(now)s), now()) end
  from lost
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select
    'engine', 'lose_attempt', fence.workflow, fence.id,
    jsonb_build_object('step', name, 'count', count, 'attempt', attempt, 'worker', worker)
  from fence, lost
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

-- event_pending: Accepted events that no wait has taken, oldest first.
select id, type, payload, extract(epoch from accepted_at)::float8
from wf.event
where instance = %(key)s and consumed_by is null
order by id
