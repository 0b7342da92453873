-- Counts over time, by workflow and stretch of a minute, ten, an hour, six hours. Workers add to them every few seconds; nobody
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
-- of all; and the time, and how many such workflows there are. Histograms are added up bucket by bucket: to take the
-- arrays apart, and to put them together again, costs three times as much.
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
    where span = %(span)s and workflow = shown.name and at between (select min(at) from stretch) and (select max(at) from stretch)
  ) m
), counted as (
  select
    at, sum(started)::bigint as started, sum(completed)::bigint as completed, sum(errored)::bigint as errored,
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
  from found
  group by at
)
select
  to_timestamp(clock.now), (select count(*) from shown), stretch.at,
  coalesce(started, 0), coalesce(completed, 0), coalesce(errored, 0), coalesce(steps, 0), coalesce(failed, 0),
  coalesce(retried, 0), coalesce(lost, 0), coalesce(step_times, '{}'), coalesce(lags, '{}')
from clock cross join stretch left join counted using (at)
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
      and at <= to_timestamp((select now from clock))
  ) m
), counted as (
  select
    workflow, sum(started)::bigint as started, sum(completed)::bigint as completed, sum(errored)::bigint as errored,
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
)
select
  to_timestamp(clock.now), to_timestamp(begin.number * %(span)s::integer), shown.name,
  coalesce(started, 0), coalesce(completed, 0), coalesce(errored, 0), coalesce(steps, 0), coalesce(failed, 0),
  coalesce(retried, 0), coalesce(lost, 0), coalesce(step_times, '{}'), coalesce(lags, '{}'),
  coalesce(places, '{}'), coalesce(place_steps, '{}'), coalesce(place_errored, '{}')
from clock cross join begin left join shown on true
left join counted on counted.workflow = shown.name left join placed on placed.workflow = shown.name
order by shown.name
