-- What a subscriber reads. The feed has no rows of its own: it is told by those of the journal.

-- feed_find: The instance that is asked for.
select key from wf.instance where workflow = %(workflow)s and id = %(id)s

-- feed_look: Whether anything has happened: one look at the hot row, for subscribers that wait.
select generation, rev, status from wf.instance where key = %(key)s

-- feed_watch: The same for many instances at once, whose feeds are followed: by key, one statement for all of them.
select key, rev from wf.instance where key = any(%(keys)s::bigint[])

-- feed_page: The facts from a rev on, in one snapshot, up to so many facts or bytes; each row says where the page ends,
-- and from which step row on the next one has to look. Rows of steps come whole; which of their facts are on this page,
-- the reader sees by their revs. The values of the instance stand in the first row only.
with at as materialized (
  select
    key, generation, rev, seq, status, started_rev, created_at, started_at, ended_at,
    case when generation = %(generation)s then %(from_seq)s else 0 end as from_seq
  from wf.instance
  where key = %(key)s
), steps as (
  select started_rev, attempt_rev, rev, coalesce(octet_length(output), 0) as size
  from wf.step
  where instance = %(key)s and generation = (select generation from at) and seq >= (select from_seq from at)
    and rev >= %(from_rev)s
), facts as (
  select rev, size from steps
  union all
  select started_rev, 0 from steps where started_rev >= %(from_rev)s
  union all
  select attempt_rev, 0 from steps where attempt_rev >= %(from_rev)s
  union all
  select fact.rev, fact.size
  from wf.attempt
  cross join lateral (
    values (attempt.started_rev, 0), (attempt.rev, coalesce(octet_length(attempt.error), 0))
  ) as fact (rev, size)
  where attempt.instance = %(key)s and attempt.generation = (select generation from at)
    and attempt.seq >= (select from_seq from at)
    and attempt.rev >= %(from_rev)s and fact.rev >= %(from_rev)s
  union all
  select transition.rev, 0
  from wf.transition
  where transition.instance = %(key)s and transition.rev >= %(from_rev)s
  order by 1
  limit %(facts)s
), running as (
  select rev, sum(size) over (order by rev) as bytes from facts
), page as (
  select
    case
      when count(*) < %(facts)s and coalesce(max(bytes), 0) <= %(bytes)s then (select at.rev from at)
      else coalesce(max(rev) filter (where bytes <= %(bytes)s), min(rev))
    end as upto
  from running
), told as (
  select
    'step' as source, step.seq, step.kind, step.name, step.count, step.status, step.attempt, step.config,
    case
      when %(outputs)s and step.rev between %(from_rev)s and page.upto
        and step.config ->> 'sensitive' is distinct from 'output'
      then step.output
    end as output,
    case when step.rev between %(from_rev)s and page.upto then step.error end as error,
    step.worker, step.started_rev, step.attempt_rev, step.rev, step.started_at, step.attempt_at, step.ended_at,
    null::timestamptz as retry_at
  from wf.step cross join page
  where step.instance = %(key)s and step.generation = (select generation from at)
    and step.seq >= (select from_seq from at)
    and step.rev >= %(from_rev)s and step.started_rev <= page.upto
  union all
  select
    'attempt', attempt.seq, step.kind, step.name, step.count, attempt.outcome, attempt.attempt, step.config,
    null, case when attempt.rev between %(from_rev)s and page.upto then attempt.error end,
    attempt.worker, null, attempt.started_rev, attempt.rev, null, attempt.started_at, attempt.ended_at, attempt.retry_at
  from wf.attempt
  join wf.step using (instance, generation, seq)
  cross join page
  where attempt.instance = %(key)s and attempt.generation = (select generation from at)
    and attempt.seq >= (select from_seq from at)
    and attempt.rev >= %(from_rev)s and coalesce(attempt.started_rev, attempt.rev) <= page.upto
  union all
  select
    'transition', null, null, null, null, transition.status, null, null, null, null, null, null, null, transition.rev,
    null, null, transition.at, null
  from wf.transition cross join page
  where transition.instance = %(key)s and transition.rev between %(from_rev)s and page.upto
), numbered as (
  select told.*, row_number() over () as number from told
), bounds as materialized (  -- once, not for each row
  select
    (
      select coalesce(min(step.seq), at.seq + 1)
      from wf.step
      where step.instance = %(key)s and step.generation = at.generation and step.seq >= at.from_seq
        and (step.ended_at is null or step.rev > page.upto)
    ) as next_seq,
    %(from_rev)s > 0 or exists (
      select 1 from wf.transition
      where transition.instance = %(key)s and transition.status = 'queued'
        and transition.rev < coalesce(at.started_rev, 9223372036854775807)
    ) as renewed
  from at cross join page
)
select
  at.generation, at.rev, at.status, at.started_rev, page.upto, bounds.next_seq, bounds.renewed,
  extract(epoch from at.created_at)::float8, extract(epoch from at.started_at)::float8,
  extract(epoch from at.ended_at)::float8,
  case when at.started_rev between %(from_rev)s and page.upto then payload.params end,
  case when at.rev = page.upto and at.ended_at is not null then payload.output end,
  case when at.rev = page.upto and at.ended_at is not null then payload.error end,
  case when at.ended_at is not null then payload.rollback end,
  numbered.source, numbered.kind, numbered.name, numbered.count, numbered.status, numbered.attempt, numbered.config,
  numbered.output, numbered.error, numbered.worker, numbered.started_rev, numbered.attempt_rev, numbered.rev,
  extract(epoch from numbered.started_at)::float8, extract(epoch from numbered.attempt_at)::float8,
  extract(epoch from numbered.ended_at)::float8, extract(epoch from numbered.retry_at)::float8
from at
cross join page
cross join bounds
left join numbered on true
left join wf.payload on payload.instance = %(key)s and coalesce(numbered.number, 1) = 1
