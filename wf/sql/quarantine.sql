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

-- instance_named: Workflow, id and status of an instance, for messages.
select workflow, id, status, nudges from wf.instance where key = %(key)s
