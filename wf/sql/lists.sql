-- Lists of instances, as far as their statements are always the same; `wf.listed` builds the others.

-- list_beginning: How many instances have ids between two, up to a cap. In the order of ids, so that nothing but the
-- index on them will do.
select count(*)
from (
  select from wf.instance
  where workflow = %(workflow)s and id >= %(first)s and id <= %(last)s
  order by id
  limit %(cap)s
) found
