"""Threads of which one runs at a time, up to the next gate: whoever opens the gates decides about every interleaving.

There is a gate before and after each statement and each transaction, before each message, and around each callback. At
a gate an actor can be killed, as its process would be, or lose the connection: before the statement, or between it and
the answer.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

from wf.database import Database
from wf.errors import JournalUnavailable
from wf.exactly_once import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 60.0
"""Real seconds that an actor may need from one gate to the next."""


class Killed(SystemExit):
    """The process of this actor is gone: an order that the engine passes on."""


class Order(Enum):
    """What happens to an actor at its gate."""

    GO = "goes on"
    KILL = "is killed"
    CUT = "loses its connection"


class StuckActor(AssertionError):
    """An actor does not come to its next gate: it waits for something that another one holds."""


class Actor:
    """Does one thing, from gate to gate.

    Args:
        name: For the story.
        work: What it does.

    Attributes:
        place: The gate at which it stands.
        wrote: Whether a statement has been run since somebody has last looked.
        error: What it failed with.
        done: Whether it has ended.
    """

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.name, self.place, self.wrote = name, "its beginning", False
        self.error: BaseException | None = None
        self.done = self.killed = False
        self._work, self._order = work, Order.GO
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=f"wf-{name}", daemon=True)
        self._thread.start()

    def resume(self, order: Order = Order.GO) -> None:
        """Let it run to its next gate, or to its end."""
        self._order = order
        self._go.release()
        if not self._back.acquire(timeout=PATIENCE):
            raise StuckActor(f"{self.name} has not come from {self.place} to another gate in {PATIENCE:.0f} s.")

    def gate(self, place: str) -> Order:
        """Stand at a gate; called by the actor itself.

        Raises:
            Killed: That was the order.
        """
        if self.killed:  # whatever runs while the dead process is taken apart does nothing
            raise Killed
        self.place = place
        self._back.release()
        self._go.acquire()
        if self._order is Order.KILL:
            self.killed = True
            raise Killed
        return self._order

    def _run(self) -> None:
        _here.actor = self
        self._go.acquire()
        try:
            self.killed = self._order is Order.KILL  # its beginning is a gate, too
            if not self.killed:
                self._work()
        except Killed:
            self.killed = True
        except BaseException as error:
            self.error = error
        self.done = True
        self._back.release()


_here = threading.local()


def current() -> Actor | None:
    """The actor on whose thread this is."""
    return getattr(_here, "actor", None)


def gate(place: str) -> None:
    """A gate where only going on and being killed are possible."""
    if (actor := current()) is not None:
        actor.gate(place)


@contextmanager
def gated_statements() -> Iterator[None]:
    """Put gates around every statement and every transaction of every actor; whoever is none passes."""
    run: Callable[..., Any] = Database._run

    def gated(self: Database, numbered: Any, values: list[Any]) -> Any:
        actor = current()
        if actor is None:
            return run(self, numbered, values)
        what = _first_words(numbered)
        if actor.gate(f"before {what}") is Order.CUT:
            raise JournalUnavailable("cut before the statement")
        rows = run(self, numbered, values)
        actor.wrote = True
        if actor.gate(f"after {what}") is Order.CUT:
            raise JournalUnavailable("cut before the answer")
        return rows

    record: Callable[..., bool] = Transaction.record

    def gated_record(self: Transaction, row: Any) -> bool:
        """No gate between writes and commit: who stood there would hold locks, and is as good as who stands before."""
        actor = current()
        if actor is None:
            return record(self, row)
        if actor.gate("before its transaction is committed") is Order.CUT:
            raise JournalUnavailable("cut before the commit")
        kept = record(self, row)
        actor.wrote = True
        lost = actor.gate("after its transaction was committed") is Order.CUT
        assert not lost or not kept or self._came_through(), "what was committed is found when its answer is lost"
        return kept

    Database._run, Transaction.record = gated, gated_record  # type: ignore[method-assign]
    try:
        yield
    finally:
        Database._run, Transaction.record = run, record  # type: ignore[method-assign]


def _first_words(statement: str) -> str:
    """What a statement is about, for the story."""
    return " ".join(statement.split()[:6])
