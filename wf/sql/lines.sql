-- Log lines of steps: kept while attempts run, read by those who look.

-- lines_keep: Lines of a process, in their order, if their instance is still there in their generation. It is held lest it
-- be deleted meanwhile; one that somebody is at work on comes back, and its lines have to wait.
with given as materialized (
  select *
  from unnest(
    %(keys)s::bigint[], %(generations)s::integer[], %(seqs)s::integer[], %(attempts)s::integer[], %(ats)s::float8[],
    %(levels)s::smallint[], %(loggers)s::text[], %(messages)s::bytea[]
  ) with ordinality as told (key, generation, seq, attempt, at, level, logger, message, number)
), held as materialized (
  select key, generation from wf.instance where key = any(%(keys)s::bigint[]) for key share skip locked
), kept as (
  insert into wf.line (instance, generation, seq, attempt, at, level, logger, message)
  select key, generation, seq, attempt, to_timestamp(at), level, logger, message
  from given join held using (key, generation)
  order by number
)
select key from wf.instance where key = any(%(keys)s::bigint[]) and key not in (select key from held)

-- lines_forget: The lines of an instance that is gone; some may have been written while it was being deleted.
delete from wf.line
where instance = %(key)s and not exists (select 1 from wf.instance where instance.key = %(key)s)

-- line_step: The step whose lines are asked for.
select instance.key, instance.generation, step.seq, step.attempt
from wf.instance
join wf.step on step.instance = instance.key and step.generation = instance.generation
where instance.workflow = %(workflow)s and instance.id = %(id)s
  and step.kind = %(kind)s and step.name = %(name)s and step.count = %(count)s

-- lines_page: The lines of a step after one of them, in their order, among the next so many.
select id, at, level, logger, message, attempt
from (
  select * from wf.line
  where instance = %(key)s and generation = %(generation)s and seq = %(seq)s and id > %(after)s
  order by id
  limit %(look)s
) looked
where %(attempt)s::integer is null or attempt = %(attempt)s
order by id
limit %(number)s

-- lines_looked: The last of so many lines of a step after one of them; no row if there are fewer.
select id from wf.line
where instance = %(key)s and generation = %(generation)s and seq = %(seq)s and id > %(after)s
order by id
limit 1 offset %(look)s - 1
