-- Instances that no worker, or not this one, can move on.

-- instance_defer: Give an instance back that this worker does not know how to run; each time for longer, as long as nobody
-- does anything for it. A slot that it was given goes to others.
with fence as (
  update wf.instance
  set due_at = coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(pause)s * power(2, least(nudges, 6)))
  where key = %(key)s and generation = %(generation)s and rev = %(rev)s and due_at is not null
  returning key, status
)
update wf.slot set instance = null from fence where slot.instance = fence.key and fence.status = 'queued'

-- instance_set_apart: Pause an instance that could not be moved on after so many nudges, with the error that says why.
-- Whoever commits anything for it sets `nudges` back to 0, so nobody is paused who still moves. One that is being rolled
-- back is not paused, because a resume could not go on with that.
with fence as (
  update wf.instance
  set
    status = 'paused', rev = rev + 1, due_at = null, queued_at = null,
    paused_at = coalesce(to_timestamp(%(now)s), now())
  where key = %(key)s and nudges >= %(patience)s and status in ('queued', 'running', 'waiting')
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

-- instance_named: Workflow, id and status of an instance, for messages.
select workflow, id, status, nudges from wf.instance where key = %(key)s
