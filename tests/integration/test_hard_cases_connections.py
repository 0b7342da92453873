"""Connections to Postgres that die in hard cases: before a claim, after it, while a pass is brought up to date."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.support import Rig, RowLock, wait_until
from wf import JournalUnavailable, WorkflowEntrypoint
from wf.dispatch import Nudge
from wf.urls import database_url
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Event, Step
    from wf.settings import Settings

LIMIT = 20.0
"""Seconds after which something that does not happen fails the test."""


class Line:
    """A line to Postgres that a test can cut.

    Attributes:
        url: Of the same database, through this line.
    """

    def __init__(self, settings: Settings) -> None:
        there = database_url(settings.database_url)
        self._host, self._port = str(there.host or there.query["host"]), there.port or 5432
        self._server = socket.create_server(("127.0.0.1", 0))
        query = {name: value for name, value in there.query.items() if name not in {"host", "port"}}
        here = there.set(drivername="postgresql", host="127.0.0.1", port=self._server.getsockname()[1], query=query)
        self.url = here.render_as_string(hide_password=False)
        self._ends: list[socket.socket] = []
        self._deaf = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_answer(self) -> None:
        """Cut a connection when Postgres answers on it, before the answer is there."""
        self._deaf.set()

    def cut(self) -> None:
        """Cut every connection, and refuse new ones from now on."""
        for end in (self._server, *self._ends):
            _shut(end)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the line is cut
            while True:
                near, _ = self._server.accept()
                far = self._dial()
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target, source is far), daemon=True).start()

    def _dial(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return far

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):  # either end has gone
            while data := source.recv(65_536):
                if answers and self._deaf.is_set():
                    self._deaf.clear()
                    break
                target.sendall(data)
        _shut(source)
        _shut(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(settings: Settings) -> Iterator[Line]:
    """A line to the test's database."""
    with Line(settings) as made:
        yield made


@pytest.fixture
def far(rig: Rig, line: Line) -> int:
    """The number of a worker at the other end of the line."""
    rig.workers.append(Runtime(rig.settings.model_copy(update={"database_url": line.url}), rig.clock))
    return len(rig.workers) - 1


claims = pytest.mark.parametrize(
    ("before", "number"), [(0, 1), (0, 3), (1, 3)], ids=["alone", "first of three", "beside siblings"]
)
"""How many steps have run before the claim, of how many."""


def payments(ran: list[int], number: int) -> type[WorkflowEntrypoint]:
    """A workflow of parallel steps that may be tried once."""

    class Payments(WorkflowEntrypoint, name="hard-payments"):
        async def run(self, event: Event, step: Step) -> int:
            config = {"at_most_once": True, "retries": {"limit": 0}}
            done = [step.do("pay", lambda n=n: ran.append(n), config=config) for n in range(number)]
            return len(await asyncio.gather(*done))

    return Payments


def check(rig: Rig, instance: Any, ran: list[int], number: int) -> None:
    """Each step has run once, in its first attempt, without the alarm."""
    rig.settle()
    assert instance.status().output == number
    assert sorted(ran) == [*range(number)]
    shown = instance.describe()
    assert [(step.attempt, step.lost) for step in shown.steps] == [(1, 0)] * number
    assert shown.recoveries == 0


@claims
def test_a_claim_whose_connection_dies_before_it_happened_is_made_again(rig: Rig, before: int, number: int) -> None:
    """The step runs once and at once; no attempt counts as lost, not even with at_most_once."""
    ran: list[int] = []
    instance = rig.create(payments(ran, number))
    for _ in range(before):
        rig.advance(rig.take()[0])
    waiting = "from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    nudge, *others = rig.take()
    with RowLock(rig.settings.database_url) as lock:
        running = rig.in_thread(rig.advance, nudge)
        lock.wait_for(1)
        [[killed]] = rig.sql(f"select pid {waiting}")
        rig.sql("select pg_terminate_backend(%s)", killed)
        wait_until(lambda: rig.sql(f"select pid {waiting} and pid <> {killed}"), what="the claim is made again")
    assert running.result(LIMIT).steps == 1
    for other in others:
        rig.advance(other)
    check(rig, instance, ran, number)


@claims
def test_a_claim_whose_answer_is_lost_after_it_happened_is_recognized(
    rig: Rig, line: Line, far: int, before: int, number: int
) -> None:
    """The worker finds its own lease in the journal and runs the step, once and at once."""
    ran: list[int] = []
    instance = rig.create(payments(ran, number))
    for _ in range(before):
        rig.advance(rig.take()[0], far)
    nudge, *others = rig.take()
    with RowLock(rig.settings.database_url) as lock:
        running = rig.in_thread(rig.advance, nudge, far)
        lock.wait_for(1)
        line.lose_next_answer()
    assert running.result(LIMIT).steps == 1
    assert len(ran) == before + 1
    for other in others:
        rig.advance(other, far)
    check(rig, instance, ran, number)


def test_a_pass_is_not_left_to_the_garbage_collector_when_postgres_fails(
    rig: Rig, line: Line, far: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that cannot bring a pass up to date throws it away in order, so nothing is complained about later."""
    complaints: list[str] = []
    gc.collect()
    monkeypatch.setattr(sys, "unraisablehook", lambda found: complaints.append(repr(found.exc_value)))

    class Cleans(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            try:
                await asyncio.gather(*[step.do(f"part {n}", lambda: 1) for n in range(3)])
            finally:
                await step.do("cleanup", lambda: 1)

    instance = rig.create(Cleans)
    [[key]] = rig.sql("select key from wf.instance")
    rig.advance(rig.take()[0], far)
    assert len(rig.workers[far].engine.passes) == 1
    line.cut()
    with pytest.raises(JournalUnavailable):
        rig.advance(Nudge(key, 1, 0), far)
    assert len(rig.workers[far].engine.passes) == 0
    gc.collect()
    assert complaints == []
    rig.settle()
    assert instance.status().status == "complete"
