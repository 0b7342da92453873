-- Retention: instances and jobs that have ended long enough ago.

-- retention_due: Instances whose time is over, the longest overdue first. One that waits for a restart is not at its end.
select key, workflow, id
from wf.instance
where expire_at <= coalesce(to_timestamp(%(now)s), now()) and restart_at is null
order by expire_at, key
limit %(limit)s offset %(skipped)s

-- retention_jobs: Forget jobs that ended so many days ago, the oldest first. The table is small: it holds a month.
delete from wf.job
where id = any(array(
  select id from wf.job
  where ended_at <= coalesce(to_timestamp(%(now)s), now()) - make_interval(days => %(days)s)
  order by id
  limit %(limit)s
  for update skip locked
))
returning id

-- retention_lines: So many log lines of instances that are about to be removed. There may be millions of them: to delete
-- these with the instances would hold locks for minutes. What somebody has just restarted keeps its lines.
with over as materialized (
  select key from wf.instance
  where key = any(%(keys)s) and expire_at <= coalesce(to_timestamp(%(now)s), now()) and restart_at is null
  for update skip locked
), batch as materialized (
  select ctid as place from wf.line
  where instance = any(array(select key from over))
  limit %(limit)s
  for update skip locked
)
delete from wf.line where ctid = any(array(select place from batch)) returning id

-- retention_expire: Remove expired instances with all that belongs to them; their ids are free again. What somebody has
-- just restarted, or is doing something to, stays. Every table is asked for by an array of keys: the planner, who does
-- not know how few there are, would read a big table from end to end.
with over as (
  select key from wf.instance
  where key = any(%(keys)s) and expire_at <= coalesce(to_timestamp(%(now)s), now()) and restart_at is null
  for update skip locked
), gone as (
  delete from wf.instance where key = any(array(select key from over)) returning key, workflow
), payloads as (
  delete from wf.payload where instance = any(array(select key from gone))
), steps as (
  delete from wf.step where instance = any(array(select key from gone))
), attempts as (
  delete from wf.attempt where instance = any(array(select key from gone))
), lines as (
  delete from wf.line where instance = any(array(select key from gone))
), events as (
  delete from wf.event where instance = any(array(select key from gone))
), transitions as (
  delete from wf.transition where instance = any(array(select key from gone))
), freed as (
  update wf.slot set instance = null where instance = any(array(select key from gone))
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select 'reaper', 'expire', workflow, '', jsonb_build_object('instances', count(*)) from gone group by workflow
)
select key from gone
