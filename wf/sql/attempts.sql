-- What is asked and told about attempts while they run.

-- attempt_held: Which attempts somebody still wants: they hold their lease, and their instance has not ended. No locks.
select held.lease
from unnest(%(keys)s::bigint[], %(generations)s::integer[], %(seqs)s::integer[], %(leases)s::uuid[])
  as held (instance, generation, seq, lease)
join wf.step using (instance, generation, seq, lease)
join wf.instance on instance.key = held.instance and instance.generation = held.generation
where instance.status not in ('complete', 'errored', 'terminated')

-- details_tell: What the heartbeats of a process told last. A row that somebody else is just writing does not come back.
with told as (
  select instance, generation, seq, lease, news.details
  from wf.step
  join unnest(
    %(keys)s::bigint[], %(generations)s::integer[], %(seqs)s::integer[], %(leases)s::uuid[], %(details)s::bytea[]
  ) as news (instance, generation, seq, lease, details) using (instance, generation, seq, lease)
  for update of step skip locked
)
update wf.step
set details = told.details
from told
where step.instance = told.instance and step.generation = told.generation and step.seq = told.seq
returning told.lease

-- details_keep: What the heartbeats of one attempt told last, just before its failure is written.
update wf.step
set details = %(details)s
where instance = %(key)s and generation = %(generation)s and seq = %(seq)s and lease = %(lease)s
returning seq

-- details_read: What the heartbeats of the attempts before told last.
select details from wf.step where instance = %(key)s and generation = %(generation)s and seq = %(seq)s

-- instance_settled: Waits until no transaction is at work on the instance: one whose COMMIT was not answered may be.
select 1 from wf.instance where key = %(key)s for update

-- attempt_ended: Whether the journal holds the good end of this very attempt.
select status = 'complete' and lease is null and attempt = %(attempt)s
from wf.step
where instance = %(key)s and generation = %(generation)s and seq = %(seq)s

-- transaction_limits: First thing in the transaction of a callback: neither it nor a statement outlasts the step's timeout.
select
  set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true),
  set_config('statement_timeout', %(milliseconds)s, true)

-- transaction_ending: The callback has returned. From now on the instance is locked, and a worker that freezes here must
-- not keep others from it for longer than its lease.
select set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true)
