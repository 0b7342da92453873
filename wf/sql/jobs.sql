-- Jobs: actions on many instances, done by the reaper in small batches. Which instances a filter means is asked for by
-- wf/filters.py.
--
-- `lease_until` is the fence, too: whoever takes a job over does so after the end of the lease before, and so gets a
-- later one. No two runners ever hold the same.

-- job_start: A new job, unless one of its kind is at work.
with made as (
  insert into wf.job (workflow, action, filter, options, actor, total, upto_key, created_at)
  values (
    %(workflow)s, %(action)s, %(filter)s, %(options)s, %(actor)s, %(total)s, %(upto)s,
    coalesce(to_timestamp(%(now)s), now())
  )
  on conflict (workflow, action) where ended_at is null do nothing
  returning id
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select
    %(actor)s, 'job_start', %(workflow)s, '',
    jsonb_build_object(
      'job', id, 'action', %(action)s::text, 'filter', %(filter)s::jsonb, 'options', %(options)s::jsonb,
      'total', %(total)s::bigint
    )
  from made
)
select id from made

-- job_active: The job of a kind that is at work.
select id from wf.job where workflow = %(workflow)s and action = %(action)s and ended_at is null

-- job_read: A job.
select
  id, workflow, action, filter, options, actor, status, total, done, failed, errors, created_at, started_at, ended_at
from wf.job
where id = %(id)s

-- job_list: Jobs of these workflows, or of all, newest first.
select
  id, workflow, action, filter, options, actor, status, total, done, failed, errors, created_at, started_at, ended_at
from wf.job
where id < %(before)s and (%(workflows)s::text[] is null or workflow = any(%(workflows)s::text[]))
order by id desc
limit %(limit)s

-- job_cancel: Its runner sees it before the next instance. The lease stays, so that it can still note what it did.
with ended as (
  update wf.job
  set status = 'cancelled', ended_at = coalesce(to_timestamp(%(now)s), now())
  where id = %(id)s and ended_at is null
  returning id, workflow, action
)
insert into wf.audit (actor, action, workflow, instance, detail)
select %(actor)s, 'job_cancel', workflow, '', jsonb_build_object('job', id, 'action', action) from ended
returning id

-- job_take: A job that nobody works on: new, handed over, or its runner's lease is over. Each has its turn.
update wf.job
set
  status = 'running', started_at = coalesce(started_at, coalesce(to_timestamp(%(now)s), now())),
  lease_until = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(lease)s)
where id = (
  select id from wf.job
  where ended_at is null and (lease_until is null or lease_until <= coalesce(to_timestamp(%(now)s), now()))
  order by lease_until nulls first, created_at, id
  limit 1
  for update skip locked
)
returning id, workflow, action, filter, options, actor, errors, after_key, upto_key, lease_until

-- job_look: Where an instance stands, for a job; whether that is still this runner's; and whether it has done this
-- instance already, before it lost its runner. The action and its audit are one commit, so the audit knows.
select
  instance.key, instance.status, instance.generation, instance.rev, instance.started_at is not null,
  exists (
    select 1 from wf.step
    where step.instance = instance.key and step.generation = instance.generation and step.config ->> 'rollback' = 'true'
      and step.attempt > 0
  ),
  exists (
    select 1 from wf.audit
    where audit.workflow = instance.workflow and audit.instance = instance.id and audit.actor = %(actor)s
  )
from wf.job left join wf.instance on instance.workflow = %(workflow)s and instance.id = %(id)s and instance.key = %(key)s
where job.id = %(job)s and job.lease_until = %(lease_until)s and job.status = 'running'

-- job_note: How far a job has come, and the lease of its runner extended. One that was cancelled keeps its lease.
update wf.job
set
  done = done + %(done)s, failed = failed + %(failed)s, errors = %(errors)s, after_key = %(after)s,
  upto_key = %(upto)s,
  lease_until = case
    when status = 'running' then coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(lease)s)
    else lease_until
  end
where id = %(job)s and lease_until = %(lease_until)s
returning status, lease_until

-- job_hand_over: Anybody may go on with the job, so many seconds from now.
update wf.job
set lease_until = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(pause)s)
where id = %(job)s and lease_until = %(lease_until)s and status = 'running'
returning id

-- job_end: The job is done: every instance that was meant has been moved by it or by others, has ended, or is gone.
-- Those that nobody counted, because their runner died before its note, have had their turn, too.
update wf.job
set
  status = 'complete', done = greatest(done, total - failed), ended_at = coalesce(to_timestamp(%(now)s), now())
where id = %(job)s and lease_until = %(lease_until)s and status = 'running'
returning id

-- job_newest: The newest instance of a workflow. Place and order are of (workflow, key), so that nothing but the index
-- on both will do.
select key
from wf.instance
where (workflow, key) <= (%(workflow)s, 9223372036854775807) and workflow >= %(workflow)s
order by workflow desc, key desc
limit 1

-- workflow_unschedule: A workflow that is being removed creates no more instances by itself.
delete from wf.schedule
using wf.job
where schedule.workflow = job.workflow and job.id = %(job)s and job.lease_until = %(lease_until)s
  and job.status = 'running'

-- job_again: The removal of a workflow begins again at its first instance: some were created meanwhile, or committed
-- under a key that it had passed. So many rounds at most.
update wf.job
set
  after_key = 0, upto_key = %(upto)s,
  options = options || jsonb_build_object('round', coalesce((options ->> 'round')::integer, 1) + 1)
where id = %(job)s and lease_until = %(lease_until)s and status = 'running'
  and coalesce((options ->> 'round')::integer, 1) < %(rounds)s
returning after_key, upto_key

-- workflow_remove: A workflow that has no instance left, with all that is known of it. Gives whether it has one. Its
-- counts are locked in the order of their keys, as those do who add to them.
with gone as (
  delete from wf.workflow
  using wf.job
  where workflow.name = job.workflow and job.id = %(job)s and job.lease_until = %(lease_until)s
    and job.status = 'running'
    and not exists (select 1 from wf.instance where instance.workflow = workflow.name)
  returning name
), versions as (
  delete from wf.version using gone where version.workflow = gone.name
), schedules as (
  delete from wf.schedule using gone where schedule.workflow = gone.name
), slots as (
  delete from wf.slot using gone where slot.workflow = gone.name
), counts as materialized (
  select m.span, m.workflow, m.at
  from wf.metric m join gone on m.workflow = gone.name
  where m.span = any(%(spans)s::integer[])
  order by m.span, m.workflow, m.at
  for update of m
), uncounted as (
  delete from wf.metric using counts
  where (metric.span, metric.workflow, metric.at) = (counts.span, counts.workflow, counts.at)
), noted as (
  insert into wf.audit (actor, action, workflow, instance) select %(actor)s, 'delete_workflow', name, '' from gone
)
select exists (select 1 from wf.instance where instance.workflow = job.workflow)
from wf.job
where id = %(job)s and lease_until = %(lease_until)s and status = 'running'
