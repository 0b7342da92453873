-- What Prometheus is told beside the overview. A statement reads a few rows of each workflow, and no more than `cap`.

-- measure_counts: What workers have counted of each workflow since the running block of time began. A block is kept as a
-- whole, so these numbers only grow, until the next one begins from zero.
with block as (
  select
    to_timestamp(floor(extract(epoch from coalesce(to_timestamp(%(now)s), now())) / %(block)s::integer) * %(block)s::integer)
    as at
)
select
  w.name, coalesce(m.started, 0), coalesce(m.completed, 0), coalesce(m.errored, 0), coalesce(m.steps, 0),
  coalesce(m.failed, 0), coalesce(m.retried, 0), coalesce(m.lost, 0), m.step_times, m.lags
from block cross join wf.workflow w cross join lateral (
  select
    sum(started)::bigint as started, sum(completed)::bigint as completed, sum(errored)::bigint as errored,
    sum(steps)::bigint as steps, sum(failed)::bigint as failed, sum(retried)::bigint as retried,
    sum(lost)::bigint as lost,
    array[
      sum(step_times[1]), sum(step_times[2]), sum(step_times[3]), sum(step_times[4]), sum(step_times[5]),
      sum(step_times[6]), sum(step_times[7]), sum(step_times[8]), sum(step_times[9]), sum(step_times[10]),
      sum(step_times[11]), sum(step_times[12]), sum(step_times[13]), sum(step_times[14]), sum(step_times[15]),
      sum(step_times[16]), sum(step_times[17]), sum(step_times[18]), sum(step_times[19]), sum(step_times[20]),
      sum(step_times[21]), sum(step_times[22]), sum(step_times[23]), sum(step_times[24]), sum(step_times[25]),
      sum(step_times[26]), sum(step_times[27]), sum(step_times[28])
    ]::bigint[] as step_times,
    array[
      sum(lags[1]), sum(lags[2]), sum(lags[3]), sum(lags[4]), sum(lags[5]), sum(lags[6]), sum(lags[7]),
      sum(lags[8]), sum(lags[9]), sum(lags[10]), sum(lags[11]), sum(lags[12]), sum(lags[13]), sum(lags[14]),
      sum(lags[15]), sum(lags[16]), sum(lags[17]), sum(lags[18]), sum(lags[19]), sum(lags[20]), sum(lags[21]),
      sum(lags[22]), sum(lags[23]), sum(lags[24]), sum(lags[25]), sum(lags[26]), sum(lags[27]), sum(lags[28])
    ]::bigint[] as lags
  from wf.metric
  where span = %(span)s and workflow = w.name and at >= block.at
) m
order by w.name

-- measure_statuses: How many instances of each workflow are in each of some statuses.
select w.name, s.status, c.number
from wf.workflow w cross join unnest(%(statuses)s::text[]) as s (status) cross join lateral (
  select count(*) as number
  from (
    select from wf.instance i
    where i.workflow = w.name and i.status >= s.status and i.status <= s.status  -- ranges: see overview.sql
    order by i.status, i.key
    limit %(cap)s
  ) found
) c
order by w.name, s.status

-- measure_oldest_due: By how many seconds the alarm is late: since when an instance is due; 0 if none is.
select greatest(extract(epoch from coalesce(to_timestamp(%(now)s), now()) - min(due_at)), 0)::float8
from (select due_at from wf.instance where due_at is not null order by due_at limit 1) first

-- measure_oldest_queued: For how many seconds the oldest instance of each workflow has waited that is queued; 0 if none.
select
  w.name,
  coalesce(greatest(extract(epoch from coalesce(to_timestamp(%(now)s), now()) - oldest.created_at), 0), 0)::float8
from wf.workflow w left join lateral (
  select created_at from wf.instance i
  where i.workflow = w.name and i.status >= %(status)s and i.status <= %(status)s
  order by i.status, i.key
  limit 1
) oldest on true
order by w.name

-- measure_ticks: How many seconds ago each of beat's tasks has last run to its end, but for the alarm.
select name, greatest(extract(epoch from coalesce(to_timestamp(%(now)s), now()) - ticked_at), 0)::float8
from wf.tick
where name <> 'alarm'
order by name
