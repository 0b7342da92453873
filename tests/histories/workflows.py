"""What the recorded instances ran, and run on. Changed, it is other code: the recordings would have to be made anew."""

from __future__ import annotations

import asyncio
from threading import Event as Signal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from tests.histories.values import VALUES, Address, RefusedError
from wf import NonRetryableError, WorkerLostError, WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step

HOUR = {"retries": {"limit": 3, "delay": "1 hour", "backoff": "constant"}}
NEVER = {"retries": {"limit": 0, "delay": 0}}

ran: list[tuple[str, str]] = []
"""Which callbacks of which instance have been run in this process."""


class Held:
    """Where callbacks stand still while somebody records that they run.

    Attributes:
        armed: Whether they do.
        began: One stands there.
        go: It may go on.
    """

    def __init__(self) -> None:
        self.armed, self.began, self.go = False, Signal(), Signal()

    def stand(self) -> None:
        """Stand still, if that is wanted."""
        if self.armed:
            self.began.set()
            assert self.go.wait(60), "nobody lets it go"


held = Held()


def did(event: Event, name: str, value: Any = None) -> Any:
    """Note that a callback has been run."""
    ran.append((event.instanceId, name))
    return value


async def word(step: Step) -> Any:
    """Wait for whoever lets the instance go on."""
    return (await step.wait_for_event("word", "word", timeout="30 days")).payload


class Steps(WorkflowEntrypoint, name="history-steps"):
    """A step for each kind of value; they come back equal, whoever replays them."""

    async def run(self, event: Event, step: Step) -> Any:
        found = {}
        for name, value in VALUES.items():
            found[name] = await step.do("keep", lambda name=name, value=value: did(event, name, value))
        said = await word(step) if event.payload else None
        return [found == VALUES, said, await step.do("last", lambda: did(event, "last", 1))]


class Retry(WorkflowEntrypoint, name="history-retry"):
    """A step that works in its third attempt."""

    async def run(self, event: Event, step: Step) -> Any:
        def work(ctx: Any) -> int:
            did(event, f"work {ctx.attempt}")
            if ctx.attempt < 3:
                raise RefusedError(ctx.attempt)
            return int(ctx.attempt)

        return await step.do("work", work, config=HOUR)


class Refused(WorkflowEntrypoint, name="history-refused"):
    """A failed step, whose error is caught with its class and its attributes, or ends `run`."""

    async def run(self, event: Event, step: Step) -> Any:
        def refuse() -> None:
            did(event, "refuse")
            raise RefusedError(7)

        try:
            await step.do("refuse", refuse, config=NEVER)
        except RefusedError as error:
            if not event.payload:
                raise
            return [error.order, str(error), await word(step)]


