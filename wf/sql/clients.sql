-- What clients run: create, send, look.

-- instance_create: A new instance with its parameters, due at once or when its nudge must be repeated. Without a
-- version it gets the newest one that workers registered.
with chosen as (
  select cast(%(version)s as text) as version, cast(null as jsonb) as retention
  where cast(%(version)s as text) is not null
  union all
  select version, settings -> 'default_retention' from wf.workflow
  where name = %(workflow)s and cast(%(version)s as text) is null
), made as (
  insert into wf.instance (workflow, id, version, trigger, keep_success, keep_error, created_at, due_at)
  select
    %(workflow)s, %(id)s, version, %(trigger)s,
    coalesce(cast(%(keep_success)s as float8), cast(retention ->> 'success_retention' as float8)),
    coalesce(cast(%(keep_error)s as float8), cast(retention ->> 'error_retention' as float8)),
    coalesce(to_timestamp(%(now)s), now()),
    coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
  from chosen
  on conflict (workflow, id) do nothing
  returning key, version, extract(epoch from created_at)::float8 as created_at
), stored as (
  insert into wf.payload (instance, params) select key, %(params)s from made
)
select key, version, created_at from made

-- instance_create_batch: New instances with keys in the order of their entries. They are inserted in the order of their
-- ids, lest two batches that share ids wait for each other. An entry's params are in base64; without, it gets the
-- common ones.
with chosen as (
  select cast(%(version)s as text) as version, cast(null as jsonb) as retention
  where cast(%(version)s as text) is not null
  union all
  select version, settings -> 'default_retention' from wf.workflow
  where name = %(workflow)s and cast(%(version)s as text) is null
), entry as materialized (
  select nextval(pg_get_serial_sequence('wf.instance', 'key')) as key, given.*
  from (
    select id, params, keep_success, keep_error
    from json_to_recordset(cast(%(entries)s as json))
      as given (number integer, id text, params text, keep_success float8, keep_error float8)
    order by number
  ) as given
), made as (
  insert into wf.instance (key, workflow, id, version, trigger, keep_success, keep_error, created_at, due_at)
  overriding system value
  select
    key, %(workflow)s, id, version, %(trigger)s,
    coalesce(keep_success, cast(retention ->> 'success_retention' as float8)),
    coalesce(keep_error, cast(retention ->> 'error_retention' as float8)),
    coalesce(to_timestamp(%(now)s), now()),
    coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
  from entry cross join chosen
  order by id
  on conflict (workflow, id) do nothing
  returning key, version, extract(epoch from created_at)::float8 as created_at
), stored as (
  insert into wf.payload (instance, params)
  select key, coalesce(decode(entry.params, 'base64'), cast(%(params)s as bytea)) from made join entry using (key)
)
select key, id, version, created_at from made join entry using (key)

-- event_accept: An event for a live instance: stored, counted, and the instance due at once, in one commit.
with live as (
  select key from wf.instance
  where workflow = %(workflow)s and id = %(id)s and status = any(cast(%(accepting)s as text[]))
  for update
), stored as (
  insert into wf.event (instance, type, payload, event_id, accepted_at)
  select key, %(type)s, %(payload)s, %(event_id)s, coalesce(to_timestamp(%(now)s), now()) from live
  on conflict (instance, event_id) where event_id is not null do nothing
  returning id, instance, accepted_at
)
update wf.instance
set
  rev = rev + 1, inbox = inbox + 1,
  due_at = case
    when due_at is null then null
    else least(due_at, coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s))
  end
from stored
where key = stored.instance
returning stored.id, key, generation, rev, extract(epoch from stored.accepted_at)::float8

-- workflow_register: A worker knows this workflow, in this version, by this class. One that has no source at hand, as
-- some have that are packed into one file, leaves the diagram as others have drawn it.
with told as (
  insert into wf.version (
    workflow, version, class_name, module, settings, graph, params_schema, event_schemas, created_at, modified_at
  )
  select
    %(name)s, %(version)s, %(class_name)s, %(module)s, %(settings)s, %(graph)s, %(params_schema)s, %(event_schemas)s,
    at, at
  from coalesce(to_timestamp(%(now)s), now()) as at
  on conflict (workflow, version) do update
  set
    class_name = excluded.class_name, module = excluded.module, settings = excluded.settings,
    graph = case
      when excluded.graph is null and (version.class_name, version.module) = (excluded.class_name, excluded.module)
        then version.graph
      else excluded.graph
    end,
    params_schema = excluded.params_schema, event_schemas = excluded.event_schemas,
    modified_at = excluded.modified_at
)
insert into wf.workflow (name, version, versions, settings, concurrency, created_at, modified_at)
select
  %(name)s, %(version)s, jsonb_build_object(%(version)s::text, extract(epoch from now())), %(settings)s,
  %(concurrency)s, at, at
