"""Instances with thousands of steps, without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.rig import Rig


def multiply(rig: Rig, number: int) -> None:
    """Let the last step of the one instance have so many followers like it."""
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, output, started_rev,"
        " rev, started_at, ended_at) select s.instance, s.generation, s.seq + n, s.kind, s.name, s.count + n,"
        " s.status, s.attempt, s.lost, s.output, s.started_rev, s.rev, s.started_at, s.ended_at"
        " from wf.step s join wf.instance i on s.instance = i.key and s.seq = i.seq,"
        f" generate_series(1, {number}) n"
    )
    rig.sql(f"update wf.instance set seq = seq + {number}")
    rig.sql("analyze wf.step")
