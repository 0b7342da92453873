-- What `wf doctor` asks, on a system in trouble, too: every statement looks at `cap` rows at most, finds them by an
-- index, and takes no lock that anybody would wait for. Sizes and numbers of rows are what Postgres has noted of them.

-- doctor_server: What the server is, and its settings that may hurt.
select
  current_setting('server_version_num')::integer, current_setting('server_version'), pg_is_in_recovery(),
  current_setting('default_transaction_read_only') = 'on', current_setting('max_connections')::integer,
  (select coalesce(sum(numbackends), 0)::integer from pg_stat_database),
  (select setting::integer / 1000.0 from pg_settings where name = 'idle_in_transaction_session_timeout')::float8,
  current_setting('autovacuum') = 'on', current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off'

-- doctor_rights: Whether the role may use the schema, and the tables that it may not read or write. No row: no schema.
select
  current_user, has_schema_privilege(n.oid, 'usage'),
  array(
    select c.relname::text from pg_class c
    where c.relnamespace = n.oid and c.relkind = 'r'
      and not (
        has_table_privilege(c.oid, 'select')
        and (
          c.relname = 'alembic_version'
          or has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
          and has_table_privilege(c.oid, 'delete')
        )
      )
    order by 1
  )
from pg_namespace n
where n.nspname = 'wf'

-- doctor_backend: Which process of Postgres answers, and whether it has the options that every connection of ours asks for.
select pg_backend_pid(), current_setting('plan_cache_mode') = 'force_generic_plan'

-- doctor_transactions: Transactions of others in this database that have been open for so many seconds, the oldest first,
-- and whether they have touched our tables.
select
  a.pid, a.usename::text, a.application_name, a.state, extract(epoch from clock_timestamp() - a.xact_start)::float8,
  exists (
    select from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
    where l.pid = a.pid and n.nspname = 'wf'
  )
from pg_stat_activity a
where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
  and a.xact_start < clock_timestamp() - make_interval(secs => %(after)s)
order by a.xact_start
limit %(limit)s

-- doctor_blockers: Who makes others wait for a lock, for so many seconds, in this database; and how many, and for how long.
select
  b.pid, a.usename::text, a.application_name, a.state, extract(epoch from clock_timestamp() - a.xact_start)::float8,
  count(*)::integer, max(w.waited)::float8
from (
  select pid, extract(epoch from clock_timestamp() - query_start) as waited
  from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock'
    and query_start < clock_timestamp() - make_interval(secs => %(after)s)
  order by query_start
  limit %(limit)s
) w
cross join lateral unnest(pg_blocking_pids(w.pid)) as b (pid)
left join pg_stat_activity a on a.pid = b.pid
group by 1, 2, 3, 4, 5
order by 6 desc, 1

-- doctor_tables: Our tables: rows, dead rows, bytes with indexes as Postgres noted them last, when it last cleaned up.
select
  c.relname::text, coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0),
  (c.relpages + coalesce(t.relpages, 0) + coalesce(x.pages, 0))::bigint * current_setting('block_size')::bigint,
  greatest(s.last_vacuum, s.last_autovacuum)
from pg_namespace n
join pg_class c on c.relnamespace = n.oid and c.relkind = 'r'
left join pg_class t on t.oid = c.reltoastrelid
left join pg_stat_all_tables s on s.relid = c.oid
left join lateral (
  select sum(i.relpages) as pages from pg_index join pg_class i on i.oid = indexrelid where indrelid = c.oid
) x on true
where n.nspname = 'wf'
order by 4 desc, 1

-- doctor_time: The time by the clock of Postgres.
select extract(epoch from clock_timestamp())::float8

-- doctor_last_key: The key that was given last, of an instance that may be gone; null if the role may not know.
select case when has_sequence_privilege(s.name, 'select') then pg_sequence_last_value(s.name::regclass) end
from (values (pg_get_serial_sequence('wf.instance', 'key'))) as s (name)