from coalesce(to_timestamp(%(now)s), now()) as at
on conflict (name) do update
set versions = workflow.versions || excluded.versions, modified_at = excluded.modified_at
returning versions, overrides, extract(epoch from coalesce(to_timestamp(%(now)s), now()))::float8

-- workflow_settle: What is in force for a workflow: its newest version, the settings of that with what operators set over
-- them, and its schedules. Nothing happens if a version was registered or something was set meanwhile.
with settled as (
  update wf.workflow
  set
    version = %(version)s, settings = %(effective)s, concurrency = %(concurrency)s, overrides = %(overrides)s,
    modified_at = coalesce(to_timestamp(%(now)s), now())
  where name = %(name)s and versions = %(versions)s and overrides = %(seen)s
  returning name
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select %(actor)s, 'configure', name, '', %(overrides)s from settled where %(actor)s::text is not null
), dropped as (
  delete from wf.schedule using settled
  where schedule.workflow = settled.name and schedule.cron <> all(%(crons)s::text[])
), added as (
  insert into wf.schedule (workflow, cron, next_at)
  select name, cron, to_timestamp(next_at)
  from settled, unnest(%(crons)s::text[], %(next_at)s::float8[]) as given (cron, next_at)
  on conflict (workflow, cron) do nothing
)
select name from settled

-- workflow_standing: What is registered of a workflow, by version, and what operators set over it.
select
  w.versions, w.overrides,
  (select jsonb_object_agg(v.version, v.settings) from wf.version v where v.workflow = w.name),
  extract(epoch from coalesce(to_timestamp(%(now)s), now()))::float8,
  exists (
    select 1 from wf.version known
    where known.workflow = w.name and known.class_name = %(class_name)s and known.module = %(module)s
  )
from wf.workflow w
where w.name = %(name)s

-- workflow_known: Every workflow that a worker has registered, with its newest version.
select name, version, versions, settings from wf.workflow order by name

-- workflow_describe: Every workflow, or one, with the class of its newest version, and when its newest instance was made.
-- Place and order are of (workflow, key), as in lists: nothing but the index on both will do.
select
  w.name, w.version, w.versions, w.settings, w.created_at, w.modified_at,
  v.class_name, v.module, v.created_at, v.modified_at, last.created_at
from wf.workflow w
left join wf.version v on v.workflow = w.name and v.version = w.version
left join lateral (
  select i.created_at
  from wf.instance i
  where (i.workflow, i.key) <= (w.name, 9223372036854775807) and i.workflow >= w.name
  order by i.workflow desc, i.key desc
  limit 1
) last on true
where %(only)s::text[] is null or w.name = any(%(only)s)
order by w.name

-- instance_counts: How many instances of some workflows are in each status, each number up to a cap. A status is written
-- as a range, and ordered by, so that nothing but the index on (workflow, status, key) will do.
select w.name, s.status, c.number
from unnest(%(only)s::text[]) as w (name) cross join unnest(%(statuses)s::text[]) as s (status) cross join lateral (
  select count(*) as number
  from (
    select
    from wf.instance i
    where i.workflow = w.name and i.status >= s.status and i.status <= s.status
    order by i.status, i.key
    limit %(cap)s
  ) counted
) c
where c.number > 0

-- instance_counts_of: How many instances of one workflow are in each status, exactly.
select workflow, status, count(*) from wf.instance where workflow = %(workflow)s group by 1, 2

-- version_graph: The diagram of a version.
select graph from wf.version where workflow = %(workflow)s and version = %(version)s

-- version_list: What workers have told of the versions of every workflow, or of one; of diagrams only whether there is
-- one, because they may be large.
select workflow, version, class_name, module, settings, created_at, modified_at, graph is not null
from wf.version
where %(workflow)s::text is null or workflow = %(workflow)s

-- version_counts: Instances in flight, by version.
select workflow, version, status, count(*)
from wf.instance
where status <> all(%(terminal)s) and (%(workflow)s::text is null or workflow = %(workflow)s)
group by 1, 2, 3
order by 1, 2, 3

