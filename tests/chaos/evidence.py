"""What is left of a run: what users were told, what steps have done, and what the journal says, read by plain SQL.

Triggers, in the very transactions of the engine, write down every end of a step and of an instance, and whatever
changes afterwards: so no result can change unseen between two looks.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from tests.chaos import ledger

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection

SCHEMA = """
create table public.receipt (instance text not null, step text not null, attempt integer not null, body jsonb not null);
create table public.basket (instance text primary key);
create table public.told (
    id bigint generated always as identity, what text not null, instance bigint not null, generation integer,
    seq integer, detail text
);

create function public.tell_step() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into public.told (what, instance, generation, seq)
        values ('step gone', old.instance, old.generation, old.seq);
        return old;
    end if;
    if new.status in ('complete', 'errored', 'cancelled') and (tg_op = 'INSERT' or old.status <> new.status) then
        insert into public.told (what, instance, generation, seq, detail)
        values ('step ended', new.instance, new.generation, new.seq, new.status);
    end if;
    if tg_op = 'UPDATE' and old.status in ('complete', 'errored', 'cancelled')
        and (old.status, old.attempt, old.ended_at, old.output, old.error)
            is distinct from (new.status, new.attempt, new.ended_at, new.output, new.error)
    then
        insert into public.told (what, instance, generation, seq, detail)
        values ('step changed', new.instance, new.generation, new.seq, old.status || ' to ' || new.status);
    end if;
    return new;
end $$;
create trigger told after insert or update or delete on wf.step for each row execute function public.tell_step();

create function public.tell_instance() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into public.told (what, instance) values ('instance gone', old.key);
        return old;
    end if;
    if new.status in ('complete', 'errored', 'terminated') and new.status <> old.status then
        insert into public.told (what, instance, detail) values ('instance ended', new.key, new.status);
    end if;
    if new.rev < old.rev or (new.status <> old.status and new.rev = old.rev) or new.generation <> old.generation then
        insert into public.told (what, instance, detail)
        values (
            'instance turned back', new.key,
            format('rev %s to %s, %s to %s', old.rev, new.rev, old.status, new.status)
        );
    end if;
    return new;
end $$;
create trigger told after update or delete on wf.instance for each row execute function public.tell_instance();
"""

TIMES = "extract(epoch from {0})::float8 as {0}"

QUERIES = {
    "instances": f"""
        select key, workflow, id, status, generation, {TIMES.format("created_at")}, {TIMES.format("started_at")},
            {TIMES.format("ended_at")}
        from wf.instance order by key""",
    "steps": f"""
        select instance, seq, kind, name, count, status, attempt, lost, lease is not null as leased, worker,
            {TIMES.format("started_at")}, {TIMES.format("attempt_at")}, {TIMES.format("wake_at")},
            {TIMES.format("ended_at")}, coalesce(config ->> 'rollback' = 'true', false) as undoable
        from wf.step order by instance, seq""",
    "attempts": f"""
        select instance, seq, attempt, outcome, worker, {TIMES.format("started_at")}, {TIMES.format("ended_at")},
            {TIMES.format("retry_at")}
        from wf.attempt order by instance, seq, attempt""",
    "events": f"select instance, type, event_id, consumed_by, {TIMES.format('accepted_at')} from wf.event order by id",
    "transitions": f"select instance, status, {TIMES.format('at')} from wf.transition order by instance, rev",
    "receipts": "select instance, step, attempt, body from public.receipt",
    "baskets": "select instance from public.basket",
    "told": "select what, instance, seq, detail from public.told order by id",
}

Row = dict[str, Any]


@dataclass
class Evidence:
    """All of it.

    Attributes:
        acks: What users were told, in its order.
        effects: What steps have done.
        instances: By their keys.
        steps: By the keys of their instances.
        attempts: Failed and lost ones, by instance and seq.
        events: By the keys of their instances.
        transitions: By the keys of their instances.
        told: What the triggers have seen.
    """

    acks: list[Row]
    effects: list[Row]
    instances: dict[int, Row]
    receipts: list[Row]
    baskets: list[Row]
    told: list[Row]
    steps: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    attempts: dict[tuple[int, int], list[Row]] = field(default_factory=lambda: defaultdict(list))
    events: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    transitions: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def name(self, key: int) -> str:
        """The id of an instance; its key if the journal does not know it."""
        return str(self.instances[key]["id"]) if key in self.instances else f"instance {key}"


def gather(connection: Connection[Any], acks: Path, effects: Path) -> Evidence:
    """Read everything.

    Args:
        connection: To the journal, in a transaction of the caller's.
        acks: What users wrote.
        effects: What steps wrote.
    """
    rows = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for name, query in QUERIES.items():
            rows[name] = cursor.execute(query).fetchall()
    found = Evidence(
        acks=ledger.read(acks), effects=ledger.read(effects), instances={row["key"]: row for row in rows["instances"]},
        receipts=rows["receipts"], baskets=rows["baskets"], told=rows["told"],
    )  # fmt: skip
    for name in ("steps", "events", "transitions"):
        for row in rows[name]:
            getattr(found, name)[row["instance"]].append(row)
    for row in rows["attempts"]:
        found.attempts[row["instance"], row["seq"]].append(row)
    return found
