-- What people do to instances: pause, resume, terminate, restart, delete. Which action is allowed when stands in
-- wf/lifecycle.py; here every statement is fenced by the rev at which that was decided, so nothing has moved in between.

-- instance_look: Where an instance stands, for whoever wants to move it.
select
  key, status, generation, rev, started_at is not null,
  exists (
    select 1 from wf.step
    where step.instance = key and step.generation = instance.generation and step.config ->> 'rollback' = 'true'
      and step.attempt > 0
  )
from wf.instance
where workflow = %(workflow)s and id = %(id)s

-- instance_pause: No attempt begins any more; paused at once if none runs. The step rows are as they were at this rev.
with fence as (
  select key, generation, rev from wf.instance where key = %(key)s and rev = %(rev)s for update
), busy as (
  select max(step.wake_at) as until
  from fence
  left join wf.step
    on step.instance = fence.key and step.generation = fence.generation and step.status = 'running'
    and step.wake_at > coalesce(to_timestamp(%(now)s), now())
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, rev + 1, 'waitingForPause', coalesce(to_timestamp(%(now)s), now()) from fence
  union all
  select key, rev + 2, 'paused', coalesce(to_timestamp(%(now)s), now()) from fence, busy where until is null
), noted as (
  insert into wf.audit (actor, action, workflow, instance)
  select %(actor)s, 'pause', workflow, id from wf.instance join fence using (key)
), freed as (
  update wf.slot set instance = null from fence, busy where slot.instance = fence.key and until is null
)
update wf.instance
set
  rev = instance.rev + case when until is null then 2 else 1 end,
  status = case when until is null then 'paused' else 'waitingForPause' end,
  paused_at = case when until is null then coalesce(to_timestamp(%(now)s), now()) end,
  due_at = until, queued_at = null
from fence, busy
where instance.key = fence.key
returning instance.generation, instance.rev

-- pause_settle: The last attempt has ended while a pause was asked for: paused, or looked at again when its lease ends.
with fence as (
  select key, generation, rev from wf.instance
  where key = %(key)s and rev = %(rev)s and status = 'waitingForPause'
  for update
), busy as (
  select max(step.wake_at) as until
  from fence
  left join wf.step
    on step.instance = fence.key and step.generation = fence.generation and step.status = 'running'
    and step.wake_at > coalesce(to_timestamp(%(now)s), now())
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, rev + 1, 'paused', coalesce(to_timestamp(%(now)s), now()) from fence, busy where until is null
), freed as (
  update wf.slot set instance = null from fence, busy where slot.instance = fence.key and until is null
)
update wf.instance
set
  rev = instance.rev + case when until is null then 1 else 0 end,
  status = case when until is null then 'paused' else status end,
  paused_at = case when until is null then coalesce(to_timestamp(%(now)s), now()) end,
  due_at = until
from fence, busy
where instance.key = fence.key
returning status

-- instance_resume: The time that was spent in pause is added to every deadline.
with fence as (
  select key, generation, rev, status, paused_at from wf.instance
  where key = %(key)s and rev = %(rev)s
  for update
), shifted as (
  update wf.step
  set wake_at = step.wake_at + (coalesce(to_timestamp(%(now)s), now()) - fence.paused_at), rev = fence.rev + 1
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.status in ('waiting', 'retrying')
    and fence.paused_at is not null
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, rev + 1, %(status)s, coalesce(to_timestamp(%(now)s), now()) from fence
), noted as (
  insert into wf.audit (actor, action, workflow, instance)
  select %(actor)s, 'resume', workflow, id from wf.instance join fence using (key)
), healed as (
  update wf.payload set error = null from fence where payload.instance = fence.key
)
update wf.instance
set
  rev = instance.rev + 1, status = %(status)s, paused_at = null, nudges = 0,
  due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
from fence
where instance.key = fence.key
returning instance.generation, instance.rev

