"""The checker: reads what users, steps and journal say, without any code of the engine, and tells what must not be."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.evidence import Evidence, Row

ENDS = {
    "plain": "complete",
    "paused": "complete",
    "fails": "errored",
    "terminated": "terminated",
    "undone": "terminated",
}
"""How an instance must end, by its fate."""

TRANSACTIONS = {"charge", "close"}


def check(found: Evidence) -> list[str]:
    """A sentence for each thing that is lost, doubled, changed or not done; none if all is well."""
    rules = (acknowledged, together, told_once, ended, executed, receipted, events, undone)
    return [sentence for rule in rules for sentence in rule(found)]


def acknowledged(found: Evidence) -> Iterator[str]:
    """Whatever was acknowledged is there."""
    known = {row["id"]: row for row in found.instances.values()}
    taken = {row["event_id"] for rows in found.events.values() for row in rows}
    for ack in found.acks:
        if ack["what"] == "create" and ack["fate"] != "withdrawn" and ack["instance"] not in known:
            yield f"lost: instance {ack['instance']} was acknowledged and is nowhere"
        if ack["what"] == "event" and ack["event"] not in taken:
            yield f"lost: event {ack['event']} was acknowledged and is nowhere"


def together(found: Evidence) -> Iterator[str]:
    """An instance that was created in a transaction is there if and only if the rest of the transaction is."""
    baskets = {row["instance"] for row in found.baskets}
    created = {row["id"] for row in found.instances.values() if row["workflow"] == "chaos-basket"}
    yield from (f"lost: basket {id} was committed without its instance" for id in baskets - created)
    yield from (f"instance {id} was committed without its basket" for id in created - baskets)
    withdrawn = {ack["instance"] for ack in found.acks if ack.get("fate") == "withdrawn"}
    yield from (f"instance {id} is there, though its user has rolled back" for id in withdrawn & (created | baskets))


def told_once(found: Evidence) -> Iterator[str]:
    """What was journaled never changes: a step ends once, an instance ends once, nothing turns back."""
    ends: Counter[tuple[int, int | None]] = Counter()
    for row in found.told:
        id = found.name(row["instance"])
        if row["what"] in {"step ended", "instance ended"}:
            ends[row["instance"], row["seq"]] += 1
        else:
            yield f"changed: {row['what']}: {id}, step {row['seq']}, {row['detail']}"
    for (key, seq), number in ends.items():
        if number > 1:
            id = found.name(key)
            yield f"doubled: {id} {'' if seq is None else f'step {seq} '}ended {number} times"
    for key, steps in found.steps.items():
        for name, number in Counter((row["kind"], row["name"], row["count"]) for row in steps).items():
            if number > 1:
                yield f"doubled: {found.instances[key]['id']} has {number} rows of {name}"


def ended(found: Evidence) -> Iterator[str]:
    """Every instance has ended, as it should, and nothing of it is left at work."""
    fates = {ack["instance"]: ack["fate"] for ack in found.acks if ack["what"] == "create"}
    for key, row in found.instances.items():
        # One that was created and never acknowledged can only be a basket: users try again until they are answered.
        wanted = ENDS[fates.get(row["id"], "plain")]
        if row["status"] != wanted:
            yield f"{row['workflow']} {row['id']} should be {wanted} and is {row['status']}"
        for step in found.steps[key]:
            if step["leased"] or step["ended_at"] is None:
                yield f"{row['id']} is over, and its step {step['name']!r} is {step['status']}"


def executed(found: Evidence) -> Iterator[str]:
    """Every attempt ran at most once, was counted, and was repeated only after it was interrupted or had failed."""
    keys = {found.name(key): key for key in found.steps}
    ran: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for effect in found.effects:
        ran[effect["instance"], effect["what"], effect["step"]].append(effect)
    rows = {
        (found.name(key), "undo" if row["kind"] == "rollback" else "do", row["name"]): row
        for key, steps in found.steps.items() for row in steps if row["kind"] in {"do", "rollback"}
    }  # fmt: skip
    for what, row in rows.items():
        did = {effect["attempt"] for effect in ran[what]}
        if row["status"] == "complete" and not (row["attempt"] in did or (did and what[1] == "undo")):
            yield f"lost: {what} is complete and has had no effect in its last attempt"
    for what, effects in ran.items():
        if what in rows:
            interrupted = {one["attempt"] for one in found.attempts[keys[what[0]], rows[what]["seq"]]}
            yield from _repeated(what, [effect["attempt"] for effect in effects], rows[what]["attempt"], interrupted)
        elif effects:
            yield f"{what} had an effect and is not in the journal"


def _repeated(what: tuple[str, str, str], ran: list[int], counted: int, interrupted: set[int]) -> Iterator[str]:
    if what[1] == "undo":  # a rollback is told the attempt of the step that it undoes, so only their number is known
        if len(ran) > counted:
            yield f"doubled: {what} ran {len(ran)} times, and the journal has counted {counted} attempts"
        return
    yield from (f"doubled: {what} ran {n} times as attempt {a}" for a, n in Counter(ran).items() if n > 1)
    for attempt in sorted(set(ran)):
        if attempt > counted:
            yield f"{what} ran as attempt {attempt}, and the journal has counted {counted}"
        elif attempt < counted and attempt not in interrupted:
            yield f"doubled: {what} was repeated after attempt {attempt}, of which nothing went wrong"


def receipted(found: Evidence) -> Iterator[str]:
    """A transaction's row is there once if its step is complete, else never; `run` always got what was journaled."""
    tokens = {
        (effect["instance"], effect["step"], effect["attempt"]): effect["token"]
        for effect in found.effects if effect["what"] == "do"
    }  # fmt: skip
    steps = {
        (found.name(key), row["name"]): row
        for key, rows in found.steps.items() for row in rows if row["kind"] == "do"
    }  # fmt: skip
    number = Counter((row["instance"], row["step"]) for row in found.receipts)
    for (id, name), row in steps.items():
        if name in TRANSACTIONS and number[id, name] != (row["status"] == "complete"):
            yield f"doubled or lost: transaction {name!r} of {id} is {row['status']} and has {number[id, name]} rows"
    for id, name in number.keys() - steps.keys():
        yield f"transaction {name!r} of {id} has a row and is not in the journal"
    for receipt in found.receipts:
        for name, token in receipt["body"].items():
            wanted = tokens.get((receipt["instance"], name, steps.get((receipt["instance"], name), {}).get("attempt")))
            if name != "events" and (wanted is None or token != wanted):
                yield f"changed: {receipt['step']!r} of {receipt['instance']} saw another result of {name!r}"


