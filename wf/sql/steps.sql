-- An instance in parts: a page of its steps, one of them, how many there are. Nothing here reads all rows of an instance
-- but `steps_summary`, which reads no output; an instance has WF_MAX_STEPS of them at most.

-- inside_find: Where the parts of an instance stand.
select key, generation, seq from wf.instance where workflow = %(workflow)s and id = %(id)s

-- steps_forth: Which steps are on a page, in the order in which they were asked for, between two numbers.
select seq
from wf.step
where instance = %(key)s and generation = %(generation)s and seq > %(low)s and seq < %(high)s
  and (%(statuses)s::text[] is null or status = any(%(statuses)s))
  and (%(search)s::text is null or strpos(lower(name || '-' || count), lower(%(search)s)) > 0)
order by seq
limit %(number)s

-- steps_back: The same, the newest first.
select seq
from wf.step
where instance = %(key)s and generation = %(generation)s and seq > %(low)s and seq < %(high)s
  and (%(statuses)s::text[] is null or status = any(%(statuses)s))
  and (%(search)s::text is null or strpos(lower(name || '-' || count), lower(%(search)s)) > 0)
order by seq desc
limit %(number)s

-- steps_of: These steps. Outputs that are bigger than whoever asks can show stay where they are, and of all together the
-- oldest that are too much, as in `step_list`.
select
  seq, kind, name, count, status, config, attempt, lost, worker,
  case when fits and output_size <= %(bytes)s then output end,
  output is not null and not (fits and output_size <= %(bytes)s),
  case when fits then error end, error is not null and not fits,
  case when fits and details_size <= %(bytes)s then details end, wake_at, started_at, attempt_at, ended_at,
  attempt_rev
from (
  select *, sum(
    case when output_size <= %(bytes)s then output_size else 0 end
    + case when details_size <= %(bytes)s then details_size else 0 end + coalesce(octet_length(error), 0)
  ) over (order by seq desc) <= %(total)s as fits
  from (
    select *, octet_length(output) as output_size, octet_length(details) as details_size
    from wf.step
    where instance = %(key)s and generation = %(generation)s and seq = any(%(seqs)s::integer[])
  ) sized
) weighed
order by seq

-- attempts_of: The failed and lost attempts of these steps, the newest of each; of all together not the oldest that are
-- too much, as in `attempt_list`. One step may have ten thousand, so each is looked up by itself.
select seq, attempt, outcome, error, worker, started_at, ended_at, retry_at, started_rev
from (
  select tried.*, sum(1024 + coalesce(octet_length(error), 0)) over (order by seq desc, attempt desc) as size
  from unnest(%(seqs)s::integer[]) as wanted (number) cross join lateral (
    select
      seq, attempt, outcome, case when %(outputs)s then error end as error, worker, started_at, ended_at, retry_at,
      started_rev
    from wf.attempt
    where instance = %(key)s and generation = %(generation)s and seq = wanted.number
    order by attempt desc
    limit %(attempts)s
  ) tried
) weighed
where size <= %(total)s
order by seq, attempt

-- steps_summary: The time, and from when to when the steps of an instance lasted, and how many are in which status.
select
  coalesce(to_timestamp(%(now)s), now()), found.start, found.end, found.steps, i.ended_at,
  case when i.status = 'terminated' then (
    select coalesce(max(actor), 'unknown')
    from (
      select a.actor from wf.audit a
      where a.workflow = i.workflow and a.instance = i.id and a.action = 'terminate'
      order by a.id desc
      limit 1
    ) last
  ) end
from wf.instance i cross join lateral (
  select min(start) as start, max("end") as end, jsonb_object_agg(status, number) as steps
  from (
    select status, count(*) as number, min(started_at) as start, max(ended_at) as end
    from wf.step
    where instance = i.key and generation = i.generation
    group by status
  ) grouped
) found
where i.workflow = %(workflow)s and i.id = %(id)s
