"""What Postgres would do for a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator


def scans(plan: Any) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan":
            yield plan["Relation Name"]
        plan = list(plan.values())
    if isinstance(plan, list):
        for part in plan:
            yield from scans(part)


def plan_of(connection: psycopg.Connection[Any], sql: str) -> Any:
    """The plan that Postgres makes for every value of the parameters."""
    names: list[str] = re.findall(r"%\((\w+)\)s", sql)
    for n, name in enumerate(dict.fromkeys(names), 1):
        sql = sql.replace(f"%({name})s", f"${n}")
    row = psycopg.RawCursor(connection).execute(f"explain (generic_plan, format json) {sql}".encode()).fetchone()
    assert row is not None
    return row[0]
