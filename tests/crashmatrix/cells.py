"""One cell of the table: a process does everything, is killed at one point, and another process goes on."""

from __future__ import annotations

import os
import signal
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from tests.crashmatrix.scenarios import ID, SCENARIOS, begin
from tests.crashmatrix.shared import START, Ledger, SharedClock
from wf import crashpoints
from wf.client import Client
from wf.sql import statements
from wf.testing.messages import Messages
from wf_reaper.restarts import Restarts
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crashmatrix.scenarios import Scenario
    from wf.settings import Settings

POINTS = (
    *crashpoints.POINTS, *crashpoints.TRANSACTION_POINTS, *crashpoints.CLIENT_POINTS, *crashpoints.BEAT_POINTS,
)  # fmt: skip
"""The columns."""

MOVES = 500
"""Things that a process does at most: no scenario needs a tenth of it."""

_DONE, _BROKEN = 0, 3

_TRACE = "reached"
"""In place of a point: nobody is killed, and the ledger tells which points there were."""


class CellFailed(AssertionError):
    """A cell did not come to its end as it must."""


@dataclass(frozen=True)
class Cell:
    """What came of it.

    Attributes:
        killed: Whether the point was reached.
        effects: How often each effect was had.
    """

    killed: bool
    effects: dict[str, int]


class Matrix:
    """Runs cells on one journal, which is emptied before each.

    Args:
        settings: Of a journal and a queue of its own.
        folder: For what outlives a process.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._clock, self._number = SharedClock(), 0

    def run(self, name: str, point: str) -> Cell:
        """Kill at a point whoever comes there first, let another one go on, and check the end.

        Raises:
            CellFailed: It is not as it must be.
        """
        self._number += 1
        scenario, ledger = SCENARIOS[name], Ledger(self._folder / f"ledger-{self._number}")
        self._reset(scenario)
        killed = self._fork(scenario, ledger, point)
        if killed:
            self._fork(scenario, ledger, None)
        return Cell(killed, self._check(scenario, ledger, f"{name} killed at {point}"))

    def reached(self, name: str) -> list[str]:
        """The points to which a primitive comes when nobody is killed."""
        self._number += 1
        scenario, ledger = SCENARIOS[name], Ledger(self._folder / f"ledger-{self._number}")
        self._reset(scenario)
        self._fork(scenario, ledger, _TRACE)
        self._check(scenario, ledger, name)
        found = [line[1] for line in ledger.read() if line[0] == _TRACE]
        return [point for point in POINTS if point in found]

    def _reset(self, scenario: Scenario) -> None:
        self._clock.set(START)
        with psycopg.connect(self._settings.database_url, autocommit=True) as connection:
            connection.execute("drop table if exists public.booking")
            connection.execute("create table public.booking (what text)")
        runtime = Runtime(self._settings, self._clock)
        try:
            runtime.database.rows(statements()["testing_reset"], {"kept": []})
            runtime.catalog.register(scenario.workflow)
        finally:
            runtime.close()
        Messages(self._settings, self._clock).clear()

    def _fork(self, scenario: Scenario, ledger: Ledger, point: str | None) -> bool:
        """Let a process do what there is to do; whether it was killed."""
        pid = os.fork()
        if not pid:
            os._exit(_live(self._settings, self._clock, scenario, ledger, point))
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return True
        if os.waitstatus_to_exitcode(status) != _DONE:
            raise CellFailed(f"A process failed that should {'be killed' if point else 'go on'}; its output says why.")
        return False

    def _check(self, scenario: Scenario, ledger: Ledger, what: str) -> dict[str, int]:
        with Client(settings=self._settings, clock=self._clock) as client:
            (entry,) = client.workflow(scenario.workflow).list()
            answer = client.workflow(scenario.workflow).get(entry.id).status()
        with psycopg.connect(self._settings.database_url) as connection:
            booked = [row[0] for row in connection.execute("select what from public.booking").fetchall()]
            doubled = connection.execute(_DOUBLED).fetchall()
        effects = [str(line[0]) for line in ledger.read()] + booked
        counted = {name: effects.count(name) for name in effects}
        right = (answer.status, answer.output) == (scenario.status, scenario.output)
        right = right and all(counted.get(name, 0) >= 1 for name in scenario.least)
        right = right and all(counted.get(name, 0) == 1 for name in scenario.once) and not doubled
        if not right:
            raise CellFailed(f"{what}: {answer}, effects {counted}, doubled rows {doubled}")
        return counted


_DOUBLED = """
select instance, generation, kind, name, count from wf.step group by 1, 2, 3, 4, 5 having count(*) > 1
union all select instance, 0, type, event_id, count(*)::int from wf.event group by 1, 3, 4 having count(*) > 1
"""


def _live(settings: Settings, clock: SharedClock, scenario: Scenario, ledger: Ledger, point: str | None) -> int:
    """The life of a process: client, worker, alarm and reaper in one."""
    structlog.configure(processors=[_silent])
    try:
        begin(ledger)
        if point == _TRACE:
            crashpoints.reached = lambda point: ledger.write(_TRACE, point)
        elif point is not None:
            crashpoints.arm(point, str(ledger.path) + ".killed")
        _Life(settings, clock, scenario, ledger).run()
    except BaseException:  # whatever it is, the parent is told by the exit code, and no forked pytest goes on
        traceback.print_exc()
        return _BROKEN
    return _DONE


def _silent(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


class _Life:
    def __init__(self, settings: Settings, clock: SharedClock, scenario: Scenario, ledger: Ledger) -> None:
        self._scenario, self._clock, self._ledger = scenario, clock, ledger
        self._messages = Messages(settings, clock)
        self._taker = self._messages.taker()
        self._client = Client(settings=settings, clock=clock)
        self._runtime = Runtime(settings, clock, dispatcher=self._messages)
        self._restarts = Restarts(self._runtime)
        self._left = [act for act in scenario.acts if not ledger.has("did", act.name)]
        self._half_done = {act.name for act in self._left if ledger.has("does", act.name)}

    def run(self) -> None:
        """Create the instance, do what is to be done, and go on until it has ended."""
        if self._scenario.create is not None:
            self._scenario.create(self._client, self._scenario.workflow)
        for _ in range(MOVES):
            while (nudge := self._taker.try_take()) is not None:
                self._runtime.engine.advance(nudge)
                self._taker.done()
            if self._acted():
                continue
            if self._ended():
                return
            self._pass_time()
        raise CellFailed("the instance does not come to its end")

    def _status(self) -> str:
        found = list(self._client.workflow(self._scenario.workflow).list())
        return str(found[0].status) if found else ""

    def _acted(self) -> bool:
        """Do what is next, if it is time for it, or if somebody was killed who may have done it."""
        if not self._left or (self._left[0].when != self._status() and self._left[0].name not in self._half_done):
            return False
        act = self._left.pop(0)
        self._ledger.write("does", act.name)
        act.act(self._client, self._client.workflow(self._scenario.workflow).get(ID))
        self._ledger.write("did", act.name)
        return True

    def _ended(self) -> bool:
        return self._status() == self._scenario.status and not self._left

    def _pass_time(self) -> None:
        due = self._runtime.database.rows(statements()["testing_due"], {})[0][0]
        at = min((each for each in (due, self._messages.next_at()) if each is not None), default=None)
        if at is None:
            raise CellFailed(f"nothing will ever happen any more, and the instance is {self._status()!r}")
        self._clock.set(max(at, self._clock.now()))
        self._messages.release()
        self._runtime.alarm.run_once()
        self._restarts.run_once()
