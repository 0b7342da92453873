-- Forks: new instances that begin as copies of others.

-- instance_fork: A new instance of the same workflow and version, from the start or from a step. From a step, it has what
-- a restart from that step would keep (see instance_restart): rows, attempts, events that kept waits have taken, and
-- the seed; open sleeps and waits keep their deadlines, later by a pause that still lasts. So it replays as a restarted
-- one does. Log lines are not copied: they tell what the original did, and there may be very many. Only the original's
-- audit is written to: it is read in the one snapshot of this statement, so that neither waits for the other, and a
-- deletion that commits meanwhile has not happened yet.
with source as (
  select key, generation, rev, seq, version, started_rev, started_at, paused_at, keep_success, keep_error
  from wf.instance
  where workflow = %(workflow)s and id = %(id)s
), begun as (
  select step.seq, step.started_rev as rev
  from wf.step join source on step.instance = source.key and step.generation = source.generation
  where step.kind = %(kind)s and step.name = %(name)s and step.count = %(count)s and step.status <> 'cancelled'
), kept as (
  select
    step.seq, step.kind, step.name, step.count, step.status, step.config, step.attempt, step.lost, step.worker,
    step.output, step.error, step.details, step.started_rev, step.attempt_rev, step.rev,
    step.wake_at + case
      when step.ended_at is null then coalesce(coalesce(to_timestamp(%(now)s), now()) - source.paused_at, interval '0')
      else interval '0'
    end as wake_at,
    step.started_at, step.attempt_at, step.ended_at
  from wf.step
  join source on step.instance = source.key and step.generation = source.generation
  join begun on step.seq < begun.seq
  where step.kind <> 'rollback' and step.status in ('complete', 'errored', 'waiting')
    and not (
      step.kind = 'timer' and step.status = 'complete' and step.config ? 'timeout' and step.rev > begun.rev
    )
), made as (
  insert into wf.instance (
    workflow, id, version, trigger, rev, seq, size, started_rev, started_at, keep_success, keep_error, created_at, due_at
  )
  select
    %(workflow)s, %(new_id)s, version, 'fork',
    case when begun.seq is null then 0 else source.rev + 1 end, case when begun.seq is null then 0 else source.seq end,
    (select coalesce(sum(octet_length(output)), 0) from kept),
    case when begun.seq is not null then started_rev end, case when begun.seq is not null then started_at end,
    keep_success, keep_error, coalesce(to_timestamp(%(now)s), now()),
    coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
  from source left join begun on true
  where cast(%(name)s as text) is null or begun.seq is not null
  on conflict (workflow, id) do nothing
  returning key, rev
), copied as (
  insert into wf.step (
    instance, generation, seq, kind, name, count, status, config, attempt, lost, worker, output, error, details,
    started_rev, attempt_rev, rev, wake_at, started_at, attempt_at, ended_at
  )
  select
    made.key, 1, seq, kind, name, count, status, config, attempt, lost, worker, output, error, details,
    kept.started_rev, attempt_rev, kept.rev, wake_at, started_at, attempt_at, ended_at
  from made, kept
), tried as (
  insert into wf.attempt (
    instance, generation, seq, attempt, outcome, error, worker, started_rev, rev, started_at, ended_at, retry_at
  )
  select
    made.key, 1, attempt.seq, attempt.attempt, outcome, attempt.error, attempt.worker, attempt.started_rev, attempt.rev,
    attempt.started_at, attempt.ended_at, retry_at
  from made
  cross join source
  join wf.attempt on attempt.instance = source.key and attempt.generation = source.generation
  where attempt.seq in (select seq from kept)
), taken as (
  insert into wf.event (instance, type, payload, event_id, consumed_by, accepted_at)
  select made.key, type, payload, event_id, consumed_by, accepted_at
  from made cross join source join wf.event on event.instance = source.key
  where consumed_by in (select seq from kept)
  order by event.id
), begun_before as (
  insert into wf.transition (instance, rev, status, at)
  select made.key, transition.rev, transition.status, transition.at
  from made cross join source join begun on true join wf.transition on transition.instance = source.key
  where transition.rev <= source.started_rev
  union all
  select made.key, made.rev, 'queued', coalesce(to_timestamp(%(now)s), now()) from made join begun on true
), stored as (
  insert into wf.payload (instance, params, schedule, seed)
  select
    made.key, coalesce(cast(%(params)s as bytea), params), schedule,
    case when begun.seq is null then gen_random_uuid() else seed end
  from made cross join source join wf.payload on payload.instance = source.key left join begun on true
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select %(actor)s, 'fork', %(workflow)s, %(id)s, cast(%(detail)s as jsonb) || jsonb_build_object('to', %(new_id)s::text)
  from made
  union all
  select %(actor)s, 'fork', %(workflow)s, %(new_id)s, cast(%(detail)s as jsonb) || jsonb_build_object('of', %(id)s::text)
  from made
)
select made.key, made.rev, source.version, begun.seq
from source left join begun on true left join made on true
