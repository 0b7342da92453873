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

-- lines_forget: The lines of instances that are gone; some may have been written while these were being deleted.
delete from wf.line
where instance = any(%(keys)s) and not exists (select 1 from wf.instance where instance.key = line.instance)

-- lines_carry: After a restart, the next so many lines of the generations before it. Those of steps that it has kept go
-- over into its generation, if they come from the last one; the others go. Rows are found by their place, not by a join,
-- for which the planner might read all lines of the instance again and again. Locked ones belong to somebody who does
-- the same, or deletes the instance. No row: none are left.
with old as materialized (
  select
    line.ctid as place, generation, seq, id,
    generation = %(generation)s - 1 and exists (
      select 1 from wf.step
      where step.instance = %(key)s and step.generation = %(generation)s and step.seq = line.seq
        and step.started_rev < %(rev)s
    ) as kept
  from wf.line
  where instance = %(key)s and generation < %(generation)s
    and (generation, seq, id) > (%(after_generation)s, %(after_seq)s, %(after_id)s)
  order by generation, seq, id
  limit %(limit)s
  for update skip locked
), carried as (
  update wf.line set generation = %(generation)s where ctid = any(array(select place from old where kept))
), gone as (
  delete from wf.line where ctid = any(array(select place from old where not kept))
)
select generation, seq, id from old order by generation desc, seq desc, id desc limit 1

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
