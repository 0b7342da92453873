"""A deployment in which something of each kind has happened, for pages that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.errands import Errand
from tests.support.metrics import flushed
from wf import WorkflowEntrypoint
from wf_tasks.presence import Presence

if TYPE_CHECKING:
    from tests.support.rig import Rig

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnp.exe", "x" * 10_000, "{{ 7 * 7 }}",
)  # fmt: skip
"""Texts that a careless page takes for more than texts."""


class Odd(WorkflowEntrypoint, name="odd"):
    """Fails with the message that it is given; given a type instead, waits for such an event in a step of that name."""

    async def run(self, event: Any, step: Any) -> None:
        if "error" in event.payload:
            raise ValueError(event.payload["error"])
        await step.wait_for_event(event.payload["type"], event.payload["type"], timeout="1 day")


def troubled(rig: Rig) -> None:
    """Errors of two kinds, waits, a paused one, a deadly step, two workers, of which one is gone; all is counted."""
    catalog = rig.workers[0].catalog
    for cls in (Errand, Odd):
        catalog.register(cls)
    gone = Presence(rig.workers[0], "threads", 10)
    gone._told["name"] = "gone:1"
    gone.tell()
    for n in range(3):
        rig.create(Errand, f"bad-{n}", {"do": "fail"})
    rig.create(Odd, "odd-1", {"error": "no 'bread' in 17 shops"})
    for n in range(2):
        rig.create(Errand, f"wait-{n}", {"do": "wait"})
    for n in range(3):
        rig.create(Errand, f"nap-{n}", {"do": "sleep"})
    rig.create(Errand, "ok", {"do": ""})
    rig.settle()
    rig.client.workflow(Errand).get("nap-2").pause()
    rig.settle()
    lose(rig, "wait-0", 2)
    rig.clock.advance(60)
    Presence(rig.workers[0], "threads", 10).tell()
    rig.workers[0].alarm.run_once()
    rig.settle()
    flushed(rig)


def lose(rig: Rig, id: str, times: int) -> None:
    """The newest step of an instance has lost its worker so many times."""
    rig.sql(
        "with s as (update wf.step set lost = %s where instance = (select key from wf.instance where id = %s)"
        " returning instance, generation, seq)"
        " insert into wf.attempt (instance, generation, seq, attempt, outcome, worker, rev, ended_at)"
        " select instance, generation, seq, n, 'lost', %s, n, to_timestamp(%s + n) from s, generate_series(1, %s) n"
        " on conflict do nothing",
        times, id, rig.workers[0].journal.worker, rig.clock.now(), times,
    )  # fmt: skip