-- instance_terminate: Stop an instance for good; its running attempts lose their lease. To roll back first, it goes on
-- as rollingBack, and ends when that is done; if it rolls back already the handlers are left at work.
with fence as (
  update wf.instance
  set
    status = %(status)s, rev = rev + 1, nudges = 0, queued_at = null, restart_at = null,
    ends_as = case when %(status)s = 'rollingBack' then 'terminated' end,
    due_at = case
      when %(status)s = 'rollingBack' then coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(due_in)s)
    end,
    ended_at = case when %(status)s = 'terminated' then coalesce(to_timestamp(%(now)s), now()) end,
    expire_at = case
      when %(status)s = 'terminated' then coalesce(to_timestamp(%(now)s), now())
        + make_interval(secs => coalesce(keep_success, %(keep_success)s))
    end
  where key = %(key)s and rev = %(rev)s
  returning key, generation, rev, workflow, id
), dropped as (
  update wf.step
  set status = 'cancelled', lease = null, ended_at = coalesce(to_timestamp(%(now)s), now())
  from fence
  where step.instance = fence.key and step.generation = fence.generation and step.ended_at is null and not %(again)s
), freed as (
  update wf.slot set instance = null from fence where slot.instance = fence.key and %(status)s = 'terminated'
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, rev, %(status)s, coalesce(to_timestamp(%(now)s), now())
  from fence
  where %(status)s = 'rollingBack' and not %(again)s
), cut_off as (
  update wf.payload set rollback = %(rollback)s from fence where payload.instance = fence.key
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select %(actor)s, 'terminate', workflow, id, %(detail)s from fence
)
select generation, rev from fence

-- delete_lines: So many log lines of an instance that is about to be deleted, unless it has moved on. It is held for one
-- batch at a time only.
with held as materialized (
  select key from wf.instance where key = %(key)s and rev = %(rev)s for update skip locked
), batch as materialized (
  select ctid as place from wf.line
  where instance = any(array(select key from held))
  limit %(limit)s
  for update skip locked
)
delete from wf.line where ctid = any(array(select place from batch)) returning id

-- instance_delete: An instance with all that belongs to it; its id is free again.
with gone as (
  delete from wf.instance where key = %(key)s and rev = %(rev)s returning key, workflow, id
), payload as (
  delete from wf.payload using gone where payload.instance = gone.key
), steps as (
  delete from wf.step using gone where step.instance = gone.key
), attempts as (
  delete from wf.attempt using gone where attempt.instance = gone.key
), lines as (
  delete from wf.line using gone where line.instance = gone.key
), events as (
  delete from wf.event using gone where event.instance = gone.key
), transitions as (
  delete from wf.transition using gone where transition.instance = gone.key
), freed as (
  update wf.slot set instance = null from gone where slot.instance = gone.key
), noted as (
  insert into wf.audit (actor, action, workflow, instance) select %(actor)s, 'delete', workflow, id from gone
)
select 0, 0 from gone

-- instance_halt: Pause an instance that cannot go on, with the error that says why: at a rev, if one is given, and after so
-- many nudges in vain. Whoever commits anything for it sets `nudges` back to 0, and while a step of it runs they are not in
-- vain, because some worker can read it; so nobody is paused who still moves.
with fence as (
  update wf.instance
  set
    status = 'paused', rev = rev + 1, due_at = null, queued_at = null,
    paused_at = coalesce(to_timestamp(%(now)s), now())
  where key = %(key)s and rev = coalesce(%(rev)s::bigint, rev) and nudges >= %(nudges)s and status = any(%(statuses)s)
    and (
      %(nudges)s = 0 or not exists (
        select from wf.step
        where step.instance = instance.key and step.generation = instance.generation and step.status = 'running'
          and step.wake_at > coalesce(to_timestamp(%(now)s), now())
      )
    )
  returning key, rev, workflow, id
), said as (
  update wf.payload set error = %(error)s from fence where payload.instance = fence.key
), freed as (
  update wf.slot set instance = null from fence where slot.instance = fence.key
), logged as (
  insert into wf.transition (instance, rev, status, at)
  select key, rev, 'paused', coalesce(to_timestamp(%(now)s), now()) from fence
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail)
  select 'engine', 'pause', workflow, id, jsonb_build_object('reason', %(reason)s::text) from fence
)
select rev from fence

-- instance_warn: Something a person should know while the instance still runs.
update wf.payload set warnings = %(warnings)s where instance = %(key)s and warnings is distinct from %(warnings)s
