-- Schedules: what fires, and when.

-- schedule_due: Schedules whose time has come, the longest overdue first.
select workflow, cron, next_at, extract(epoch from coalesce(to_timestamp(%(now)s), now()))::float8
from wf.schedule
where next_at <= coalesce(to_timestamp(%(now)s), now())
order by next_at, workflow, cron
limit %(limit)s offset %(skipped)s

-- schedule_fire: One firing creates one instance, and the schedule moves on; nothing happens if somebody else was
-- quicker, or a new version of the workflow has dropped the schedule. Without a workflow there is no instance.
with fence as (
  update wf.schedule
  set next_at = to_timestamp(%(next_at)s), last_at = to_timestamp(%(scheduled)s)
  where workflow = %(workflow)s and cron = %(cron)s and next_at = %(was)s
  returning workflow
), made as (
  insert into wf.instance (workflow, id, version, trigger, keep_success, keep_error, created_at, due_at)
  select
    name, %(id)s, version, 'cron',
    (settings #>> '{default_retention,success_retention}')::float8,
    (settings #>> '{default_retention,error_retention}')::float8,
    coalesce(to_timestamp(%(now)s), now()),
    coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
  from fence join wf.workflow on name = fence.workflow
  on conflict (workflow, id) do nothing
  returning key
), filled as (
  insert into wf.payload (instance, params, schedule) select key, %(params)s, %(schedule)s from made
)
select made.key, workflow.name is not null
from fence
left join wf.workflow on workflow.name = fence.workflow
left join made on true

-- schedule_count: How many schedules the other workflows have.
select count(*) from wf.schedule where workflow <> %(but)s

-- schedule_coming: The schedules of a workflow, or of all, in the order in which they fire next.
select workflow, cron, next_at, last_at
from wf.schedule
where %(workflow)s::text is null or workflow = %(workflow)s
order by next_at, workflow, cron
