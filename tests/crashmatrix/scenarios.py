"""The primitives: what is run, what people do meanwhile, and what it must come to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Connection, text

from wf import InvalidTransition, WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.crashmatrix.shared import Ledger
    from wf import Client, Instance

ID = "cell"

ledger: Ledger
"""Of the cell that runs, in the process that runs it."""


def begin(of: Ledger) -> None:
    """Let the workflows of this process have their effects there."""
    global ledger  # noqa: PLW0603  # callbacks have nothing else in their hands
    ledger = of


@dataclass(frozen=True)
class Act:
    """Something that a person or a program does, once.

    Attributes:
        name: Noted when it is done: who is killed before does it again.
        when: Status of the instance in which it is done.
        act: Does it. Whoever does it again must be let.
    """

    name: str
    when: str
    act: Callable[[Client, Instance], Any]


@dataclass(frozen=True)
class Scenario:
    """A primitive.

    Attributes:
        workflow: What is run.
        status: How it must end.
        output: What it must give.
        acts: What is done meanwhile, in order.
        once: Effects that must be there exactly once, whatever is killed; others at least once.
        create: Creates the instance; None where a schedule does.
        settle: Whether the reaper may restart it after its end.
    """

    workflow: type[WorkflowEntrypoint]
    status: str = "complete"
    output: Any = None
    acts: Sequence[Act] = ()
    once: Sequence[str] = ()
    least: Sequence[str] = ("effect",)
    create: Callable[[Client, type[WorkflowEntrypoint]], Any] | None = field(
        default=lambda client, cls: client.workflow(cls).create(ID, if_exists="return")
    )


def effect(name: str = "effect", value: Any = 1) -> Any:
    """What a callback does."""
    ledger.write(name)
    return value


class Do(WorkflowEntrypoint, name="cell-do"):
    """An async step."""

    async def run(self, event: Any, step: Any) -> Any:
        async def work() -> Any:
            await asyncio.sleep(0)
            return effect()

        return await step.do("work", work)


class SyncDo(WorkflowEntrypoint, name="cell-sync-do"):
    """A sync step, and one after it."""

    async def run(self, event: Any, step: Any) -> Any:
        return [await step.do("work", effect), await step.do("more", lambda: effect("more", 2))]


class Retry(WorkflowEntrypoint, name="cell-retry"):
    """A step that fails twice."""

    async def run(self, event: Any, step: Any) -> Any:
        def work() -> Any:
            if len([line for line in ledger.read() if line == ["try"]]) < 2:
                ledger.write("try")
                raise ValueError("not yet")
            return effect()

        return await step.do("work", work)


class Sleep(WorkflowEntrypoint, name="cell-sleep"):
    """A sleep between two steps."""

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("before", lambda: effect("before"))
        await step.sleep("nap", "3 days")
        return await step.do("work", effect)


class Wait(WorkflowEntrypoint, name="cell-wait"):
    """A wait that nobody answers."""

    async def run(self, event: Any, step: Any) -> Any:
        try:
            await step.wait_for_event("answer", "answer", timeout="1 hour")
        except TimeoutError:
            return await step.do("late", effect)


class Event(WorkflowEntrypoint, name="cell-event"):
    """A wait that gets its event."""

    async def run(self, event: Any, step: Any) -> Any:
        answer = await step.wait_for_event("answer", "answer", timeout="100 days")
        return [answer.payload, await step.do("work", effect)]


class Parallel(WorkflowEntrypoint, name="cell-parallel"):
    """Three steps at once."""

    async def run(self, event: Any, step: Any) -> Any:
        names = ("a", "b", "c")
        return await asyncio.gather(*[step.do(name, lambda name=name: effect(name, name)) for name in names])


class Dag(WorkflowEntrypoint, name="cell-dag"):
    """Steps that depend on each other by the names of parameters."""

    async def run(self, event: Any, step: Any) -> Any:
        async def both(left: Any, right: Any) -> Any:
            return effect("effect", left + right)

        step.do("left")(lambda: effect("left", 1))
        step.do("right")(lambda: effect("right", 2))
        return await step.do("both")(both)()


class Rollback(WorkflowEntrypoint, name="cell-rollback"):
    """Two steps that are undone."""

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("a", effect, rollback=lambda: effect("undo a"))
        await step.do("b", effect, rollback=lambda: effect("undo b"))
        raise ValueError("no")


class Held(WorkflowEntrypoint, name="cell-held"):
    """A step, a long sleep, a step: time for people to act."""

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("before", lambda: effect("before"))
        await step.sleep("nap", "3 days")
        return await step.do("work", effect)


class Undone(WorkflowEntrypoint, name="cell-undone"):
    """As Held, with something to undo."""

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("before", lambda: effect("before"), rollback=lambda: effect("undo"))
        await step.sleep("nap", "3 days")


class Transaction(WorkflowEntrypoint, name="cell-transaction"):
    """A step whose writes are there exactly once."""

    async def run(self, event: Any, step: Any) -> Any:
        def book(connection: Connection) -> Any:
            connection.execute(text("insert into public.booking values ('booked')"))
            return 1

        return [await step.transaction("book", book), await step.do("work", effect)]


class Mended(WorkflowEntrypoint, name="cell-mended", restart={"delay": "1 hour", "limit": 5}):
    """Fails once, and is restarted by the reaper."""

    async def run(self, event: Any, step: Any) -> Any:
        def work() -> Any:
            if not ledger.has("failed"):
                ledger.write("failed")
                raise ValueError("first")
            return effect()

        return await step.do("work", work, config={"retries": {"limit": 0, "delay": 0}})


class Scheduled(WorkflowEntrypoint, name="cell-scheduled", schedules="0 3 * * *"):
    """Is created by its schedule."""

    async def run(self, event: Any, step: Any) -> Any:
        return await step.do("work", effect)


def _create_in_transaction(client: Client, cls: type[WorkflowEntrypoint]) -> None:
    """The instance and a row of the app, both or none."""
    with psycopg.connect(client.settings.database_url) as connection, connection.transaction():
        if connection.execute("select 1 from public.booking where what = 'ordered'").fetchone():
            return
        connection.execute("insert into public.booking values ('ordered')")
        client.workflow(cls).create(ID, connection=connection)


def _terminate(instance: Instance, *, rollback: bool) -> None:
    try:
        instance.terminate(rollback=rollback)
    except InvalidTransition:  # it was done, and the one who did it was killed before he noted it
        return


def _again(client: Client, instance: Instance, **how: Any) -> None:
    """Restart, unless that was done already by somebody who was killed before he noted it."""
    if instance.describe().generation == 1:
        instance.restart(**how)


SCENARIOS: dict[str, Scenario] = {
    "do": Scenario(Do, output=1),
    "sync do": Scenario(SyncDo, output=[1, 2], least=("effect", "more")),
    "retry": Scenario(Retry, output=1),
    "sleep": Scenario(Sleep, output=1, least=("before", "effect")),
    "wait": Scenario(Wait, output=1),
    "event": Scenario(
        Event, output=["yes", 1],
        acts=[Act("send", "waiting", lambda client, one: one.send_event("answer", "yes", event_id="e-1"))],
    ),
    "parallel": Scenario(Parallel, output=["a", "b", "c"], least=("a", "b", "c")),
    "DAG": Scenario(Dag, output=3, least=("left", "right", "effect")),
    "rollback": Scenario(Rollback, "errored", least=("undo a", "undo b")),
    "pause": Scenario(
        Held, output=1,
        acts=[
            Act("pause", "waiting", lambda client, one: one.pause()),
            Act("resume", "paused", lambda client, one: one.resume()),
        ],
    ),
    "terminate": Scenario(
        Held, "terminated", least=("before",),
        acts=[Act("terminate", "waiting", lambda client, one: _terminate(one, rollback=False))],
    ),
    "terminate with rollback": Scenario(
        Undone, "terminated", least=("before", "undo"),
        acts=[Act("terminate", "waiting", lambda client, one: _terminate(one, rollback=True))],
    ),
    "restart": Scenario(
        Held, output=1, least=("before", "effect"), acts=[Act("restart", "waiting", _again)]
    ),
    "restart from a step": Scenario(
        Held, output=1, least=("before", "effect"),
        acts=[Act("restart", "complete", lambda client, one: _again(client, one, from_step="work"))],
    ),
    "transaction": Scenario(Transaction, output=[1, 1], once=("booked",)),
    "restart by the reaper": Scenario(Mended, output=1),
    "schedule": Scenario(Scheduled, output=1, create=None),
    "create in a transaction": Scenario(Do, output=1, once=("ordered",), create=_create_in_transaction),
}  # fmt: skip
"""By the name in the table."""
