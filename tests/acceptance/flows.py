"""Workflows of the acceptance tests. Their side effects are lines in a file, written by whoever runs a step."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step


def effect(ledger: str, step: str) -> str:
    """Append one line in one write, and give the token that is in it."""
    token = uuid4().hex
    line = json.dumps({"step": step, "token": token, "group": os.getpgrp()}) + "\n"
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    return token


def effects(ledger: Path) -> list[dict[str, Any]]:
    """What the steps have done, in order."""
    return [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []


class Journey(WorkflowEntrypoint, name="journey"):
    """One of everything: a step, parallel steps, a sleep, an event, and a last step."""

    async def run(self, event: Event, step: Step) -> dict[str, str]:
        ledger = event.payload["ledger"]
        tokens = {"first": await step.do("first", lambda: effect(ledger, "first"))}
        names = ["left", "right"]
        both = await asyncio.gather(*[step.do(name, lambda name=name: effect(ledger, name)) for name in names])
        tokens.update(zip(names, both, strict=True))
        await step.sleep("nap", 0.1)
        approval = await step.wait_for_event("approval", "approved")
        tokens["last"] = await step.do("last", lambda: effect(ledger, "last"))
        return tokens | {"by": approval.payload}


class Fan(WorkflowEntrypoint, name="fan"):
    """Many parallel steps and a join."""

    async def run(self, event: Event, step: Step) -> list[int]:
        ledger, width = event.payload["ledger"], event.payload["width"]

        async def one(n: int) -> int:
            effect(ledger, f"part {n}")
            return n

        parts = await asyncio.gather(*[step.do(f"part {n}", lambda n=n: one(n)) for n in range(width)])
        await step.do("join", lambda: effect(ledger, "join"))
        return list(parts)


class Long(WorkflowEntrypoint, name="long"):
    """A step that ends when its file appears, and tells how it ended."""

    async def run(self, event: Event, step: Step) -> str:
        ledger, gate = event.payload["ledger"], Path(event.payload["gate"])

        async def wait() -> str:
            effect(ledger, "begun")
            while not gate.exists():  # noqa: ASYNC110, ASYNC240  # a file has no event to wait for
                await asyncio.sleep(0.02)
            return effect(ledger, "ended")

        return str(await step.do("wait", wait))


class Nap(WorkflowEntrypoint, name="nap"):
    """Sleeps as long as it is told."""

    async def run(self, event: Event, step: Step) -> str:
        await step.sleep("nap", event.payload["seconds"])
        return "awake"
