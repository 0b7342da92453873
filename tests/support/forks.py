"""What the tests of forks share: a workflow with every kind of step, what it ran, and what its journal holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig


RAN: list[str] = []

LIMIT = 10.0
"""Seconds after which something that does not happen fails the test."""

_OF = "join wf.instance i on i.key = of.instance where i.id = %s"
_NOW = "join wf.instance i on i.key = of.instance and i.generation = of.generation where i.id = %s"

MEANT = {
    "steps": (
        "select of.kind, of.name, of.count, of.seq, of.status, of.config, of.attempt, of.lost, of.worker, of.output,"
        " of.error, of.details, of.lease, of.started_rev, of.attempt_rev, of.rev, of.wake_at, of.started_at,"
        f" of.attempt_at, of.ended_at from wf.step of {_NOW} order by of.seq"
    ),
    "attempts": (
        "select of.seq, of.attempt, of.outcome, of.error, of.worker, of.started_rev, of.rev, of.started_at,"
        f" of.ended_at, of.retry_at from wf.attempt of {_NOW} order by 1, 2"
    ),
    "events": (
        f"select of.type, of.payload, of.event_id, of.consumed_by, of.accepted_at from wf.event of {_OF} order by of.id"
    ),
    "transitions": f"select of.rev, of.status, of.at from wf.transition of {_OF} order by 1",
    "instance": (
        "select i.status, i.version, i.rev, i.seq, i.inbox, i.size, i.started_rev, i.last_rev, i.started_at, i.due_at,"
        " i.keep_success, i.keep_error, i.nudges, i.restarts, i.ended_at, i.expire_at, of.params, of.seed, of.schedule,"
        f" of.warnings, of.rollback, of.error, of.output from wf.payload of {_OF}"
    ),
}
"""What a fork from a step and a restart from it leave in the journal, but for numbers of their own."""


def work(name: str, output: Any = None) -> Callable[[], Any]:
    """A callback that writes down that it ran."""

    def callback() -> Any:
        RAN.append(name)
        return f"{name} {RAN.count(name)}" if output is None else output

    return callback


class Line(WorkflowEntrypoint, name="fork-line"):
    """Steps of every kind: in a row, in parallel, retried, caught, in a transaction; sleeps, waits, time limits."""

    async def run(self, event: Any, step: Any) -> Any:
        def flaky(ctx: Any) -> str:
            RAN.append("flaky")
            if ctx.attempt == 1:
                raise ValueError("once")
            return "flaky"

        results: list[Any] = [event.payload["n"], step.random(), str(step.uuid4()), step.now().timestamp()]
        results.append(await step.do("a", work("a"), rollback=work("undo a")))
        results += await asyncio.gather(*[step.do(f"part {n}", work(f"part {n}")) for n in range(3)])
        results.append(await step.do("flaky", flaky, config={"retries": {"limit": 1, "delay": 1}}))
        try:
            async with asyncio.timeout(30):
                await step.do("quick", work("quick"))
                await step.wait_for_event("never", "never", timeout="1 hour")
        except TimeoutError:
            results.append("timed out")
        await step.sleep("nap", 50)
        results.append((await step.wait_for_event("permit", "go", timeout="1 day")).payload)
        results.append(await step.transaction("together", lambda _connection: work("together")()))
        results.append(await step.do("b", work("b")))
        return results


def complete(rig: Rig, id: str = "i-1") -> Any:
    """An instance of `Line` that has run to its end; `RAN` tells what ran in it."""
    RAN.clear()
    instance = rig.create(Line, id, {"n": 1})
    rig.settle()
    for seconds in (2, 31, 51):
        rig.pass_time(seconds)
    instance.send_event("go", {"by": "ada"}, event_id="e-1")
    instance.send_event("go", "left over")
    rig.settle()
    assert instance.status().status == "complete"
    return instance


def journal(rig: Rig, id: str) -> dict[str, list[tuple[Any, ...]]]:
    return {what: rig.sql(query, id) for what, query in MEANT.items()}
