"""Workflows whose attempts are cut off: by their user, by a kill, or in the middle of a transaction."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tests.acceptance.flows import effect
from wf import WorkerLostError, WorkflowEntrypoint
from wf.errors import AttemptStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from wf import Event, Step, StepContext


class Endless(WorkflowEntrypoint, name="attempts-endless"):
    """A step that goes on until it is told to stop, and tells in the ledger how it ended."""

    async def run(self, event: Event, step: Step) -> None:
        ledger, way = event.payload["ledger"], event.payload["way"]

        async def by_awaiting() -> None:
            effect(ledger, "begun")
            try:
                await asyncio.Event().wait()
            finally:
                effect(ledger, "cancelled")

        def by_looking(ctx: StepContext) -> None:
            effect(ledger, "begun")
            if ctx.cancelled.wait(60):
                effect(ledger, "cancelled")

        def by_heartbeat(ctx: StepContext) -> None:
            effect(ledger, "begun")
            try:
                while not ctx.cancelled.wait(0.02):
                    ctx.heartbeat()
                ctx.heartbeat()
            except AttemptStopped:
                effect(ledger, "cancelled")
                raise

        ways: dict[str, Callable[..., Any]] = {"await": by_awaiting, "look": by_looking, "heartbeat": by_heartbeat}
        await step.do("endless", ways[way])


class Export(WorkflowEntrypoint, name="attempts-export"):
    """Works through ten parts, and goes on with the next one if its worker was lost."""

    async def run(self, event: Event, step: Step) -> list[int]:
        ledger, gate = event.payload["ledger"], Path(event.payload["gate"])

        async def export(ctx: StepContext) -> list[int]:
            done = list(ctx.details or [])
            for part in range(len(done), 10):
                effect(ledger, f"part {part}")
                done.append(part)
                await ctx.heartbeat(done)
                while part == 4 and not gate.exists():  # noqa: ASYNC110, ASYNC240  # a file has no event to wait for
                    await asyncio.sleep(0.02)
            return done

        result: list[int] = await step.do("export", export)
        return result


class Once(WorkflowEntrypoint, name="attempts-once"):
    """A step that kills its worker, and must not be begun again."""

    async def run(self, event: Event, step: Step) -> str:
        ledger = event.payload["ledger"]

        def deadly() -> None:
            effect(ledger, "begun")
            os.kill(os.getpid(), 9)

        try:
            await step.do("deadly", deadly, config={"at_most_once": True})
        except WorkerLostError as error:
            return str(error)
        return "survived"


class Booking(WorkflowEntrypoint, name="attempts-booking"):
    """Books an amount in an app's table, and then tells the balance."""

    async def run(self, event: Event, step: Step) -> dict[str, Any]:
        ledger = event.payload["ledger"]

        @step.transaction("book")
        def book(connection: Connection, ctx: StepContext) -> str:
            insert = text("insert into public.booking (amount, attempt) values (5, :attempt)")
            connection.execute(insert, {"attempt": ctx.attempt})
            return effect(ledger, "book")

        token = await book()
        balance = await step.do("balance", lambda: effect(ledger, "balance"))
        return {"token": token, "balance": balance}