class Sleep(WorkflowEntrypoint, name="history-sleep"):
    """Sleeps that were over, and one that is not; a durable timer; a timeout around a wait."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("before", lambda: did(event, "before"))
        await step.sleep("nap", 1)
        await asyncio.sleep(1)
        try:
            async with asyncio.timeout(event.payload):
                await step.wait_for_event("nothing", "nothing", timeout="20 days")
        except TimeoutError:
            await step.sleep("more", event.payload)
        return await step.do("after", lambda: did(event, "after", "awake"))


class Wait(WorkflowEntrypoint, name="history-wait"):
    """A wait that had its event, and one that times out or not."""

    async def run(self, event: Event, step: Step) -> Any:
        first = await step.wait_for_event("first", "letter", timeout="1 day")
        try:
            second = (await step.wait_for_event("second", "letter", timeout="1 day")).payload
        except TimeoutError:
            second = "nobody"
        await step.sleep("nap", "1 hour")
        third = await step.wait_for_event("third", "parcel", timeout="1 day")
        return [first.payload, second, third.payload]


class Parallel(WorkflowEntrypoint, name="history-parallel"):
    """Branches of which one has ended, one is tried again from where it was, and one sleeps."""

    async def run(self, event: Event, step: Step) -> Any:
        async def flaky(ctx: Any) -> Any:
            did(event, f"flaky {ctx.attempt}")
            if ctx.attempt < 2:
                await ctx.heartbeat("half")
                raise ValueError("not yet")
            return ctx.details

        async def sleeper() -> Any:
            await step.sleep("nap", "2 days")
            return await step.do("slept", lambda: did(event, "slept", "slept"))

        quick = step.do("quick", lambda: did(event, "quick", "quick"))
        return list(await asyncio.gather(quick, step.do("flaky", flaky, config=HOUR), sleeper()))


class Race(WorkflowEntrypoint, name="history-race"):
    """Goes on with what came first, and gives up the other one."""

    async def run(self, event: Event, step: Step) -> Any:
        racers = [step.do("hare", lambda: did(event, "hare", "hare")), step.sleep("nap", "3 days")]
        done, _ = await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        racers[1].cancel()
        winner = done.pop().result()
        return [winner, await word(step)]


class Dag(WorkflowEntrypoint, name="history-dag"):
    """Steps that depend on each other, by `depends` and by the names of parameters; the last one is not yet done."""

    async def run(self, event: Event, step: Step) -> Any:
        @step.do("left")
        def left() -> Any:
            return did(event, "left", 1)

        @step.do("right")
        def right() -> Any:
            return did(event, "right", 2)

        @step.do("both", depends=[left, right], config=HOUR)
        def both(ctx: Any, left: int, right: int) -> int:
            did(event, f"both {ctx.attempt}")
            if ctx.attempt < 2:
                raise ValueError("not yet")
            return left + right

        return await both()


class Undo(WorkflowEntrypoint, name="history-undo"):
    """Fails, and is undone: the last step at once; the first one, if that is wanted, not while it is recorded."""

    async def run(self, event: Event, step: Step) -> Any:
        def undo() -> None:
            did(event, "undo hotel")
            if event.payload and held.armed:
                raise ValueError("the hotel is closed")

        def fail() -> None:
            did(event, "plane")
            raise NonRetryableError("no seat")

        await step.do("hotel", lambda: did(event, "hotel"), rollback=undo, rollback_config=HOUR)
        await step.do("train", lambda: did(event, "train"), rollback=lambda: did(event, "undo train"))
        await step.do("plane", fail)


class Transaction(WorkflowEntrypoint, name="history-transaction"):
    """A row of the app that was written with its step, and one that is still to come."""

    async def run(self, event: Event, step: Step) -> Any:
        def book(connection: Connection, what: str) -> str:
            row = {"id": event.instanceId, "what": what}
            connection.execute(text("insert into public.history values (:id, :what)"), row)
            return str(did(event, what, what))

        booked = await step.transaction("book", lambda connection: book(connection, "booked"))
        await word(step)
        return [booked, await step.transaction("pay", lambda connection: book(connection, "paid"))]


class Long(WorkflowEntrypoint, name="history-long"):
    """A step that was running."""

    async def run(self, event: Event, step: Step) -> Any:
        async def work(ctx: Any) -> int:
            did(event, f"work {ctx.attempt}")
            await asyncio.to_thread(held.stand)
            return int(ctx.attempt)

        return await step.do("work", work)


class Once(WorkflowEntrypoint, name="history-once"):
    """A step that must not be repeated was running; what `run` makes of it."""

    async def run(self, event: Event, step: Step) -> Any:
        def work(ctx: Any) -> None:
            did(event, f"work {ctx.attempt}")
            held.stand()

        try:
            await step.do("work", work, config={"at_most_once": True})
        except WorkerLostError:
            return await step.do("ask a person", lambda: did(event, "ask a person", "asked"))


class Chance(WorkflowEntrypoint, name="history-chance"):
    """Values that are the same at every replay, by whichever release."""

    async def run(self, event: Event, step: Step) -> Any:
        drawn = [step.now().isoformat(), step.random(), str(step.uuid4())]
        kept = await step.do("keep", lambda: did(event, "keep", drawn))
        return [kept == drawn, await word(step)]


class Narrow(WorkflowEntrypoint, name="history-narrow", concurrency=1):
    """One at a time: the second one is queued behind a step that ran."""

    async def run(self, event: Event, step: Step) -> Any:
        def work(ctx: Any) -> int:
            did(event, f"work {ctx.attempt}")
            held.stand()
            return int(ctx.attempt)

        return await step.do("work", work)


class Yearly(WorkflowEntrypoint, name="history-yearly", schedules="0 9 15 1 *"):
    """Created by its schedule."""

    async def run(self, event: Event, step: Step) -> Any:
        at = event.schedule.scheduledTime
        return [event.schedule.cron, await word(step), at == await step.do("keep", lambda: did(event, "keep", at))]


class Sensitive(WorkflowEntrypoint, name="history-sensitive", params=Address):
    """A model as params, and an output that nobody is shown."""

    async def run(self, event: Event, step: Step) -> Any:
        secret = await step.do("secret", lambda: did(event, "secret", "s3cret"), config={"sensitive": "output"})
        return [event.payload.city, secret == "s3cret", await word(step)]


CLASSES = (
    Steps, Retry, Refused, Sleep, Wait, Parallel, Race, Dag, Undo, Transaction, Long, Once, Chance, Narrow, Yearly,
    Sensitive,
)  # fmt: skip
"""All of them."""
