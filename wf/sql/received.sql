-- Events as those see them who look at an instance. Every event that was accepted is here, whether or not it also waits in
-- the mailbox in Redis.

-- events_page: The events of an instance after one of them, in the order in which they came, among the next so many.
-- Payloads that are bigger than whoever asks can show stay where they are, and of all together the newest that are too
-- much. Who took an event is a step of this generation: a restart gives events back, or deletes them.
select
  page.id, page.type, case when fits and size <= %(bytes)s then payload end, not (fits and size <= %(bytes)s),
  page.event_id, page.accepted_at, step.name, step.count
from (
  select *, sum(case when size <= %(bytes)s then size else 0 end) over (order by id) <= %(total)s as fits
  from (
    select *, octet_length(payload) as size
    from (
      select * from wf.event where instance = %(key)s and id > %(after)s order by id limit %(look)s
    ) looked
    where %(waiting)s::boolean is null or (consumed_by is null) = %(waiting)s
    order by id
    limit %(number)s
  ) sized
) page
left join wf.step
  on step.instance = %(key)s and step.generation = %(generation)s and step.seq = page.consumed_by
order by page.id

-- events_looked: The last of so many events after one of them; no row if there are fewer.
select id from wf.event where instance = %(key)s and id > %(after)s order by id limit 1 offset %(look)s - 1