-- version_looked: The same among so many instances of each status of a workflow, half of them the newest and half the
-- oldest, where forgotten versions are; also how many of the status were looked at. A status is written as a range, and
-- ordered by, so that nothing but the index on (workflow, status, key) will do.
select %(workflow)s, i.version, i.status, count(*), (sum(count(*)) over (partition by i.status))::bigint
from unnest(%(live)s::text[]) as s (status) cross join lateral (
  (
    select key, version, status
    from wf.instance
    where workflow = %(workflow)s and status >= s.status and status <= s.status
    order by status desc, key desc
    limit %(cap)s::integer / 2
  )
  union
  (
    select key, version, status
    from wf.instance
    where workflow = %(workflow)s and status >= s.status and status <= s.status
    order by status, key
    limit %(cap)s::integer / 2
  )
) i
group by 2, 3
order by 2, 3

-- instance_key: The key of an instance.
select key, status, generation, rev, version from wf.instance where workflow = %(workflow)s and id = %(id)s

-- instance_key_at: The least key from which on instances were created at a moment or later. It is found by halving: so
-- a list of a few minutes out of years needs no index on their times.
with recursive probe as (
  select coalesce(min(key), 0) as low, coalesce(max(key), 0) + 1 as high from wf.instance
  union all
  select case when later then low else middle + 1 end, case when later then middle else high end
  from (select low, high, (low + high) / 2 as middle from probe where low < high) as half
  cross join lateral (
    select coalesce(
      (
        select created_at >= to_timestamp(%(at)s::float8) from wf.instance
        where key >= half.middle
        order by key
        limit 1
      ),
      true
    ) as later
  ) as found
)
select low from probe where low >= high

-- instance_read: Everything about an instance but its steps.
select
  i.key, i.workflow, i.id, i.version, i.status, i.trigger, i.generation, i.rev, i.restarts, i.due_at, i.restart_at,
  i.created_at, i.started_at, i.ended_at, p.params, p.output, p.error, p.warnings, p.rollback, p.schedule,
  i.expire_at,
  case when i.status = 'terminated' then (
    select a.actor from wf.audit a
    where a.workflow = i.workflow and a.instance = i.id and a.action = 'terminate'
    order by a.id desc
    limit 1
  ) end
from wf.instance i join wf.payload p on p.instance = i.key
where i.workflow = %(workflow)s and i.id = %(id)s

-- instance_outcome: What an instance has come to, without its params: they may be big.
select i.status, p.output, p.error, p.rollback
from wf.instance i join wf.payload p on p.instance = i.key
where i.workflow = %(workflow)s and i.id = %(id)s

-- step_list: The steps of an instance in the order in which they were asked for. Outputs that are bigger than whoever
-- asks can show stay where they are, and of all together the oldest that are too much.
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
    where instance = %(key)s and generation = %(generation)s
  ) sized
) weighed
order by seq

-- step_totals: How many steps an instance has, and when the first of them goes on by itself; of all attempts, how many
-- failed and were tried again, and how many were lost.
select s.number, s.wake_at, a.retries, a.recoveries
from (
  select
    count(*) filter (where kind = 'do') as number,
    min(wake_at) filter (where status in ('ready', 'retrying', 'waiting')) as wake_at
  from wf.step
  where instance = %(key)s and generation = %(generation)s
) s cross join (
  select
    count(*) filter (where outcome = 'errored' and retry_at is not null) as retries,
    count(*) filter (where outcome = 'lost') as recoveries
  from wf.attempt
  where instance = %(key)s and generation = %(generation)s
) a

-- step_read: One step of an instance, with the error of one of its attempts.
select step.status, step.config, step.attempt, step.output, step.error, attempt.outcome, attempt.error
from wf.instance
join wf.step on step.instance = instance.key and step.generation = instance.generation
left join wf.attempt
  on attempt.instance = step.instance and attempt.generation = step.generation and attempt.seq = step.seq
  and attempt.attempt = coalesce(%(attempt)s, step.attempt)
where instance.workflow = %(workflow)s and instance.id = %(id)s
  and step.kind = %(kind)s and step.name = %(name)s and step.count = %(count)s

-- attempt_list: The failed and lost attempts of an instance, the newest of each step; of all together not the oldest
-- that are too much. One counts a KiB beside its error, which is what it takes to tell of it.
select seq, attempt, outcome, error, worker, started_at, ended_at, retry_at, started_rev
from (
  select *, sum(1024 + coalesce(octet_length(error), 0)) over (order by seq desc, attempt desc) as size
  from (
    select *, row_number() over (partition by seq order by attempt desc) as age
    from wf.attempt
    where instance = %(key)s and generation = %(generation)s
  ) numbered
  where age <= %(attempts)s
) weighed
where size <= %(total)s
order by seq, attempt

-- schema_version: The version that the last migration left.
select version_num from wf.alembic_version
