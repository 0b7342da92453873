-- Who did what.

-- audit_floor: The key down to which a list looks; nothing if it comes to the end of the audit before.
select floor
from (
  select least(%(before)s, (select max(id) + 1 from wf.audit)) - %(look)s::bigint as floor
) looked
where exists (select 1 from wf.audit where id < floor)

-- audit_list: Entries from the newest on, by key, down to the floor; the filters are for people, who look at the newest
-- few.
select id, actor, action, workflow, instance, detail, at
from wf.audit
where id < %(before)s and id >= %(floor)s
  and (%(workflow)s::text is null or workflow = %(workflow)s)
  and (%(instance)s::text is null or instance = %(instance)s)
  and (%(actor)s::text is null or actor = %(actor)s)
  and (%(action)s::text is null or action = %(action)s)
  and (%(only)s::text[] is null or workflow = any(%(only)s))
order by id desc
limit %(limit)s

-- audit_about: Those about one instance, by their own index.
select id, actor, action, workflow, instance, detail, at
from wf.audit
where workflow = %(workflow)s and instance = %(instance)s and id < %(before)s
  and (%(actor)s::text is null or actor = %(actor)s)
  and (%(action)s::text is null or action = %(action)s)
  and (%(only)s::text[] is null or workflow = any(%(only)s))
order by id desc
limit %(limit)s
