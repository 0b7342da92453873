-- Counts over time, by workflow and stretch of 60, 600 and 3600 seconds. Workers add to them every few seconds; nobody
-- holds another lock meanwhile, and everybody writes them in the order of their keys.

-- metric_add: Add what a process has counted. What belongs to a workflow that was removed meanwhile is forgotten.
insert into wf.metric as m (
  span, workflow, at, started, completed, errored, steps, failed, retried, lost, step_times, lags
)
select
  span, workflow, to_timestamp(at), started, completed, errored, steps, failed, retried, lost, step_times, lags
from json_to_recordset(%(rows)s) as given (
  span integer, workflow text, at float8, started bigint, completed bigint, errored bigint, steps bigint,
  failed bigint, retried bigint, lost bigint, step_times bigint[], lags bigint[]
)
where exists (select from wf.workflow where name = given.workflow)
order by span, workflow, at
on conflict (span, workflow, at) do update
set
  started = m.started + excluded.started, completed = m.completed + excluded.completed,
  errored = m.errored + excluded.errored, steps = m.steps + excluded.steps, failed = m.failed + excluded.failed,
  retried = m.retried + excluded.retried, lost = m.lost + excluded.lost,
  step_times = array(
    select coalesce(a, 0) + coalesce(b, 0)
    from unnest(m.step_times, excluded.step_times) with ordinality as pair (a, b, n)
    order by n
  ),
  lags = array(
    select coalesce(a, 0) + coalesce(b, 0)
    from unnest(m.lags, excluded.lags) with ordinality as pair (a, b, n)
    order by n
  )

-- metric_forget: Remove stretches that are older than each span is kept, so many at most.
delete from wf.metric
where (span, workflow, at) in (
  select m.span, m.workflow, m.at
  from unnest(%(spans)s::integer[], %(kept)s::float8[]) as old (span, seconds)
  cross join lateral (
    select span, workflow, at
    from wf.metric
    where metric.span = old.span
      and at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => old.seconds)
    limit %(limit)s
    for update skip locked
  ) m
  limit %(limit)s
)
returning 1

-- metric_series: The counts of each stretch from `since` stretches ago to the running one, of one workflow, of some, or
-- of all; and the time, and how many such workflows there are. Their histograms are added up bucket by bucket.
with clock as (
  select extract(epoch from coalesce(to_timestamp(%(now)s), now()))::float8 as now
), stretch as (
  select to_timestamp((floor(now / %(span)s::integer) - n) * %(span)s::integer) as at
  from clock, generate_series(%(since)s::integer, 0, -1) as n
), shown as (
  select name from wf.workflow
  where (%(workflow)s::text is null or name = %(workflow)s) and (%(only)s::text[] is null or name = any(%(only)s))
), found as materialized (
  select m.*
  from shown cross join lateral (
    select * from wf.metric
    where span = %(span)s and workflow = shown.name and at >= (select min(at) from stretch)
  ) m
), counted as (
  select
    at, sum(started)::bigint as started, sum(completed)::bigint as completed, sum(errored)::bigint as errored,
    sum(steps)::bigint as steps, sum(failed)::bigint as failed, sum(retried)::bigint as retried,
    sum(lost)::bigint as lost
  from found
  group by at
), timed as (
  select at, array_agg(number order by n) as step_times
  from (
    select at, n, sum(number)::bigint as number
    from found cross join unnest(step_times) with ordinality as bucket (number, n)
    group by at, n
  ) each
  group by at
), lagged as (
  select at, array_agg(number order by n) as lags
  from (
    select at, n, sum(number)::bigint as number
    from found cross join unnest(lags) with ordinality as bucket (number, n)
    group by at, n
  ) each
  group by at
)
select
  to_timestamp(clock.now), (select count(*) from shown), stretch.at,
  coalesce(started, 0), coalesce(completed, 0), coalesce(errored, 0), coalesce(steps, 0), coalesce(failed, 0),
  coalesce(retried, 0), coalesce(lost, 0), coalesce(step_times, '{}'), coalesce(lags, '{}')
from clock cross join stretch left join counted using (at) left join timed using (at) left join lagged using (at)
order by stretch.at

-- metric_workflows: The counts of each workflow since so many stretches ago, all in all; and its steps and errored
-- instances by groups of `each` stretches, as pairs for the groups that have some.
with clock as (
  select extract(epoch from coalesce(to_timestamp(%(now)s), now()))::float8 as now
), begin as (
  select floor(now / %(span)s::integer)::bigint - %(since)s::integer as number from clock
), shown as (
  select name from wf.workflow where %(only)s::text[] is null or name = any(%(only)s)
), found as materialized (
  select m.*, (extract(epoch from m.at)::bigint / %(span)s::integer - begin.number) / %(each)s::integer as place
  from begin cross join shown cross join lateral (
    select * from wf.metric
    where span = %(span)s and workflow = shown.name
      and at >= to_timestamp((select number from begin) * %(span)s::integer)
  ) m
), counted as (
  select
    workflow, sum(started)::bigint as started, sum(completed)::bigint as completed, sum(errored)::bigint as errored,
    sum(steps)::bigint as steps, sum(failed)::bigint as failed, sum(retried)::bigint as retried,
    sum(lost)::bigint as lost
  from found
  group by workflow
), placed as (
  select
    workflow, array_agg(place::integer) as places, array_agg(steps) as place_steps, array_agg(errored) as place_errored
  from (
    select workflow, place, sum(steps)::bigint as steps, sum(errored)::bigint as errored
    from found
    group by workflow, place
  ) each
  group by workflow
), timed as (
  select workflow, array_agg(number order by n) as step_times
  from (
    select workflow, n, sum(number)::bigint as number
    from found cross join unnest(step_times) with ordinality as bucket (number, n)
    group by workflow, n
  ) each
  group by workflow
), lagged as (
  select workflow, array_agg(number order by n) as lags
  from (
    select workflow, n, sum(number)::bigint as number
    from found cross join unnest(lags) with ordinality as bucket (number, n)
    group by workflow, n
  ) each
  group by workflow
)
select
  to_timestamp(clock.now), to_timestamp(begin.number * %(span)s::integer), shown.name,
  coalesce(started, 0), coalesce(completed, 0), coalesce(errored, 0), coalesce(steps, 0), coalesce(failed, 0),
  coalesce(retried, 0), coalesce(lost, 0), coalesce(step_times, '{}'), coalesce(lags, '{}'),
  coalesce(places, '{}'), coalesce(place_steps, '{}'), coalesce(place_errored, '{}')
from clock cross join begin left join shown on true
left join counted on counted.workflow = shown.name left join placed on placed.workflow = shown.name
left join timed on timed.workflow = shown.name left join lagged on lagged.workflow = shown.name
order by shown.name
