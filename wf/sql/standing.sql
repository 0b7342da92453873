-- Where the live instances of a workflow stand, at a price that does not grow with their number: of each status `cap`
-- instances are looked at, the newest ones, of each of these its `depth` newest steps, and `budget` steps in all. A
-- status is written as a range, and ordered by, so that nothing but the index on (workflow, status, key) will do.

-- standing_look: The time; how many instances of each status were looked at, and how many of these are of the version;
-- whether they have steps that were not looked at; and the open ones by kind and name, the most populated first. An
-- instance counts once for each, under the status of these that is the first in `open`; `mostly` is the status that most of
-- these instances are in themselves. Without open steps there is one row, of nulls. The budget is spent in turns, so that each status has its share.
with looked as materialized (
  select i.*, row_number() over (partition by i.status order by i.key desc) as turn
  from unnest(%(statuses)s::text[]) as s (status) cross join lateral (
    select key, generation, status, seq, version
    from wf.instance
    where workflow = %(workflow)s and status >= s.status and status <= s.status
    order by status desc, key desc
    limit %(cap)s
  ) i
), meant as materialized (
  select key, generation, seq, status, sum(least(seq, %(depth)s)) over (order by turn, key desc) as reads
  from looked
  where %(version)s::text is null or version = %(version)s
), standing as (
  select n.kind, n.name, m.status, min(array_position(%(open)s::text[], n.status)) as place
  from meant m cross join lateral (
    select kind, name, status
    from wf.step
    where instance = m.key and generation = m.generation
    order by seq desc
    limit %(depth)s
  ) n
  where m.reads <= %(budget)s and n.status = any(%(open)s)
  group by m.key, m.status, n.kind, n.name
), groups as (
  select
    kind, name, count(*) as instances, count(*) filter (where place = 1) as first,
    count(*) filter (where place = 2) as second, count(*) filter (where place = 3) as third,
    count(*) filter (where place = 4) as fourth, mode() within group (order by status) as mostly
  from standing
  group by kind, name
  order by count(*) desc, kind, name
  limit %(limit)s
), counts as (
  select status, count(*) as number, count(*) filter (where %(version)s::text is null or version = %(version)s) as meant
  from looked
  group by status
)
select
  coalesce(to_timestamp(%(now)s), now()),
  (select coalesce(jsonb_object_agg(status, jsonb_build_array(number, meant)), '{}') from counts),
  exists (select from meant where seq > %(depth)s or reads > %(budget)s),
  g.*
from (values (1)) as one left join groups g on true
order by g.instances desc, g.kind, g.name
