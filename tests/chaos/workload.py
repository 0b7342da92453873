"""The workload: every side effect is a line in a ledger of its own, or a row of the transaction of its step.

An effect says to which attempt of which step it belongs, and the token that this attempt will return; receipts say
which tokens `run` has got. Whoever reads both sees whether `run` has ever got another result than the one in the
journal.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import text

from tests.chaos.ledger import append, now
from wf import NonRetryableError, WorkflowEntrypoint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wf import StepContext

CONFIG = {"retries": {"limit": 50, "delay": 0.3, "backoff": "constant"}}

RECEIPT = text(
    "insert into public.receipt (instance, step, attempt, body)"
    " values (:instance, :step, :attempt, cast(:body as jsonb))"
)


def note(instance: str, ctx: StepContext, what: str = "do") -> str:
    """Have an effect; the token that tells this one from every other."""
    token = uuid4().hex
    append(
        os.environ["CHAOS_LEDGER"], instance=instance, what=what, step=ctx.step.name, attempt=ctx.attempt, token=token,
        pid=os.getpid(), skew=round(time.time() - now()),
    )  # fmt: skip
    return token


def quick(instance: str, ctx: StepContext) -> str:
    """A sync step."""
    token = note(instance, ctx)
    time.sleep(random.uniform(0.005, 0.1))
    return token


async def flaky(instance: str, ctx: StepContext) -> str:
    """An async step that fails now and then."""
    token = note(instance, ctx)
    await asyncio.sleep(random.uniform(0.005, 0.3))
    if random.random() < 0.05:
        raise ConnectionError("the shelf does not answer")
    return token


async def long(instance: str, ctx: StepContext) -> str:
    """A step of some seconds: whoever kills a worker kills some of these."""
    token = note(instance, ctx)
    await asyncio.sleep(random.uniform(1.0, 4.0))
    return token


def undo(instance: str, ctx: StepContext) -> None:
    """The rollback of such a step."""
    note(instance, ctx, "undo")


def receipt(instance: str, got: dict[str, Any], connection: Connection, ctx: StepContext) -> str:
    """A transaction: what `run` has got so far, in a row that is there once or not at all."""
    token = note(instance, ctx)
    body = json.dumps(got | {ctx.step.name: token})
    params = {"instance": instance, "step": ctx.step.name, "attempt": ctx.attempt, "body": body}
    connection.execute(RECEIPT, params)
    return token


class Order(WorkflowEntrypoint, name="chaos-order"):
    """Reserves, packs four things at once, rests, waits for three events, charges, and ships or takes all back."""

    async def run(self, event: Any, step: Any) -> None:
        id, got = event.instance_id, {}
        back = {"rollback": lambda ctx: undo(id, ctx), "rollback_config": CONFIG}
        got["reserve"] = await step.do("reserve", lambda ctx: quick(id, ctx), config=CONFIG, **back)
        pack = {f"pack {one}": flaky for one in "abc"} | {"bake": long}
        packed = [step.do(name, partial(_call, how, id), config=CONFIG, **back) for name, how in pack.items()]
        got |= zip(pack, await asyncio.gather(*packed), strict=True)
        await step.sleep("rest", 3)
        got["events"] = [(await step.wait_for_event("payment", "paid", timeout="1 hour")).payload]
        for number in (1, 2):
            got["events"].append((await step.wait_for_event(f"wish {number}", "wish", timeout="1 hour")).payload)
        got["charge"] = await step.transaction("charge", partial(receipt, id, got), config=CONFIG)
        await step.sleep("breathe", 0.3)
        if event.payload["fails"]:
            raise NonRetryableError("the customer has moved")
        got["ship"] = await step.do("ship", lambda ctx: quick(id, ctx), config=CONFIG, **back)
        await step.transaction("close", partial(receipt, id, got), config=CONFIG)


class Nap(WorkflowEntrypoint, name="chaos-nap"):
    """Sleeps between steps, longer than messages are held back: the alarm must wake it."""

    async def run(self, event: Any, step: Any) -> None:
        id, got = event.instance_id, {}
        for number in range(3):
            got[f"turn {number}"] = await step.do(f"turn {number}", lambda ctx: quick(id, ctx), config=CONFIG)
            await step.sleep(f"nap {number}", 2.5 + number / 2)
        await step.transaction("close", partial(receipt, id, got), config=CONFIG)


class Basket(WorkflowEntrypoint, name="chaos-basket"):
    """Is created in a transaction of its user, with a row of that user's own."""

    async def run(self, event: Any, step: Any) -> None:
        id = event.instance_id
        got = {"bake": await step.do("bake", partial(_call, long, id), config=CONFIG)}
        await step.transaction("close", partial(receipt, id, got), config=CONFIG)


async def _call(how: Any, id: str, ctx: StepContext) -> str:
    return str(await how(id, ctx))
