-- Journals replayed against today's code, to see whether they fit. Nothing here writes.

-- replay_keys: Instances in some statuses, newest first. Each status by itself, so that the index has them in order.
select found.key, found.id
from unnest(%(statuses)s::text[]) as wanted (status)
cross join lateral (
  select key, id from wf.instance
  where workflow = %(workflow)s and status = wanted.status and key < %(below)s
  order by key desc
  limit %(limit)s
) found
order by found.key desc
limit %(limit)s

-- replay_keys_of: Instances by their ids, newest first.
select key, id from wf.instance
where workflow = %(workflow)s and id = any(%(ids)s::text[]) and key < %(below)s
order by key desc
limit %(limit)s

-- replay_outcome: What an instance has come to, if it is still where its rows were read.
select payload.output, payload.error
from wf.instance left join wf.payload on payload.instance = instance.key
where instance.key = %(key)s and instance.generation = %(generation)s and instance.rev = %(rev)s
