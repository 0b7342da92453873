-- Restarts, by people and by the reaper.

-- restart_due: Errored instances whose policy says: again, now.
select key, workflow, id, generation, rev, restarts, restart_from_start
from wf.instance
where restart_at <= coalesce(to_timestamp(%(now)s), now())
order by restart_at, key
limit %(limit)s offset %(failed)s

-- restart_target: The step to begin again with, in the history of the instance as it stands.
select step.seq
from wf.instance join wf.step on step.instance = instance.key and step.generation = instance.generation
where instance.key = %(key)s and step.kind = %(kind)s and step.name = %(name)s and step.count = %(count)s
  and step.status <> 'cancelled'

-- instance_restart: A new generation: from the start, from what failed, or from a step.
-- From what failed, a prefix of history is kept: everything before the last failure or fired timeout. A prefix replays
-- as it ran; a choice of rows by their status would give results to the wrong steps. Waits that are done again get their
-- events again. From a step, whatever was asked for before it is kept, and nothing after it, but for a timeout that has
-- fired since: it would end the step again at once. Events that no kept wait has taken are gone, and open sleeps and
-- waits keep their deadlines. Log lines follow later (see lines_carry): there may be too many to hold the instance for.
with target as (
  select key, generation, rev, workflow, id, started_rev, last_rev, paused_at from wf.instance
  where key = %(key)s and generation = %(generation)s and rev = %(rev)s
  for update
), history as (
  select step.rev, step.status, step.kind, step.config
  from wf.step join target on step.instance = target.key and step.generation = target.generation
  where step.status in ('complete', 'errored') and step.rev <= target.last_rev
), cut as (
  select coalesce(
    max(rev) filter (where status = 'errored' or (kind = 'timer' and config ? 'timeout')),
    9223372036854775807
  ) as rev
  from history
), begun as (
  select step.started_rev as rev
  from wf.step join target on step.instance = target.key and step.generation = target.generation
  where seq = %(from_seq)s
), kept as (
  update wf.step
  set
    generation = target.generation + 1,
    wake_at = step.wake_at + case
      when ended_at is null then coalesce(coalesce(to_timestamp(%(now)s), now()) - paused_at, interval '0')
      else interval '0'
    end
  from target, cut
  where step.instance = target.key and step.generation = target.generation and step.kind <> 'rollback'
    and case %(keep)s
      when 'failed' then step.status in ('complete', 'errored') and step.rev < cut.rev
      when 'step' then step.status in ('complete', 'errored', 'waiting') and step.seq < %(from_seq)s
        and not (
          step.kind = 'timer' and step.status = 'complete' and step.config ? 'timeout'
          and step.rev > (select rev from begun)
        )
      else false
    end
  returning seq, octet_length(output) as size
), tried as (
  update wf.attempt
  set generation = target.generation + 1
  from target
  where attempt.instance = target.key and attempt.generation = target.generation and seq in (select seq from kept)
), released as (
  update wf.event
  set consumed_by = null
  from target
  where %(keep)s = 'failed' and event.instance = target.key and consumed_by is not null
    and consumed_by not in (select seq from kept)
  returning event.id
), forgotten as (
  delete from wf.event using target
  where %(keep)s <> 'failed' and event.instance = target.key
    and (consumed_by is null or consumed_by not in (select seq from kept))
), forgotten_transitions as (
  delete from wf.transition using target
  where transition.instance = target.key
    and (%(keep)s = 'nothing' or target.started_rev is null or transition.rev > target.started_rev)
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, rev + 1, 'queued', coalesce(to_timestamp(%(now)s), now()) from target
), wiped as (
  update wf.payload
  set
    output = null, error = null, warnings = null, rollback = null,
    seed = case when %(keep)s = 'nothing' then gen_random_uuid() else seed end
  from target
  where payload.instance = target.key
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select %(actor)s, 'restart', workflow, id, %(detail)s from target
)
update wf.instance
set
  generation = target.generation + 1, rev = target.rev + 1, status = 'queued', nudges = 0,
  restarts = restarts + %(counted)s,
  seq = case when %(keep)s = 'nothing' then 0 else seq end,
  size = (select coalesce(sum(size), 0) from kept),
  inbox = case when %(keep)s = 'failed' then inbox + (select count(*) from released) else 0 end,
  due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s),
  started_at = case when %(keep)s = 'nothing' then null else started_at end,
  started_rev = case when %(keep)s = 'nothing' then null else instance.started_rev end,
  restart_at = null, paused_at = null, queued_at = null, ended_at = null, expire_at = null, ends_as = null,
  last_rev = null
from target
where instance.key = target.key
returning instance.generation, instance.rev

-- restart_forget: What the generations before the last restart left behind, but for lines (see lines_carry).
with gone as (
  delete from wf.step where instance = %(key)s and generation < %(generation)s
)
delete from wf.attempt where instance = %(key)s and generation < %(generation)s