-- doctor_nudged: Instances that were nudged so often without effect, the most often first; among those that are due the
-- soonest, and the oldest ones of each workflow that run or are queued.
with soon as materialized (
  select key from wf.instance where due_at is not null order by due_at limit %(cap)s
), old as materialized (
  select found.key
  from wf.workflow w cross join unnest(%(statuses)s::text[]) as s (status) cross join lateral (
    select key
    from wf.instance
    where workflow = w.name and status >= s.status and status <= s.status
    order by status, key
    limit %(cap)s
  ) found
  limit %(cap)s
)
select i.workflow, i.id, i.status, i.nudges
from (select key from soon union select key from old) looked
cross join lateral (
  select workflow, id, status, nudges from wf.instance where key = looked.key and due_at is not null
  offset 0  -- one look-up an instance
) i
where i.nudges >= %(nudges)s
order by i.nudges desc, i.workflow, i.id

-- doctor_queued: Workflows whose instances have waited for a slot for so many seconds: how many, since when, the limit, when
-- a slot was last given. What a breaker holds is left out.
select w.name, w.concurrency, q.number, q.oldest, (select max(taken_at) from wf.slot where slot.workflow = w.name)
from wf.workflow w cross join lateral (
  select count(*)::integer as number, min(queued_at) as oldest
  from (
    select found.queued_at
    from unnest(array[0, 1]::smallint[]) as c (class) cross join lateral (
      select queued_at
      from wf.instance
      where workflow = w.name and queue_class = c.class and queued_at is not null
      order by queue_class, queued_at, key
      limit %(cap)s
    ) found
  ) waiting
  where queued_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(after)s)
) q
where q.number > 0 and w.breaker ->> 'admits' is null
order by w.name

-- doctor_undelivered: Events that were accepted so many seconds ago, while an instance among the newest that wait does so
-- for just this type: whoever was to wake it never came through.
with newest as materialized (
  select found.key
  from wf.workflow w cross join lateral (
    select key
    from wf.instance
    where workflow = w.name and status >= 'waiting' and status <= 'waiting'
    order by status desc, key desc
    limit %(cap)s
  ) found
  limit %(cap)s
), looked as materialized (
  select i.*
  from newest
  cross join lateral (
    select key, generation, workflow, id from wf.instance where key = newest.key and inbox > 0 offset 0
  ) i
)
select l.workflow, l.id, e.type, e.accepted_at
from looked l
cross join lateral (
  select type, accepted_at
  from wf.event
  where instance = l.key and consumed_by is null
  order by id
  limit %(depth)s
) e
where e.accepted_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(after)s)
  and exists (
    select
    from (
      select kind, status, config
      from wf.step
      where instance = l.key and generation = l.generation
      order by seq desc
      limit %(depth)s
    ) s
    where s.kind = 'waitForEvent' and s.status = 'waiting' and s.config ->> 'type' = e.type
  )
order by e.accepted_at
limit %(cap)s

-- doctor_jobs: Jobs that nobody has worked on for so many seconds after they could be taken.
select id, workflow, action, status, coalesce(lease_until, created_at)
from wf.job
where ended_at is null
  and coalesce(lease_until, created_at) < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(after)s)
order by id
limit %(cap)s

-- doctor_overdue: What the reaper and the alarm should have done so many seconds ago: how much, and since when.
select 'retention', count(*)::integer, min(expire_at)
from (
  select expire_at
  from wf.instance
  where restart_at is null
    and expire_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(retention)s)
  order by expire_at
  limit %(cap)s
) expired
union all
select 'restarts', count(*)::integer, min(restart_at)
from (
  select restart_at
  from wf.instance
  where restart_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(restarts)s)
  order by restart_at
  limit %(cap)s
) unborn
union all
select 'schedules', count(*)::integer, min(next_at)
from (
  select next_at
  from wf.schedule
  where next_at < coalesce(to_timestamp(%(now)s), now()) - make_interval(secs => %(schedules)s)
  order by next_at
  limit %(cap)s
) unfired