def events(found: Evidence) -> Iterator[str]:
    """Each event that was acknowledged reached `run` once, those of a type in their order."""
    sent: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for ack in found.acks:
        if ack["what"] == "event":
            sent[ack["instance"]][ack["type"]].append(ack["event"])
    for receipt in found.receipts:
        if "events" in receipt["body"]:
            wanted = sent[receipt["instance"]]["paid"] + sent[receipt["instance"]]["wish"]
            got = [payload["event"] for payload in receipt["body"]["events"]]
            if got != wanted:
                yield f"{receipt['step']!r} of {receipt['instance']} got the events {got}, and {wanted} were sent"
    for key, rows in found.events.items():
        instance = found.instances.get(key)
        takers = Counter(row["consumed_by"] for row in rows if row["consumed_by"] is not None)
        yield from (f"doubled: step {seq} of {key} took {n} events" for seq, n in takers.items() if n > 1)
        if instance is not None and instance["status"] == "complete" and None in {row["consumed_by"] for row in rows}:
            yield f"lost: {instance['id']} is complete and has not got an event that it waits for"


def undone(found: Evidence) -> Iterator[str]:
    """What failed, or was terminated with rollback, was undone: every step that has a rollback, the last one first."""
    fates = {ack["instance"]: ack["fate"] for ack in found.acks if ack["what"] == "create"}
    undo: dict[str, dict[str, float]] = defaultdict(dict)
    for effect in found.effects:
        if effect["what"] == "undo":
            undo[effect["instance"]].setdefault(effect["step"], effect["at"])
    for key, instance in found.instances.items():
        times = undo[instance["id"]]
        if fates.get(instance["id"]) not in {"fails", "undone"}:
            if times:
                yield f"{instance['id']} was undone without a reason"
            continue
        begun = [row["name"] for row in found.steps[key] if row["kind"] == "do" and row["undoable"] and row["attempt"]]
        yield from (f"lost: {name!r} of {instance['id']} was not undone" for name in begun if name not in times)
        order = sorted(times, key=times.__getitem__)
        if order != [name for name in reversed(begun) if name in times]:
            yield f"{instance['id']} was undone in the order {order}, its steps are {begun}"
