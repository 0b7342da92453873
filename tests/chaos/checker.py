"""The checker: reads the ledger and the journal, without any code of the engine, and says what is wrong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import psycopg

from tests.chaos.workload import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INSTANCES = """
select id, status, extract(epoch from created_at)::float8, extract(epoch from ended_at)::float8
from wf.instance where workflow = 'chaos-order'
"""
ENDS = """
select instance.id, step.name, extract(epoch from step.ended_at)::float8, step.attempt, step.lost
from wf.step join wf.instance on instance.key = step.instance
where step.kind = 'do' and step.status = 'complete'
"""
DOUBLED = """
select instance, generation, kind, name, count from wf.step group by 1, 2, 3, 4, 5 having count(*) > 1
"""
TWICE_TAKEN = """
select instance, consumed_by from wf.event where consumed_by is not null group by 1, 2 having count(*) > 1
"""


def check(database_url: str, ledger: Path, accepted: Mapping[str, float]) -> dict[str, Any]:
    """What has become of every order that was acknowledged.

    Returns:
        Counts, and in `wrong` a sentence for each thing that must not be.
    """
    with psycopg.connect(database_url) as connection:
        instances = {row[0]: row[1:] for row in connection.execute(INSTANCES).fetchall()}
        ends = connection.execute(ENDS).fetchall()
        charges = Counter(row[0] for row in connection.execute("select instance from public.charge").fetchall())
        doubled = connection.execute(DOUBLED).fetchall() + connection.execute(TWICE_TAKEN).fetchall()
    effects: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        entry = json.loads(line)
        effects[entry["instance"], entry["step"]].append(entry["at"])
    wrong = [f"journal rows doubled: {row}" for row in doubled]
    for id in accepted:
        status = instances.get(id, ("lost",))[0]
        if status != "complete":
            wrong.append(f"{id} was acknowledged and is {status}")
            continue
        wrong += [f"{id} has no effect of {step!r}" for step in STEPS if not effects[id, step]]
        if charges[id] != 1:
            wrong.append(f"{id} was charged {charges[id]} times")
    # A worker that was stopped between claim and callback runs it when it goes on; what it gives is dropped.
    late = sum(at > ended_at for id, step, ended_at, _, _ in ends for at in effects[id, step])
    latencies = sorted(ended - created for _, created, ended in instances.values() if ended is not None)
    return {
        "orders": len(accepted), "complete": sum(row[0] == "complete" for row in instances.values()),
        "steps": len(ends), "executions": sum(map(len, effects.values())), "recoveries": sum(row[4] for row in ends),
        "late_executions": late,
        "latency_p50": _at(latencies, 0.5), "latency_p99": _at(latencies, 0.99), "latency_max": _at(latencies, 1.0),
        "wrong": wrong,
        "ends": sorted(row[2] for row in instances.values() if row[2] is not None),
    }  # fmt: skip


def _at(values: list[float], share: float) -> float | None:
    return round(values[min(int(len(values) * share), len(values) - 1)], 3) if values else None
