"""The workflows of the simulation, and what each must come to, whatever happens on the way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from wf import NonRetryableError, WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Program:
    """A workflow and its outcome.

    Attributes:
        workflow: The class.
        outcome: Whether status, output and name of the error are right.
        events: Sent in this order.
        scheduled: Whether schedules create its instances; how these end is then nobody's question.
    """

    workflow: type[WorkflowEntrypoint]
    outcome: Callable[[str, Any, str | None], bool]
    events: Sequence[tuple[str, Any]] = field(default=())
    scheduled: bool = False


class Chain(WorkflowEntrypoint, name="sim-chain"):
    """Steps, sleeps, and a step that fails twice."""

    async def run(self, event: Any, step: Any) -> Any:
        def flaky(ctx: Any) -> int:
            if ctx.attempt < 3:
                raise ValueError("not yet")
            return 3

        one = await step.do("one", lambda: 1)
        await step.sleep("nap", "1 minute")
        two = await step.do("flaky", flaky)
        await asyncio.sleep(5)
        return [one, two, await step.do("last", lambda: 4)]


class Fan(WorkflowEntrypoint, name="sim-fan"):
    """Parallel steps that begin further ones."""

    async def run(self, event: Any, step: Any) -> Any:
        async def branch(number: int) -> int:
            first = await step.do(f"a {number}", lambda: number)
            return int(first + await step.do(f"b {number}", lambda: 10 * number))

        return await asyncio.gather(*map(branch, range(3)))


class Mail(WorkflowEntrypoint, name="sim-mail"):
    """Waits for events of two types, at once and in turn."""

    async def run(self, event: Any, step: Any) -> Any:
        first, other = await asyncio.gather(
            step.wait_for_event("first", "letter", timeout="10 days"),
            step.wait_for_event("other", "parcel", timeout="10 days"),
        )
        await step.do("read", lambda: None)
        second = await step.wait_for_event("second", "letter", timeout="10 days")
        return [first.payload, other.payload, second.payload]


class Race(WorkflowEntrypoint, name="sim-race"):
    """Takes what comes first, and goes on with it."""

    async def run(self, event: Any, step: Any) -> Any:
        racers = [step.do("hare", lambda: "hare"), step.do("hedgehog", lambda: "hedgehog"), step.sleep("nap", 60)]
        done, _ = await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        winner = done.pop().result()
        return [winner, await step.do("prize", lambda: f"for {winner}")]


class Saga(WorkflowEntrypoint, name="sim-saga"):
    """Fails, and is undone."""

    async def run(self, event: Any, step: Any) -> Any:
        def fail() -> None:
            raise NonRetryableError("no seat")

        await step.do("hotel", lambda: "room", rollback=lambda: None)
        await step.do("train", lambda: "ticket", rollback=lambda: None)
        await step.do("plane", fail)


class Booking(WorkflowEntrypoint, name="sim-booking"):
    """Transactions in turn and beside other steps, and one that fails after it has written."""

    async def run(self, event: Any, step: Any) -> Any:
        def book(connection: Connection, what: str) -> str:
            connection.execute(text("insert into public.booking values (:what)"), {"what": what})
            return what

        def refuse(connection: Connection) -> None:
            book(connection, "refused")
            raise NonRetryableError("no seat")

        one = await step.transaction("book one", lambda connection: book(connection, "one"))
        with suppress(NonRetryableError):
            await step.transaction("refuse", refuse)
        two = step.transaction("book two", lambda connection: book(connection, "two"))
        three = step.transaction("book three", lambda connection: book(connection, "three"))
        return [one, *await asyncio.gather(two, three, step.do("beside", lambda: 4))]


class Daily(WorkflowEntrypoint, name="sim-daily", schedules=("0 3 * * *", "30 * * * *")):
    """Is created by its schedules."""

    async def run(self, event: Any, step: Any) -> Any:
        return None


def _chain(status: str, output: Any, error: str | None) -> bool:
    return (status, output) == ("complete", [1, 3, 4]) or error == "WorkerLostError"


def _fan(status: str, output: Any, error: str | None) -> bool:
    return (status, output) == ("complete", [0, 11, 22]) or error == "WorkerLostError"


def _mail(status: str, output: Any, error: str | None) -> bool:
    letters = (["l1", "p", "l2"], ["l2", "p", "l1"])  # their senders do not wait for each other
    return (status == "complete" and output in letters) or error == "WorkerLostError"


def _race(status: str, output: Any, error: str | None) -> bool:
    right = status == "complete" and output[1] == f"for {output[0]}" and output[0] in ("hare", "hedgehog", None)
    return right or error == "WorkerLostError"


def _saga(status: str, output: Any, error: str | None) -> bool:
    return status == "errored" and error in ("NonRetryableError", "WorkerLostError")


def _booking(status: str, output: Any, error: str | None) -> bool:
    return (status, output) == ("complete", ["one", "two", "three", 4]) or error == "WorkerLostError"


def _never(status: str, output: Any, error: str | None) -> bool:
    return False


PROGRAMS = (
    Program(Chain, _chain),
    Program(Fan, _fan),
    Program(Mail, _mail, (("letter", "l1"), ("parcel", "p"), ("letter", "l2"))),
    Program(Race, _race),
    Program(Saga, _saga),
    Program(Booking, _booking),
    Program(Daily, _never, scheduled=True),
)
